#ifndef TAILRACE_CZstd_SHIM_H
#define TAILRACE_CZstd_SHIM_H

#if !__has_include(<zstd.h>)
#error "<zstd.h> is missing: run scripts/install-deps, or: apt-get install libzstd-dev"
#endif
#include <zstd.h>

#endif
