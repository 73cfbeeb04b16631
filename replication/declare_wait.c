// Who has a row in waybill.proxy is waited for, until it knows or its lease is over, by this job's
// clock: the row was not renewed since it was looked at first. Such a row is taken away, so that it
// is waited for once; who comes back makes it anew, and reads the declarations then. Who has a
// heartbeat and no row takes no part, if it still runs.

#include "replication/declare_wait.h"

#include <stdio.h>

#include "base/memory.h"
#include "protocol/error_table.h"
#include "replication/declared_look.h"
#include "replication/job.h"

enum {
    POLL_MS = 10,
    PROXIES_MAX = 256,
    TAKE_MORE_MS = 3000, // beyond the longest lease, for who renews his but does not take it
    STRANGER_MS = 1000,  // two rounds of its probe, as probe_ms is by default, and more
};

struct other { // a row of waybill.proxy
    uint64_t run, beat, since_us;
};

struct others {
    struct other list[PROXIES_MAX];
    size_t count;
    uint32_t lease_ms; // the longest that was seen
};

static struct other *find_other(struct others *others, uint64_t run, uint64_t beat)
{
    size_t i = 0;
    while (i < others->count && others->list[i].run != run) {
        i++;
    }
    if (i == PROXIES_MAX) {
        return NULL;
    }
    struct other *other = &others->list[i];
    if (i == others->count || other->beat != beat) {
        *other = (struct other){.run = run, .beat = beat, .since_us = job_now_us()};
        others->count += i == others->count;
    }
    return other;
}

// Its lease is over: whoever renews it later begins by reading all declarations.
static bool drop_other(struct dbconn *home, const struct other *other, struct error *error)
{
    return dbconn_run(home, error, "DELETE FROM waybill.proxy WHERE run = %llu AND beat = %llu",
                      (unsigned long long)other->run, (unsigned long long)other->beat);
}

struct pending { // of a round: who is waited for
    uint32_t count, proxy;
    char problem[400];
};

static bool look_at_others(struct dbconn *home, struct others *others, uint64_t number,
                           struct pending *pending, struct error *error)
{
    struct db_rows rows;
    struct other gone[8];
    size_t gone_count = 0;
    *pending = (struct pending){.count = 0};
    bool is_fine = dbconn_query(home, &rows, error,
                                "SELECT run, proxy, lease_ms, beat, problem FROM waybill.proxy "
                                "WHERE seen < %llu",
                                (unsigned long long)number);
    for (bool has_row = is_fine && rows.count > 0; has_row; has_row = db_rows_next(&rows)) {
        uint32_t lease_ms = (uint32_t)db_rows_number(&rows, "lease_ms");
        const struct other *other =
            find_other(others, db_rows_number(&rows, "run"), db_rows_number(&rows, "beat"));
        uint64_t patience_us = (uint64_t)declared_foreign_ms(lease_ms) * 1000;
        others->lease_ms = lease_ms > others->lease_ms ? lease_ms : others->lease_ms;
        if (other != NULL && job_now_us() - other->since_us > patience_us &&
            gone_count < sizeof gone / sizeof gone[0]) {
            gone[gone_count++] = *other;
            continue;
        }
        pending->count++;
        pending->proxy = (uint32_t)db_rows_number(&rows, "proxy");
        if (db_rows_text(&rows, "problem")[0] != '\0') {
            snprintf(pending->problem, sizeof pending->problem, "%s",
                     db_rows_text(&rows, "problem"));
        }
    }
    db_rows_done(&rows);
    for (size_t i = 0; i < gone_count && is_fine; i++) {
        is_fine = drop_other(home, &gone[i], error);
        pending->count++; // unless it is gone when it is looked for again
    }
    return is_fine;
}

static void tell_pending(const struct pending *pending, struct error *error)
{
    char why[500];
    snprintf(why, sizeof why,
             "The waybill with proxy_id = %u did not take the declaration%s%.300s, so nothing was "
             "done: %s",
             pending->proxy, pending->problem[0] != '\0' ? ": " : "", pending->problem,
             pending->problem[0] != '\0'
                 ? "mend that, then try again"
                 : "statements that name the table may be running there for long; try again");
    error_fill(error, ER_DECLARATION, why);
}

