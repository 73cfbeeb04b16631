// Aggregates of DISTINCT values over several shards: COUNT(DISTINCT x), SUM(DISTINCT x),
// AVG(DISTINCT x). The same x may be on several shards, so each is asked for finer groups, by x as
// well:
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

static bool are_same(const struct grouping *grouping, const struct expr *a, const struct expr *b)
{
    bool are = a->child_count == b->child_count;
    for (uint32_t i = 0; i < a->child_count && are; i++) {
        are = group_is_same(grouping, a->children[i], b->children[i]);
    }
    return are;
}

bool group_take_distinct(struct grouping *grouping, const struct expr *expr)
{
    struct planner *planner = grouping->planner;
    if (grouping->distinct != NULL) {
        return are_same(grouping, grouping->distinct, expr) ||
               group_refuse(planner, "aggregates of several DISTINCT values");
    }
    for (uint32_t i = 0; i < expr->child_count; i++) {
        struct slice text = group_text_of(grouping, expr->children[i]);
        if (!is_fit(grouping, expr->children[i]) || !has_column(expr->children[i]) ||
            memchr(text.ptr, '?', text.len) != NULL) {
            return group_refuse(planner, "aggregates of DISTINCT constants, parameters, subqueries "
                                         "or names that are aliases, too");
        }
    }
    grouping->distinct = expr;
    return expr->child_count > 0;
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
    const struct expr *distinct = grouping->distinct;
    bool is_one_row = grouping->query->group_by == NULL;
    if (distinct == NULL) {
        return true;
    }
    if (is_one_row && !is_made_of_nothing(grouping)) {
        return group_refuse(grouping->planner,
                            "aggregates of DISTINCT values without GROUP BY beside anything else");
    }
    for (uint32_t i = 0; i < distinct->child_count; i++) {
        if (has_key(grouping, distinct->children[i])) {
            continue;
        }
        if (group_add_key(grouping, distinct->children[i]) == NULL) {
            return false;
        }
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
