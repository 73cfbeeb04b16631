// A planned change of a shard's primary. No statement fails for it: new ones wait in waybill, open
// transactions get switchover_grace_ms to end, and what is still open then is ended with 1213. In
// order, and why in that order:
//
//   1. Look: the primary takes writes, the candidate follows it, may be promoted and is hardly
//      behind. Whatever will hinder is found here, while nothing has changed.
//   2. The shard is closed (REPORT_CLOSED): workers hold what is new.
//   3. Open transactions end by themselves, or their time is over.
//   4. The old primary is made read-only, which waits for statements that write; then connections
//      with transactions that are still open are ended: nothing of theirs can be committed any
//      more, and their locks would be in the way of replication.
//   5. The candidate applies all that the old primary has.
//   6. It stops being a replica; the others and the old primary follow it, and one of them has to
//      come, so that there is somebody to acknowledge.
//   ---- up to here whatever is refused is put back: the old primary takes writes again
//   7. The epoch's row, on the candidate, which is still read-only. From here on there is no way
//      back; whoever finds it so opens the candidate (open_primary.c).
//   8. Writable.
//
// Interrupted between 2 and 6 the old primary is read-only and the known primary: it is opened
// again. Between 6 and 8 all others follow the candidate, which makes it the one that is opened.

#include "replication/action_impl.h"

#include <stdio.h>

#include "replication/innodb_status.h"
#include "replication/promotion.h"

enum {
    CATCH_UP_S = 5,  // before anything is changed
    APPLY_MAX_S = 5, // of the rest, while the shard is closed
    POLL_MS = 5,
    LEAD_US = 2000000,
    LOCK_WAIT_S = 3, // for read_only
    NO_SUCH_THREAD = 1094,
};

#define NOWHERE SIZE_MAX // a place

struct switchover {
    struct action *action;
    size_t from, to; // places
    struct member_state state;
    bool is_closed;    // the shard
    bool is_read_only; // the old primary was made so
    bool is_moved;     // replication was changed
    bool is_past_return;
    uint64_t closed_us;
    uint64_t epoch;
    size_t others[SERVERS_MAX]; // places: who followed the old primary, but for the candidate
    size_t other_count;
    size_t followers[SERVERS_MAX]; // places: who was led to the candidate
    size_t follower_count;
};

static const char *name_at(const struct switchover *switchover, size_t place)
{
    return switchover->action->setup.servers[place].endpoint.name;
}

static bool is_connected(const struct switchover *switchover, size_t place)
{
    return switchover->action->leader.conns[place] != NULL;
}

// ---- 1.

static bool check_primary(struct switchover *switchover)
{
    struct action *action = switchover->action;
    struct epoch_row row;
    if (!step_read_state(action, switchover->from, &switchover->state) ||
        !step_read_epoch(action, switchover->from, &row)) {
        return action_give_up(action, "%s: %s", name_at(switchover, switchover->from),
                              action->error.text);
    }
    if (switchover->state.is_read_only || switchover->state.source_count > 0) {
        return action_give_up(action, "%s does not take writes",
                              name_at(switchover, switchover->from));
    }
    uint64_t known = row.epoch > action->setup.epoch ? row.epoch : action->setup.epoch;
    switchover->epoch = known + 1;
    return true;
}

// True: it may become the primary. False with why.
static bool is_able(struct switchover *switchover, size_t place, char *why, size_t why_bytes)
{
    struct action *action = switchover->action;
    struct member_state state;
    struct privileges privileges;
    const char *name = name_at(switchover, place);
    if (action->setup.servers[place].promote == PROMOTE_NEVER) {
        snprintf(why, why_bytes, "%s has promote = never", name);
    } else if (action->setup.servers[place].is_maintained) {
        snprintf(why, why_bytes, "%s is in maintenance", name);
    } else if (!is_connected(switchover, place) ||
               !step_look_at_privileges(action, place, &privileges) ||
               !step_read_state(action, place, &state)) {
        snprintf(why, why_bytes, "%s can't be reached", name);
    } else if (privileges.missing[0] != '\0') {
        privilege_explain(&privileges, name, why, why_bytes);
    } else if (state.is_incomplete) {
        snprintf(why, why_bytes, "%s is being cloned", name);
    } else if (!step_is_replica_of(action, &state, switchover->from)) {
        snprintf(why, why_bytes, "%s does not replicate from %s", name,
                 name_at(switchover, switchover->from));
    } else if (state.delay_s > 0) {
        snprintf(why, why_bytes, "%s applies with a delay of %u s", name, state.delay_s);
    } else if (!state.is_receiving || !state.is_applying) {
        snprintf(why, why_bytes, "replication on %s is stopped", name);
    } else if (!state.is_read_only) {
        snprintf(why, why_bytes, "%s is not read-only", name);
    } else {
        return true;
    }
    return false;
}

