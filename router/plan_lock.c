// LOCK TABLES: each shard locks those of the tables that it has, on its primary. The session takes
// the shards one after the other, always in the same order (session/table_locks.c).

#include "base/text.h"
#include "router/plan_impl.h"
#include "router/sql_literal.h"

// Where the table is, as SHOW CREATE TABLE would find it.
static struct shard_set shards_of(const struct planner *planner, const struct table_ref *table)
{
    struct scope_ref ref;
    struct shard_set set = {0};
    scope_place(planner->request, table, &ref);
    switch (ref.place) {
    case PLACE_SHARDED:
    case PLACE_REFERENCE:
        set = sharding_all(planner->config);
        break;
    case PLACE_HOME:
        set = shard_set_of(ref.home);
        break;
    case PLACE_SYSTEM:
    case PLACE_NOWHERE:
        set = shard_set_of(planner->config->default_shard);
        break;
    }
    return set;
}

static void add_table(const struct planner *planner, const struct table_ref *table,
                      struct text *sql)
{
    static const char *const kinds[] = {
        [TABLE_LOCK_READ] = " READ",
        [TABLE_LOCK_READ_LOCAL] = " READ LOCAL",
        [TABLE_LOCK_WRITE] = " WRITE",
    };
    text_add_string(sql, sql->len == 0 ? "LOCK TABLES " : ", ");
    text_add_slice(
        sql, slice_part(planner->statement->text, table->name_span.begin, table->name_span.end));
    if (table->alias.len > 0) {
        text_add_string(sql, " AS ");
        sql_add_name(sql, table->alias);
    }
    text_add_string(sql, kinds[table->lock]);
}

static struct slice text_for(const struct planner *planner, uint16_t shard)
{
    const struct statement *statement = planner->statement;
    struct text sql;
    text_init(&sql);
    for (const struct table_ref *table = statement->tables; table != NULL; table = table->next) {
        if ((shards_of(planner, table).bits & shard_set_of(shard).bits) != 0) {
            add_table(planner, table, &sql);
        }
    }
    if (statement->lock_wait.len > 0) {
        bool is_number = !slice_is_nocase(statement->lock_wait, "NOWAIT");
        text_add_string(&sql, is_number ? " WAIT " : " ");
        text_add_slice(&sql, statement->lock_wait);
    }
    struct slice copy = arena_copy(planner->arena, text_slice(&sql));
    text_done(&sql);
    return copy;
}

bool plan_lock(struct planner *planner)
{
    struct shard_set set = {0};
    const struct table_ref *table = planner->statement->tables;
    for (; table != NULL; table = table->next) {
        set.bits |= shards_of(planner, table).bits;
    }
    plan_because(planner, "the shards that have the tables");
    if (!plan_to_all(planner, set, MERGE_FIRST)) {
        return false;
    }
    struct plan *plan = planner->plan;
    for (uint16_t i = 0; i < plan->target_count && plan->target_count > 1; i++) {
        plan->targets[i].sql = text_for(planner, plan->targets[i].shard);
    }
    return true;
}
