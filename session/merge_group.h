#pragma once
// The rows that a merge gives in the order of their groups, as one row for each group. One group is
// in memory; WITH ROLLUP one for each key, and one for all rows. Pure.

#include "session/merge.h"

struct merge_group; // in the arena

// Where the rows of groups go; they live during the call. False with *error: no more.
struct merge_group_out {
    bool (*row)(void *owner, struct slice row, struct error *error);
    void *owner;
};

// NULL with *error: a column that can't be put together. `out` is copied.
struct merge_group *merge_group_start(struct arena *arena, const struct plan *plan,
                                      const struct merge_columns *columns,
                                      const struct merge_group_out *out,
                                      struct error *error) MUST_CHECK;
void merge_group_stop(struct merge_group *group); // gives back what isn't in the arena
// A first row, before any is added: can MIN and MAX be compared by the collations that it tells?
bool merge_group_look(struct merge_group *group, struct slice payload,
                      struct error *error) MUST_CHECK;
// The next row, which has so many keys in common with the one before (merge_shared). Groups that
// are over go out before. False with *error.
bool merge_group_add(struct merge_group *group, struct slice payload, uint32_t shared,
                     struct error *error) MUST_CHECK;
bool merge_group_end(struct merge_group *group, struct error *error) MUST_CHECK;
// Then: of groups that are sorted by their values, and were held for that, one more goes out.
// *is_over: there was none left. False with *error.
bool merge_group_give(struct merge_group *group, bool *is_over, struct error *error) MUST_CHECK;
// Has the client all rows of its LIMIT, and nobody wants to know how many there are without it?
bool merge_group_is_full(const struct merge_group *group) MUST_CHECK;
// The groups that are over, with those that OFFSET and LIMIT kept from the client.
uint64_t merge_group_count(const struct merge_group *group);