static bool choose(struct switchover *switchover)
{
    struct action *action = switchover->action;
    char why[160] = "the shard has no other server";
    bool is_named = action->setup.primary != NO_SERVER;
    int best = 0; // one that is preferred, else one in the primary's zone
    for (size_t place = 0; place < action->setup.count; place++) {
        const struct action_server *server = &action->setup.servers[place];
        if (!server->is_member || place == switchover->from ||
            (is_named && server->server != action->setup.primary)) {
            continue;
        }
        int rank = 1 + (server->promote == PROMOTE_PREFER ? 2 : 0) + server->is_near;
        if (rank > best && is_able(switchover, place, why, sizeof why)) {
            switchover->to = place;
            best = rank;
        }
    }
    return switchover->to != NOWHERE || action_give_up(action, "%s", why);
}

// The candidate has all that the old primary has now, within so many seconds.
static bool catch_up(struct switchover *switchover, int seconds)
{
    struct action *action = switchover->action;
    const char *wait_for =
        (const char *)gtid_print(&switchover->state.received, &action->arena).ptr;
    for (int second = 0; second < seconds; second++) {
        if (wait_for[0] == '\0' || step_has_applied(action, switchover->to, wait_for, 1)) {
            return true;
        }
        if (!step_still_leads(action)) {
            return false;
        }
    }
    return action_give_up(action, "%s has not applied what %s has in %d s",
                          name_at(switchover, switchover->to),
                          name_at(switchover, switchover->from), seconds);
}

static bool look_around(struct switchover *switchover)
{
    return check_primary(switchover) && choose(switchover) && catch_up(switchover, CATCH_UP_S);
}

// ---- 2. and 3.

// Read once, since it is a copy that lasts 100 ms. Spared are replication's threads and waybill's
// own: its heartbeats are short.
static const char open_transactions[] =
    "SELECT trx_mysql_thread_id AS id FROM information_schema.innodb_trx AS trx "
    "JOIN information_schema.processlist AS process ON process.id = trx_mysql_thread_id "
    "WHERE process.id <> CONNECTION_ID() AND user NOT IN ('system user', 'event_scheduler') AND "
    "command NOT IN ('Daemon', 'Binlog Dump', 'Binlog Dump GTID', 'Killed') AND "
    "user <> SUBSTRING_INDEX(USER(), '@', 1)";

static bool wait_for_transactions(struct switchover *switchover)
{
    struct action *action = switchover->action;
    uint64_t until_us = switchover->closed_us + (uint64_t)action->setup.grace_ms * 1000;
    uint64_t led_us = switchover->closed_us;
    size_t open = 1;
    while (open > 0 && job_now_us() < until_us) {
        struct db_rows rows;
        bool is_fine = step_ask(action, switchover->from, "SHOW ENGINE INNODB STATUS", &rows);
        open = innodb_status_open_transactions(db_rows_text(&rows, "Status"));
        db_rows_done(&rows);
        if (!is_fine) {
            return action_give_up(action, "%s: %s", name_at(switchover, switchover->from),
                                  action->error.text);
        }
        if (job_now_us() - led_us > LEAD_US) { // (unused connections end)
            if (!step_still_leads(action)) {
                return false;
            }
            led_us = job_now_us();
        }
        if (open > 0 && job_wait(action->self, POLL_MS, NULL, 0) == JOB_STOP) {
            return action_give_up(action, "waybill stops");
        }
    }
    return true;
}

