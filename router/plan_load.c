// LOAD DATA. A table that is on one shard gets the whole file there, a reference table on every
// shard, a sharded one its rows on the shard of each (plan_load_split.c). Without LOCAL the file is
// one server's own, so the statement must stay on one.

#include "cluster/row_id.h"
#include "router/plan_impl.h"

static bool refuse_server_file(struct planner *planner, const struct scope_ref *target)
{
    return plan_refuse(planner, ER_CROSS_SHARD_WRITE,
                       "LOAD DATA INFILE reads a file of one server, and table %s is on several "
                       "shards: use LOAD DATA LOCAL INFILE, whose file the client sends",
                       scope_table_name(planner->arena, target));
}

static bool refuse_row_ids(struct planner *planner, const struct scope_ref *target)
{
    return plan_refuse(
        planner, ER_CROSS_SHARD_WRITE,
        "LOAD DATA into table %s, for which waybill makes the numbers of `%s` (row_id), and "
        "which has copies or is sharded by them: "
        "load the file into another table, then INSERT ... SELECT from there",
        scope_table_name(planner->arena, target), target->config->row_ids->column);
}

bool plan_load(struct planner *planner)
{
    const struct load_part *load = planner->statement->load;
    struct scope_ref target;
    if (planner->statement->tables == NULL || load == NULL) {
        return plan_unknown(planner);
    }
    scope_place(planner->request, planner->statement->tables, &target);
    bool is_on_many = target.place == PLACE_SHARDED || target.place == PLACE_REFERENCE;
    if (is_on_many && !load->is_local) {
        return refuse_server_file(planner, &target);
    }
    bool is_made_each = target.place == PLACE_SHARDED && target.config->key != NULL &&
                        !row_id_is_column(target.config, slice_of_string(target.config->key));
    if (is_on_many && target.config->row_ids != NULL && !is_made_each) {
        return refuse_row_ids(planner, &target);
    }
    if (target.place == PLACE_SHARDED) {
        return plan_load_split(planner, &target);
    }
    if (planner->hint_shard != NO_SHARD) {
        return plan_to(planner, planner->hint_shard);
    }
    scopes_add_rest(&planner->scopes, planner->statement);
    if (target.place == PLACE_REFERENCE) {
        struct reach reach;
        scopes_reach(&planner->scopes, &reach);
        if (reach.has_sharded || reach.has_home || reach.has_system) {
            return plan_refuse(planner, ER_CROSS_SHARD_WRITE,
                               "LOAD into a reference table may read only reference tables, since "
                               "it runs on every shard");
        }
        return plan_reference_write(planner, "LOAD");
    }
    (void)scopes_add_tables(&planner->scopes, planner->statement->tables, NULL);
    return plan_to_reach(planner, ER_CROSS_SHARD_WRITE, "LOAD");
}
