#pragma once
// Private to merge.c and merge_union.c: a merge.

#include "session/compare_key.h"
#include "session/merge.h"
#include "session/merge_scan.h"
#include "session/merge_seen.h"

struct row_keys {
    struct place *places; // one for each key
    uint8_t *bytes;       // sort keys (compare_key.h), one behind the other
    bool is_exact;        // each of them
};

struct merge_source {
    enum { SOURCE_WANTED, SOURCE_HAS_ROW, SOURCE_ENDED } state;
    bool is_seen;         // its collations were looked at
    bool is_repeated;     // MERGE_UNION: another source has given the same row
    uint32_t taken;       // is_in_row_order: how many rows of it are given
    struct slice payload; // of its row; borrowed from the flow
    size_t visible_end;   // in the payload
    struct row_keys keys; // in the payload
};

struct merge {
    const struct plan *plan;             // borrowed from the statement
    const struct merge_columns *columns; // borrowed from the flow
    struct arena *arena;                 // borrowed
    struct comparison *comparisons;      // one for each key, chosen with the first row
    struct slice *collations;            // one for each key; ptr NULL: not told
    bool has_comparisons;
    uint32_t *key_columns;       // one for each key
    uint32_t *collation_columns; // one for each key: the hidden column or NO_HIDDEN
    struct place *places;        // scratch: one for each column
    uint32_t source_count;
    uint32_t wanted_count;
    struct merge_source *sources;
    uint32_t *heap; // MERGE_SORT, MERGE_GROUP: the sources that have a row
    uint32_t heap_count;
    uint64_t offset_left;
    uint64_t limit_left;
    uint32_t last_source;      // whose row was taken last
    bool has_last;             // ... and its keys are kept
    uint32_t shared;           // MERGE_GROUP: keys that it has in common with the row before it
    struct text last_bytes;    // owned; the keys of that row
    struct row_keys last_keys; // in last_bytes
    size_t key_bytes;          // of all sort keys of a row
    uint32_t group_keys;       // those before the fine ones
    struct merge_seen seen;    // MERGE_UNION
    struct text shown;         // owned; a binary row without its hidden columns
};

static inline struct field field_at(const uint8_t *base, const struct place *place)
{
    if (base == NULL) { // no key of the last row had a byte
        return (struct field){.is_null = place->is_null};
    }
    return (struct field){.bytes = slice_of(base + place->begin, place->len),
                          .is_null = place->is_null};
}

static inline void merge_find_keys(const struct merge *merge, struct merge_source *source)
{
    for (uint32_t i = 0; i < merge->plan->key_count; i++) {
        source->keys.places[i] = merge->places[merge->key_columns[i]];
    }
}

// merge_union.c: MERGE_UNION. The source has a row.
void merge_union_put(struct merge *merge, struct merge_source *source);
enum merge_step merge_union_next(struct merge *merge, uint32_t *number) MUST_CHECK;
