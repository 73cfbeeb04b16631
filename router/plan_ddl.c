// DDL. A table is made, changed and dropped where it is: sharded and reference tables on every
// shard, others on their home. What names no table (databases, views, routines) goes to every
// shard, so that it is there whichever shard a statement goes to.

#include "cluster/row_id.h"
#include "router/columns.h"
#include "router/plan_impl.h"

static bool type_fits(struct slice type, enum key_type key_type)
{
    return (column_key_types(type) & 1u << key_type) != 0;
}

static bool is_id_type(struct slice type)
{
    return slice_is_nocase(type, "BIGINT") || slice_is_nocase(type, "SERIAL") ||
           slice_is_nocase(type, "INT8");
}

static const struct column_def *find_column(const struct ddl_part *ddl, const char *name)
{
    for (const struct column_def *column = ddl->columns; column != NULL; column = column->next) {
        if (slice_is_nocase(column->name, name)) {
            return column;
        }
    }
    return NULL;
}

// The columns that place rows, when a sharded table is made with a list of columns.
static bool check_columns(struct planner *planner, const struct table_config *table)
{
    static const char *const words[] = {"an integer", "a string", "a binary or _bin string",
                                        "a DATE or DATETIME"};
    const struct ddl_part *ddl = planner->statement->ddl;
    const char *const names[] = {table->key, table->id_column};
    for (size_t i = 0; i < 2 && ddl->columns != NULL; i++) {
        const struct column_def *column = names[i] != NULL ? find_column(ddl, names[i]) : NULL;
        if (names[i] != NULL && column == NULL) {
            return plan_refuse(planner, ER_SHARD_KEY,
                               "Table %s.%s is sharded by column `%s`, which its definition lacks: "
                               "add the column, or change the table's section in the configuration",
                               table->schema, table->name, names[i]);
        }
        if (column == NULL) {
            continue;
        }
        bool fits = i == 0 ? type_fits(column->type, table->key_type) : is_id_type(column->type);
        if (!fits) {
            return plan_refuse(planner, ER_SHARD_KEY,
                               "Column `%s` of table %s.%s must be %s to place rows, as the "
                               "configuration says, and is %.*s",
                               names[i], table->schema, table->name,
                               i == 0 ? words[table->key_type] : "a BIGINT, for ids",
                               (int)column->type.len, (const char *)column->type.ptr);
        }
    }
    return true;
}

// The column for row ids has room for them.
static bool check_row_id_column(struct planner *planner, const struct table_config *table)
{
    const struct ddl_part *ddl = planner->statement->ddl;
    const struct column_def *column =
        table->row_ids != NULL ? find_column(ddl, table->row_ids->column) : NULL;
    return column == NULL || is_id_type(column->type) ||
           plan_refuse(planner, ER_SHARD_KEY,
                       "Column `%s` of table %s.%s must be a BIGINT, for row ids, and is %.*s",
                       table->row_ids->column, table->schema, table->name, (int)column->type.len,
                       (const char *)column->type.ptr);
}

static struct shard_set where_is(const struct planner *planner, const struct scope_ref *ref)
{
    switch (ref->place) {
    case PLACE_SHARDED:
    case PLACE_REFERENCE:
        return sharding_all(planner->config);
    case PLACE_HOME:
        return shard_set_of(ref->home);
    case PLACE_SYSTEM:
    case PLACE_NOWHERE:
        break;
    }
    return shard_set_of(planner->config->default_shard);
}

// A temporary table is in one connection only, so it can't stand for a table of several shards.
static bool check_temporary(struct planner *planner, const struct scope_ref *ref)
{
    if (!planner->statement->ddl->is_temporary ||
        (ref->place != PLACE_SHARDED && ref->place != PLACE_REFERENCE)) {
        return true;
    }
    return plan_refuse(planner, ER_CROSS_SHARD,
                       "A temporary table may not have the name of table %s, which is on several "
                       "shards: choose another name",
                       scope_table_name(planner->arena, ref));
}

// The place of all tables that the statement names; refused when they differ.
static bool common_place(struct planner *planner, struct shard_set *set)
{
    const struct table_ref *table = planner->statement->tables;
    struct scope_ref first;
    scope_place(planner->request, table, &first);
    *set = where_is(planner, &first);
    for (; table != NULL; table = table->next) {
        struct scope_ref ref;
        scope_place(planner->request, table, &ref);
        if (!check_temporary(planner, &ref)) {
            return false;
        }
        if (where_is(planner, &ref).bits != set->bits) {
            return plan_refuse(planner, ER_CROSS_SHARD,
                               "Tables %s and %s are not on the same shards: name them in "
                               "statements of their own; for a new name, declare it in the "
                               "configuration first",
                               scope_table_name(planner->arena, &first),
                               scope_table_name(planner->arena, &ref));
        }
    }
    return true;
}

