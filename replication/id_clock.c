// A row for each proxy_id, on every shard's primary, whose ids are only made between its times:
//
//     run        the waybill that may (its process); 0: it has ended
//     from_ms    where the time of the run before had ended
//     upto_ms    what is reserved for this run: it is moved on before it is used up
//
//     of A:          from ------------- upto
//     A crashes, B takes it:            from ------------- upto
//
// So no two processes ever have the same time, whatever their clocks say: whoever takes the row
// over begins where it ends, and who has lost it finds that out when he wants more. It is on the
// server that gets the rows with the ids, so it outlives every failover that they outlive.
//
// Times are disjoint with two waybills of one proxy_id, too, but they would take the row from each
// other and run ahead of the clock. So a lock of the server, which ends with its holder's
// connection, says whether a row's run is still alive; then the second one makes no ids.

#include "replication/id_clock.h"

#include <stdio.h>
#include <time.h>

#include "replication/job.h"
#include "replication/schema.h"
#include "router/order_id.h"

enum {
    AHEAD_MS = 60000,
    ENOUGH_MS = 45000, // so it is written about every 15 seconds
    PAUSE_US = 2000000,
    DOUBT_US = 1500000
};

uint64_t id_clock_upto(uint64_t at_ms)
{
    return at_ms + AHEAD_MS < ORDER_ID_END_MS ? at_ms + AHEAD_MS : ORDER_ID_END_MS;
}

enum id_clock_step id_clock_step(const struct id_clock_row *row, uint64_t run, bool has_lock,
                                 uint64_t at_ms)
{
    if (!row->is_there) {
        return CLOCK_INSERT;
    }
    if (row->run == run) {
        return row->upto_ms >= at_ms + ENOUGH_MS ? CLOCK_ENOUGH : CLOCK_EXTEND;
    }
    return has_lock || row->run == 0 ? CLOCK_TAKE : CLOCK_TAKEN;
}

void id_clock_disconnected(struct id_clock *clock)
{
    clock->has_lock = false;
}

static uint64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

// Waits a moment for a connection that is just being closed where nobody else has the row.
static bool take_lock(struct id_clock *clock, struct dbconn *conn,
                      const struct id_clock_setup *setup, const struct id_clock_row *row,
                      struct error *error)
{
    if (clock->has_lock) {
        return true;
    }
    bool is_free = !row->is_there || row->run == 0 || row->run == setup->run;
    struct db_rows rows;
    bool is_fine = dbconn_query(conn, &rows, error, "SELECT GET_LOCK('waybill.ids.%u', %d) AS got",
                                setup->proxy, is_free ? 1 : 0);
    clock->has_lock = is_fine && db_rows_number(&rows, "got") == 1;
    db_rows_done(&rows);
    return is_fine;
}

static bool read_row(struct dbconn *conn, const struct id_clock_setup *setup,
                     struct id_clock_row *row, struct error *error)
{
    struct db_rows rows;
    bool is_fine = dbconn_query(
        conn, &rows, error, "SELECT run, from_ms, upto_ms FROM waybill.id_clock WHERE proxy = %u",
        setup->proxy);
    *row = (struct id_clock_row){
        .is_there = is_fine && rows.count > 0,
        .run = db_rows_number(&rows, "run"),
        .from_ms = db_rows_number(&rows, "from_ms"),
        .upto_ms = db_rows_number(&rows, "upto_ms"),
    };
    db_rows_done(&rows);
    return is_fine;
}

