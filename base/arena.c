// An arena hands out pieces of blocks and frees all of them at once: what a statement needs (tree,
// plan, merge state) lives exactly as long as the statement, and nobody frees its parts.
//
//     first -> [header | piece piece piece ...free...] -> [full block] -> [large piece] -> NULL
//
// Pieces are cut from the first block only. A piece that is too large for a block to be shared gets
// memory of its own, which is chained *behind* the first block, so that the rest of that one is not
// lost.

#include "base/arena.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/memory.h"

struct arena_block {
    struct arena_block *next; // owned
    bool is_from_slab;
    _Alignas(16) uint8_t bytes[];
};

enum {
    BLOCK_ROOM = ARENA_BLOCK_BYTES - (int)sizeof(struct arena_block),
    LARGE_PIECE = BLOCK_ROOM / 4, // more than this would waste too much of a block
    ALIGNMENT = 16,
};

void arena_init(struct arena *arena, struct slab *blocks)
{
    assert(blocks == NULL || blocks->item_size == ARENA_BLOCK_BYTES);
    *arena = (struct arena){.blocks = blocks};
}

void arena_clear(struct arena *arena)
{
    struct arena_block *block = arena->first;
    while (block != NULL) {
        struct arena_block *next = block->next;
        if (block->is_from_slab) {
            slab_give(arena->blocks, block);
        } else {
            memory_free(block);
        }
        block = next;
    }
    arena_init(arena, arena->blocks);
}

static void *alloc_large(struct arena *arena, size_t size_bytes)
{
    struct arena_block *block = memory_new(sizeof *block + size_bytes);
    if (arena->first == NULL) {
        // The first block is always one to cut from; this one counts as full.
        arena->first = block;
        arena->used_bytes = BLOCK_ROOM;
    } else {
        block->next = arena->first->next;
        arena->first->next = block;
    }
    return block->bytes;
}

static void add_block(struct arena *arena)
{
    struct arena_block *block;
    if (arena->blocks != NULL) {
        block = slab_take_dirty(arena->blocks);
        block->is_from_slab = true;
    } else {
        block = memory_resize(NULL, ARENA_BLOCK_BYTES);
        block->is_from_slab = false;
    }
    block->next = arena->first;
    arena->first = block;
    arena->used_bytes = 0;
}

void *arena_alloc(struct arena *arena, size_t size_bytes)
{
    arena->total_bytes += size_bytes;
    if (size_bytes > LARGE_PIECE) {
        return alloc_large(arena, size_bytes);
    }
    size_t aligned = (size_bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (aligned == 0) {
        aligned = ALIGNMENT; // two pieces never share an address
    }
    if (arena->first == NULL || arena->used_bytes + aligned > BLOCK_ROOM) {
        add_block(arena);
    }
    void *piece = arena->first->bytes + arena->used_bytes;
    arena->used_bytes += aligned;
    return memset(piece, 0, aligned);
}

struct slice arena_copy(struct arena *arena, struct slice bytes)
{
    void *copy = arena_alloc(arena, bytes.len);
    if (bytes.len > 0) {
        memcpy(copy, bytes.ptr, bytes.len);
    }
    return slice_of(copy, bytes.len);
}

struct slice arena_format(struct arena *arena, const char *format, ...)
{
    assert(format != NULL); // gcc 12 warns of it under -fsanitize=undefined
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    assert(len >= 0);
    char *text = arena_alloc(arena, (size_t)len + 1);
    vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    return slice_of(text, (size_t)len);
}
