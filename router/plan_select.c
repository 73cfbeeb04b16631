// SELECT. All on one shard: to that shard, as it came. Else the form must be one whose pieces add
// up exactly: rows of one class of tables that meet only within a shard, in no order, sorted by
// columns, or grouped (plan_group.c). Everything else is gathered (plan_gather.c), or refused by
// name.

#include "router/plan_impl.h"

bool plan_select(struct planner *planner)
{
    struct reach reach;
    scopes_add_query(&planner->scopes, planner->statement->query, NULL, true);
    scopes_add_rest(&planner->scopes, planner->statement);
    if (plan_is_too_large(planner)) {
        return false;
    }
    scopes_reach(&planner->scopes, &reach);
    if (shard_set_count(reach.shards) > 1) {
        bool is_merged = !planner->request->must_gather && plan_select_scatter(planner, &reach);
        return (is_merged || plan_gather(planner, &reach)) && plan_guard(planner, &reach);
    }
    if (reach.shards.bits != 0) {
        return plan_to(planner, shard_set_first(reach.shards));
    }
    return plan_to(planner,
                   reach.has_system ? planner->config->default_shard : plan_any_shard(planner));
}

static bool refuse_part(struct planner *planner, const struct reach *reach, const char *part)
{
    return plan_refuse(planner, ER_CROSS_SHARD,
                       "waybill doesn't do %s over several shards yet, and %s. Add a condition on "
                       "the shard key, or name the shard with /* waybill: shard=NAME */",
                       part, plan_spread(planner, reach));
}

const char *plan_inexact_part(const struct query *query, const struct statement *statement)
{
    const struct {
        bool is_there;
        const char *part;
    } parts[] = {
        {query->nested != NULL, "UNION, INTERSECT or EXCEPT in parentheses"},
        {query->having != NULL && query->group_by == NULL && !query->has_aggregate,
         "HAVING without groups"},
        {query->has_window || (statement->facts & FACT_WINDOW) != 0, "window functions"},
        {query->has_into, "SELECT ... INTO"},
        {(statement->facts & (FACT_WRITES | FACT_UNKNOWN_FUNCTION)) != 0, "stored functions"},
        {query->has_limit_expr, "a LIMIT that is no number"},
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (parts[i].is_there) {
            return parts[i].part;
        }
    }
    struct statement others = *statement;
    others.facts &= ~(uint32_t)FACT_CALC_FOUND_ROWS; // which is added up
    return plan_single_server_part(&others);
}

// Each row of the result must have a row of a sharded table in it, or it would come from every
// shard: an outer join may not keep rows of the copies on every shard alone.
static bool is_outer_join_exact(const struct scope *scope)
{
    bool has_certain = false; // a sharded table among those before, without NULLs
    bool has_sharded = false;
    if (scope->has_nest && scope->has_outer_join) {
        return false;
    }
    for (uint16_t i = 0; i < scope->ref_count; i++) {
        bool is_sharded = scope->refs[i].place == PLACE_SHARDED;
        switch (scope->refs[i].table->join) {
        case JOIN_LEFT:
            if (is_sharded && !has_certain) {
                return false;
            }
            break;
        case JOIN_RIGHT:
            if (has_sharded && !is_sharded) {
                return false;
            }
            has_certain = is_sharded;
            break;
        case JOIN_INNER:
        case JOIN_CROSS:
            has_certain |= is_sharded;
            break;
        }
        has_sharded |= is_sharded;
    }
    return true;
}

