#include "replication/declared_look.h"

#include "replication/job.h"
#include "replication/schema.h"

enum {
    LEASE_MIN_MS = 4000,
    LEASE_PROBES = 6,
    FOREIGN_MORE_MS = 2000, // clocks don't run alike
    LOOK_PAUSE_US = 2000000 // of who has not joined
};

uint32_t declared_lease_ms(uint32_t probe_ms)
{
    uint32_t lease_ms = probe_ms * LEASE_PROBES;
    return lease_ms > LEASE_MIN_MS ? lease_ms : LEASE_MIN_MS;
}

uint32_t declared_foreign_ms(uint32_t lease_ms)
{
    return lease_ms + lease_ms / 8 + FOREIGN_MORE_MS;
}

// *is_renewed: false where the server has become read-only since it was asked.
static bool renew(struct declared_look *look, struct dbconn *conn,
                  const struct declared_setup *setup, const struct declared_order *order,
                  bool *is_renewed, struct error *error)
{
    unsigned long long run = setup->run, seen = order->seen, beat = ++look->beat;
    unsigned proxy = setup->proxy, lease_ms = declared_lease_ms(setup->probe_ms);
    const char *problem = order->has_failed
                              ? "its configuration does not go with what is declared (see its log)"
                              : "";
    bool is_fine = dbconn_run(
        conn, error,
        "INSERT INTO waybill.proxy (run, proxy, seen, lease_ms, beat, problem, at) SELECT %llu, "
        "%u, %llu, %u, %llu, '%s', UTC_TIMESTAMP(3) FROM DUAL WHERE @@GLOBAL.read_only = 0 ON "
        "DUPLICATE KEY UPDATE seen = VALUES(seen), lease_ms = VALUES(lease_ms), beat = "
        "VALUES(beat), problem = VALUES(problem), at = VALUES(at)",
        run, proxy, seen, lease_ms, beat, problem);
    *is_renewed = is_fine && dbconn_changed(conn) > 0;
    return is_fine;
}

static void add_row(const struct db_rows *rows, struct declared_set *set)
{
    struct declared_row row = {
        .schema = db_rows_text(rows, "table_schema"),
        .name = db_rows_text(rows, "table_name"),
        .words = db_rows_text(rows, "words"),
        .number = db_rows_number(rows, "number"),
        .is_closed = strcmp(db_rows_text(rows, "state"), "open") != 0,
    };
    if (row.name[0] != '\0') { // (the outer join's empty row)
        declared_add(&set->rows, &row);
    }
}

// One statement, so that the number and the rows are of one moment.
static bool read_rows(struct dbconn *conn, struct declared_facts *facts, struct error *error)
{
    struct db_rows rows;
    bool is_fine = dbconn_query(
        conn, &rows, error,
        "SELECT d.number AS newest, t.table_schema, t.table_name, t.words, t.number, t.state FROM "
        "waybill.declaration d LEFT JOIN waybill.declared_table t ON TRUE WHERE d.id = 1");
    if (is_fine) {
        facts->number = db_rows_number(&rows, "newest");
        facts->set = declared_set_new(facts->number);
    }
    for (bool has_row = is_fine && rows.count > 0; has_row; has_row = db_rows_next(&rows)) {
        add_row(&rows, facts->set);
    }
    db_rows_done(&rows);
    return is_fine;
}

static bool read_number(struct dbconn *conn, uint64_t *number, struct error *error)
{
    struct db_rows rows;
    bool is_fine =
        dbconn_query(conn, &rows, error, "SELECT number FROM waybill.declaration WHERE id = 1");
    *number = is_fine ? db_rows_number(&rows, "number") : 0;
    db_rows_done(&rows);
    return is_fine;
}

static bool look_once(struct declared_look *look, struct dbconn *conn,
                      const struct declared_setup *setup, const struct declared_order *order,
                      struct declared_facts *facts, struct error *error)
{
    bool is_renewed = false;
    uint64_t before_us = job_now_us();
    *facts = (struct declared_facts){.is_looked = true};
    if (order->joins && !renew(look, conn, setup, order, &is_renewed, error)) {
        return false;
    }
    facts->renewed_us = is_renewed ? before_us : 0;
    return read_number(conn, &facts->number, error) &&
           (facts->number == order->known || read_rows(conn, facts, error));
}

bool declared_look(struct declared_look *look, struct dbconn *conn,
                   const struct declared_setup *setup, const struct declared_order *order,
                   struct declared_facts *facts, struct error *error)
{
    uint64_t now_us = job_now_us();
    *facts = (struct declared_facts){.is_looked = false};
    if (!order->joins && look->looked_us > 0 && now_us - look->looked_us < LOOK_PAUSE_US) {
        return true;
    }
    look->looked_us = now_us;
    if (look_once(look, conn, setup, order, facts, error)) {
        return true;
    }
    bool is_missing = schema_is_missing(error);
    if (is_missing && order->joins && schema_create(conn, error) &&
        look_once(look, conn, setup, order, facts, error)) {
        return true;
    }
    *facts = (struct declared_facts){.is_looked = !order->joins};
    return is_missing && !order->joins; // nothing was ever declared
}

void declared_leave(struct dbconn *conn, const struct declared_setup *setup)
{
    struct error error;
    // (A failure leaves a row that others wait for once.)
    (void)!dbconn_run(conn, &error, "DELETE FROM waybill.proxy WHERE run = %llu",
                      (unsigned long long)setup->run);
}
