#include "router/written.h"

static struct slice name_in_statement(const struct table_ref *table)
{
    return table->alias.len > 0 ? table->alias : table->name;
}

// SET a.x = ..., b.y = ...: a and b. A column without a table may be anybody's.
static bool is_updated(const struct change_part *change, struct slice name)
{
    for (const struct assignment *one = change->set; one != NULL; one = one->next) {
        struct slice of = one->column->table;
        if (of.len == 0 || slice_equal_nocase(of, name)) {
            return true;
        }
    }
    return false;
}

// DELETE a, b FROM ...
static bool is_deleted_from(const struct change_part *change, struct slice name)
{
    for (const struct table_ref *target = change->targets; target != NULL; target = target->next) {
        if (slice_equal_nocase(target->name, name)) {
            return true;
        }
    }
    return change->targets == NULL;
}

bool written_is(const struct statement *statement, const struct table_ref *table)
{
    const struct change_part *change = statement->change;
    if (table->name.len == 0 || table->is_cte || table->is_function || table->derived != NULL) {
        return false;
    }
    if (change == NULL || !change->is_multi_table) {
        return true;
    }
    struct slice name = name_in_statement(table);
    return change->set != NULL ? is_updated(change, name) : is_deleted_from(change, name);
}

enum written_hidden written_hidden(const struct statement *statement)
{
    bool is_sequence = statement->tables == NULL && (statement->facts & FACT_WRITES) != 0;
    if (statement->kind == STATEMENT_UNKNOWN) {
        return HIDDEN_UNREAD;
    }
    if ((statement->facts & FACT_ROUTINE) != 0) {
        return HIDDEN_ROUTINE;
    }
    return is_sequence || (statement->facts & FACT_UNKNOWN_FUNCTION) != 0 ? HIDDEN_FUNCTION
                                                                          : HIDDEN_NONE;
}
