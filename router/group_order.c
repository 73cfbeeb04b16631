// ORDER BY aggregates over several shards:
//
//     SELECT seller, SUM(total) AS sold FROM orders GROUP BY seller ORDER BY sold DESC LIMIT 10
//
// No shard knows which groups are the first of all, so each gives all of its own, in the order of
// what is grouped by, and of the whole ones those are held that LIMIT (and OFFSET) ask for, without
// LIMIT all: session/merge_top.h.
//
// Sorted are whole values as the client gets them. An AVG has more digits inside than it shows, but
// a server sorts by those that it shows, too: a DECIMAL's sort key has its column's scale.

#include "router/group_impl.h"

static bool refuse(struct grouping *grouping)
{
    return group_refuse(grouping->planner,
                        "GROUP BY with ORDER BY anything but columns of GROUP BY and aggregates");
}

static bool find_position(const struct grouping *grouping, const struct expr *expr, uint32_t *fold)
{
    uint64_t position = 0;
    bool is_one = expr->kind == EXPR_INTEGER && slice_to_uint64(expr->value, &position) &&
                  position > 0 && position <= grouping->query->item_count;
    *fold = is_one ? (uint32_t)position - 1 : 0;
    return is_one;
}

// A key that the select list doesn't have: its hidden column is known when the keys are put in
// order (group_end_order).
static bool add_hidden_key(struct grouping *grouping, const struct group_key *key, uint32_t *fold)
{
    struct plan *plan = grouping->planner->plan;
    if (plan->more_folds == GROUP_MORE_FOLDS_MAX) {
        return false;
    }
    *fold = plan->fold_count + plan->more_folds++;
    plan->folds[*fold] = (struct plan_fold){
        .kind = FOLD_FIRST, .collation = NO_HIDDEN, .key = (uint32_t)(key - grouping->keys)};
    return true;
}

void group_end_order(struct grouping *grouping)
{
    struct plan *plan = grouping->planner->plan;
    for (uint32_t i = plan->fold_count; i < plan->fold_count + plan->more_folds; i++) {
        struct plan_fold *fold = &plan->folds[i];
        if (fold->kind == FOLD_FIRST && fold->key != NO_KEY) {
            fold->hidden = plan->keys[fold->key].column;
        }
    }
}

static bool find_value(struct grouping *grouping, const struct expr *expr, uint32_t *fold)
{
    const struct group_key *key = group_find_ordered(grouping, expr);
    if (key != NULL) {
        *fold = key->item;
        return key->item != NO_ITEM || add_hidden_key(grouping, key, fold);
    }
    return expr->kind == EXPR_INTEGER ? find_position(grouping, expr, fold)
                                      : group_find_fold(grouping, expr, fold);
}

bool group_order_by_values(struct grouping *grouping)
{
    struct plan *plan = grouping->planner->plan;
    const struct query *query = grouping->query;
    plan->orders = arena_alloc(grouping->planner->arena, GROUP_KEYS_MAX * sizeof *plan->orders);
    if (query->has_rollup) {
        return refuse(grouping);
    }
    for (const struct order_item *item = query->order_by; item != NULL; item = item->next) {
        uint32_t fold = 0;
        if (item->expr->kind == EXPR_NULL) {
            continue;
        }
        // A parameter would be lost with the text of ORDER BY, and two of them needn't be alike.
        struct slice text = group_text_of(grouping, item->expr);
        if (plan->order_count == GROUP_KEYS_MAX || memchr(text.ptr, '?', text.len) != NULL ||
            !find_value(grouping, item->expr, &fold)) {
            return refuse(grouping);
        }
        plan->orders[plan->order_count++] =
            (struct plan_order){.fold = fold, .is_descending = item->is_descending};
    }
    return plan->order_count > 0;
}