// One class in the statement itself; inside, only tables that follow it row by row.
static bool check_scope(struct planner *planner, const struct reach *reach, struct scope *scope)
{
    struct scope_ref *root = NULL;
    for (uint16_t i = 0; i < scope->ref_count; i++) {
        struct scope_ref *ref = &scope->refs[i];
        const char *name = scope_table_name(planner->arena, ref);
        if (ref->place == PLACE_HOME || ref->place == PLACE_SYSTEM) {
            return plan_refuse(planner, ER_CROSS_SHARD,
                               "Table %s is on one shard only and can't be joined with rows of "
                               "several shards: %s",
                               name, plan_spread(planner, reach));
        }
        if (ref->place != PLACE_SHARDED) {
            continue;
        }
        if (!scope->is_top && !scope_root(scope, ref)->is_tied) {
            return plan_refuse(planner, ER_CROSS_SHARD,
                               "The subquery on table %s may need rows of other shards than the "
                               "statement around it. Compare its %s with that of the outer table, "
                               "or limit all to one shard",
                               name, plan_key_columns(planner, ref->config));
        }
        if (scope->is_top && root != NULL && root != scope_root(scope, ref)) {
            return plan_refuse(planner, ER_CROSS_SHARD,
                               "Tables %s and %s are not joined by their shard key or id, so their "
                               "rows may be on different shards. Join them by %s (tables that are "
                               "sharded alike say so by `with`), or limit both to one shard",
                               scope_table_name(planner->arena, root), name,
                               plan_key_columns(planner, ref->config));
        }
        root = scope_root(scope, ref);
    }
    if (scope->is_top && !is_outer_join_exact(scope)) {
        return refuse_part(planner, reach, "an outer join that keeps rows of reference tables");
    }
    return true;
}

bool plan_splice(struct planner *planner, const struct splice_list *list)
{
    struct plan *plan = planner->plan;
    if (list->count == 0) {
        return true;
    }
    if (!plan_may_rewrite(planner)) {
        return false;
    }
    struct slice text =
        splice_text(planner->arena, planner->statement->text, list->items, list->count);
    for (uint16_t i = 0; i < plan->target_count; i++) {
        plan->targets[i].sql = text;
    }
    return true;
}

static bool scatter_rows(struct planner *planner, struct shard_set set)
{
    const struct query *query = planner->statement->query;
    struct plan *plan = planner->plan;
    struct splice
        splices[8]; // hidden columns, GROUP BY, ROLLUP, HAVING, ORDER BY, LIMIT and OFFSET
    struct splice_list list = {splices, 0};
    bool is_grouped = query->is_distinct || query->has_aggregate || query->group_by != NULL;
    if (is_grouped && !plan_group(planner, query, &list)) {
        return false;
    }
    if (plan->wants_columns) { // but not to prepare it
        plan->wants_columns = !planner->request->is_prepared || planner->request->params != NULL;
        return plan_to(planner, shard_set_first(set));
    }
    if (!is_grouped && query->order_by != NULL && !rewrite_order_by(planner, query, &list)) {
        return false;
    }
    plan->counts_found = (planner->statement->facts & FACT_CALC_FOUND_ROWS) != 0;
    size_t before_limit = list.count;
    if (query->limit != NULL && !rewrite_limit(planner, query, is_grouped, &list)) {
        return false;
    }
    if (!plan_to_all(planner, set,
                     is_grouped            ? MERGE_GROUP
                     : plan->key_count > 0 ? MERGE_SORT
                                           : MERGE_ROWS)) {
        return false;
    }
    if (!plan_splice(planner, &list)) {
        return false;
    }
    plan_page(planner, query, splices, before_limit);
    return true;
}

bool plan_within_shards(struct planner *planner, const struct reach *reach, struct shard_set *set)
{
    for (struct scope *scope = planner->scopes.first; scope != NULL; scope = scope->next) {
        if (!check_scope(planner, reach, scope)) {
            return false;
        }
    }
    struct scope *top = planner->scopes.first;
    *set = (struct shard_set){0};
    for (uint16_t i = 0; top != NULL && i < top->ref_count; i++) {
        if (top->refs[i].place == PLACE_SHARDED) {
            set->bits |= scope_root(top, &top->refs[i])->set.bits;
        }
    }
    return true;
}

bool plan_select_scatter(struct planner *planner, const struct reach *reach)
{
    const struct query *query = planner->statement->query;
    const char *part = plan_inexact_part(query, planner->statement);
    struct shard_set set = {0};
    if (query->next != NULL) {
        return plan_union(planner, reach);
    }
    if (query->is_parenthesized && query->order_by != NULL) {
        part = "ORDER BY with parentheses";
    }
    if (part != NULL) {
        return refuse_part(planner, reach, part);
    }
    if (!plan_within_shards(planner, reach, &set)) {
        return false;
    }
    plan_because(planner, "%s", plan_spread(planner, reach));
    return scatter_rows(planner, set);
}
