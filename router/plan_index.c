// DDL that would take the triggers of a global index away, or change values behind their back: rows
// without entries would not be found. It is refused; the index has to go first.

#include "router/plan_impl.h"

// What ALTER TABLE may not say. A part of a word is enough to be refused.
static const char *const words[] = {"RENAME", "CONVERT", "EXCHANGE", "DISCARD", "IMPORT", "ENGINE"};

// It may be the UNIQUE key that a unique index relies on.
static bool drops_key(const struct statement *statement)
{
    struct slice text = statement->text;
    return statement->ddl->kind == DDL_DROP_INDEX ||
           (statement->ddl->kind == DDL_ALTER_TABLE && slice_contains_nocase(text, "DROP") &&
            (slice_contains_nocase(text, "KEY") || slice_contains_nocase(text, "INDEX") ||
             slice_contains_nocase(text, "CONSTRAINT")));
}

static const struct index_config *touched_index(const struct statement *statement,
                                                const struct table_config *table)
{
    const struct ddl_part *ddl = statement->ddl;
    if (table->indexes == NULL || ddl->is_temporary) {
        return NULL;
    }
    if (ddl->kind == DDL_DROP_TABLE || ddl->kind == DDL_RENAME_TABLE ||
        (ddl->kind == DDL_CREATE_TABLE && ddl->is_replace)) {
        return table->indexes;
    }
    const struct index_config *unique = table->indexes;
    while (unique != NULL && !unique->is_unique) {
        unique = unique->next;
    }
    if (unique != NULL && drops_key(statement)) {
        return unique;
    }
    for (size_t i = 0; ddl->kind == DDL_ALTER_TABLE && i < sizeof words / sizeof words[0]; i++) {
        if (slice_contains_nocase(statement->text, words[i])) {
            return table->indexes;
        }
    }
    const struct index_config *index = ddl->kind == DDL_ALTER_TABLE ? table->indexes : NULL;
    while (index != NULL && !slice_contains_nocase(statement->text, index->column)) {
        index = index->next;
    }
    return index;
}

static bool refuse(struct planner *planner, const struct index_config *index)
{
    const struct table_config *table = &planner->config->tables[index->table];
    return plan_refuse(planner, ER_SCHEMA,
                       "Rows of table %s.%s would be lost to its global index %s. Take [index %s] "
                       "out of the configuration of all waybills, RELOAD, and say DROP INDEX %s on "
                       "the admin port first; afterwards it can be made anew",
                       table->schema, table->name, index->name, index->name, index->name);
}

// With its database, or by the name of its trigger.
static bool drops(const struct planner *planner, const struct index_config *index)
{
    const struct ddl_part *ddl = planner->statement->ddl;
    char inserts[INDEX_TRIGGER_MAX], updates[INDEX_TRIGGER_MAX];
    index_trigger_name(index->name, 'i', inserts);
    index_trigger_name(index->name, 'u', updates);
    return (ddl->kind == DDL_DROP_DATABASE &&
            slice_is_nocase(ddl->database, planner->config->tables[index->table].schema)) ||
           slice_contains_nocase(ddl->trigger, inserts) ||
           slice_contains_nocase(ddl->trigger, updates);
}

bool plan_keeps_indexes(struct planner *planner)
{
    const struct statement *statement = planner->statement;
    const struct config *config = planner->config;
    if (config->index_count == 0 || statement->ddl == NULL) {
        return true;
    }
    for (uint16_t i = 0; i < config->index_count; i++) {
        if (drops(planner, &config->indexes[i])) {
            return refuse(planner, &config->indexes[i]);
        }
    }
    for (const struct table_ref *table = statement->tables; table != NULL; table = table->next) {
        struct scope_ref ref;
        scope_place(planner->request, table, &ref);
        const struct index_config *index =
            ref.config != NULL ? touched_index(statement, ref.config) : NULL;
        if (index != NULL) {
            return refuse(planner, index);
        }
    }
    return true;
}
