#pragma once
// The rows of groups by their aggregates: ORDER BY SUM(total) DESC LIMIT 10. Groups come in the
// order of their keys; those that can't be among the first are dropped at once, so that as many are
// held as LIMIT and OFFSET say together, or all of them. Pure.

#include "session/fold.h"
#include "session/merge_group.h"

enum {
    MERGE_TOP_BYTES_MAX = 32 * 1024 * 1024
}; // of groups that are held; with more it is an error

struct merge_top; // in the arena

// NULL with *error: what it is sorted by can't be compared. `out` is copied.
struct merge_top *merge_top_start(struct arena *arena, const struct plan *plan,
                                  const struct merge_columns *columns,
                                  const struct merge_group_out *out,
                                  struct error *error) MUST_CHECK;
void merge_top_stop(struct merge_top *top); // gives back what isn't in the arena
// A first row of a source, before any group is added: can strings be compared by the collations
// that it tells? False with *error.
bool merge_top_look(struct merge_top *top, const struct field *fields,
                    struct error *error) MUST_CHECK;
// A group, its row as the client would get it. False with *error.
bool merge_top_add(struct merge_top *top, const struct fold *folds, struct slice row,
                   struct error *error) MUST_CHECK;
// All groups were there: they are put in order.
void merge_top_sort(struct merge_top *top);
// Then one more row goes out, from OFFSET on; *is_over: there was none left. False with *error.
bool merge_top_give(struct merge_top *top, bool *is_over, struct error *error) MUST_CHECK;
