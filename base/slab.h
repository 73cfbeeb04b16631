#pragma once
// A slab: objects of one type, for one thread. Taken zeroed, given back, kept for the next.

#include "base/list.h"

struct slab {
    const char *name;
    size_t item_size; // bytes
    size_t keep_max;  // free items kept; more go back to the heap
    size_t used_count;
    struct list free;
};

// keep_max 0: keep all.
void slab_init(struct slab *slab, const char *name, size_t item_size, size_t keep_max);
void slab_done(struct slab *slab); // asserts that nothing is in use
void *slab_take(struct slab *slab);
// Not zeroed: for blocks of bytes, whose owner knows how many of them count.
void *slab_take_dirty(struct slab *slab);
void slab_give(struct slab *slab, void *item);
