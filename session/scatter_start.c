// A scattered statement goes to its targets: by the session's legs on their shards, all at once.
// What was gathered on one server (flow_gather.c) has one target, and goes to that server; a deep
// page (flow_page.c) is read where it was looked for.

#include "router/gather.h"
#include "session/flow_gather.h"
#include "session/scatter_impl.h"

static struct leg_command command_of(struct scatter *scatter, uint32_t target)
{
    struct leg_command command =
        leg_command_of(scatter->flow.request, &scatter->plan.targets[target]);
    command.tag = target;
    command.wants_point = scatter->wants_point;
    command.may_linger = true; // until it is asked for its warnings: scatter_ask_warnings
    command.wants_keep = scatter_asks_found(scatter);
    return command;
}

// What was gathered is on one connection only, beside the transaction if there is one. Where the
// rows before a deep page were counted they are skipped as well.
static struct leg *start_leg(struct scatter *scatter, struct leg_command *command)
{
    const struct gather_plan *gather = scatter->plan.gather;
    if (gather == NULL && scatter->plan.whole == NULL) {
        return leg_start(&scatter->flow, command);
    }
    struct leg *leg = leg_find_held(scatter->flow.session, command->shard);
    command->is_there = true;
    command->is_outside = command->is_beside = gather == NULL || gather->is_inside;
    command->has_own_transaction = gather == NULL;
    leg_start_there(&scatter->flow, leg, command);
    return leg;
}

void scatter_start_all(struct scatter *scatter)
{
    const struct session *session = scatter->flow.session;
    const struct config *config = session_config(session);
    for (uint32_t i = 0; i < scatter->source_count; i++) {
        struct leg_command command = command_of(scatter, i);
        struct slice name = slice_of_string(config->shards[command.shard].name);
        struct slice shard =
            arena_format(scatter_arena(scatter), "%.*s", (int)name.len, (const char *)name.ptr);
        struct scatter_source *source = &scatter->sources[i];
        source_start(source, scatter_arena(scatter), (const char *)shard.ptr, command.kind,
                     session->capabilities);
        scatter->columns.is_binary = command.kind == ANSWER_EXECUTE;
        source->leg = start_leg(scatter, &command);
    }
}

bool scatter_has_other_way(const struct scatter *scatter)
{
    const struct plan *plan = &scatter->plan;
    bool may_have_keys = plan->merge == MERGE_SORT && !scatter->flow.request->wants_sort_keys;
    return plan->access != ACCESS_WRITE && plan->gather == NULL &&
           (may_have_keys || gather_is_possible(scatter->flow.session));
}
