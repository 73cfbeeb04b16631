// Aggregates of DISTINCT values over several shards: COUNT(DISTINCT x), SUM(DISTINCT x),
// AVG(DISTINCT x); GROUP_CONCAT (group_concat.c) of values in an order, likewise. The same x may be
// on several shards, so each is asked for finer groups, by x as well:
//
//     SELECT status, COUNT(DISTINCT buyer), COUNT(*) FROM orders GROUP BY status
//
//     SELECT status, COUNT(DISTINCT buyer), COUNT(*), buyer AS `_waybill_2` .. FROM orders
//     GROUP BY status, buyer ORDER BY 1, `_waybill_2`
//
// In the order of all keys the same x of several shards meet, and the first of them counts
// (plan_fold.is_distinct): of a finer group COUNT(DISTINCT x) is 1, or 0 when x is NULL. All other
// aggregates are sums of those of finer groups as they are of shards' groups. One group and one row
// of each shard are in memory, as ever.
//
// What is not known to be the same as a key of GROUP BY and within an aggregate is refused.

#include "router/group_impl.h"

// Can it be a key of GROUP BY that means what it means within the aggregate?
static bool is_fit(const struct grouping *grouping, const struct expr *expr)
{
    bool is = expr->kind != EXPR_SUBQUERY && expr->kind != EXPR_EXISTS &&
              expr->kind != EXPR_IN_SUBQUERY && expr->kind != EXPR_PARAM &&
              expr->kind != EXPR_VARIABLE && expr->kind != EXPR_SYSTEM_VARIABLE;
    is = is && (expr->kind != EXPR_COLUMN || !group_is_alias(grouping, expr));
    for (uint32_t i = 0; i < expr->child_count && is; i++) {
        is = is_fit(grouping, expr->children[i]);
    }
    return is;
}

// What can be seen of it: a number would be a position, and a constant has nothing to tell apart.
static bool has_column(const struct expr *expr)
{
    bool has = expr->kind == EXPR_COLUMN;
    for (uint32_t i = 0; i < expr->child_count && !has; i++) {
        has = has_column(expr->children[i]);
    }
    return has;
}

bool group_add_fine(const struct grouping *grouping, struct group_fine *fine,
                    const struct expr *expr, bool is_descending)
{
    struct slice text = group_text_of(grouping, expr);
    for (uint32_t i = 0; i < fine->count; i++) {
        if (group_is_same(grouping, fine->exprs[i], expr)) {
            return true; // what comes first counts
        }
    }
    if (fine->count == GROUP_FINE_MAX || !is_fit(grouping, expr) || !has_column(expr) ||
        memchr(text.ptr, '?', text.len) != NULL) {
        return false;
    }
    fine->exprs[fine->count] = expr;
    fine->is_descending[fine->count++] = is_descending;
    return true;
}

static bool has_fine(const struct grouping *grouping, const struct group_fine *fine,
                     const struct expr *expr)
{
    bool has = false;
    for (uint32_t i = 0; i < fine->count && !has; i++) {
        has = group_is_same(grouping, fine->exprs[i], expr);
    }
    return has;
}

static bool is_same_order(const struct grouping *grouping, const struct group_fine *a,
                          const struct group_fine *b)
{
    bool is = true;
    for (uint32_t i = 0; i < a->count && is; i++) {
        is = group_is_same(grouping, a->exprs[i], b->exprs[i]) &&
             a->is_descending[i] == b->is_descending[i];
    }
    return is;
}

bool group_take_fine(struct grouping *grouping, const struct group_fine *fine)
{
    struct group_fine *taken = &grouping->fine;
    bool is_alike = taken->count == 0 || taken->count == fine->count;
    for (uint32_t i = 0; i < taken->count && is_alike; i++) {
        is_alike = has_fine(grouping, fine, taken->exprs[i]);
    }
    if (!is_alike ||
        (taken->is_ordered && fine->is_ordered && !is_same_order(grouping, taken, fine))) {
        return group_refuse(grouping->planner, "aggregates of several DISTINCT values or orders");
    }
    if (taken->count == 0 || fine->is_ordered) {
        *taken = *fine;
    }
    return true;
}

bool group_take_distinct(struct grouping *grouping, const struct expr *expr)
{
    struct group_fine fine = {.count = 0};
    for (uint32_t i = 0; i < expr->child_count; i++) {
        if (!group_add_fine(grouping, &fine, expr->children[i], false)) {
            return group_refuse(grouping->planner,
                                "aggregates of DISTINCT constants, parameters, subqueries or names "
                                "that are aliases, too");
        }
    }
    return fine.count > 0 && group_take_fine(grouping, &fine);
}

// Without GROUP BY there is one row, also when no shard has any: then it is made of nothing.
static bool is_made_of_nothing(const struct grouping *grouping)
{
    for (const struct select_item *item = grouping->query->items; item != NULL; item = item->next) {
        const struct expr *expr = item->expr;
        if (expr->kind != EXPR_FUNCTION || slice_is_nocase(expr->name, "IFNULL") ||
            slice_is_nocase(expr->name, "COALESCE")) {
            return false;
        }
    }
    return grouping->query->order_by == NULL && grouping->query->having == NULL;
}

static bool has_key(const struct grouping *grouping, const struct expr *expr)
{
    bool has = false;
    for (uint32_t i = 0; i < grouping->key_count && !has; i++) {
        has = group_is_same(grouping, grouping->keys[i].expr, expr);
    }
    return has;
}

bool group_add_fine_keys(struct grouping *grouping)
{
    struct plan *plan = grouping->planner->plan;
    const struct group_fine *fine = &grouping->fine;
    bool is_one_row = grouping->query->group_by == NULL;
    if (fine->count == 0) {
        return true;
    }
    if (is_one_row && !is_made_of_nothing(grouping)) {
        return group_refuse(grouping->planner,
                            "aggregates of DISTINCT or ordered values without GROUP BY beside "
                            "anything else");
    }
    for (uint32_t i = 0; i < fine->count; i++) {
        if (has_key(grouping, fine->exprs[i])) {
            continue;
        }
        struct group_key *key = group_add_key(grouping, fine->exprs[i]);
        if (key == NULL) {
            return false;
        }
        key->is_descending = fine->is_descending[i];
        plan->fine_keys++;
    }
    return true;
}

struct slice group_fine_text(const struct grouping *grouping)
{
    struct slice all = {.len = 0};
    for (uint32_t i = grouping->key_count - grouping->planner->plan->fine_keys;
         i < grouping->key_count; i++) {
        struct slice text = group_text_of(grouping, grouping->keys[i].expr);
        all = arena_format(grouping->planner->arena, "%.*s%s%.*s", (int)all.len,
                           (const char *)all.ptr, all.len > 0 ? ", " : "", (int)text.len,
                           (const char *)text.ptr);
    }
    return all;
}
