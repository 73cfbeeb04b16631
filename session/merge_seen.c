// Open addressing; at most half of the slots are taken.

#include "session/merge_seen.h"

#include "base/hash.h"

enum { SLOTS_FIRST = 64 };

// The row's slot, or the free one where it would be.
static struct slice *find(const struct merge_seen *seen, struct slice row)
{
    size_t mask = seen->slot_count - 1;
    size_t at = (size_t)hash_bytes(row.ptr, row.len) & mask;
    while (seen->slots[at].ptr != NULL && !slice_equal(seen->slots[at], row)) {
        at = (at + 1) & mask;
    }
    return &seen->slots[at];
}

bool merge_seen_has(const struct merge_seen *seen, struct slice row)
{
    return seen->count > 0 && find(seen, row)->ptr != NULL;
}

static void grow(struct merge_seen *seen, struct arena *arena)
{
    const struct merge_seen old = *seen;
    seen->slot_count = old.slot_count > 0 ? old.slot_count * 2 : SLOTS_FIRST;
    seen->slots = arena_alloc(arena, seen->slot_count * sizeof *seen->slots);
    for (size_t i = 0; i < old.slot_count; i++) {
        if (old.slots[i].ptr != NULL) {
            *find(seen, old.slots[i]) = old.slots[i];
        }
    }
}

void merge_seen_add(struct merge_seen *seen, struct arena *arena, struct slice row)
{
    if (seen->count * 2 >= seen->slot_count) {
        grow(seen, arena);
    }
    *find(seen, row) = arena_copy(arena, row);
    seen->count++;
}
