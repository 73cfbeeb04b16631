// CLONE SERVER to FROM from: a replica is made anew from a healthy server of its shard. waybill has
// nothing on the servers but accounts, so it is a copy row by row. In order, and why in that order:
//
//   1. Look, and read the definitions. What can't be cloned is refused while nothing is changed.
//   2. A snapshot, and the position that is exactly its own (clone_snapshot.c); the definitions
//      must be the same before and after.
//   3. The server is taken out: it stops receiving; what it has acknowledged must be on another
//      replica; it is marked (clone_mark.h), and is a replica no more.
//   4. It is wiped, and all is made and copied.
//   5. Its own log begins anew at the position, and it follows the primary that there is now.
//   6. When it has caught up the mark is taken away.
//
// It copies for as long as it takes; the leader's locks are held only for the moments of 2, 3, 5
// and 6, so that a failover is not kept waiting. All that is written goes through one connection
// that holds a lock on the server. Ended anywhere, it is begun again from 1: the mark stays, and
// with it nobody reads from the server or promotes it. (From 5 on it counts as one that may hold
// what it has acknowledged, for it receives.)

#include "replication/clone_impl.h"

#include <string.h>

#include "replication/clone_mark.h"
#include "replication/promotion.h"

enum {
    LEAD_TRIES = 30, // of some seconds each
    CATALOG_TRIES = 5,
    ACKNOWLEDGED_LOOKS = 60,
    LOOK_MS = 50,
    SILENT_LOOKS = 15, // of a second each: it does not receive
};

static const char *name_at(const struct clone *clone, size_t place)
{
    return clone->action->setup.servers[place].endpoint.name;
}

static bool give_up(struct clone *clone, size_t place)
{
    return action_give_up(clone->action, "%s: %s", name_at(clone, place),
                          clone->action->error.text);
}

// ---- under the leader's locks

static bool under_locks(struct clone *clone, bool (*what)(struct clone *clone))
{
    struct action *action = clone->action;
    bool is_leader = false;
    for (int try = 0; try < LEAD_TRIES && !is_leader; try++) {
        leader_give_up(&action->leader);
        is_leader = step_take_leadership(action);
        if (job_is_stopping(action->self)) {
            return action_give_up(action, "waybill stops");
        }
    }
    if (is_leader) {
        action->why[0] = '\0';
    }
    bool is_done = is_leader && what(clone);
    leader_give_up(&action->leader);
    return is_done;
}

// Who takes writes now; by what the servers say, for it may have changed since this began.
static bool find_primary(struct clone *clone, size_t *primary)
{
    struct action *action = clone->action;
    size_t count = 0;
    uint64_t newest = 0, own = 0;
    for (size_t place = 0; place < action->setup.count; place++) {
        struct member_state state;
        struct epoch_row row;
        if (!action->setup.servers[place].is_member || action->leader.conns[place] == NULL ||
            !step_read_state(action, place, &state) || !step_read_epoch(action, place, &row)) {
            continue;
        }
        newest = row.epoch > newest ? row.epoch : newest;
        if (!state.is_read_only && state.source_count == 0 && !state.is_incomplete) {
            *primary = place;
            own = row.epoch;
            count++;
        }
    }
    if (count != 1 || own != newest) {
        return action_give_up(action, "the shard has no primary now");
    }
    return true;
}

static bool follows_member(const struct clone *clone, const struct member_state *state)
{
    const struct action_setup *setup = &clone->action->setup;
    for (size_t place = 0; place < setup->count; place++) {
        if (setup->servers[place].is_member && step_is_replica_of(clone->action, state, place)) {
            return true;
        }
    }
    return false;
}

static bool check_target(struct clone *clone, size_t primary, struct member_state *state)
{
    struct action *action = clone->action;
    if (clone->to == primary) {
        return action_give_up(action, "it is the primary");
    }
    if (!step_read_state(action, clone->to, state)) {
        return give_up(clone, clone->to);
    }
    if (!state->is_read_only) {
        return action_give_up(action, "it takes writes: it has to be read-only");
    }
    size_t follower = step_find_follower(action, clone->to);
    return follower == action->setup.count ||
           action_give_up(action, "%s replicates from it", name_at(clone, follower));
}

