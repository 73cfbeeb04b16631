// Promotes a replica of a dead primary. In order, and why in that order:
//
//   1. Does anybody take writes already (another proxy was faster, or it isn't dead)? Then nothing.
//   2. Stop receiving on all replicas, then read what each has received. Stopping first also
//   fences: a
//      primary that is alive after all gets no acknowledgement any more.
//   3. Decide (failover_decide). Refused: receiving is started again.
//   4. The candidate applies all that it has received.
//   5. Semi-sync as a source on the candidate; the others follow it, so that it has somebody to
//      acknowledge before the first client comes.
//   6. The epoch row, written as an administrator while the server is still read-only: it comes
//   back
//      only when a replica has it. From here on every proxy knows.
//   7. Writable; the monitor hears of it at once.
//   8. Look whether the others do follow.
//
// It can end anywhere and be begun again, by any proxy: until 7 the candidate keeps its place as a
// replica of the dead primary (RESET SLAVE ALL is part of 7), and between RESET SLAVE ALL and
// read_only = 0 the picture is "all read-only, the others follow it", which is opened
// (open_primary.c).

#include "replication/action_impl.h"

#include <stdio.h>
#include <time.h>

#include "replication/failover_decide.h"
#include "replication/schema.h"

enum {
    APPLY_SLICE_S = 1,
    APPLY_MAX_S = 120, // a relay backlog is applied as long as it moves on; then somebody must look
    FOLLOW_LOOKS = 100,
    FOLLOW_LOOK_MS = 20,
    NO_SUCH_SCHEMA = 1049,
    NO_SUCH_TABLE = 1146
};

struct failover {
    struct action *action;
    size_t dead;                 // places in setup.servers
    size_t members[SERVERS_MAX]; // the shard's other servers
    struct failover_member views[SERVERS_MAX];
    struct member_state states[SERVERS_MAX];
    size_t count;
    size_t candidate;      // in members
    uint64_t stopped_us;   // when nobody received any more
    size_t follower_count; // others that could be told to follow
    bool is_follower[SERVERS_MAX];
};

static const char *name_of(const struct failover *failover, size_t i)
{
    size_t place = failover->members[i];
    return failover->action->setup.servers[place].endpoint.name;
}

static bool is_connected(const struct failover *failover, size_t i)
{
    return failover->action->leader.conns[failover->members[i]] != NULL;
}

static void find_members(struct failover *failover)
{
    const struct action_setup *setup = &failover->action->setup;
    failover->dead = action_place(failover->action, setup->subject);
    for (size_t place = 0; place < setup->count; place++) {
        if (setup->servers[place].is_member && place != failover->dead) {
            failover->members[failover->count++] = place;
        }
    }
}

// 1. False: given up.
static bool look_around(struct failover *failover)
{
    struct action *action = failover->action;
    if (action->leader.conns[failover->dead] != NULL) {
        return action_give_up(action, "it answers again");
    }
    for (size_t i = 0; i < failover->count; i++) {
        size_t place = failover->members[i];
        struct member_state *state = &failover->states[i];
        struct failover_member *view = &failover->views[i];
        view->is_reachable = is_connected(failover, i) && step_read_state(action, place, state);
        view->is_replica = action->setup.servers[place].role != ROLE_DETACHED &&
                           (!view->is_reachable || state->source_count > 0);
        if (view->is_reachable && !state->is_read_only && state->source_count == 0) {
            return action_give_up(action, "%s takes writes already", name_of(failover, i));
        }
    }
    return true;
}

// 2. All at once: a replica whose primary hangs takes seconds for it (it wants to tell the
// primary). One that fails here counts as unreachable.
static void stop_receiving(struct failover *failover)
{
    struct action *action = failover->action;
    bool is_sent[SERVERS_MAX] = {false};
    for (size_t i = 0; i < failover->count; i++) {
        is_sent[i] = failover->views[i].is_reachable && failover->views[i].is_replica &&
                     step_send(action, failover->members[i], "STOP SLAVE IO_THREAD");
    }
    for (size_t i = 0; i < failover->count; i++) {
        struct failover_member *view = &failover->views[i];
        if (view->is_reachable && view->is_replica) {
            view->is_reachable =
                is_sent[i] && step_finish(action, failover->members[i]) &&
                step_read_state(action, failover->members[i], &failover->states[i]);
        }
        view->received = failover->states[i].received;
    }
    failover->stopped_us = job_now_us();
}

