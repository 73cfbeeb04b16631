// Sequences. One lives on one shard, its home, as every table that isn't declared otherwise, and is
// used from there: NEXTVAL(s) in a statement without tables goes to it, beside the transaction, as
// no ROLLBACK takes a value back. For an INSERT of rows that belong elsewhere the values are asked
// first and put in (STEPS_VALUES). What else would need it on another shard is refused.

#include "router/plan_impl.h"

uint16_t plan_sequence_home(const struct planner *planner)
{
    const struct sequence_ref *first = planner->statement->sequences;
    struct scope_ref ref;
    if (first == NULL) {
        return NO_SHARD;
    }
    scope_place(planner->request, &first->table, &ref);
    return ref.place == PLACE_HOME ? ref.home : NO_SHARD;
}

static bool refuse_last(struct planner *planner, const struct sequence_ref *sequence)
{
    return plan_refuse(planner, ER_CROSS_SHARD,
                       "LASTVAL(%.*s) is what one connection to the server had last, and here "
                       "statements have several: keep the value that NEXTVAL gives",
                       (int)sequence->table.name.len, (const char *)sequence->table.name.ptr);
}

bool plan_sequences(struct planner *planner)
{
    uint16_t home = plan_sequence_home(planner);
    const struct sequence_ref *one = planner->statement->sequences;
    for (; one != NULL && planner->hint_shard == NO_SHARD; one = one->next) {
        struct scope_ref ref;
        scope_place(planner->request, &one->table, &ref);
        const char *name = scope_table_name(planner->arena, &ref);
        if (one->is_last) {
            return refuse_last(planner, one);
        }
        if (ref.place != PLACE_HOME) {
            return plan_refuse(planner, ER_CROSS_SHARD_WRITE,
                               "Sequence %s has to live on one shard, and the configuration says "
                               "of this name that it is on several: take its section out, or say "
                               "type = unsharded",
                               name);
        }
        if (ref.home != home) {
            return plan_refuse(planner, ER_CROSS_SHARD,
                               "The statement uses sequences of several shards: ask for the values "
                               "one by one");
        }
    }
    return true;
}

// The statement has to do with tables that aren't on its home alone.
static bool refuse_elsewhere(struct planner *planner, uint16_t home)
{
    struct slice name = planner->statement->sequences->table.name;
    const char *shard = plan_shard_name(planner, home);
    if (planner->statement->kind == STATEMENT_DDL) {
        return plan_refuse(planner, ER_CROSS_SHARD,
                           "A DEFAULT of sequence %.*s would do on shard %s only, where that "
                           "lives, and the table is elsewhere: leave it out and write NEXTVAL() in "
                           "the INSERT, or give the table row ids (row_id = column)",
                           (int)name.len, (const char *)name.ptr, shard);
    }
    return plan_refuse(planner, ER_CROSS_SHARD_WRITE,
                       "The sequence %.*s lives on shard %s, and the statement needs other shards: "
                       "SELECT NEXTVAL(%.*s) first and put the value in",
                       (int)name.len, (const char *)name.ptr, shard, (int)name.len,
                       (const char *)name.ptr);
}

bool plan_check_sequences(struct planner *planner)
{
    struct plan *plan = planner->plan;
    uint16_t home = plan_sequence_home(planner);
    if (home == NO_SHARD || planner->hint_shard != NO_SHARD || plan->steps != STEPS_NONE ||
        plan->wants_columns) {
        return true;
    }
    for (uint16_t i = 0; i < plan->target_count; i++) {
        if (plan->targets[i].shard != home || plan->gather != NULL) {
            return refuse_elsewhere(planner, home);
        }
    }
    const struct statement *statement = planner->statement;
    plan->is_beside = statement->kind == STATEMENT_SELECT && planner->scopes.first != NULL &&
                      planner->scopes.first->ref_count == 0 && planner->scopes.first->next == NULL;
    return true;
}
