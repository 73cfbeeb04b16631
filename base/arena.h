#pragma once
// An arena: memory that is freed at once. Takes its blocks from a slab of ARENA_BLOCK_BYTES items
// (NULL: from the heap), larger requests from the heap. An unused arena owns nothing.

#include "base/slab.h"

enum { ARENA_BLOCK_BYTES = 8192 };

struct arena_block;

struct arena {
    struct slab *blocks;       // borrowed; NULL = heap
    struct arena_block *first; // owned
    size_t used_bytes;         // in the first block
    size_t total_bytes;        // asked for since the last clear
};

void arena_init(struct arena *arena, struct slab *blocks);
void arena_clear(struct arena *arena); // frees everything; the arena can be used on
// Zeroed, aligned for any type. Never NULL.
void *arena_alloc(struct arena *arena, size_t size_bytes);
struct slice arena_copy(struct arena *arena, struct slice bytes);
// Formatted text with a NUL behind it (not counted in len).
struct slice arena_format(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);