static void start_receiving_again(struct failover *failover)
{
    for (size_t i = 0; i < failover->count; i++) {
        if (failover->views[i].is_reachable && failover->views[i].is_replica) {
            bool is_started =
                step_run(failover->action, failover->members[i], "START SLAVE IO_THREAD");
            (void)is_started; // the probes show what did not come back
        }
    }
}

// 3.
static bool choose(struct failover *failover)
{
    struct action *action = failover->action;
    struct failover_choice choice;
    failover_decide(failover->views, failover->count, &choice);
    if (choice.is_refused) {
        return action_give_up(action, "%s", choice.why);
    }
    failover->candidate = choice.candidate;
    action_say(
        action, "receiving was stopped at +%u ms; %s is chosen: %s (%s)",
        (unsigned)((failover->stopped_us - action->began_us) / 1000),
        name_of(failover, choice.candidate), choice.why,
        (const char *)gtid_print(&failover->views[choice.candidate].received, &action->arena).ptr);
    if (!action->setup.was_semi_sync) {
        action_say(action, "warning: semi-sync was not on at the old primary, or this was never "
                           "seen: what it acknowledged last may be lost");
    }
    return true;
}

// Both functions: 0 or more when it is applied, -1 when the time is over, NULL when it can't be.
static bool wait_a_slice(struct failover *failover)
{
    struct action *action = failover->action;
    struct dbconn *conn = action->leader.conns[failover->members[failover->candidate]];
    struct db_rows rows;
    bool is_answered = dbconn_query(
        conn, &rows, &action->error, "SELECT %s('%s', %d) AS waited",
        action->setup.is_mariadb ? "MASTER_GTID_WAIT" : "WAIT_UNTIL_SQL_THREAD_AFTER_GTIDS",
        (const char *)failover->states[failover->candidate].wait_for.ptr, APPLY_SLICE_S);
    const char *waited = db_rows_text(&rows, "waited");
    bool is_applied = is_answered && waited[0] >= '0' && waited[0] <= '9';
    db_rows_done(&rows);
    return is_applied;
}

// 4. In slices, so that a stop is heard and the locks are kept alive.
static bool apply_all(struct failover *failover)
{
    struct action *action = failover->action;
    size_t place = failover->members[failover->candidate];
    const struct member_state *state = &failover->states[failover->candidate];
    if (!state->is_applying && !step_run(action, place, "START SLAVE SQL_THREAD")) {
        return action_give_up(action, "%s does not apply: %s",
                              name_of(failover, failover->candidate), action->error.text);
    }
    for (int second = 0; second < APPLY_MAX_S; second += APPLY_SLICE_S) {
        struct member_state now;
        if (state->wait_for.len == 0 || wait_a_slice(failover)) {
            action_say(action, "%s has applied it", name_of(failover, failover->candidate));
            return true;
        }
        if (!step_still_leads(action)) {
            return false;
        }
        if (!step_read_state(action, place, &now) || !now.is_applying) {
            return action_give_up(action, "%s has stopped to apply what it received",
                                  name_of(failover, failover->candidate));
        }
    }
    return action_give_up(action, "%s has not applied all that it received in %d s",
                          name_of(failover, failover->candidate), APPLY_MAX_S);
}

// 5. A replica that can't be led over now is led later, by the monitor.
static bool gather_followers(struct failover *failover)
{
    struct action *action = failover->action;
    size_t candidate = failover->members[failover->candidate];
    if (!step_run(action, candidate, "STOP SLAVE")) {
        return action_give_up(action, "STOP SLAVE on %s: %s",
                              name_of(failover, failover->candidate), action->error.text);
    }
    for (size_t i = 0; i < failover->count; i++) {
        if (i == failover->candidate || !failover->views[i].is_reachable ||
            !failover->views[i].is_replica) {
            continue;
        }
        failover->is_follower[i] = step_follow(action, failover->members[i], candidate);
        failover->follower_count += failover->is_follower[i];
        if (!failover->is_follower[i]) {
            action_say(action, "%s can't be led to it: %s", name_of(failover, i),
                       action->error.text);
        }
    }
    if (failover->follower_count == 0) {
        action_say(action, "warning: no replica is left to acknowledge what is committed from now "
                           "on: semi-sync stays off");
        return true;
    }
    return step_set_semi_sync(action, candidate, true) ||
           action_give_up(action, "semi-sync on %s: %s", name_of(failover, failover->candidate),
                          action->error.text);
}

