#pragma once
// The first rows of groups by their aggregates: ORDER BY SUM(total) DESC LIMIT 10. Groups come in
// the order of their keys; those that can't be among the first are dropped at once, so that as many
// are held as LIMIT and OFFSET say together. Pure.

#include "session/fold.h"
#include "session/merge_group.h"

struct merge_top; // in the arena

// NULL with *error: what it is sorted by can't be compared. `out` is copied.
struct merge_top *merge_top_start(struct arena *arena, const struct plan *plan,
                                  const struct merge_columns *columns,
                                  const struct merge_group_out *out,
                                  struct error *error) MUST_CHECK;
void merge_top_stop(struct merge_top *top); // gives back what isn't in the arena
// A group, its row as the client would get it. False with *error.
bool merge_top_add(struct merge_top *top, const struct fold *folds, struct slice row,
                   struct error *error) MUST_CHECK;
// All groups were there: the rows from OFFSET on go out.
bool merge_top_end(struct merge_top *top, struct error *error) MUST_CHECK;
