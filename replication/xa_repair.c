// A branch that is lost can't be rolled back on its own server, which does not know it, but its
// replicas have it, with its locks. So one of the same name is prepared, by a session that writes
// no log, and rolled back by another that does: one that prepares and rolls back itself would write
// nothing. It inserts a row and deletes it again: whatever becomes of it, no row stays.

#include "replication/xa_repair.h"

#include <stdio.h>

#include "replication/binlog_scan.h"
#include "replication/schema.h"
#include "replication/xa_recover.h"

// What was written to the log and not to the tables when the server died is a group of commits or
// two; the log that was begun by the restart comes after it.
enum {
    TAIL_BYTES = 16 * 1024 * 1024,
    XAER_NOTA = 1397,
    HOLDER_TRIES = 100,
    HOLDER_PAUSE_MS = 10,
};

static const char *name_at(const struct action *action, size_t place)
{
    return action->setup.servers[place].endpoint.name;
}

// ---- looking

bool xa_read_held(struct action *action, size_t place, struct xa_ledger *ledger)
{
    struct dbconn *conn = leader_conn(&action->leader, place);
    if (conn != NULL && xa_recover(conn, ledger, &action->error)) {
        return true;
    }
    return action_give_up(action, "XA RECOVER on %s: %s", name_at(action, place),
                          conn != NULL ? action->error.text : "no connection with its lock");
}

static bool read_log(struct action *action, size_t place, const struct gtid_set *until,
                     struct xa_ledger *ledger)
{
    struct binlog_scan scan;
    bool is_open = binlog_scan_open(&scan, &action->setup.servers[place].endpoint, TAIL_BYTES,
                                    action->setup.proxy, &action->error);
    enum scan_news news = is_open ? SCAN_EVENT : SCAN_FAILED;
    while (news == SCAN_EVENT || news == SCAN_GROUP) {
        news = binlog_scan_next(&scan, &action->error);
        if (news == SCAN_GROUP && (until == NULL || !binlog_scan_is_beyond(&scan, until))) {
            xa_ledger_note(ledger, &scan.group);
        }
    }
    binlog_scan_close(&scan);
    return news == SCAN_END;
}

bool xa_read(struct action *action, size_t place, const struct gtid_set *until,
             struct xa_ledger *ledger)
{
    *ledger = (struct xa_ledger){.count = 0};
    if (!xa_read_held(action, place, ledger)) {
        return false;
    }
    if (!read_log(action, place, until, ledger)) {
        return action_give_up(action, "reading the binary log of %s: %s", name_at(action, place),
                              action->error.text);
    }
    return true;
}

// ---- finishing

struct dbconn *xa_open_quiet(struct action *action, size_t place)
{
    enum db_failure failure;
    struct dbconn *conn =
        step_still_leads(action)
            ? dbconn_open(&action->setup.servers[place].endpoint, &action->error, &failure)
            : NULL;
    if (conn != NULL && dbconn_run(conn, &action->error, "SET SESSION sql_log_bin = 0")) {
        return conn;
    }
    if (action->why[0] == '\0') {
        (void)action_give_up(action, "%s: %s", name_at(action, place), action->error.text);
    }
    dbconn_close(conn);
    return NULL;
}

static bool finish(struct action *action, size_t place, struct dbconn *conn,
                   const struct xa_branch *branch)
{
    bool is_commit = branch->verb == XA_COMMITTED;
    char name[XA_NAME_SQL_BYTES];
    xa_print_name(branch->gtrid, branch->bqual, name);
    if (!dbconn_run(conn, &action->error, "XA %s %s", is_commit ? "COMMIT" : "ROLLBACK", name)) {
        return action_give_up(action, "transaction %s on %s: %s", branch->gtrid,
                              name_at(action, place), action->error.text);
    }
    action_say(action, "%s: transaction %s was %s in its binary log only, and is so in its tables",
               name_at(action, place), branch->gtrid, is_commit ? "committed" : "rolled back");
    return true;
}

bool xa_finish_behind(struct action *action, size_t place, const struct xa_ledger *ledger)
{
    struct dbconn *conn = NULL;
    bool is_fine = true;
    for (size_t i = 0; is_fine && i < ledger->count; i++) {
        if (xa_is_behind(&ledger->branches[i])) {
            conn = conn != NULL ? conn : xa_open_quiet(action, place);
            is_fine = conn != NULL && finish(action, place, conn, &ledger->branches[i]);
        }
    }
    dbconn_close(conn);
    return is_fine;
}

// ---- what is lost

static bool insert_row(struct dbconn *conn, struct error *error)
{
    return dbconn_run(conn, error, "INSERT INTO " XA_FIX_TABLE " VALUES (CONNECTION_ID())");
}

// Prepared by a connection of its own, whose end sets it free.
static bool make(struct action *action, size_t place, const struct xa_branch *branch)
{
    struct dbconn *conn = xa_open_quiet(action, place);
    if (conn == NULL) {
        return false;
    }
    char name[XA_NAME_SQL_BYTES];
    xa_print_name(branch->gtrid, branch->bqual, name);
    struct error *error = &action->error;
    bool is_made =
        schema_create_fix_table(conn, error) && dbconn_run(conn, error, "XA START %s", name) &&
        insert_row(conn, error) &&
        dbconn_run(conn, error, "DELETE FROM " XA_FIX_TABLE " WHERE id = CONNECTION_ID()") &&
        dbconn_run(conn, error, "XA END %s", name) &&
        dbconn_run(conn, error, "XA PREPARE %s", name);
    dbconn_close(conn);
    return is_made || action_give_up(action, "transaction %s on %s: %s", branch->gtrid,
                                     name_at(action, place), error->text);
}

bool xa_make_lost(struct action *action, size_t place, const struct xa_ledger *ledger)
{
    for (size_t i = 0; i < ledger->count; i++) {
        if (xa_is_lost(&ledger->branches[i]) && !make(action, place, &ledger->branches[i])) {
            return false;
        }
    }
    return true;
}

// Whose connection was closed just now may have it for a moment more.
static bool roll_back(struct action *action, size_t place, const struct xa_branch *branch)
{
    char name[XA_NAME_SQL_BYTES];
    xa_print_name(branch->gtrid, branch->bqual, name);
    const char *statement = (const char *)arena_format(&action->arena, "XA ROLLBACK %s", name).ptr;
    for (int i = 0; i < HOLDER_TRIES; i++) {
        if (step_run(action, place, statement)) {
            action_say(action,
                       "%s: transaction %s was prepared in its binary log only, and is rolled back",
                       name_at(action, place), branch->gtrid);
            return true;
        }
        if (action->error.code != XAER_NOTA ||
            job_wait(action->self, HOLDER_PAUSE_MS, NULL, 0) == JOB_STOP) {
            break;
        }
    }
    return action_give_up(action, "transaction %s on %s: %s", branch->gtrid, name_at(action, place),
                          action->error.text);
}

bool xa_roll_back_lost(struct action *action, size_t place, const struct xa_ledger *ledger)
{
    for (size_t i = 0; i < ledger->count; i++) {
        if (xa_is_lost(&ledger->branches[i]) && !roll_back(action, place, &ledger->branches[i])) {
            return false;
        }
    }
    return true;
}
