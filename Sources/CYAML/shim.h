#ifndef TAILRACE_CYAML_SHIM_H
#define TAILRACE_CYAML_SHIM_H

#if !__has_include(<yaml.h>)
#error "<yaml.h> is missing: run scripts/install-deps, or: apt-get install libyaml-dev"
#endif
#include <yaml.h>

#endif
