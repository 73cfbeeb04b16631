// UNION over several shards, where each arm is one that its shards answer by themselves:
//
//     SELECT id, at FROM orders WHERE .. UNION ALL SELECT id, at FROM visits ORDER BY at LIMIT 10
//
// All rows of the shards' unions are all rows of the arms, so the statement goes to all of them as
// it came (but for LIMIT and OFFSET) and the rows are merged like those of one SELECT. Without ALL
// each shard gives its rows sorted by all columns, and equal ones of several shards are given once.
//
// Arms with groups, DISTINCT or a LIMIT of their own, INTERSECT and EXCEPT are refused. ORDER BY
// takes columns of the first arm by name or position. By which collation a union compares is told
// by no hidden column: with strings among the keys the merge finds that out, and it is gathered.

#include "router/plan_impl.h"

enum { UNION_KEYS_MAX = 64 };

static bool refuse(struct planner *planner, const struct reach *reach, const char *part)
{
    return plan_refuse(planner, ER_CROSS_SHARD,
                       "waybill doesn't do UNION with %s over several shards yet, and %s. Add a "
                       "condition on the shard key, or name the shard with /* waybill: "
                       "shard=NAME */",
                       part, plan_spread(planner, reach));
}

static bool has_tail(const struct query *arm)
{
    return arm->order_by != NULL || arm->limit != NULL;
}

// What the pieces of several shards don't add up to; NULL when nothing.
static const char *inexact_arm(const struct planner *planner, const struct query *arm)
{
    if (arm->nested != NULL || arm->is_values || arm->has_with ||
        (has_tail(arm) && !(arm->next == NULL && arm->has_outer_order))) {
        return "arms that have parts of their own, LIMIT or WITH";
    }
    if (arm->is_distinct || arm->has_aggregate || arm->group_by != NULL) {
        return "groups or DISTINCT";
    }
    if (arm->lock != LOCK_NONE) {
        return "FOR UPDATE";
    }
    return plan_inexact_part(arm, planner->statement);
}

// Are equal rows given once? Only the last UNION decides, if those before it are ALL.
static const char *inexact_set(const struct query *first, bool *is_distinct)
{
    *is_distinct = false;
    for (const struct query *arm = first->next; arm != NULL; arm = arm->next) {
        if (arm->set_op != SET_OP_UNION && arm->set_op != SET_OP_UNION_ALL) {
            return "INTERSECT or EXCEPT";
        }
        if (*is_distinct && arm->set_op == SET_OP_UNION_ALL) {
            return "UNION ALL behind UNION";
        }
        *is_distinct = arm->set_op == SET_OP_UNION;
    }
    return NULL;
}

// Each arm must have rows of a sharded table: those of copies would come from every shard.
static bool find_shards(struct planner *planner, const struct reach *reach, struct shard_set *set)
{
    if (!plan_within_shards(planner, reach, set)) {
        return false;
    }
    for (struct scope *scope = planner->scopes.first; scope != NULL; scope = scope->next) {
        bool has_sharded = !scope->is_top;
        for (uint16_t i = 0; i < scope->ref_count && scope->is_top; i++) {
            if (scope->refs[i].place == PLACE_SHARDED) {
                has_sharded = true;
                set->bits |= scope_root(scope, &scope->refs[i])->set.bits;
            }
        }
        if (!has_sharded) {
            return refuse(planner, reach, "arms without a sharded table");
        }
    }
    return true;
}

// ---- the order

// The only item of the first arm that has the name.
static bool find_name(const struct query *first, struct slice name, uint32_t *at)
{
    uint32_t count = 0;
    uint32_t i = 0;
    for (const struct select_item *item = first->items; item != NULL; item = item->next, i++) {
        bool is_column = item->alias.len == 0 && item->expr->kind == EXPR_COLUMN;
        struct slice own = is_column ? item->expr->name : item->alias;
        if (own.len > 0 && slice_equal_nocase(own, name)) {
            count++;
            *at = i;
        }
    }
    return count == 1;
}

static bool find_key(const struct query *first, const struct expr *expr, uint32_t *at)
{
    uint64_t position = 0;
    if (expr->kind == EXPR_COLUMN && expr->table.len == 0) {
        return find_name(first, expr->name, at);
    }
    if (expr->kind != EXPR_INTEGER || !slice_to_uint64(expr->value, &position) || position == 0 ||
        position > first->item_count) {
        return false;
    }
    *at = (uint32_t)position - 1;
    return true;
}

