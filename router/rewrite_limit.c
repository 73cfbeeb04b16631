// LIMIT n OFFSET m over several shards: any of the first n + m rows of a shard may be in the
// result, so each shard is asked for LIMIT n + m without offset and the merge cuts. Literals change
// in the text; parameters keep their place in the text and change their value.

#include "router/plan_impl.h"

static bool read_count(struct planner *planner, const struct expr *expr, const char *what,
                       uint64_t *count)
{
    struct value value = value_of_expr(planner->arena, planner->request, expr);
    if (value_to_count(&value, count)) {
        return true;
    }
    return plan_refuse(planner, ER_CROSS_SHARD,
                       "The %s of a statement for several shards must be "
                       "a whole number from 0 on",
                       what);
}

static void change(struct planner *planner, const struct expr *expr, uint64_t count,
                   struct splice_list *splices)
{
    struct plan *plan = planner->plan;
    if (expr->kind == EXPR_PARAM) {
        plan->edits[plan->edit_count++] =
            (struct param_edit){.kind = EDIT_REPLACE, .index = expr->param_index, .value = count};
        return;
    }
    splices->items[splices->count++] = (struct splice){
        .span = expr->span,
        .with = arena_format(planner->arena, "%llu", (unsigned long long)count),
    };
}

bool rewrite_limit(struct planner *planner, const struct query *query, bool is_grouped,
                   struct splice_list *splices)
{
    struct plan *plan = planner->plan;
    uint64_t limit = 0;
    uint64_t offset = 0;
    if (!read_count(planner, query->limit, "LIMIT", &limit) ||
        (query->offset != NULL && !read_count(planner, query->offset, "OFFSET", &offset))) {
        return false;
    }
    plan->limit = limit;
    plan->offset = offset;
    bool wants_all = (plan->counts_found && is_grouped) || plan_wants_all_groups(plan);
    bool wants_none =
        limit == 0 && offset == 0 && !plan->counts_found; // servers look at no row then
    if ((offset == 0 && !wants_all) || wants_none) {
        return true;
    }
    plan->edits = arena_alloc(planner->arena, 2 * sizeof *plan->edits);
    if (query->offset == NULL) {
        change(planner, query->limit, UINT64_MAX, splices);
        return true;
    }
    // LIMIT m, n has the offset first
    bool is_offset_first = query->offset->span.begin < query->limit->span.begin;
    const struct expr *first = is_offset_first ? query->offset : query->limit;
    const struct expr *second = is_offset_first ? query->limit : query->offset;
    uint64_t sum = wants_all || limit > UINT64_MAX - offset ? UINT64_MAX : limit + offset;
    change(planner, first, first == query->limit ? sum : 0, splices);
    change(planner, second, second == query->limit ? sum : 0, splices);
    return true;
}