static bool close_shard(struct switchover *switchover)
{
    struct action *action = switchover->action;
    switchover->is_closed = true;
    switchover->closed_us = job_now_us();
    action_report_closed(action, "%s is to take over from %s: new statements wait",
                         name_at(switchover, switchover->to),
                         name_at(switchover, switchover->from));
    return wait_for_transactions(switchover);
}

// ---- 4.

static bool end_transactions(struct switchover *switchover)
{
    struct action *action = switchover->action;
    struct db_rows rows;
    bool is_fine = step_ask(action, switchover->from, open_transactions, &rows);
    size_t ended = 0;
    for (bool is_there = rows.count > 0; is_fine && is_there; is_there = db_rows_next(&rows)) {
        char statement[64];
        snprintf(statement, sizeof statement, "KILL CONNECTION %llu",
                 (unsigned long long)db_rows_number(&rows, "id"));
        is_fine =
            step_run(action, switchover->from, statement) || action->error.code == NO_SUCH_THREAD;
        ended += is_fine;
    }
    db_rows_done(&rows);
    if (ended > 0) {
        action_say(action,
                   "%zu transactions were still open after %u ms (switchover_grace_ms) and "
                   "are rolled back",
                   ended, action->setup.grace_ms);
    }
    return is_fine || action_give_up(action, "%s: %s", name_at(switchover, switchover->from),
                                     action->error.text);
}

static bool close_primary(struct switchover *switchover)
{
    struct action *action = switchover->action;
    char timeout[64];
    snprintf(timeout, sizeof timeout, "SET SESSION lock_wait_timeout = %d", LOCK_WAIT_S);
    if (!step_still_leads(action)) {
        return false;
    }
    switchover->is_read_only = true; // or may be
    if (!step_run(action, switchover->from, timeout) ||
        !step_run(action, switchover->from, "SET GLOBAL read_only = 1")) {
        return action_give_up(action, "read_only on %s: %s", name_at(switchover, switchover->from),
                              action->error.text);
    }
    if (!end_transactions(switchover)) {
        return false;
    }
    return step_read_state(action, switchover->from, &switchover->state) ||
           action_give_up(action, "%s: %s", name_at(switchover, switchover->from),
                          action->error.text);
}

// ---- 6.

// What it wrote itself is where it goes on from, as a replica.
static bool lead_old_primary(struct switchover *switchover)
{
    struct action *action = switchover->action;
    const char *position =
        (const char *)gtid_print(&switchover->state.received, &action->arena).ptr;
    return (!action->setup.is_mariadb ||
            step_run(action, switchover->from,
                     (const char *)arena_format(&action->arena, "SET GLOBAL gtid_slave_pos = '%s'",
                                                position)
                         .ptr)) &&
           step_follow(action, switchover->from, switchover->to);
}

// They are marked: when this waybill gets no further, the old primary may be a replica by then, and
// another waybill couldn't tell who follows it by mistake.
static void mark_others(struct switchover *switchover)
{
    struct action *action = switchover->action;
    for (size_t place = 0; place < action->setup.count; place++) {
        struct member_state state;
        if (action->setup.servers[place].is_member && place != switchover->from &&
            place != switchover->to && is_connected(switchover, place) &&
            step_read_state(action, place, &state) &&
            step_is_replica_of(action, &state, switchover->from)) {
            step_mark_stopped(action, place);
            switchover->others[switchover->other_count++] = place;
        }
    }
}

// Who can't be led over now is led later, by the monitor.
static void lead_others(struct switchover *switchover)
{
    struct action *action = switchover->action;
    for (size_t i = 0; i < switchover->other_count; i++) {
        size_t place = switchover->others[i];
        if (step_follow(action, place, switchover->to)) {
            switchover->followers[switchover->follower_count++] = place;
        } else {
            action_say(action, "%s can't be led to %s: %s", name_at(switchover, place),
                       name_at(switchover, switchover->to), action->error.text);
        }
    }
}

