#pragma once
// One column of the rows of a group that becomes one value: sums, averages, the smallest, the
// largest, bits. Pure. Exactly what one server would have, or an error.

#include "base/arena.h"
#include "base/error.h"
#include "router/plan.h"
#include "session/compare.h"
#include "session/decimal.h"
#include "session/merge.h"

enum number_kind { NUMBER_SIGNED, NUMBER_UNSIGNED, NUMBER_DECIMAL, NUMBER_DOUBLE };

struct fold {
    const struct plan_fold *plan;        // borrowed; NULL: FOLD_FIRST
    const struct merge_columns *columns; // borrowed
    uint32_t at;                         // its column
    uint32_t value_at;                   // the column whose values go in: AVERAGE has another
    uint32_t count_at;                   // AVERAGE; CONCAT: the facts
    uint32_t collation_at;               // MIN, MAX; NO_HIDDEN
    enum number_kind number;             // of value_at: ADD, AVERAGE
    bool is_null;                        // no value yet
    bool is_unknown;                     // FOLD_CHECKSUM: a shard had none
    uint64_t integer; // ADD of integers (signed ones as they are in memory), bits; CONCAT: how many
                      // bytes it may have
    uint64_t count;   // AVERAGE; CONCAT: how many bytes it has on a server
    double real;
    struct decimal decimal;
    struct text bytes; // owned; FIRST, MIN, MAX, CONCAT
    struct comparison comparison;
    struct slice collation; // told for the comparison; in the arena
    bool has_comparison;
};

// False with *error: a column that can't be folded that way.
bool fold_init(struct fold *fold, const struct plan_fold *plan, const struct merge_columns *columns,
               uint32_t at, struct error *error) MUST_CHECK;
void fold_done(struct fold *fold);
void fold_reset(struct fold *fold); // for the next group
// Its value of no rows: 0 for COUNT, no bits or all for BIT_*, NULL for the rest.
void fold_nothing(struct fold *fold);
bool fold_is_distinct(const struct fold *fold) MUST_CHECK;
// Is it what is grouped by, in a group of groups by its first `level` keys only?
bool fold_is_rolled_up(const struct fold *fold, uint32_t level) MUST_CHECK;
// MIN, MAX: chooses the comparison by the collation that the row tells. False with *error.
bool fold_look(struct fold *fold, struct arena *arena, const struct field *fields,
               struct error *error) MUST_CHECK;
// `fields`: of all columns of the row. The arena keeps what outlives the row.
bool fold_add(struct fold *fold, struct arena *arena, const struct field *fields,
              struct error *error) MUST_CHECK;
// Is its value an exact number: an integer or a DECIMAL, that is all there?
bool fold_is_exact(const struct fold *fold) MUST_CHECK;
// That number as digits; false: it is NULL.
bool fold_exact_text(const struct fold *fold, struct text *text) MUST_CHECK;
bool fold_is_null(const struct fold *fold) MUST_CHECK;
// The value as it stands in a row: text, or that of the binary protocol (without length). NULL:
// *is_null.
bool fold_value(const struct fold *fold, struct text *value, bool *is_null,
                struct error *error) MUST_CHECK;

// fold_concat.c: GROUP_CONCAT. Can the column at `at` be put together? False with *error.
bool fold_concat_check(const struct merge_columns *columns, uint32_t at,
                       struct error *error) MUST_CHECK;
// One more text, which isn't NULL. False with *error: it gets too long, or can't be told.
bool fold_concat_add(struct fold *fold, const struct field *fields, struct error *error) MUST_CHECK;
