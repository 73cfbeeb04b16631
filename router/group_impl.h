#pragma once
// Private to plan_group.c and group_fold.c: a SELECT with groups being planned for several shards.

#include "router/plan_impl.h"

enum { GROUP_KEYS_MAX = 64, GROUP_MORE_FOLDS_MAX = 16 };
#define NO_ITEM UINT32_MAX

struct group_key {
    const struct expr *expr;
    uint32_t item;   // its place in the select list, 0-based; NO_ITEM: it becomes a hidden column
    uint32_t hidden; // ... `_waybill_N`
    bool is_descending;
    bool is_ordered; // it is one of plan.keys
};

struct grouping {
    struct planner *planner;
    const struct query *query;
    struct group_key keys[GROUP_KEYS_MAX];
    uint32_t key_count;
    struct slice hidden; // text that goes behind the select list
};

struct slice group_text_of(const struct grouping *grouping, const struct expr *expr);
bool group_is_same(const struct grouping *grouping, const struct expr *a,
                   const struct expr *b) MUST_CHECK;
// One more hidden column, by its text; its number, from 0, is returned.
uint32_t group_add_hidden(struct grouping *grouping, struct slice text);
bool group_refuse(struct planner *planner, const char *what); // false, with the error

// group_having.c: fills plan.having and adds to plan.folds, if there is a HAVING. False: refused.
bool group_having(struct grouping *grouping) MUST_CHECK;

// group_fold.c: how the aggregate is put together. False: it can't be, refused.
bool group_fold_of(struct grouping *grouping, const struct expr *expr,
                   struct plan_fold *fold) MUST_CHECK;
