// Constraints that can't hold where rows are on several shards: each server sees its own rows only.
// They are found when they are made, and reported or refused (unsafe_constraints).
//
//     UNIQUE         holds when equal values mean the same shard: the shard key or the id is in it
//     FOREIGN KEY    ... when the parent's row is on the child's shard: a reference table, or
//                    sharded together and joined by what places the rows
//     AUTO_INCREMENT counts on each shard by itself; an id that waybill makes, and a shard key,
//                    which has to be given, are not counted

#include "base/text.h"
#include "router/plan_impl.h"

static const char *table_name(struct planner *planner, const struct scope_ref *ref)
{
    return scope_table_name(planner->arena, ref);
}

// All shards' values are different.
static bool has_unique_index(const struct scope_ref *table, struct slice column)
{
    const struct index_config *index = table->config != NULL ? table->config->indexes : NULL;
    while (index != NULL && !(index->is_unique && slice_is_nocase(column, index->column))) {
        index = index->next;
    }
    return index != NULL;
}

static bool holds_unique(const struct scope_ref *table, const struct constraint_def *constraint)
{
    for (const struct key_part *part = constraint->parts; part != NULL; part = part->next) {
        if (part->is_whole && (scope_attribute(table, part->name) != ATTRIBUTE_NONE ||
                               has_unique_index(table, part->name))) {
            return true;
        }
    }
    return table->place != PLACE_SHARDED;
}

// The parent's schema is the child's where none is written.
static void place_parent(struct planner *planner, const struct scope_ref *child,
                         const struct constraint_def *constraint, struct scope_ref *parent)
{
    struct table_ref *table = arena_alloc(planner->arena, sizeof *table);
    *table = *constraint->references;
    if (table->schema.len == 0) {
        table->schema = child->table->schema;
    }
    scope_place(planner->request, table, parent);
}

static bool holds_foreign(const struct scope_ref *child, const struct scope_ref *parent,
                          const struct constraint_def *constraint)
{
    if (parent->place == PLACE_REFERENCE || constraint->referenced == NULL) {
        return true;
    }
    if (child->place == PLACE_HOME && parent->place == PLACE_HOME) {
        return child->home == parent->home;
    }
    const struct key_part *to = constraint->referenced;
    for (const struct key_part *part = constraint->parts; part != NULL && to != NULL;
         part = part->next, to = to->next) {
        enum attribute attribute = scope_attribute(child, part->name);
        if (attribute != ATTRIBUTE_NONE && attribute == scope_attribute(parent, to->name) &&
            scope_are_together(child, parent, attribute)) {
            return true;
        }
    }
    return false;
}

static bool holds_counter(const struct scope_ref *table, const struct constraint_def *constraint)
{
    return table->place == PLACE_HOME ||
           (table->config != NULL && row_id_is_column(table->config, constraint->parts->name)) ||
           (table->place == PLACE_SHARDED &&
            scope_attribute(table, constraint->parts->name) != ATTRIBUTE_NONE);
}

// "`a`, `b`"
static struct slice list_parts(struct planner *planner, const struct constraint_def *constraint)
{
    struct text list;
    text_init(&list);
    for (const struct key_part *part = constraint->parts; part != NULL; part = part->next) {
        text_add_string(&list, part == constraint->parts ? "" : ", ");
        text_add_format(&list, part->name.len > 0 ? "`%.*s`" : "an expression", (int)part->name.len,
                        (const char *)part->name.ptr);
    }
    struct slice kept = arena_copy(planner->arena, text_slice(&list));
    text_done(&list);
    return slice_part(kept, 0, kept.len < 100 ? kept.len : 100);
}

static const char *placing_column(const struct scope_ref *table)
{
    return table->config->key != NULL ? table->config->key : table->config->id_column;
}

static struct slice tell_unique(struct planner *planner, const struct scope_ref *table,
                                const struct constraint_def *constraint)
{
    struct slice parts = list_parts(planner, constraint);
    return arena_format(planner->arena,
                        "%s (%.*s) of table %s lacks what places its rows, `%s`: each shard finds "
                        "equal values among its own rows only. Add that column to it",
                        constraint->kind == CONSTRAINT_PRIMARY ? "PRIMARY KEY" : "UNIQUE",
                        (int)parts.len, (const char *)parts.ptr, table_name(planner, table),
                        placing_column(table));
}

static struct slice tell_foreign(struct planner *planner, const struct scope_ref *child,
                                 const struct scope_ref *parent,
                                 const struct constraint_def *constraint)
{
    struct slice parts = list_parts(planner, constraint);
    return arena_format(planner->arena,
                        "FOREIGN KEY (%.*s) of table %s refers to table %s, whose row may be on "
                        "another shard, where no server looks: refer to a reference table, or by "
                        "the shard key or the id to a table that is sharded together with it",
                        (int)parts.len, (const char *)parts.ptr, table_name(planner, child),
                        table_name(planner, parent));
}

static struct slice tell_counter(struct planner *planner, const struct scope_ref *table,
                                 const struct constraint_def *constraint)
{
    struct slice parts = list_parts(planner, constraint);
    return arena_format(
        planner->arena,
        "AUTO_INCREMENT of %.*s of table %s counts on each shard by itself, so "
        "that %s: give the value in each INSERT, or have waybill make it (id = or row_id = "
        "in the table's section)",
        (int)parts.len, (const char *)parts.ptr, table_name(planner, table),
        table->place == PLACE_SHARDED ? "values come twice" : "the copies may come to differ");
}

static bool report(struct planner *planner, enum error_code code, struct slice text)
{
    bool is_denied = planner->config->settings.unsafe_constraints == GUARD_DENY;
    if (is_denied) {
        return plan_refuse(planner, code, "%.*s (unsafe_constraints = deny)", (int)text.len,
                           (const char *)text.ptr);
    }
    plan_warn(planner, code, (const char *)text.ptr);
    return true;
}

static bool look_at(struct planner *planner, const struct scope_ref *table,
                    const struct constraint_def *constraint)
{
    struct scope_ref parent;
    switch (constraint->kind) {
    case CONSTRAINT_UNIQUE:
    case CONSTRAINT_PRIMARY:
        return holds_unique(table, constraint) ||
               report(planner, ER_UNSAFE_UNIQUE, tell_unique(planner, table, constraint));
    case CONSTRAINT_FOREIGN:
        if (constraint->references == NULL) {
            return true; // a mistake: the server says it
        }
        place_parent(planner, table, constraint, &parent);
        return holds_foreign(table, &parent, constraint) ||
               report(planner, ER_UNSAFE_FOREIGN_KEY,
                      tell_foreign(planner, table, &parent, constraint));
    case CONSTRAINT_COUNTER:
        return holds_counter(table, constraint) ||
               report(planner, ER_UNSAFE_COUNTER, tell_counter(planner, table, constraint));
    }
    return true;
}

bool plan_constraints(struct planner *planner, const struct scope_ref *table)
{
    const struct ddl_part *ddl = planner->statement->ddl;
    if (ddl->is_temporary || planner->config->settings.unsafe_constraints == GUARD_ALLOW) {
        return true;
    }
    for (const struct constraint_def *one = ddl->constraints; one != NULL; one = one->next) {
        if (!look_at(planner, table, one)) {
            return false;
        }
    }
    return true;
}
