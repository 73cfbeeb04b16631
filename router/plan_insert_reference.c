// INSERT and REPLACE into a reference table: the same statement on every shard, with the same row
// ids in it where waybill makes them.

#include "cluster/row_id.h"
#include "router/plan_impl.h"

void insert_add_sources(struct planner *planner)
{
    const struct insert_part *insert = planner->statement->insert;
    if (insert->select != NULL) {
        scopes_add_query(&planner->scopes, insert->select, NULL, false);
    }
    scopes_add_rest(&planner->scopes, planner->statement);
}

// The same ids on all copies; on the hint's shard alone, if there is one.
static bool write_reference(struct planner *planner, const struct scope_ref *target)
{
    struct slice sql = {.ptr = NULL};
    bool has_row_ids =
        target->config->row_ids != NULL && planner->statement->insert->select == NULL;
    if (has_row_ids && planner->statement->insert->column_count == 0) {
        return plan_without_list(planner, target->config);
    }
    if (has_row_ids && !row_id_reference(planner, target->config, &sql)) {
        return false;
    }
    if (planner->plan->row_id_wish.ids != NULL || planner->plan->steps != STEPS_NONE) {
        return plan_to(planner, plan_any_shard(planner));
    }
    bool is_planned = planner->hint_shard != NO_SHARD ? plan_to(planner, planner->hint_shard)
                                                      : plan_reference_write(planner, "INSERT");
    for (uint16_t i = 0; is_planned && i < planner->plan->target_count; i++) {
        planner->plan->targets[i].sql = sql;
    }
    return is_planned;
}

bool plan_insert_reference(struct planner *planner, const struct scope_ref *target)
{
    struct reach reach;
    const struct insert_part *insert = planner->statement->insert;
    insert_add_sources(planner);
    if (plan_is_too_large(planner)) {
        return false;
    }
    scopes_reach(&planner->scopes, &reach);
    bool is_elsewhere = reach.has_sharded || reach.has_home || reach.has_system;
    if (insert->select != NULL && (is_elsewhere || target->config->row_ids != NULL)) {
        return plan_insert_select(planner, target);
    }
    if (is_elsewhere) {
        return plan_refuse(planner, ER_CROSS_SHARD_WRITE,
                           "An INSERT into a reference table may read only reference tables, since "
                           "it runs on every shard: read the rows and insert them by VALUES");
    }
    return write_reference(planner, target);
}