static bool check_source(struct clone *clone, size_t primary)
{
    struct action *action = clone->action;
    struct member_state state;
    if (!step_read_state(action, clone->from, &state)) {
        return give_up(clone, clone->from);
    }
    bool is_healthy =
        clone->from == primary || (state.is_read_only && state.is_receiving && state.is_applying &&
                                   !state.is_incomplete && follows_member(clone, &state));
    return is_healthy ||
           action_give_up(action,
                          "%s is neither the primary nor a replica that receives and applies",
                          name_at(clone, clone->from));
}

static bool look_and_take_snapshot(struct clone *clone)
{
    size_t primary = 0;
    struct member_state state = {.is_read_only = false};
    return find_primary(clone, &primary) && check_target(clone, primary, &state) &&
           check_source(clone, primary) && clone_take_snapshot(clone);
}

// ---- 1. and 2.

static bool read_catalog(struct clone *clone)
{
    clone_catalog_done(&clone->catalog);
    arena_clear(&clone->arena);
    return clone_catalog_read(&clone->catalog, clone->reader, &clone->arena,
                              &clone->action->error) ||
           give_up(clone, clone->from);
}

static bool read_all(struct clone *clone)
{
    bool is_same = false;
    if (!read_catalog(clone)) {
        return false;
    }
    for (int try = 0; try < CATALOG_TRIES && !is_same; try++) {
        uint64_t before = clone->catalog.hash;
        if (!under_locks(clone, look_and_take_snapshot) || !read_catalog(clone)) {
            return false;
        }
        is_same = clone->catalog.hash == before;
    }
    return is_same || action_give_up(clone->action, "definitions change on %s all the time",
                                     name_at(clone, clone->from));
}

// ---- 3.

// All that it was sent, and may have acknowledged. Its own writing counts for nothing.
static bool read_acknowledged(struct clone *clone, const struct member_state *state,
                              struct gtid_set *set)
{
    struct action *action = clone->action;
    struct gtid_set applied;
    struct db_rows rows;
    if (!action->setup.is_mariadb) {
        *set = state->received;
        return true;
    }
    bool is_read =
        step_ask(action, clone->to, "SELECT @@GLOBAL.gtid_slave_pos AS position", &rows) &&
        gtid_parse(GTID_MARIADB, slice_of_string(db_rows_text(&rows, "position")), &action->arena,
                   &applied) &&
        gtid_parse(GTID_MARIADB, state->wait_for, &action->arena, set);
    db_rows_done(&rows);
    if (!is_read) {
        return give_up(clone, clone->to);
    }
    *set = gtid_union(set, &applied, &action->arena);
    return true;
}

static bool is_on_another(struct clone *clone, size_t primary, const struct gtid_set *set)
{
    struct action *action = clone->action;
    size_t others = 0;
    for (size_t place = 0; place < action->setup.count; place++) {
        struct member_state state;
        if (!action->setup.servers[place].is_member || place == primary || place == clone->to) {
            continue;
        }
        others++;
        if (step_read_state(action, place, &state) && state.source_count > 0 &&
            !state.is_incomplete && gtid_contains(&state.received, set)) {
            return true;
        }
    }
    return others == 0; // it can't be promoted in place of the primary, which has it all
}

static bool await_on_another(struct clone *clone, size_t primary)
{
    struct action *action = clone->action;
    struct member_state state;
    struct gtid_set set;
    if (!step_read_state(action, clone->to, &state)) {
        return give_up(clone, clone->to);
    }
    if (!read_acknowledged(clone, &state, &set)) {
        return false;
    }
    for (int look = 0; look < ACKNOWLEDGED_LOOKS; look++) {
        if (is_on_another(clone, primary, &set)) {
            return true;
        }
        if (job_wait(action->self, LOOK_MS, NULL, 0) == JOB_STOP) {
            return action_give_up(action, "waybill stops");
        }
    }
    return action->setup.durability == DURABILITY_BEST_EFFORT ||
           action_give_up(action, "it may have acknowledged what no other replica has (%s)",
                          (const char *)gtid_print(&set, &action->arena).ptr);
}