// 6.
static bool record_epoch(struct failover *failover)
{
    struct action *action = failover->action;
    size_t place = failover->members[failover->candidate];
    struct dbconn *conn = action->leader.conns[place];
    struct slice cut = gtid_print(&failover->views[failover->candidate].received, &action->arena);
    for (int attempt = 0; attempt < 2 && conn != NULL; attempt++) {
        if (dbconn_run(conn, &action->error,
                       "INSERT INTO waybill.topology (shard, epoch, primary_name, server_id, "
                       "cut_gtid, at) VALUES ('%s', %llu, '%s', %u, '%s', NOW(3))",
                       action->setup.shard_name, (unsigned long long)action->setup.epoch + 1,
                       name_of(failover, failover->candidate),
                       failover->states[failover->candidate].server_id, (const char *)cut.ptr)) {
            action_say(action, "epoch %llu is written",
                       (unsigned long long)action->setup.epoch + 1);
            return true;
        }
        bool is_missing =
            action->error.code == NO_SUCH_SCHEMA || action->error.code == NO_SUCH_TABLE;
        if (!is_missing || !schema_create(conn, &action->error)) {
            break;
        }
    }
    return action_give_up(action, "the epoch could not be written on %s: %s",
                          name_of(failover, failover->candidate), action->error.text);
}

// 7.
static bool open_candidate(struct failover *failover)
{
    struct action *action = failover->action;
    size_t place = failover->members[failover->candidate];
    if (!step_still_leads(action)) {
        return false;
    }
    if (!step_run(action, place, "RESET SLAVE ALL") ||
        !step_run(action, place, "SET GLOBAL read_only = 0")) {
        return action_give_up(action, "opening %s: %s", name_of(failover, failover->candidate),
                              action->error.text);
    }
    action_report_opened(action, action->setup.servers[place].server, action->setup.epoch + 1);
    return true;
}

// 8.
static void look_at_followers(struct failover *failover)
{
    struct action *action = failover->action;
    for (size_t i = 0; i < failover->count; i++) {
        struct member_state state = {.is_receiving = false};
        for (int look = 0; look < FOLLOW_LOOKS && failover->is_follower[i]; look++) {
            if (!step_read_state(action, failover->members[i], &state) || state.is_receiving ||
                job_wait(action->self, FOLLOW_LOOK_MS, NULL, 0) == JOB_STOP) {
                break;
            }
        }
        if (failover->is_follower[i]) {
            action_say(action, "%s %s %s", name_of(failover, i),
                       state.is_receiving && state.is_applying ? "follows" : "does not follow",
                       name_of(failover, failover->candidate));
        }
    }
}

static void write_event(struct failover *failover)
{
    struct action *action = failover->action;
    bool is_written =
        step_run(action, failover->members[failover->candidate],
                 (const char *)arena_format(&action->arena,
                                            "INSERT INTO waybill.event (at, proxy, text) VALUES "
                                            "(NOW(3), %u, 'shard %s: %s promoted instead of %s, "
                                            "epoch %llu')",
                                            action->setup.proxy, action->setup.shard_name,
                                            name_of(failover, failover->candidate),
                                            action->setup.servers[failover->dead].endpoint.name,
                                            (unsigned long long)action->setup.epoch + 1)
                     .ptr);
    if (!is_written) {
        action_say(action, "the event could not be written: %s", action->error.text);
    }
}

bool action_failover(struct action *action)
{
    struct failover *failover = arena_alloc(&action->arena, sizeof *failover);
    failover->action = action;
    find_members(failover);
    if (!look_around(failover)) {
        return false;
    }
    stop_receiving(failover);
    if (!choose(failover)) {
        start_receiving_again(failover);
        return false;
    }
    if (!apply_all(failover) || !gather_followers(failover) || !record_epoch(failover) ||
        !open_candidate(failover)) {
        return false;
    }
    look_at_followers(failover);
    write_event(failover);
    return true;
}
