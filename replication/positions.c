// FLUSH WAYBILL COMMITS, SHOW POSITIONS: where each shard's binary log stands at one moment in
// which no commit over several shards is half done. The moment is that of session/flow_moment.h,
// here with straight-line code:
//
//     every primary    LOCK TABLES waybill.decision READ    no commit is decided from now on
//     every primary    XA RECOVER                           ... and none that is decided is not yet
//     their deciders   SELECT ... WHERE outcome = 'C'       told everywhere: looked at until so
//     every primary    SELECT @@gtid_binlog_pos
//     every primary    UNLOCK TABLES                        the locks were there all the time

#include "replication/schema_work.h"

#include <stdio.h>

#include "cluster/decision.h"
#include "protocol/error_table.h"
#include "replication/commit_recover.h"
#include "replication/job.h"

enum { HOLD_MS = 500, PAUSE_MS = 2, COLUMNS = 3, FIRST_MARIADB = 100500, ER_LOCK_WAIT = 1205 };

static bool lock_all(struct schema_work *work, struct error *error)
{
    for (uint16_t i = 0; i < work->order.shard_count; i++) {
        struct dbconn *conn = schema_work_conn(work, i, error);
        if (conn == NULL) {
            return false;
        }
        if (!dbconn_is_mariadb(conn) || dbconn_version(conn) < FIRST_MARIADB) {
            error_fill(error, ER_NOT_SUPPORTED_YET,
                       "one moment for all shards on servers that are not MariaDB 10.5 or later");
            return false;
        }
    }
    for (uint16_t i = 0; i < work->order.shard_count; i++) {
        if (!dbconn_run(work->conns[i], error, "LOCK TABLES " DECISION_TABLE " READ")) {
            return false;
        }
    }
    return true;
}

// Is it decided? By the shard that its name tells; false with *error when that is none of these.
static bool is_decided(struct schema_work *work, const char *gtrid, bool *is_any,
                       struct error *error)
{
    const char *decider = recover_decider(gtrid);
    for (uint16_t i = 0; i < work->order.shard_count; i++) {
        if (strcmp(work->order.shards[i].name, decider) != 0) {
            continue;
        }
        char quoted[200];
        struct db_rows rows;
        db_quote(gtrid, quoted, sizeof quoted);
        bool is_fine = dbconn_query(
            work->conns[i], &rows, error,
            "SELECT gtrid FROM " DECISION_TABLE " WHERE outcome = 'C' AND gtrid = %s", quoted);
        *is_any = *is_any || (is_fine && rows.count > 0);
        db_rows_done(&rows);
        return is_fine;
    }
    error_set(error, ER_SHARD_UNAVAILABLE, "08S01",
              "transaction %.64s is in doubt, and the shard that decides it is none of the "
              "configuration's",
              gtrid);
    return false;
}

// Is anything prepared on the shard that is decided?
static bool look(struct schema_work *work, uint16_t shard, bool *is_any, struct error *error)
{
    struct db_rows rows;
    bool is_fine = dbconn_query(work->conns[shard], &rows, error, "XA RECOVER");
    bool has_row = is_fine && rows.count > 0;
    for (; has_row && is_fine; has_row = db_rows_next(&rows)) {
        char gtrid[65] = "";
        size_t len = db_rows_number(&rows, "gtrid_length");
        const char *name = db_rows_text(&rows, "data");
        if (db_rows_number(&rows, "formatID") != DECISION_FORMAT_ID || len >= sizeof gtrid) {
            continue;
        }
        snprintf(gtrid, sizeof gtrid, "%.*s", (int)len, name);
        is_fine = recover_decider(gtrid)[0] == '\0' || is_decided(work, gtrid, is_any, error);
    }
    db_rows_done(&rows);
    return is_fine;
}

// Until all that is decided is told everywhere.
static bool await_told(struct schema_work *work, struct error *error)
{
    uint64_t end_us = job_now_us() + HOLD_MS * 1000;
    for (;;) {
        bool is_any = false;
        for (uint16_t i = 0; i < work->order.shard_count; i++) {
            if (!look(work, i, &is_any, error)) {
                return false;
            }
        }
        if (!is_any) {
            return true;
        }
        if (job_now_us() >= end_us || job_wait(work->self, PAUSE_MS, NULL, 0) == JOB_STOP) {
            error_set(error, ER_LOCK_WAIT, "HY000",
                      "a transaction is committed on some of its shards and not yet on all: try "
                      "again; SHOW TRANSACTIONS has it");
            return false;
        }
    }
}

static bool say_positions(struct schema_work *work, struct error *error)
{
    for (uint16_t i = 0; i < work->order.shard_count; i++) {
        struct db_rows rows;
        bool is_fine = dbconn_query(work->conns[i], &rows, error,
                                    "SELECT @@GLOBAL.gtid_binlog_pos AS position");
        if (is_fine) {
            schema_work_say(work, "%s", work->order.shards[i].name);
            schema_work_say(work, "%s", work->order.shards[i].endpoint.name);
            schema_work_say(work, "%s", db_rows_text(&rows, "position"));
        }
        db_rows_done(&rows);
        if (!is_fine) {
            return false;
        }
    }
    return true;
}

static bool unlock_all(struct schema_work *work, struct error *error)
{
    bool is_fine = true;
    for (uint16_t i = 0; i < work->order.shard_count; i++) {
        is_fine = dbconn_run(work->conns[i], error, "UNLOCK TABLES") && is_fine;
    }
    return is_fine;
}

void positions_run(struct schema_work *work)
{
    struct error error = {.code = 0};
    work->report->columns = COLUMNS;
    bool is_fine = lock_all(work, &error) && await_told(work, &error) &&
                   say_positions(work, &error) && unlock_all(work, &error);
    if (!is_fine) {
        work->report->error = error;
    }
}