static bool stop_receiving(struct clone *clone, size_t primary, const struct member_state *state)
{
    struct action *action = clone->action;
    if (!follows_member(clone, state)) {
        return true; // what it has counts for nothing: it was replaced, or is new
    }
    if (!step_stop_replica(action, clone->to, " IO_THREAD")) {
        return give_up(clone, clone->to);
    }
    if (await_on_another(clone, primary)) {
        return true;
    }
    if (!state->is_stopped && !relay_log_receive_again(action, clone->to, state)) {
        action_say(action, "%s: START SLAVE: %s", name_at(clone, clone->to), action->error.text);
    }
    return false;
}

// From each source that it has (MariaDB knows several, by name).
static bool forget_sources(struct clone *clone)
{
    struct action *action = clone->action;
    struct db_rows rows;
    if (!action->setup.is_mariadb) {
        return (step_stop_replica(action, clone->to, "") &&
                step_run(action, clone->to, "RESET SLAVE ALL")) ||
               give_up(clone, clone->to);
    }
    bool is_done = step_run(action, clone->to, "STOP ALL SLAVES") &&
                   step_ask(action, clone->to, "SHOW ALL SLAVES STATUS", &rows);
    if (!is_done) {
        return give_up(clone, clone->to);
    }
    for (bool is_row = rows.row != NULL; is_row && is_done; is_row = db_rows_next(&rows)) {
        char name[200];
        db_quote(db_rows_text(&rows, "Connection_name"), name, sizeof name);
        const char *reset =
            (const char *)arena_format(&action->arena, "RESET SLAVE %s ALL", name).ptr;
        is_done = step_run(action, clone->to, reset);
    }
    db_rows_done(&rows);
    return is_done || give_up(clone, clone->to);
}

static bool take_out(struct clone *clone)
{
    struct action *action = clone->action;
    size_t primary = 0;
    struct member_state state = {.is_read_only = false};
    if (!find_primary(clone, &primary) || !check_target(clone, primary, &state) ||
        !stop_receiving(clone, primary, &state) || !step_still_leads(action)) {
        return false;
    }
    if (!clone_mark_write(clone->writer, name_at(clone, clone->from), action->setup.proxy,
                          "it begins", &action->error)) {
        return give_up(clone, clone->to);
    }
    action_say(action, "%s is cloned from %s (%s); until it is done nobody reads from it",
               name_at(clone, clone->to), name_at(clone, clone->from),
               (const char *)gtid_print(&clone->position, &action->arena).ptr);
    return forget_sources(clone);
}

// ---- 5.

static bool set_position(struct clone *clone)
{
    struct action *action = clone->action;
    if (action->setup.is_mariadb) {
        return step_begin_log(action, clone->to, &clone->position) || give_up(clone, clone->to);
    }
    const char *set =
        (const char *)arena_format(&action->arena, "SET GLOBAL gtid_purged = '%s'",
                                   (const char *)gtid_print(&clone->position, &action->arena).ptr)
            .ptr;
    return (step_run(action, clone->to, "RESET MASTER") && step_run(action, clone->to, set)) ||
           give_up(clone, clone->to);
}

// The primary may be another one than when the snapshot was taken.
static bool check_position(struct clone *clone, size_t primary)
{
    struct action *action = clone->action;
    struct member_state state;
    struct gtid_set cut;
    uint64_t epoch = 0;
    if (!step_read_state(action, primary, &state) ||
        !step_read_cut(action, primary, clone->epoch, &cut, &epoch)) {
        return give_up(clone, primary);
    }
    bool has_all =
        gtid_contains(&state.received, &clone->position) &&
        (epoch == 0 || !action->setup.is_mariadb || gtid_contains(&cut, &clone->position));
    return has_all || action_give_up(action,
                                     "%s, which is the primary now, lacks a part of what "
                                     "was cloned: it has to be cloned again",
                                     name_at(clone, primary));
}