static bool has_star(const struct query *query)
{
    bool has = false;
    for (const struct select_item *item = query->items; item != NULL; item = item->next) {
        has |= item->expr->kind == EXPR_STAR;
    }
    return has;
}

static bool has_key(const struct plan *plan, uint32_t at)
{
    bool has = false;
    for (uint32_t i = 0; i < plan->key_count; i++) {
        has |= plan->keys[i].column == at;
    }
    return has;
}

static void add_key(struct plan *plan, uint32_t at, bool is_descending)
{
    if (!has_key(plan, at)) {
        plan->keys[plan->key_count++] =
            (struct merge_key){.column = at, .is_descending = is_descending};
    }
}

// False: refused.
static bool read_order(struct planner *planner, const struct reach *reach,
                       const struct query *first, const struct query *last)
{
    for (const struct order_item *item = last->order_by; item != NULL; item = item->next) {
        uint32_t at = 0;
        if (item->expr->kind == EXPR_NULL) {
            continue;
        }
        if (has_star(first) || !find_key(first, item->expr, &at)) {
            return refuse(planner, reach, "ORDER BY anything but a column of its first arm");
        }
        add_key(planner->plan, at, item->is_descending);
    }
    return true;
}

// " ORDER BY 1, 2": all columns that the client's ORDER BY doesn't have.
static void order_by_all(struct planner *planner, const struct query *first,
                         const struct query *last, struct splice_list *splices)
{
    struct plan *plan = planner->plan;
    struct slice order = {.len = 0};
    bool has_order = last->order_by_span.end > last->order_by_span.begin;
    bool has_limit = last->limit_span.end > last->limit_span.begin;
    for (uint32_t i = 0; i < first->item_count; i++) {
        if (!has_key(plan, i)) {
            add_key(plan, i, false);
            order = arena_format(planner->arena, "%.*s%s%u", (int)order.len,
                                 (const char *)order.ptr, order.len > 0 ? ", " : "", i + 1);
        }
    }
    if (order.len == 0) {
        return;
    }
    uint32_t at = has_order   ? last->order_by_span.end
                  : has_limit ? last->limit_span.begin
                              : first->whole_span.end;
    splices->items[splices->count++] = (struct splice){
        .span = {at, at},
        .with = arena_format(planner->arena, "%s%.*s%s",
                             has_order   ? ", "
                             : has_limit ? "ORDER BY "
                                         : " ORDER BY ",
                             (int)order.len, (const char *)order.ptr,
                             has_limit && !has_order ? " " : ""),
    };
}

// ---- the plan

static bool scatter(struct planner *planner, const struct reach *reach, struct shard_set set,
                    bool is_distinct)
{
    struct plan *plan = planner->plan;
    const struct query *first = planner->statement->query;
    const struct query *last = first;
    struct splice splices[3]; // ORDER BY, LIMIT and OFFSET
    struct splice_list list = {splices, 0};
    while (last->next != NULL) {
        last = last->next;
    }
    plan->keys = arena_alloc(planner->arena, UNION_KEYS_MAX * sizeof *plan->keys);
    if (first->item_count > UNION_KEYS_MAX || (is_distinct && has_star(first))) {
        return refuse(planner, reach, "* or too many columns");
    }
    if (!read_order(planner, reach, first, last)) {
        return false;
    }
    if (is_distinct) {
        plan->sorts_distinct = plan->key_count == 0;
        order_by_all(planner, first, last, &list);
    }
    if (last->limit != NULL && !rewrite_limit(planner, last, is_distinct, &list)) {
        return false;
    }
    return plan_to_all(planner, set,
                       is_distinct           ? MERGE_GROUP
                       : plan->key_count > 0 ? MERGE_SORT
                                             : MERGE_ROWS) &&
           plan_splice(planner, &list);
}

bool plan_union(struct planner *planner, const struct reach *reach)
{
    const struct query *first = planner->statement->query;
    struct shard_set set = {0};
    bool is_distinct;
    const char *part = inexact_set(first, &is_distinct);
    for (const struct query *arm = first; arm != NULL && part == NULL; arm = arm->next) {
        part = inexact_arm(planner, arm);
    }
    if (part == NULL && (planner->statement->facts & FACT_CALC_FOUND_ROWS) != 0) {
        part = "SQL_CALC_FOUND_ROWS";
    }
    if (part != NULL) {
        return refuse(planner, reach, part);
    }
    if (!find_shards(planner, reach, &set)) {
        return false;
    }
    plan_because(planner, "%s", plan_spread(planner, reach));
    return scatter(planner, reach, set, is_distinct);
}