bool declare_wait_for_all(struct schema_work *work, struct dbconn *home, uint64_t number,
                          uint32_t at_most_ms, struct error *error)
{
    struct others *others = memory_new(sizeof *others);
    struct pending pending;
    uint64_t began_us = job_now_us();
    bool is_fine = true, is_over = false;
    schema_work_poke(work);
    while (!is_over) {
        is_fine = look_at_others(home, others, number, &pending, error);
        if (!is_fine || pending.count == 0) {
            break;
        }
        uint64_t patience_ms = at_most_ms > 0
                                   ? at_most_ms
                                   : declared_foreign_ms(others->lease_ms) + (uint64_t)TAKE_MORE_MS;
        bool is_late = job_now_us() - began_us > patience_ms * 1000;
        is_over = is_late || pending.problem[0] != '\0' ||
                  job_wait(work->self, POLL_MS, NULL, 0) == JOB_STOP;
    }
    if (is_over) {
        tell_pending(&pending, error);
    }
    memory_free(others);
    return is_fine && !is_over;
}

// ---- waybills that take no part

struct strangers {
    uint64_t runs[PROXIES_MAX], sent[PROXIES_MAX];
    uint32_t proxies[PROXIES_MAX];
    size_t count;
};

static bool read_strangers(struct dbconn *home, struct strangers *found, struct error *error)
{
    struct db_rows rows;
    found->count = 0;
    bool is_fine = dbconn_query(home, &rows, error,
                                "SELECT h.proxy, h.run, h.sent_us FROM waybill.heartbeat h LEFT "
                                "JOIN waybill.proxy p ON p.run = h.run WHERE p.run IS NULL");
    for (bool has_row = is_fine && rows.count > 0; has_row && found->count < PROXIES_MAX;
         has_row = db_rows_next(&rows)) {
        found->proxies[found->count] = (uint32_t)db_rows_number(&rows, "proxy");
        found->runs[found->count] = db_rows_number(&rows, "run");
        found->sent[found->count++] = db_rows_number(&rows, "sent_us");
    }
    db_rows_done(&rows);
    return is_fine;
}

static bool has_moved(const struct strangers *before, const struct strangers *now, size_t i)
{
    for (size_t j = 0; j < before->count; j++) {
        if (before->proxies[j] == now->proxies[i]) {
            return before->runs[j] != now->runs[i] || before->sent[j] != now->sent[i];
        }
    }
    return true;
}

// Those that don't run any more are written down as gone, so that they are waited for once.
static bool bury_strangers(struct dbconn *home, const struct strangers *found, struct error *error)
{
    bool is_fine = true;
    for (size_t i = 0; i < found->count && is_fine; i++) {
        is_fine = dbconn_run(home, error,
                             "INSERT IGNORE INTO waybill.proxy (run, proxy, seen, lease_ms, beat, "
                             "problem, at) VALUES (%llu, %u, 18446744073709551615, 0, 0, '', "
                             "UTC_TIMESTAMP(3))",
                             (unsigned long long)found->runs[i], found->proxies[i]);
    }
    return is_fine;
}

bool declare_are_all_there(struct schema_work *work, struct dbconn *home, struct error *error)
{
    struct strangers *both = memory_new(2 * sizeof *both);
    char why[400];
    uint32_t pause_ms =
        work->order.probe_ms * 3 > STRANGER_MS ? work->order.probe_ms * 3 : (uint32_t)STRANGER_MS;
    bool is_fine = read_strangers(home, &both[0], error);
    if (is_fine && both[0].count > 0) {
        is_fine = job_wait(work->self, pause_ms, NULL, 0) != JOB_STOP &&
                  read_strangers(home, &both[1], error);
        for (size_t i = 0; i < both[1].count && is_fine; i++) {
            if (has_moved(&both[0], &both[1], i)) {
                snprintf(why, sizeof why,
                         "The waybill with proxy_id = %u takes no part in declared tables, so "
                         "nothing was done: set declared_tables = on in its configuration, too, "
                         "and restart it",
                         both[1].proxies[i]);
                error_fill(error, ER_DECLARATION, why);
                is_fine = false;
            }
        }
        is_fine = is_fine && bury_strangers(home, &both[1], error);
    }
    memory_free(both);
    return is_fine;
}
