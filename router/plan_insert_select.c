// INSERT ... SELECT. Two ways:
//
//     pushed down   the SELECT's rows stay where they are: the target's key is the source's key,
//                   of tables that are sharded alike, or a constant, on the one shard that is read
//     in steps      all else: waybill reads the rows and inserts them as VALUES (session/
//                   step_select.c), each where it belongs
//
// What comes from one shard and goes to the same one is always pushed down, so it costs nothing
// more than on a single server.

#include "router/plan_impl.h"

static const struct query *select_of(const struct planner *planner)
{
    return planner->statement->insert->select;
}

// The select list's expression for the column at that place of the INSERT; NULL: not certain.
static const struct expr *item_at(const struct query *query, int32_t at)
{
    for (const struct select_item *item = query->items; item != NULL; item = item->next) {
        if (item->expr->kind == EXPR_STAR) {
            return NULL;
        }
        if (at-- == 0) {
            return item->expr;
        }
    }
    return NULL;
}

// Is the column filled from the same attribute of a table that is sharded alike?
static bool is_carried_over(struct planner *planner, struct scope *top,
                            const struct scope_ref *target, int32_t at, enum attribute attribute)
{
    const struct expr *expr = item_at(select_of(planner), at);
    if (expr == NULL || expr->kind != EXPR_COLUMN) {
        return false;
    }
    struct scope_column found = scope_find_column(top, expr);
    return found.scope == top && found.attribute == attribute &&
           found.ref->place == PLACE_SHARDED && scope_are_together(target, found.ref, attribute);
}

// Does every row stay on the shard that it comes from?
static bool stays(struct planner *planner, struct scope *top, const struct scope_ref *target,
                  const struct insert_shape *shape)
{
    const struct table_config *table = target->config;
    bool is_key_fine =
        table->key == NULL || is_carried_over(planner, top, target, shape->key_at, ATTRIBUTE_KEY);
    bool is_id_fine = table->id_column == NULL ||
                      (shape->id_at != NO_COLUMN &&
                       is_carried_over(planner, top, target, shape->id_at, ATTRIBUTE_ID));
    return is_key_fine && is_id_fine && !top->has_outer_join && !top->has_nest;
}

// The one shard that a constant key names; NO_SHARD.
static uint16_t constant_shard(struct planner *planner, const struct scope_ref *target,
                               const struct insert_shape *shape)
{
    const struct table_config *table = target->config;
    const struct expr *expr = item_at(select_of(planner), shape->key_at);
    struct shard_key key;
    const char *why = NULL;
    uint16_t shard = NO_SHARD;
    if (table->key == NULL || table->id_column != NULL || expr == NULL ||
        planner->statement->insert->is_ignore || !planner->request->is_strict) {
        return NO_SHARD;
    }
    struct value value = value_of_expr(planner->arena, planner->request, expr);
    if (!value_to_key(planner->arena, table->key_type, KEY_STORED, &value, &key, &why) ||
        !sharding_of_key(planner->config, table, &key, &shard)) {
        return NO_SHARD;
    }
    return shard;
}

static bool is_grouped_by_key(struct scope *top, const struct query *query)
{
    for (const struct order_item *item = query->group_by; item != NULL; item = item->next) {
        if (item->expr->kind == EXPR_COLUMN &&
            scope_find_column(top, item->expr).attribute == ATTRIBUTE_KEY) {
            return true;
        }
    }
    return false;
}

// Is each shard's part of the SELECT what it would give of the whole?
static bool is_sum_of_parts(struct planner *planner, struct scope *top)
{
    const struct query *query = select_of(planner);
    bool is_grouped = query->has_aggregate || query->group_by != NULL || query->having != NULL;
    return query->limit == NULL && query->offset == NULL && !query->has_rollup &&
           !query->has_window && (planner->statement->facts & FACT_WINDOW) == 0 &&
           (!is_grouped || is_grouped_by_key(top, query)) &&
           (planner->statement->facts & (uint32_t)FACT_UNKNOWN_FUNCTION) == 0 &&
           plan_single_server_part(planner->statement) == NULL;
}

static bool is_single_arm(const struct query *query)
{
    return query->next == NULL && query->nested == NULL && !query->is_values && query->ctes == NULL;
}

// True: planned. False without an error: it can't be pushed down.
static bool push_down(struct planner *planner, const struct scope_ref *target,
                      const struct insert_shape *shape)
{
    const struct insert_part *insert = planner->statement->insert;
    struct scope *top = planner->scopes.first;
    struct reach reach;
    struct shard_set set;
    scopes_reach(&planner->scopes, &reach);
    if (top == NULL || !is_single_arm(insert->select) || reach.has_system) {
        return false;
    }
    uint16_t constant = constant_shard(planner, target, shape);
    if (constant != NO_SHARD && (reach.shards.bits & ~shard_set_of(constant).bits) == 0) {
        plan_because(planner, "key and sources are on %s", plan_shard_name(planner, constant));
        return plan_to(planner, constant);
    }
    if (!stays(planner, top, target, shape)) {
        return false;
    }
    if (shard_set_count(reach.shards) == 1) {
        plan_because(planner, "the rows stay on %s",
                     plan_shard_name(planner, shard_set_first(reach.shards)));
        return plan_to(planner, shard_set_first(reach.shards));
    }
    bool is_planned = is_sum_of_parts(planner, top) && plan_may_write_several(planner->request) &&
                      plan_within_shards(planner, &reach, &set) &&
                      plan_to_all(planner, set, insert->has_returning ? MERGE_ROWS : MERGE_OK);
    *planner->error = (struct error){.code = 0};
    if (is_planned) {
        planner->plan->is_write_to_many = planner->plan->target_count > 1;
        plan_because(planner, "each shard's rows stay there");
    }
    return is_planned;
}

