#include "wire_arena.h"

#include <stdlib.h>

void *wire_arena_allocate(wire_arena *arena, size_t size) {
    size_t rounded = (size + 15u) & ~(size_t)15u;
    if (rounded < size || rounded > arena->capacity - arena->used) {
        arena->refusals += 1;
        return NULL;
    }
    void *result = arena->base + arena->used;
    arena->used += rounded;
    return result;
}

static void *allocate(void *arena, size_t size) { return wire_arena_allocate(arena, size); }

static void ignore(void *arena, void *pointer) {
    (void)arena;
    (void)pointer;
}

wire_arena *wire_arena_create(size_t capacity) {
    wire_arena *arena = calloc(1, sizeof *arena);
    if (arena == NULL) return NULL;
    arena->base = malloc(capacity);
    if (arena->base == NULL) {
        free(arena);
        return NULL;
    }
    arena->capacity = capacity;
    arena->allocator.alloc = allocate;
    arena->allocator.free = ignore;
    arena->allocator.allocator_data = arena;
    return arena;
}

void wire_arena_destroy(wire_arena *arena) {
    if (arena == NULL) return;
    free(arena->base);
    free(arena);
}

void wire_arena_reset(wire_arena *arena) {
    arena->used = 0;
    arena->refusals = 0;
}
