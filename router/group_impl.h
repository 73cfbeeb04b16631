#pragma once
// Private to plan_group.c and group_*.c: a SELECT with groups being planned for several shards.

#include "router/plan_impl.h"

enum { GROUP_KEYS_MAX = 64, GROUP_MORE_FOLDS_MAX = 16, GROUP_FINE_MAX = 16 };
#define NO_ITEM UINT32_MAX

struct group_key {
    const struct expr *expr;
    uint32_t item;   // its place in the select list, 0-based; NO_ITEM: it becomes a hidden column
    uint32_t hidden; // ... `_waybill_N`
    bool is_descending;
    bool is_ordered; // it is one of plan.keys
};

// What finer groups are made by, beside what the client groups by.
struct group_fine {
    const struct expr *exprs[GROUP_FINE_MAX];
    bool is_descending[GROUP_FINE_MAX];
    uint32_t count;
    bool is_ordered; // their order counts
};

struct grouping {
    struct planner *planner;
    const struct query *query;
    struct group_key keys[GROUP_KEYS_MAX];
    uint32_t key_count;
    uint32_t items_of_group; // of GROUP BY, also those that are no keys
    struct group_fine fine;
    struct slice hidden; // text that goes behind the select list
};

struct slice group_text_of(const struct grouping *grouping, const struct expr *expr);
bool group_is_same(const struct grouping *grouping, const struct expr *a,
                   const struct expr *b) MUST_CHECK;
// One more hidden column, by its text; its number, from 0, is returned.
uint32_t group_add_hidden(struct grouping *grouping, struct slice text);
bool group_refuse(struct planner *planner, const char *what); // false, with the error
// NULL, with the error: there are too many.
struct group_key *group_add_key(struct grouping *grouping, const struct expr *expr) MUST_CHECK;
// Is the name an alias of the select list, of anything else than the column of that name?
bool group_is_alias(const struct grouping *grouping, const struct expr *name) MUST_CHECK;

// group_having.c: fills plan.having and adds to plan.folds, if there is a HAVING. False: refused.
bool group_having(struct grouping *grouping) MUST_CHECK;

// The fold whose value an aggregate is, or the item of its name; put behind those of the select
// list if there is none. False: refused.
bool group_find_fold(struct grouping *grouping, const struct expr *expr,
                     uint32_t *number) MUST_CHECK;

// group_order.c. ORDER BY has more than keys: fills plan.orders. False: refused.
bool group_order_by_values(struct grouping *grouping) MUST_CHECK;
// When plan.keys is filled: completes what the former left open.
void group_end_order(struct grouping *grouping);
// The key of GROUP BY that an item of ORDER BY names; NULL: none.
struct group_key *group_find_ordered(struct grouping *grouping, const struct expr *expr) MUST_CHECK;

// group_fine.c. One more of them. False: it can't be one, or there are too many.
bool group_add_fine(const struct grouping *grouping, struct group_fine *fine,
                    const struct expr *expr, bool is_descending) MUST_CHECK;
// An aggregate needs finer groups by these. False: refused, since another one needs others.
bool group_take_fine(struct grouping *grouping, const struct group_fine *fine) MUST_CHECK;
// The aggregate of DISTINCT values will be one of finer groups. False: refused.
bool group_take_distinct(struct grouping *grouping, const struct expr *expr) MUST_CHECK;
// When all keys of the groups are known: the finer ones behind them. False: refused.
bool group_add_fine_keys(struct grouping *grouping) MUST_CHECK;
// "x, y": those keys; empty without finer groups.
struct slice group_fine_text(const struct grouping *grouping);

// group_fold.c: how the aggregate is put together. False: it can't be, refused.
bool group_fold_of(struct grouping *grouping, const struct expr *expr,
                   struct plan_fold *fold) MUST_CHECK;

// group_concat.c: the same of a GROUP_CONCAT.
bool group_concat_of(struct grouping *grouping, const struct expr *call,
                     struct plan_fold *fold) MUST_CHECK;