static bool plan_database(struct planner *planner)
{
    plan_because(planner, planner->statement->ddl->trigger.len > 0
                              ? "a trigger is where its table is: the shards are asked first"
                              : "databases and routines are on every shard");
    return plan_to_all(planner, sharding_all(planner->config), MERGE_FIRST);
}

// A view is undeclared, so it is read on the default shard alone: what it reads must be there
// whole.
static bool plan_view(struct planner *planner)
{
    const struct statement *statement = planner->statement;
    struct reach reach;
    if (statement->ddl->select != NULL) {
        scopes_add_query(&planner->scopes, statement->ddl->select, NULL, false);
    }
    scopes_add_rest(&planner->scopes, statement);
    if (plan_is_too_large(planner)) {
        return false;
    }
    scopes_reach(&planner->scopes, &reach);
    if (reach.has_sharded ||
        (reach.shards.bits & ~shard_set_of(planner->config->default_shard).bits) != 0) {
        return plan_refuse(planner, ER_CROSS_SHARD,
                           "A view may read reference tables and tables of the default shard only, "
                           "since statements that use it go there: name the tables in the "
                           "statements instead");
    }
    if (reach.has_home) {
        return plan_to(planner, planner->config->default_shard);
    }
    return plan_to_all(planner, sharding_all(planner->config), MERGE_FIRST);
}

// CREATE TABLE ... SELECT: on one shard, with all it reads.
static bool plan_create_select(struct planner *planner, struct shard_set set)
{
    struct reach reach;
    scopes_add_query(&planner->scopes, planner->statement->ddl->select, NULL, false);
    scopes_add_rest(&planner->scopes, planner->statement);
    if (plan_is_too_large(planner)) {
        return false;
    }
    scopes_reach(&planner->scopes, &reach);
    if (shard_set_count(set) > 1 || (reach.shards.bits & ~set.bits) != 0) {
        return plan_refuse(
            planner, ER_CROSS_SHARD_WRITE,
            "CREATE TABLE ... SELECT is done only when the new table and all that it "
            "reads are on one shard: create the table, then insert the rows");
    }
    return plan_to(planner, shard_set_first(set));
}

static bool plan_tables(struct planner *planner)
{
    const struct ddl_part *ddl = planner->statement->ddl;
    struct scope_ref first;
    struct shard_set set;
    if (!common_place(planner, &set)) {
        return false;
    }
    scope_place(planner->request, planner->statement->tables, &first);
    if (ddl->kind == DDL_CREATE_TABLE && first.place == PLACE_SHARDED &&
        !check_columns(planner, first.config)) {
        return false;
    }
    if (ddl->kind == DDL_CREATE_TABLE && first.config != NULL &&
        !check_row_id_column(planner, first.config)) {
        return false;
    }
    if (!plan_constraints(planner, &first)) {
        return false;
    }
    if (ddl->select != NULL) {
        return plan_create_select(planner, set);
    }
    plan_because(planner, "table %s is there", scope_table_name(planner->arena, &first));
    return plan_to_all(planner, set, MERGE_FIRST);
}

bool plan_ddl(struct planner *planner)
{
    const struct ddl_part *ddl = planner->statement->ddl;
    if (ddl == NULL) {
        return plan_unknown(planner);
    }
    switch (ddl->kind) {
    case DDL_CREATE_DATABASE:
    case DDL_DROP_DATABASE:
    case DDL_ALTER_DATABASE:
        return plan_database(planner);
    case DDL_VIEW:
        return plan_view(planner);
    case DDL_CREATE_TABLE:
    case DDL_ALTER_TABLE:
    case DDL_DROP_TABLE:
    case DDL_TRUNCATE:
    case DDL_RENAME_TABLE:
    case DDL_CREATE_INDEX:
    case DDL_DROP_INDEX:
    case DDL_ROUTINE: // a trigger is where its table is
    case DDL_OTHER:
        break;
    }
    return planner->statement->tables != NULL ? plan_tables(planner) : plan_database(planner);
}
