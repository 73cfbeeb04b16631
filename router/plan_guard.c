// What the configuration says against a SELECT that reads several shards: max_scatter_shards, and
// `scatter` of the user and of each table whose rows come from several shards. The strictest
// counts.
//
// A merge asks the shards of its targets, a gathering those that have rows to give.

#include "router/gather.h"
#include "router/plan_impl.h"

static struct shard_set asked_shards(const struct plan *plan)
{
    struct shard_set set = {0};
    for (uint16_t i = 0; plan->gather == NULL && i < plan->target_count; i++) {
        set.bits |= shard_set_of(plan->targets[i].shard).bits;
    }
    for (uint32_t i = 0; plan->gather != NULL && i < plan->gather->table_count; i++) {
        set.bits |= plan->gather->tables[i].shards.bits;
    }
    return set;
}

// The table with the strictest guard among those that are read on several shards; NULL: none has
// any.
static const struct scope_ref *strictest_table(const struct planner *planner)
{
    const struct scope_ref *found = NULL;
    for (struct scope *scope = planner->scopes.first; scope != NULL; scope = scope->next) {
        for (uint16_t i = 0; i < scope->ref_count; i++) {
            struct scope_ref *ref = &scope->refs[i];
            enum scatter_guard least = found != NULL ? found->config->scatter : GUARD_ALLOW;
            if (ref->place == PLACE_SHARDED && ref->config->scatter > least &&
                shard_set_count(scope_root(scope, ref)->set) > 1) {
                found = ref;
            }
        }
    }
    return found;
}

bool plan_guard(struct planner *planner, const struct reach *reach)
{
    struct plan *plan = planner->plan;
    unsigned shards = shard_set_count(asked_shards(plan));
    int64_t max = planner->config->settings.max_scatter_shards;
    const struct scope_ref *table = strictest_table(planner);
    enum scatter_guard of_user = planner->request->scatter;
    enum scatter_guard of_table = table != NULL ? table->config->scatter : GUARD_ALLOW;
    bool has_guard = max > 0 || of_user != GUARD_ALLOW || of_table != GUARD_ALLOW;
    if (plan->wants_columns || shards <= 1 || !has_guard) {
        return true; // it is planned anew; it is one shard; there is nothing to say
    }
    const char *spread = plan_spread(planner, reach);
    const char *whose = "the user";
    if (of_table > of_user) {
        whose = (const char *)arena_format(planner->arena, "table %s",
                                           scope_table_name(planner->arena, table))
                    .ptr;
    }
    if (max > 0 && shards > (uint64_t)max) {
        return plan_refuse(planner, ER_SCATTER_DENIED,
                           "The statement needs the rows of %u shards, and max_scatter_shards is "
                           "%lld: %s. Add a condition on the shard key, name the shard with /* "
                           "waybill: shard=NAME */, or raise the setting",
                           shards, (long long)max, spread);
    }
    if (of_user == GUARD_DENY || of_table == GUARD_DENY) {
        return plan_refuse(planner, ER_SCATTER_DENIED,
                           "The statement reads %u shards, which scatter = deny of %s forbids: %s. "
                           "Add a condition on the shard key, or name the shard with /* waybill: "
                           "shard=NAME */",
                           shards, whose, spread);
    }
    if (of_user == GUARD_WARN || of_table == GUARD_WARN) {
        struct slice text = arena_format(planner->arena,
                                         "waybill: the statement has read %u shards (scatter = "
                                         "warn of %s): %s",
                                         shards, whose, spread);
        plan_warn(planner, ER_SCATTER_WARNED, (const char *)text.ptr);
    }
    return true;
}