static bool join_shard(struct clone *clone)
{
    struct action *action = clone->action;
    size_t primary = 0;
    struct member_state state = {.is_read_only = false};
    if (!find_primary(clone, &primary) || !check_target(clone, primary, &state) ||
        !check_position(clone, primary) || !clone_owns_writer(clone) ||
        !xa_rows_prepare(action, clone->to, &clone->branches) || !step_still_leads(action) ||
        !set_position(clone)) {
        return false;
    }
    if (!step_follow(action, clone->to, primary)) {
        return give_up(clone, clone->to);
    }
    action_say(action, "%s has all of %zu tables (%llu rows) and follows %s",
               name_at(clone, clone->to), clone->catalog.table_count,
               (unsigned long long)clone->row_count, name_at(clone, primary));
    // (Up to where the primary is now.)
    struct gtid_set *target = arena_alloc(&action->arena, sizeof *target);
    if (!step_read_state(action, primary, &state)) {
        return give_up(clone, primary);
    }
    *target = state.received;
    clone->position = *target;
    return true;
}

// ---- 6.

// False: it isn't there yet. *is_well: it can still come there.
static bool has_caught_up(struct clone *clone, int *silent, bool *is_well)
{
    struct action *action = clone->action;
    bool is_mariadb = action->setup.is_mariadb;
    struct db_rows rows;
    const char *position = (const char *)gtid_print(&clone->position, &action->arena).ptr;
    bool is_asked = dbconn_query(
        clone->writer, &rows, &action->error, "SELECT %s('%s', 1) AS waited",
        is_mariadb ? "MASTER_GTID_WAIT" : "WAIT_UNTIL_SQL_THREAD_AFTER_GTIDS", position);
    const char *waited = db_rows_text(&rows, "waited");
    bool is_there = is_asked && waited[0] >= '0' && waited[0] <= '9';
    db_rows_done(&rows);
    if (is_there) {
        return true;
    }
    *is_well = is_asked && dbconn_query(clone->writer, &rows, &action->error, "SHOW SLAVE STATUS");
    if (!*is_well) {
        return give_up(clone, clone->to);
    }
    *silent = db_rows_is_yes(&rows, "Slave_IO_Running") ? 0 : *silent + 1;
    const char *sql_error = db_rows_text(&rows, "Last_SQL_Error");
    if (sql_error[0] != '\0' || *silent > SILENT_LOOKS) {
        *is_well =
            action_give_up(action, "it follows, and can't go on: %s",
                           sql_error[0] != '\0' ? sql_error : db_rows_text(&rows, "Last_IO_Error"));
    }
    db_rows_done(&rows);
    return false;
}

static bool await_caught_up(struct clone *clone)
{
    int silent = 0;
    bool is_well = true;
    while (is_well) {
        if (has_caught_up(clone, &silent, &is_well)) {
            return true;
        }
        is_well = is_well && clone_progress(clone, "all is copied, it catches up");
    }
    return false;
}

static bool finish(struct clone *clone)
{
    struct action *action = clone->action;
    size_t primary = 0;
    struct member_state state = {.is_read_only = false};
    if (!find_primary(clone, &primary)) {
        return false;
    }
    if (!step_read_state(action, clone->to, &state)) {
        return give_up(clone, clone->to);
    }
    if (!step_is_replica_of(action, &state, primary) || !state.is_applying) {
        return action_give_up(action, "it does not follow %s any more", name_at(clone, primary));
    }
    if (!clone_mark_drop(clone->writer, &action->error)) {
        return give_up(clone, clone->to);
    }
    // (A primary that was promoted without a replica waits for this one from now on.)
    if (!step_set_semi_sync(action, primary, true)) {
        return give_up(clone, primary);
    }
    promotion_write_event(action, primary, "%s was cloned from %s", name_at(clone, clone->to),
                          name_at(clone, clone->from));
    return true;
}

static bool fill(struct clone *clone)
{
    return clone_wipe(clone) && clone_make_tables(clone) && clone_copy(clone) &&
           clone_make_programs(clone) && clone_owns_writer(clone);
}

bool action_clone(struct action *action)
{
    struct clone clone = {.action = action,
                          .from = action_place(action, action->setup.primary),
                          .to = action_place(action, action->setup.subject)};
    for (size_t place = 0; place < action->setup.count; place++) {
        action->setup.servers[place].is_worth_trying = true; // it takes long: who knows
    }
    bool is_done = clone_open(&clone) && read_all(&clone) && under_locks(&clone, take_out) &&
                   fill(&clone) && under_locks(&clone, join_shard) && await_caught_up(&clone) &&
                   under_locks(&clone, finish);
    clone_close(&clone);
    return is_done;
}
