// Memory for one envelope at a time: allocating moves a mark, freeing does nothing, and all of it goes at once with
// wire_arena_reset(). A decoded envelope needs no `free_unpacked`. Not for several threads.
//
// The bound is what makes decoding safe: protobuf-c turns a hostile 64 kB of empty sub-messages into 3 MB. When the arena is
// full, the decoder gets NULL and refuses the envelope.
#ifndef TAILRACE_WIRE_ARENA_H
#define TAILRACE_WIRE_ARENA_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

typedef struct wire_arena {
    ProtobufCAllocator allocator;  // holds the arena's address, so an arena never moves
    uint8_t *base;
    size_t capacity;
    size_t used;
    size_t refusals;  // allocations that did not fit since the last reset
} wire_arena;

/// NULL when there is no memory. Pages that are never used cost nothing.
wire_arena *wire_arena_create(size_t capacity);
void wire_arena_destroy(wire_arena *arena);
/// 16-byte aligned, or NULL if it does not fit.
void *wire_arena_allocate(wire_arena *arena, size_t size);
void wire_arena_reset(wire_arena *arena);

#endif
