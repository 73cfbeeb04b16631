// When is a row proof of what came after it? A waybill that starts after a primary's death finds
// its rows on the replicas. With all that the replicas have received applied, the newest row R says
// that the primary waited for acknowledgements:
//
//     what was acknowledged before R    is on the server that has R: a replica receives in order
//     what was acknowledged after R     is on a replica, as long as the primary went on to wait
//
// It goes on to wait unless one of these happens, and each is closed off:
//
//     rpl_semi_sync_master_timeout is over, or no replica is     R says that only with a timeout of
//     a left (rpl_semi_sync_master_wait_no_slave = 0)              day or more, and the other set
//     it is restarted                                            then it is read-only until a
//     waybill
//                                                                opens it, with semi-sync on before
//     another server is promoted                                 a new epoch: R is of an older one
//     somebody switches semi-sync off                            every waybill that lives sees it
//     in
//                                                                its next probe, and writes the
//                                                                next row
//
// The last is why an old row is none: with its replicas gone somebody may have let the primary go
// on alone, and the row that says so has reached nobody. So rows are believed only if they are
// fresh (promise_trust_ms), and only if all the fresh ones agree. Times are the primary's own clock
// against the candidate's.
//
// A row that says "it did not wait" has no age: it also overrules what this waybill saw itself,
// when it is the newest.

#include "replication/promise.h"

#include <stdio.h>

#include "replication/job.h"
#include "replication/schema.h"

enum { REFRESH_US = 5000000 };

bool promise_write(struct promise_note *note, struct dbconn *conn, const struct promise_of *of,
                   bool waits, struct error *error)
{
    uint64_t now_us = job_now_us();
    bool is_same = note->written_us != 0 && note->waits == waits && note->epoch == of->epoch;
    if (is_same && (!waits || now_us - note->written_us < REFRESH_US)) {
        return true;
    }
    bool is_written =
        dbconn_run(conn, error,
                   "INSERT INTO waybill.promise (shard, proxy, primary_name, epoch, waits, at) "
                   "SELECT '%s', %u, '%s', %llu, %d, UTC_TIMESTAMP(6) FROM DUAL WHERE "
                   "@@GLOBAL.read_only = 0 ON DUPLICATE KEY UPDATE primary_name = '%s', epoch = "
                   "%llu, waits = %d, at = UTC_TIMESTAMP(6)",
                   of->shard, of->proxy, of->primary, (unsigned long long)of->epoch, waits,
                   of->primary, (unsigned long long)of->epoch, waits);
    if (is_written) {
        *note = (struct promise_note){.written_us = now_us, .epoch = of->epoch, .waits = waits};
    }
    return is_written;
}

static void take_row(const struct db_rows *rows, const struct promise_of *of, uint64_t trust_ms,
                     bool is_newest, struct promise *promise)
{
    bool is_of_it = strcmp(db_rows_text(rows, "primary_name"), of->primary) == 0 &&
                    db_rows_number(rows, "epoch") == of->epoch;
    bool waits = is_of_it && db_rows_is_yes(rows, "waits");
    uint64_t age_ms = db_rows_number(rows, "age_ms");
    if (is_newest) {
        promise->is_broken = is_of_it && !waits;
        promise->is_fresh = age_ms <= trust_ms;
        promise->is_kept = promise->is_fresh;
        promise->proxy = (uint32_t)db_rows_number(rows, "proxy");
        promise->age_ms = age_ms;
    }
    promise->is_kept = promise->is_kept && (waits || age_ms > trust_ms);
}

bool promise_read(struct dbconn *conn, const struct promise_of *of, uint64_t trust_ms,
                  struct promise *promise, struct error *error)
{
    *promise = (struct promise){.is_kept = false};
    struct db_rows rows;
    // (ABS: of a clock that was ahead by so much nothing is known either.)
    bool is_fine =
        dbconn_query(conn, &rows, error,
                     "SELECT proxy, primary_name, epoch, waits, "
                     "ABS(TIMESTAMPDIFF(MICROSECOND, at, UTC_TIMESTAMP(6))) DIV 1000 AS age_ms "
                     "FROM waybill.promise WHERE shard = '%s' ORDER BY at DESC",
                     of->shard);
    bool is_newest = true;
    for (bool is_there = is_fine && rows.count > 0; is_there; is_there = db_rows_next(&rows)) {
        take_row(&rows, of, trust_ms, is_newest, promise);
        is_newest = false;
    }
    db_rows_done(&rows);
    return is_fine || schema_is_missing(error);
}
