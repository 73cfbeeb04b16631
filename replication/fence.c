// Fences an old primary that was only frozen or cut off: it comes back writable, and knows nothing
// of the promotion that took its place. Its clients are cut off and it is made read-only.
//
// The true primary can't be hit by mistake, because all this is looked at anew on the connections
// that hold the leader's locks, and nobody promotes meanwhile:
//   - a promotion writes the epoch's row on the promoted server before that becomes writable. So
//     the newest epoch's primary knows the newest row; a server that lacks a row which another
//     server has is not the newest epoch's primary, whatever may be on servers that are away;
//   - that row must have come into force: the server that it names takes writes, or one of its
//     replicas has the row. A promotion that isn't finished, or was taken back by hand (its server
//     is a replica), fences nobody;
//   - what can't be read (no right, no answer) is no proof: refused, and tried again.
//
// In order, and why in that order:
//   1. Its clients' connections are ended. A commit that still waits for an acknowledgement blocks
//      read_only; its client hears of a lost connection, and knows nothing, which is true. (Ended
//      alone it would hear OK; so would all if semi-sync were switched off. Semi-sync stays on.)
//      A heartbeat of waybill's own may wait so, too, since before the server was frozen. One that
//      logs in and commits in the millisecond between the last look and the end of the thread that
//      waits for all may still hear OK: only that thread's end makes room for read_only.
//   2. read_only, with a short lock timeout; clients may have come meanwhile: both again.

#include "replication/action_impl.h"

#include <stdio.h>

enum { ATTEMPTS = 5, PAUSE_MS = 50, LOOKS = 5, KILL_NO_SUCH_THREAD = 1094 };

struct fence {
    struct action *action;
    size_t subject;       // places
    size_t owner;         // whom the newest epoch made the primary
    uint64_t epoch;       // the newest
    uint32_t ended;       // connections
    struct error refused; // why the last of those that were left could not be ended
};

static const char *name_at(const struct fence *fence, size_t place)
{
    return fence->action->setup.servers[place].endpoint.name;
}

// ---- may it be fenced?

struct witness {
    bool is_there;
    struct member_state state;
    struct epoch_row row;
};

// The state first, then the row: who takes writes by a promotion had its row before.
static void hear_witnesses(struct fence *fence, struct witness *witnesses)
{
    struct action *action = fence->action;
    for (size_t place = 0; place < action->setup.count; place++) {
        struct witness *witness = &witnesses[place];
        witness->is_there = action->setup.servers[place].is_member &&
                            step_read_state(action, place, &witness->state) &&
                            step_read_epoch(action, place, &witness->row);
        if (witness->is_there && witness->row.epoch > fence->epoch) {
            fence->epoch = witness->row.epoch;
        }
    }
}

static bool find_owner(struct fence *fence, const char *name)
{
    const struct action_setup *setup = &fence->action->setup;
    for (fence->owner = 0; fence->owner < setup->count; fence->owner++) {
        const struct action_server *server = &setup->servers[fence->owner];
        if (server->is_member && strcmp(server->endpoint.name, name) == 0) {
            return true;
        }
    }
    return false;
}

// Does what this server says prove that the newest epoch has come into force? Sets the owner.
static bool proves(struct fence *fence, const struct witness *witnesses, size_t place)
{
    const struct witness *witness = &witnesses[place];
    if (place == fence->subject || !witness->is_there || witness->row.epoch != fence->epoch ||
        !find_owner(fence, witness->row.primary_name) || fence->owner == fence->subject) {
        return false;
    }
    if (place == fence->owner) {
        return !witness->state.is_read_only && witness->state.source_count == 0;
    }
    const struct witness *owner = &witnesses[fence->owner];
    bool is_owner_led = owner->is_there && owner->state.source_count > 0;
    return !is_owner_led && step_is_replica_of(fence->action, &witness->state, fence->owner);
}

static bool is_proven(struct fence *fence)
{
    struct action *action = fence->action;
    struct witness *witnesses =
        arena_alloc(&action->arena, sizeof *witnesses * action->setup.count);
    hear_witnesses(fence, witnesses);
    const struct witness *subject = &witnesses[fence->subject];
    if (!subject->is_there) {
        return action_give_up(action, "%s: %s", name_at(fence, fence->subject), action->error.text);
    }
    if (subject->row.epoch >= fence->epoch || subject->row.epoch >= action->setup.epoch) {
        return action_give_up(action, "it knows the newest epoch");
    }
    for (size_t place = 0; place < action->setup.count; place++) {
        if (proves(fence, witnesses, place)) {
            return true;
        }
    }
    return action_give_up(action, "neither the primary of epoch %llu nor a replica of it says so",
                          (unsigned long long)fence->epoch);
}

