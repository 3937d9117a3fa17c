#ifndef TAILRACE_CProtobufC_SHIM_H
#define TAILRACE_CProtobufC_SHIM_H

#if !__has_include(<protobuf-c/protobuf-c.h>)
#error "<protobuf-c/protobuf-c.h> is missing: run scripts/install-deps, or: apt-get install libprotobuf-c-dev"
#endif
#include <protobuf-c/protobuf-c.h>

#endif
