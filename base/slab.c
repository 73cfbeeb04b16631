// A slab keeps the objects of one type that are free, so that taking one costs a list removal and
// not the heap. A free item's own first bytes hold its node in the free list.
//
// Under the address sanitizer nothing is kept: every item is really freed when it is given back, so
// that a use after that is seen where it happens.

#include "base/slab.h"

#include <assert.h>

#include "base/memory.h"

#if defined(__SANITIZE_ADDRESS__)
#define KEEPS_FREE_ITEMS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KEEPS_FREE_ITEMS 0
#endif
#endif
#ifndef KEEPS_FREE_ITEMS
#define KEEPS_FREE_ITEMS 1
#endif

void slab_init(struct slab *slab, const char *name, size_t item_size, size_t keep_max)
{
    slab->name = name;
    slab->item_size = item_size > sizeof(struct node) ? item_size : sizeof(struct node);
    slab->keep_max = keep_max;
    slab->used_count = 0;
    list_init(&slab->free);
}

void slab_done(struct slab *slab)
{
    assert(slab->used_count == 0);
    struct node *node;
    while ((node = list_pop_front(&slab->free)) != NULL) {
        memory_free(node);
    }
}

void *slab_take_dirty(struct slab *slab)
{
    slab->used_count++;
    void *item = list_pop_front(&slab->free);
    return item != NULL ? item : memory_resize(NULL, slab->item_size);
}

void *slab_take(struct slab *slab)
{
    slab->used_count++;
    void *item = list_pop_front(&slab->free);
    if (item == NULL) {
        return memory_new(slab->item_size);
    }
    memset(item, 0, slab->item_size);
    return item;
}

void slab_give(struct slab *slab, void *item)
{
    assert(slab->used_count > 0);
    slab->used_count--;
    bool is_kept = KEEPS_FREE_ITEMS && (slab->keep_max == 0 || slab->free.count < slab->keep_max);
    if (!is_kept) {
        memory_free(item);
        return;
    }
    // To the front: the item that was used last is the one that is still in the processor's cache.
    list_push_front(&slab->free, item);
}
