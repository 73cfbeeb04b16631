// ORDER BY aggregates over several shards:
//
//     SELECT seller, SUM(total) AS sold FROM orders GROUP BY seller ORDER BY sold DESC LIMIT 10
//
// No shard knows which groups are the first of all, so each gives all of its own, in the order of
// what is grouped by, and of the whole ones those are held that LIMIT (and OFFSET) ask for:
// session/merge_top.h. Without LIMIT, or with one of many rows, it is gathered.
//
// Sorted are whole values as the client gets them. An AVG has more digits inside than it shows, and
// is refused.

#include "router/group_impl.h"

static bool refuse(struct grouping *grouping)
{
    return group_refuse(grouping->planner,
                        "GROUP BY with ORDER BY anything but columns of GROUP BY, or with a LIMIT "
                        "aggregates that are no AVG");
}

static bool read_limit(struct planner *planner, const struct expr *expr, uint64_t *count)
{
    if (expr == NULL) {
        return true;
    }
    struct value value = value_of_expr(planner->arena, planner->request, expr);
    return value_to_count(&value, count);
}

static bool has_short_limit(const struct grouping *grouping)
{
    const struct query *query = grouping->query;
    uint64_t limit = 0;
    uint64_t offset = 0;
    return query->limit != NULL && read_limit(grouping->planner, query->limit, &limit) &&
           read_limit(grouping->planner, query->offset, &offset) && limit <= PLAN_ORDERED_MAX &&
           offset <= PLAN_ORDERED_MAX - limit;
}

static bool find_position(const struct grouping *grouping, const struct expr *expr, uint32_t *fold)
{
    uint64_t position = 0;
    bool is_one = expr->kind == EXPR_INTEGER && slice_to_uint64(expr->value, &position) &&
                  position > 0 && position <= grouping->query->item_count;
    *fold = is_one ? (uint32_t)position - 1 : 0;
    return is_one;
}

static bool find_value(struct grouping *grouping, const struct expr *expr, uint32_t *fold)
{
    const struct group_key *key = group_find_ordered(grouping, expr);
    if (key != NULL) {
        *fold = key->item;
        return key->item != NO_ITEM;
    }
    return expr->kind == EXPR_INTEGER ? find_position(grouping, expr, fold)
                                      : group_find_fold(grouping, expr, fold);
}

bool group_order_by_values(struct grouping *grouping)
{
    struct plan *plan = grouping->planner->plan;
    const struct query *query = grouping->query;
    plan->orders = arena_alloc(grouping->planner->arena, GROUP_KEYS_MAX * sizeof *plan->orders);
    if (query->has_rollup || !has_short_limit(grouping)) {
        return refuse(grouping);
    }
    for (const struct order_item *item = query->order_by; item != NULL; item = item->next) {
        uint32_t fold = 0;
        if (item->expr->kind == EXPR_NULL) {
            continue;
        }
        if (plan->order_count == GROUP_KEYS_MAX || !find_value(grouping, item->expr, &fold) ||
            plan->folds[fold].kind == FOLD_AVERAGE) {
            return refuse(grouping);
        }
        plan->orders[plan->order_count++] =
            (struct plan_order){.fold = fold, .is_descending = item->is_descending};
    }
    return plan->order_count > 0;
}
