#ifndef TAILRACE_CLZ4_SHIM_H
#define TAILRACE_CLZ4_SHIM_H

#if !__has_include(<lz4.h>)
#error "<lz4.h> is missing: run scripts/install-deps, or: apt-get install liblz4-dev"
#endif
#include <lz4.h>
#include <lz4frame.h>

#endif
