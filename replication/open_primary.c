// Opens the primary of a shard whose servers are all read-only (servers start so), and leads a
// stray replica back. Both first look again, on their own connections, at what the monitor
// believes.

#include "replication/action_impl.h"
#include "replication/xa_repair.h"

static const char *name_at(const struct action *action, size_t place)
{
    return action->setup.servers[place].endpoint.name;
}

// A replica that waits for its next attempt to connect comes at once. What can't be done now shows
// in the probes.
static void wake_replica(struct action *action, size_t place, const struct member_state *state)
{
    if (!state->is_receiving) {
        bool is_awake =
            step_stop_replica(action, place, " IO_THREAD") && step_start_replica(action, place, "");
        (void)is_awake;
    }
}

// Nobody else takes writes, and no replica has more than the primary: it would have lost something
// in its crash that was acknowledged. Counts the replicas.
static bool check_others(struct action *action, size_t primary,
                         const struct member_state *primary_state, size_t *follower_count)
{
    for (size_t place = 0; place < action->setup.count; place++) {
        struct member_state state;
        if (!action->setup.servers[place].is_member || place == primary ||
            action->leader.conns[place] == NULL) {
            continue;
        }
        if (!step_read_state(action, place, &state)) {
            return action_give_up(action, "%s: %s", name_at(action, place), action->error.text);
        }
        if (state.source_count == 0 && !state.is_read_only) {
            return action_give_up(action, "%s takes writes", name_at(action, place));
        }
        if (!step_is_replica_of(action, &state, primary)) {
            continue;
        }
        if (!gtid_contains(&primary_state->received, &state.received)) {
            return action_give_up(
                action, "%s has %s, which %s (%s) lacks", name_at(action, place),
                (const char *)gtid_print(&state.received, &action->arena).ptr,
                name_at(action, primary),
                (const char *)gtid_print(&primary_state->received, &action->arena).ptr);
        }
        *follower_count += 1;
    }
    return true;
}

static void wake_replicas(struct action *action, size_t primary)
{
    for (size_t place = 0; place < action->setup.count; place++) {
        struct member_state state;
        if (action->setup.servers[place].is_member && place != primary &&
            action->leader.conns[place] != NULL && step_read_state(action, place, &state) &&
            step_is_replica_of(action, &state, primary)) {
            wake_replica(action, place, &state);
        }
    }
}

// It may have crashed and come back where it was.
static bool reconcile(struct action *action, size_t primary)
{
    struct xa_ledger ledger;
    if (!action->setup.is_mariadb || !action->setup.has_branches) {
        return true;
    }
    bool is_fine =
        xa_read(action, primary, NULL, &ledger) && xa_finish_behind(action, primary, &ledger) &&
        xa_make_lost(action, primary, &ledger) && xa_roll_back_lost(action, primary, &ledger);
    xa_ledger_done(&ledger);
    return is_fine;
}

bool action_open(struct action *action)
{
    size_t primary = action_place(action, action->setup.subject);
    struct member_state state;
    size_t follower_count = 0;
    if (!step_read_state(action, primary, &state)) {
        return action_give_up(action, "%s", action->error.text);
    }
    if (state.source_count > 0) {
        return action_give_up(action, "it is a replica");
    }
    if (!state.is_read_only) {
        return action_give_up(action, "it takes writes already");
    }
    if (!check_others(action, primary, &state, &follower_count) || !reconcile(action, primary)) {
        return false;
    }
    if (follower_count > 0) {
        if (!step_set_semi_sync(action, primary, true)) {
            return action_give_up(action, "semi-sync: %s", action->error.text);
        }
        wake_replicas(action, primary);
    }
    if (!step_still_leads(action)) {
        return false;
    }
    if (!step_run(action, primary, "SET GLOBAL read_only = 0")) {
        return action_give_up(action, "%s", action->error.text);
    }
    action_report_opened(action, action->setup.subject, action->setup.epoch);
    return true;
}

bool action_follow(struct action *action)
{
    size_t stray = action_place(action, action->setup.subject);
    size_t primary = action_place(action, action->setup.primary);
    struct member_state stray_state;
    struct member_state primary_state;
    if (!step_read_state(action, primary, &primary_state) ||
        !step_read_state(action, stray, &stray_state)) {
        return action_give_up(action, "%s", action->error.text);
    }
    if (primary_state.is_read_only || primary_state.source_count > 0) {
        return action_give_up(action, "%s does not take writes", name_at(action, primary));
    }
    if (!stray_state.is_read_only || stray_state.source_count != 1) {
        return action_give_up(action, "it is no read-only replica");
    }
    if (!gtid_contains(&primary_state.received, &stray_state.received)) {
        return action_give_up(action, "it has %s, which %s lacks",
                              (const char *)gtid_print(&stray_state.received, &action->arena).ptr,
                              name_at(action, primary));
    }
    // (What it received and has not applied is received again; see mend.c.)
    if (!step_stop_replica(action, stray, " IO_THREAD") ||
        !step_read_state(action, stray, &stray_state) ||
        !step_mark_had(action, stray, &stray_state.received) ||
        !step_follow(action, stray, primary)) {
        return action_give_up(action, "%s", action->error.text);
    }
    // A primary that was promoted without a replica waits for this one from now on.
    if (!step_set_semi_sync(action, primary, true)) {
        return action_give_up(action, "semi-sync on %s: %s", name_at(action, primary),
                              action->error.text);
    }
    action_say(action, "%s follows %s", name_at(action, stray), name_at(action, primary));
    step_await_had(action, stray, &stray_state.received);
    return true;
}
