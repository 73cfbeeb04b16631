#pragma once
// The rows that a union has already given: a set of payloads, compared as bytes. In the arena.

#include "base/arena.h"

struct merge_seen { // all zero: empty
    struct slice *slots;
    size_t slot_count; // 0 or a power of two
    size_t count;
};

bool merge_seen_has(const struct merge_seen *seen, struct slice row) MUST_CHECK;
// The row, which it doesn't have yet, is copied.
void merge_seen_add(struct merge_seen *seen, struct arena *arena, struct slice row);
