// The envelopes of the RPC (generated from wire.proto by scripts/generate-wire) and the memory they are decoded in.
#ifndef TAILRACE_CWIRE_H
#define TAILRACE_CWIRE_H

#include "wire.pb-c.h"
#include "wire_arena.h"

#endif
