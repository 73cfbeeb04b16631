#pragma once
// Where the fields of a row are, in both protocols. Pure.

#include "session/merge.h"

struct place { // of a field in its row's payload
    size_t begin;
    size_t len;
    bool is_null;
};

// The places of all columns, and where the last visible one ends. False: the row can't be read.
bool merge_scan(const struct merge_columns *columns, struct slice payload, struct place *places,
                size_t *visible_end) MUST_CHECK;
// Of a binary row with so many columns: its NULL bits.
size_t merge_bitmap_bytes(uint32_t columns);