// ---- fencing

static bool kill_listed(struct fence *fence, struct db_rows *rows)
{
    struct action *action = fence->action;
    bool is_connected = true;
    for (bool is_there = rows->count > 0; is_connected && is_there; is_there = db_rows_next(rows)) {
        char statement[64];
        snprintf(statement, sizeof statement, "KILL CONNECTION %llu",
                 (unsigned long long)db_rows_number(rows, "id"));
        if (step_run(action, fence->subject, statement)) {
            fence->ended++;
        } else if (action->error.code != KILL_NO_SUCH_THREAD) {
            fence->refused = action->error;
            is_connected = action->leader.conns[fence->subject] != NULL;
        }
    }
    return is_connected;
}

// Spared are threads that send binlogs, the server's own, and waybill's (whose heartbeats may wait
// for ever). A log-in that isn't finished finds a read-only server.
static bool end_some(struct fence *fence, bool is_waiting, size_t *found)
{
    struct db_rows rows;
    const char *list = (const char *)arena_format(
                           &fence->action->arena,
                           "SELECT id FROM information_schema.processlist WHERE id <> "
                           "CONNECTION_ID() AND user NOT IN ('system user', 'event_scheduler', "
                           "'unauthenticated user') AND command NOT IN ('Daemon', 'Binlog Dump', "
                           "'Binlog Dump GTID', 'Killed') AND (user <> SUBSTRING_INDEX(USER(), "
                           "'@', 1) OR info LIKE 'INSERT INTO waybill.%%') AND "
                           "IFNULL(state, '') %s '%%semi-sync ACK%%'",
                           is_waiting ? "LIKE" : "NOT LIKE")
                           .ptr;
    bool is_fine = step_ask(fence->action, fence->subject, list, &rows);
    *found = rows.count;
    is_fine = is_fine && kill_listed(fence, &rows);
    db_rows_done(&rows);
    return is_fine;
}

// One thread waits for a whole group of commits: woken by its end it lets the others go on, who
// would say OK. So it is ended when all others have been.
static bool end_clients(struct fence *fence)
{
    size_t found = 1;
    fence->refused = (struct error){.code = 0};
    for (int look = 0; look < LOOKS && found > 0; look++) {
        if (!end_some(fence, false, &found)) {
            return false;
        }
    }
    return end_some(fence, true, &found);
}

static bool close_it(struct fence *fence)
{
    struct action *action = fence->action;
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        if (!step_still_leads(action)) {
            return false;
        }
        if (end_clients(fence) && step_run(action, fence->subject, "SET GLOBAL read_only = 1")) {
            return true;
        }
        if (job_wait(action->self, PAUSE_MS, NULL, 0) == JOB_STOP) {
            return action_give_up(action, "waybill stops");
        }
    }
    return action_give_up(action, "%s%s%s (are PROCESS and CONNECTION ADMIN granted?)",
                          action->error.text, fence->refused.code != 0 ? "; " : "",
                          fence->refused.code != 0 ? fence->refused.text : "");
}

bool action_fence(struct action *action)
{
    struct fence fence = {.action = action, .subject = action_place(action, action->setup.subject)};
    struct member_state state;
    if (!step_read_state(action, fence.subject, &state)) {
        return action_give_up(action, "%s", action->error.text);
    }
    if (state.is_read_only || state.source_count > 0) {
        return true; // somebody was faster
    }
    if (!is_proven(&fence) ||
        !step_run(action, fence.subject, "SET SESSION lock_wait_timeout = 1") ||
        !close_it(&fence)) {
        return false;
    }
    // Those that came between, and whom read_only doesn't hold.
    if (!end_clients(&fence) || fence.refused.code != 0) {
        action_say(action, "warning: not all connections to %s could be ended: %s",
                   name_at(&fence, fence.subject),
                   fence.refused.code != 0 ? fence.refused.text : action->error.text);
    }
    action_say(action,
               "%s takes writes though epoch %llu made %s the primary: fenced (read-only), %u "
               "connections ended",
               name_at(&fence, fence.subject), (unsigned long long)fence.epoch,
               name_at(&fence, fence.owner), fence.ended);
    return true;
}
