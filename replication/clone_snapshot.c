// A snapshot and the position that belongs to it. The server is held for the few milliseconds in
// which both are taken, so that nothing is half done: not a commit that is in the log and not yet
// in the tables (a branch of XA is ended so), nor a statement of DDL.
//
//     a replica    STOP SLAVE SQL_THREAD           ... START SLAVE SQL_THREAD
//     a primary    BACKUP STAGE BLOCK_COMMIT       ... BACKUP STAGE END
//     (MySQL)      FLUSH TABLES WITH READ LOCK     ... UNLOCK TABLES
//
// A branch that is prepared at that moment is not in the snapshot, and before the position. Its
// rows are in the server's log: they are kept, and the branch is prepared anew on the clone.

#include "replication/clone_impl.h"

#include "replication/own_log.h"

enum { HOLD_TRIES = 10, HOLD_PAUSE_MS = 200 };

static const char *from_name(const struct clone *clone)
{
    return clone->action->setup.servers[clone->from].endpoint.name;
}

static bool give_up(struct clone *clone)
{
    return action_give_up(clone->action, "%s: %s", from_name(clone), clone->action->error.text);
}

// ---- holding it

static bool let_go(struct clone *clone, bool is_replica)
{
    struct action *action = clone->action;
    if (is_replica) {
        return step_start_replica(action, clone->from, " SQL_THREAD");
    }
    return step_run(action, clone->from,
                    action->setup.is_mariadb ? "BACKUP STAGE END" : "UNLOCK TABLES");
}

static bool try_to_hold(struct clone *clone, bool is_replica)
{
    struct action *action = clone->action;
    if (is_replica) {
        return step_stop_replica(action, clone->from, " SQL_THREAD");
    }
    if (!action->setup.is_mariadb) {
        return step_run(action, clone->from, "FLUSH TABLES WITH READ LOCK");
    }
    return step_run(action, clone->from, "BACKUP STAGE START") &&
           step_run(action, clone->from, "BACKUP STAGE BLOCK_COMMIT");
}

// A statement that runs for long may be in the way: it is not waited for, for others would wait
// behind.
static bool hold(struct clone *clone, bool is_replica)
{
    struct action *action = clone->action;
    for (int try = 0; try < HOLD_TRIES; try++) {
        if (try_to_hold(clone, is_replica)) {
            return true;
        }
        struct error error = action->error;
        bool is_free = let_go(clone, is_replica);
        action->error = error;
        if (!is_free || job_wait(action->self, HOLD_PAUSE_MS, NULL, 0) == JOB_STOP) {
            break;
        }
    }
    return give_up(clone);
}

// ---- what is there at that moment

static bool read_position(struct clone *clone)
{
    struct action *action = clone->action;
    bool is_mariadb = action->setup.is_mariadb;
    struct db_rows rows;
    struct gtid_set other;
    bool is_read = step_ask(action, clone->from,
                            is_mariadb ? "SELECT @@GLOBAL.gtid_binlog_pos AS written, "
                                         "@@GLOBAL.gtid_slave_pos AS applied"
                                       : "SELECT @@GLOBAL.gtid_executed AS written, '' AS applied",
                            &rows);
    enum gtid_flavor flavor = is_mariadb ? GTID_MARIADB : GTID_MYSQL;
    is_read =
        is_read &&
        gtid_parse(flavor, slice_of_string(db_rows_text(&rows, "written")), &action->arena,
                   &clone->position) &&
        gtid_parse(flavor, slice_of_string(db_rows_text(&rows, "applied")), &action->arena, &other);
    db_rows_done(&rows);
    if (!is_read) {
        return give_up(clone);
    }
    clone->position = gtid_union(&clone->position, &other, &action->arena);
    return clone->position.count > 0 ||
           action_give_up(action, "%s has no position in replication", from_name(clone));
}

static bool begin_snapshot(struct clone *clone)
{
    struct error *error = &clone->action->error;
    return (dbconn_run(clone->snapshot, error, "ROLLBACK") &&
            dbconn_run(clone->snapshot, error,
                       "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ") &&
            dbconn_run(clone->snapshot, error, "START TRANSACTION WITH CONSISTENT SNAPSHOT")) ||
           give_up(clone);
}

// Of others' branches waybill knows nothing, and their ends would find nothing on the clone.
static bool read_prepared(struct clone *clone, struct xa_ledger *held)
{
    struct action *action = clone->action;
    struct db_rows rows;
    if (!action->setup.is_mariadb) {
        return true; // they live and die with their sessions
    }
    bool is_read = step_ask(action, clone->from, "XA RECOVER", &rows);
    size_t count = rows.count;
    db_rows_done(&rows);
    if (!is_read || !xa_read_held(action, clone->from, held)) {
        return give_up(clone);
    }
    return count == held->count ||
           action_give_up(action,
                          "transactions of others are prepared on %s (XA RECOVER): end them before",
                          from_name(clone));
}

static bool take(struct clone *clone, struct xa_ledger *held)
{
    struct epoch_row row;
    if (!begin_snapshot(clone) || !read_position(clone) || !read_prepared(clone, held)) {
        return false;
    }
    if (!step_read_epoch(clone->action, clone->from, &row)) {
        return give_up(clone);
    }
    clone->epoch = row.epoch;
    return true;
}

// ---- the rows of what was prepared

// As a clone has them: none is held, and of those that were prepared all rows are wanted.
static bool mark_wanted(struct clone *clone, struct own_log *log, const struct xa_ledger *held)
{
    for (size_t i = 0; i < log->ledger.count; i++) {
        struct xa_branch *branch = &log->ledger.branches[i];
        bool was_held = xa_ledger_find(held, branch->gtrid, branch->bqual) != NULL;
        branch->is_ended = !was_held;
        branch->is_held = false;
    }
    for (size_t i = 0; i < held->count; i++) {
        const struct xa_branch *found =
            xa_ledger_find(&log->ledger, held->branches[i].gtrid, held->branches[i].bqual);
        if (found == NULL || !xa_is_lost(found)) {
            return action_give_up(clone->action,
                                  "transaction %s is prepared on %s, and its binary log does not "
                                  "have it: try again when it is ended",
                                  held->branches[i].gtrid, from_name(clone));
        }
    }
    return true;
}

static bool keep_branches(struct clone *clone, const struct xa_ledger *held)
{
    struct action *action = clone->action;
    struct own_log log = {.position = clone->position};
    bool is_kept =
        held->count == 0 ||
        (own_log_read(action, clone->from, &log) && mark_wanted(clone, &log, held) &&
         xa_rows_read(action, clone->from, &log.ledger, log.read_bytes, &clone->branches));
    own_log_done(&log);
    return is_kept;
}

bool clone_take_snapshot(struct clone *clone)
{
    struct action *action = clone->action;
    struct member_state state;
    struct xa_ledger held = {.count = 0};
    xa_rows_done(&clone->branches);
    if (!step_read_state(action, clone->from, &state)) {
        return give_up(clone);
    }
    bool is_replica = state.source_count > 0;
    bool is_taken = hold(clone, is_replica);
    if (is_taken) {
        is_taken = take(clone, &held);
        bool is_free = let_go(clone, is_replica);
        is_taken = is_taken && (is_free || give_up(clone));
    }
    is_taken = is_taken && keep_branches(clone, &held);
    xa_ledger_done(&held);
    return is_taken;
}
