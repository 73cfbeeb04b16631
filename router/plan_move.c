// UPDATE t SET key = ...: the rows belong to other shards afterwards. Where the user has
// allow_key_change they are moved there, by steps (session/step_move.c); else it is refused, with
// what can be done instead.

#include "router/plan_impl.h"

// Its value or condition would be another one when it is evaluated twice, or by a server that
// doesn't know the session.
static const uint32_t facts_of_one_run =
    FACT_SETS_USER_VARIABLE | FACT_LAST_INSERT_ID | FACT_INSERT_ID_SET | FACT_FOUND_ROWS |
    FACT_ROW_COUNT | FACT_DIAGNOSTICS | FACT_CONNECTION_ID | FACT_NAMED_LOCK | FACT_SLEEPS |
    FACT_NEEDS_PRIMARY | (uint32_t)FACT_UNKNOWN_FUNCTION;

static bool is_set_twice(const struct planner *planner, const struct expr *column)
{
    uint32_t count = 0;
    const struct assignment *one = planner->statement->change->set;
    for (; one != NULL; one = one->next) {
        count += slice_equal_nocase(one->column->name, column->name);
    }
    return count > 1;
}

// Why the rows can't be moved: the end of a sentence. NULL: they can.
static const char *obstacle(const struct planner *planner, const struct scope_ref *table,
                            const struct assignment *assignment)
{
    const struct route_request *request = planner->request;
    if (table->place != PLACE_SHARDED || table->config->id_column != NULL) {
        return "a table whose ids carry the bucket of the key";
    }
    if (request->distributed != DISTRIBUTED_ATOMIC) {
        return "users and sessions whose distributed isn't atomic";
    }
    if (planner->hint_shard != NO_SHARD) {
        return "the hint shard=";
    }
    if (!request->is_strict) {
        return "a sql_mode that isn't strict";
    }
    if (!plan_change_may_be_asked(planner)) {
        return "several tables, subqueries, IGNORE, SET STATEMENT or the number of a column in "
               "ORDER BY";
    }
    if ((planner->statement->facts & facts_of_one_run) != 0 ||
        planner->statement->sequences != NULL) {
        return "functions that only one server can answer, sequences, or user variables that it "
               "sets";
    }
    if (is_set_twice(planner, assignment->column) || assignment->value->kind == EXPR_DEFAULT) {
        return "DEFAULT, or a key that is set twice";
    }
    return NULL;
}

bool plan_move(struct planner *planner, const struct scope_ref *table,
               const struct assignment *assignment)
{
    struct slice name = assignment->column->name;
    if (!planner->request->allows_key_change) {
        bool has_ids = table->place != PLACE_SHARDED || table->config->id_column != NULL;
        return plan_refuse(planner, ER_SHARD_KEY,
                           "UPDATE may not change `%.*s`, by which the rows of table %s are found: "
                           "insert the row anew with the new value and delete the old one%s",
                           (int)name.len, (const char *)name.ptr,
                           scope_table_name(planner->arena, table),
                           has_ids ? "" : ", or set allow_key_change = on for the user");
    }
    const char *why_not = obstacle(planner, table, assignment);
    if (why_not != NULL) {
        return plan_refuse(planner, ER_SHARD_KEY,
                           "UPDATE may not change `%.*s`, by which the rows of table %s are found, "
                           "with %s: insert the row anew with the new value and delete the old one",
                           (int)name.len, (const char *)name.ptr,
                           scope_table_name(planner->arena, table), why_not);
    }
    planner->plan->steps = STEPS_MOVE;
    planner->plan->is_write_to_many = true;
    planner->plan->moved_key =
        (const char *)arena_format(planner->arena, "%s", table->config->key).ptr;
    return plan_may_rewrite(planner);
}
