// What a replica has received and not applied, in a failover.
//
// MariaDB with GTIDs throws it away when a replica is started whose two threads were both stopped,
// whichever of them is started: it asks its primary for it again. With the primary dead it may have
// been the only copy of something that was acknowledged. So the two are never both stopped while
// something is left to apply, and where somebody else has stopped both (or applying has failed), it
// is applied as a replica without GTIDs does it, from a place in a file, which keeps the files.
// Tried: hardparts 2.2.

#include "replication/action_impl.h"

#include <stdio.h>

enum {
    SLICE_S = 1,
    MAX_S = 120, // as long as it moves on; then somebody must look
};

void relay_log_start_applying(struct action *action, size_t place, const struct member_state *state)
{
    if (action->setup.is_mariadb && !state->is_applying && !state->is_stopped) {
        bool is_started = step_run(action, place, "START SLAVE SQL_THREAD");
        (void)is_started; // then it is as if both had been stopped
    }
}

// In slices, so that a stop is heard and the locks are kept alive.
static bool await_end(struct action *action, size_t place, const struct member_state *state)
{
    const char *name = action->setup.servers[place].endpoint.name;
    for (int second = 0; second < MAX_S; second += SLICE_S) {
        struct member_state now;
        if (state->wait_for.len == 0 ||
            step_has_applied(action, place, (const char *)state->wait_for.ptr, SLICE_S)) {
            return true;
        }
        if (!step_still_leads(action)) {
            return false;
        }
        if (!step_read_state(action, place, &now) || !now.is_applying) {
            return action_give_up(action, "%s has stopped to apply what it received", name);
        }
    }
    return action_give_up(action, "%s has not applied all that it received in %d s", name, MAX_S);
}

static bool begin_from_file(struct action *action, size_t place, const struct member_state *state)
{
    char file[600];
    char statement[700];
    db_quote(state->relay_file, file, sizeof file);
    snprintf(statement, sizeof statement,
             "CHANGE MASTER TO MASTER_USE_GTID = no, RELAY_LOG_FILE = %s, RELAY_LOG_POS = %llu",
             file, (unsigned long long)state->relay_at);
    return step_run(action, place, statement) && step_run(action, place, "START SLAVE SQL_THREAD");
}

static bool end_from_file(struct action *action, size_t place)
{
    return step_run(action, place, "STOP SLAVE SQL_THREAD") &&
           step_run(action, place, "CHANGE MASTER TO MASTER_USE_GTID = slave_pos");
}

bool relay_log_apply(struct action *action, size_t place, const struct member_state *state)
{
    const char *name = action->setup.servers[place].endpoint.name;
    if (state->is_applying) {
        return await_end(action, place, state);
    }
    if (!action->setup.is_mariadb) {
        // (It stays marked: its receiving is stopped.)
        return (step_run(action, place, "START SLAVE SQL_THREAD") ||
                action_give_up(action, "%s does not apply: %s", name, action->error.text)) &&
               await_end(action, place, state);
    }
    if (!state->has_unapplied) {
        return true;
    }
    action_say(action, "%s has received what it has not applied, and is stopped: %s from %llu on",
               name, state->relay_file, (unsigned long long)state->relay_at);
    if (!begin_from_file(action, place, state)) {
        return action_give_up(action, "%s does not apply: %s", name, action->error.text);
    }
    return await_end(action, place, state) &&
           (end_from_file(action, place) ||
            action_give_up(action, "%s: %s", name, action->error.text));
}

bool relay_log_receive_again(struct action *action, size_t place, const struct member_state *was)
{
    struct member_state now;
    if (!step_read_state(action, place, &now)) {
        return false;
    }
    if (!now.is_applying && now.has_unapplied) {
        error_set(
            &action->error, 1, "HY000",
            "it is left stopped, for it would throw away what it has received and not applied");
        return false;
    }
    bool stops_applying = action->setup.is_mariadb && now.is_applying && !was->is_applying;
    return step_start_replica(action, place, was->is_applying ? "" : " IO_THREAD") &&
           (!stops_applying || step_run(action, place, "STOP SLAVE SQL_THREAD"));
}