// Each names the row as it was read, so that of two who write one does nothing.
static bool write_row(struct dbconn *conn, const struct id_clock_setup *setup,
                      enum id_clock_step step, const struct id_clock_row *row, uint64_t upto_ms,
                      struct error *error)
{
    unsigned long long run = setup->run, upto = upto_ms;
    unsigned long long old_run = row->run, old_upto = row->upto_ms;
    switch (step) {
    case CLOCK_INSERT:
        return dbconn_run(conn, error,
                          "INSERT IGNORE INTO waybill.id_clock (proxy, run, from_ms, upto_ms) "
                          "SELECT %u, %llu, 0, %llu FROM DUAL WHERE @@GLOBAL.read_only = 0",
                          setup->proxy, run, upto);
    case CLOCK_EXTEND:
        return dbconn_run(conn, error,
                          "UPDATE waybill.id_clock SET upto_ms = GREATEST(upto_ms, %llu) WHERE "
                          "proxy = %u AND run = %llu AND @@GLOBAL.read_only = 0",
                          upto, setup->proxy, run);
    case CLOCK_TAKE:
        return dbconn_run(conn, error,
                          "UPDATE waybill.id_clock SET run = %llu, from_ms = upto_ms, "
                          "upto_ms = GREATEST(%llu, upto_ms + %u) WHERE proxy = %u AND run = %llu "
                          "AND upto_ms = %llu AND @@GLOBAL.read_only = 0",
                          run, upto, AHEAD_MS, setup->proxy, old_run, old_upto);
    case CLOCK_ENOUGH:
    case CLOCK_TAKEN:
        break;
    }
    return true;
}

// The lock of a waybill that was killed is there until its server has noticed.
static void note_taken(struct id_clock *clock, bool is_taken)
{
    uint64_t now_us = job_now_us();
    if (!is_taken) {
        clock->taken_us = 0;
    } else if (clock->taken_us == 0) {
        clock->taken_us = now_us;
    }
    clock->grant.is_taken = is_taken && now_us - clock->taken_us >= DOUBT_US;
}

static bool look(struct id_clock *clock, struct dbconn *conn, const struct id_clock_setup *setup,
                 uint64_t at_ms, struct error *error)
{
    struct id_clock_row row;
    if (!read_row(conn, setup, &row, error) || !take_lock(clock, conn, setup, &row, error)) {
        return false;
    }
    enum id_clock_step step = id_clock_step(&row, setup->run, clock->has_lock, at_ms);
    if (step != CLOCK_ENOUGH && step != CLOCK_TAKEN &&
        (!write_row(conn, setup, step, &row, id_clock_upto(at_ms), error) ||
         !read_row(conn, setup, &row, error))) {
        return false;
    }
    if (row.is_there && row.run == setup->run) {
        clock->grant = (struct id_grant){.from_ms = row.from_ms, .upto_ms = row.upto_ms};
        clock->taken_us = 0;
    } else {
        note_taken(clock, step == CLOCK_TAKEN);
    }
    return true;
}

bool id_clock_look(struct id_clock *clock, struct dbconn *conn, const struct id_clock_setup *setup,
                   uint64_t used_ms, struct error *error)
{
    uint64_t now_ms = wall_ms();
    uint64_t at_ms = now_ms > used_ms ? now_ms : used_ms; // (a clock may have been set back)
    bool is_enough = !clock->grant.is_taken && clock->grant.upto_ms >= at_ms + ENOUGH_MS;
    if ((is_enough && clock->has_lock) || job_now_us() < clock->pause_until_us) {
        return true;
    }
    bool is_fine = look(clock, conn, setup, at_ms, error) ||
                   (schema_is_missing(error) && schema_create(conn, error) &&
                    look(clock, conn, setup, at_ms, error));
    if (!is_fine) {
        clock->pause_until_us = job_now_us() + PAUSE_US;
    }
    return is_fine;
}

void id_clock_give_back(struct id_clock *clock, struct dbconn *conn,
                        const struct id_clock_setup *setup, uint64_t used_ms)
{
    struct error error;
    unsigned long long next_ms = used_ms + 1;
    if (clock->grant.upto_ms > 0 && !clock->grant.is_taken) {
        // (a failure leaves what was reserved: the next one begins later)
        (void)!dbconn_run(conn, &error,
                          "UPDATE waybill.id_clock SET run = 0, upto_ms = LEAST(upto_ms, "
                          "GREATEST(from_ms, %llu)) WHERE proxy = %u AND run = %llu AND "
                          "@@GLOBAL.read_only = 0",
                          next_ms, setup->proxy, (unsigned long long)setup->run);
    }
}