static bool change_places(struct switchover *switchover)
{
    struct action *action = switchover->action;
    switchover->is_moved = true;
    if (!step_still_leads(action)) {
        return false;
    }
    if (!step_stop_replica(action, switchover->to, "") ||
        !step_run(action, switchover->to, "RESET SLAVE ALL") ||
        !step_set_semi_sync(action, switchover->to, true)) {
        return action_give_up(action, "%s: %s", name_at(switchover, switchover->to),
                              action->error.text);
    }
    mark_others(switchover);
    if (!lead_old_primary(switchover)) {
        return action_give_up(action, "leading %s: %s", name_at(switchover, switchover->from),
                              action->error.text);
    }
    switchover->followers[switchover->follower_count++] = switchover->from;
    lead_others(switchover);
    return promotion_await_follower(action, switchover->to, switchover->followers,
                                    switchover->follower_count);
}

// ---- put back

static void open_again(struct switchover *switchover)
{
    struct action *action = switchover->action;
    size_t from = switchover->from;
    if (switchover->is_moved &&
        (!step_stop_replica(action, from, "") || !step_run(action, from, "RESET SLAVE ALL") ||
         !step_set_semi_sync(action, from, true))) {
        action_say(action, "%s could not be put back: %s", name_at(switchover, from),
                   action->error.text);
        return;
    }
    if (!step_run(action, from, "SET GLOBAL read_only = 0")) {
        action_say(action, "%s could not be opened again: %s", name_at(switchover, from),
                   action->error.text);
        return;
    }
    action_report_opened(action, action->setup.subject, switchover->epoch - 1);
}

static void put_back(struct switchover *switchover)
{
    struct action *action = switchover->action;
    if (switchover->is_read_only) {
        open_again(switchover);
    } else if (switchover->is_closed) {
        action_report_opened(action, action->setup.subject, switchover->epoch - 1);
    }
    for (size_t place = 0; switchover->is_moved && place < action->setup.count; place++) {
        bool was_moved = place == switchover->to;
        for (size_t i = 0; i < switchover->follower_count; i++) {
            was_moved |= switchover->followers[i] == place;
        }
        if (was_moved && place != switchover->from &&
            !step_follow(action, place, switchover->from)) {
            action_say(action, "%s could not be led back: %s", name_at(switchover, place),
                       action->error.text);
        }
    }
    for (size_t i = 0; i < switchover->other_count; i++) {
        step_clear_mark(action, switchover->others[i]);
    }
}

// ---- 7. and 8.

static bool open_new_primary(struct switchover *switchover)
{
    struct action *action = switchover->action;
    struct member_state state;
    if (!step_read_state(action, switchover->to, &state)) {
        return action_give_up(action, "%s: %s", name_at(switchover, switchover->to),
                              action->error.text);
    }
    struct promotion promotion = {
        .place = switchover->to,
        .epoch = switchover->epoch,
        .server_id = state.server_id,
        .cut = &switchover->state.received,
    };
    bool is_written = promotion_write_epoch(action, &promotion);
    switchover->is_past_return = promotion.may_be_written;
    if (!is_written || !step_still_leads(action)) {
        return false;
    }
    if (!step_run(action, switchover->to, "SET GLOBAL read_only = 0")) {
        return action_give_up(action, "opening %s: %s", name_at(switchover, switchover->to),
                              action->error.text);
    }
    action_report_opened(action, action->setup.servers[switchover->to].server, switchover->epoch);
    action_say(action, "the shard was closed for %u ms",
               (unsigned)((job_now_us() - switchover->closed_us) / 1000));
    return true;
}

bool action_switchover(struct action *action)
{
    struct switchover *switchover = arena_alloc(&action->arena, sizeof *switchover);
    switchover->action = action;
    switchover->from = action_place(action, action->setup.subject);
    switchover->to = NOWHERE;
    if (!look_around(switchover)) {
        return false;
    }
    if (!close_shard(switchover) || !close_primary(switchover) ||
        !catch_up(switchover, APPLY_MAX_S) || !change_places(switchover) ||
        !open_new_primary(switchover)) {
        if (!switchover->is_past_return) {
            put_back(switchover);
        }
        return false;
    }
    promotion_write_event(action, switchover->to, "%s took over from %s, epoch %llu",
                          name_at(switchover, switchover->to),
                          name_at(switchover, switchover->from),
                          (unsigned long long)switchover->epoch);
    return true;
}