// What the shard that the hint names has of the SELECT, if the rows stay there.
static bool to_hint(struct planner *planner, const struct scope_ref *target,
                    const struct insert_shape *shape)
{
    struct scope *top = planner->scopes.first;
    if (top == NULL || !is_single_arm(select_of(planner)) || !stays(planner, top, target, shape)) {
        return plan_refuse(planner, ER_CROSS_SHARD_WRITE,
                           "INSERT ... SELECT into table %s with a hint is done where the source's "
                           "key is taken over as the key (%s) only: other rows would be on the "
                           "wrong shard",
                           scope_table_name(planner->arena, target),
                           plan_key_columns(planner, target->config));
    }
    plan_because(planner, "the hint names it, and the rows stay there");
    return plan_to(planner, planner->hint_shard);
}

static bool in_steps(struct planner *planner, const struct scope_ref *target)
{
    const struct statement *statement = planner->statement;
    const char *name = scope_table_name(planner->arena, target);
    const char *part = statement->insert->has_returning ? "RETURNING" : NULL;
    if ((statement->facts & (FACT_SETS_USER_VARIABLE | FACT_INSERT_ID_SET)) != 0) {
        part = "user variables or LAST_INSERT_ID that it sets";
    } else if (statement->set != NULL) {
        part = "SET STATEMENT";
    } else if (!is_single_arm(statement->insert->select) ||
               statement->insert->select->is_parenthesized) {
        part = "UNION, WITH or parentheses"; // whose rows could not be locked
    }
    if (part != NULL) {
        return plan_refuse(planner, ER_CROSS_SHARD_WRITE,
                           "INSERT ... SELECT into table %s needs rows of other shards than those "
                           "where they go, which waybill doesn't do with %s: read the rows and "
                           "insert them by VALUES",
                           name, part);
    }
    planner->plan->steps = STEPS_SELECT;
    plan_because(planner, "the rows may belong to other shards than those that they come from");
    return plan_may_rewrite(planner) &&
           plan_to(planner, target->place == PLACE_HOME ? target->home : plan_any_shard(planner));
}

// A server is asked for the target's columns: for the list, if there is none, and for their types.
static bool ask_columns(struct planner *planner, const struct scope_ref *target)
{
    const struct route_request *request = planner->request;
    bool is_for_prepare =
        request->is_prepared && request->params == NULL && planner->statement->param_count > 0;
    planner->plan->wants_columns = !is_for_prepare;
    plan_because(planner, "a server is asked first for the columns of the table");
    return (is_for_prepare || plan_may_rewrite(planner)) &&
           plan_to(planner, target->place == PLACE_HOME ? target->home : plan_any_shard(planner));
}

bool plan_insert_select(struct planner *planner, const struct scope_ref *target)
{
    const struct insert_part *insert = planner->statement->insert;
    struct insert_shape shape;
    bool has_list = insert->columns != NULL && insert->column_count > 0;
    if (planner->is_lenient) {
        return false;
    }
    if (!has_list && planner->request->columns == NULL) {
        return ask_columns(planner, target);
    }
    if (!has_list) {
        return plan_needs_list(planner);
    }
    const struct table_config *table = target->config;
    if (planner->hint_shard != NO_SHARD && table != NULL && table->row_ids != NULL) {
        return plan_refuse(
            planner, ER_CROSS_SHARD_WRITE,
            "INSERT ... SELECT with a hint into table %s, whose row ids waybill makes: "
            "leave the hint out",
            scope_table_name(planner->arena, target));
    }
    if (target->place != PLACE_SHARDED || table == NULL) {
        return planner->request->columns == NULL ? ask_columns(planner, target)
                                                 : in_steps(planner, target);
    }
    if (!plan_insert_shape(planner, table, &shape)) {
        return false;
    }
    scopes_add_query(&planner->scopes, insert->select, NULL, true);
    scopes_add_rest(&planner->scopes, planner->statement);
    if (plan_is_too_large(planner)) {
        return false;
    }
    if (planner->hint_shard != NO_SHARD) {
        return to_hint(planner, target, &shape);
    }
    if (table->row_ids == NULL && push_down(planner, target, &shape)) {
        return true;
    }
    if (planner->error->code != 0) {
        return false;
    }
    return planner->request->columns == NULL ? ask_columns(planner, target)
                                             : in_steps(planner, target);
}
