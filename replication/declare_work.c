// A row's way, each step with a new number where waybills have to know of it:
//
//     (none) --CREATE--> coming --all know, and no shard has it--> making --DDL--> open
//                          |                                         |
//                          `--> (none)                               `--no shard has it--> (none)
//     open --DROP--> going --DDL--> (none), or open where a shard still has it
//
// Where it is not open, no waybill runs other DDL on the table. Until `making` nobody of those who
// know has made it, and those who did not know have no statement left that could: so what is there
// afterwards was made by this one.

#include "replication/declare_work.h"

#include <stdio.h>

#include "base/memory.h"
#include "protocol/error_table.h"
#include "replication/declare_wait.h"
#include "replication/declared_look.h"
#include "replication/job.h"
#include "replication/schema.h"

enum {
    POLL_MS = 10,
    END_WAIT_MS = 2000,
    LATE_DDL_S = 60, // a DDL whose waybill has gone may still be waiting on a server
    CONDITION_BYTES = 1100,
    DENIED_ON_SCHEMA = 1044,
    DENIED_ON_TABLE = 1142,
    ER_DUPLICATE = 1062,
};

struct declare_item { // a row
    struct schema_table table;
    char condition[CONDITION_BYTES]; // in waybill.declared_table
};

// ---- changes, each in a transaction with the number's row locked

static void fill_item(struct declare_item *item, const char *schema, const char *name)
{
    char quoted_schema[520], quoted_name[520];
    *item = (struct declare_item){.table.is_reference = false};
    snprintf(item->table.schema, sizeof item->table.schema, "%s", schema);
    snprintf(item->table.name, sizeof item->table.name, "%s", name);
    db_quote(schema, quoted_schema, sizeof quoted_schema);
    db_quote(name, quoted_name, sizeof quoted_name);
    snprintf(item->condition, sizeof item->condition, "table_schema = %s AND table_name = %s",
             quoted_schema, quoted_name);
}

static bool begin_change(struct dbconn *home, uint64_t *number, struct error *error)
{
    struct db_rows rows;
    if (!dbconn_run(home, error,
                    "INSERT IGNORE INTO waybill.declaration (id, number) SELECT 1, 0 FROM DUAL "
                    "WHERE @@GLOBAL.read_only = 0") ||
        !dbconn_run(home, error, "START TRANSACTION")) {
        return false;
    }
    bool is_fine = dbconn_query(home, &rows, error,
                                "SELECT number FROM waybill.declaration WHERE id = 1 FOR UPDATE");
    *number = is_fine ? db_rows_number(&rows, "number") + 1 : 0;
    is_fine = is_fine && rows.count > 0;
    db_rows_done(&rows);
    if (!is_fine && error->code == 0) {
        error_fill(error, ER_SHARD_UNAVAILABLE, "the default shard's primary is being replaced");
    }
    return is_fine;
}

static bool end_change(struct dbconn *home, uint64_t number, struct error *error)
{
    struct db_rows rows;
    if (!dbconn_run(home, error, "UPDATE waybill.declaration SET number = %llu WHERE id = 1",
                    (unsigned long long)number) ||
        !dbconn_run(home, error, "COMMIT")) {
        return false;
    }
    // A server that has meanwhile lost its place may not have told the new primary.
    bool is_fine = dbconn_query(home, &rows, error, "SELECT @@GLOBAL.read_only AS is_closed");
    if (is_fine && db_rows_number(&rows, "is_closed") != 0) {
        error_fill(error, ER_SHARD_UNAVAILABLE, "the default shard's primary is being replaced");
        is_fine = false;
    }
    db_rows_done(&rows);
    return is_fine;
}

static void roll_back(struct dbconn *home)
{
    struct error ignored;
    (void)!dbconn_run(home, &ignored, "ROLLBACK");
}

// ---- is it there?

enum presence { ABSENT, PRESENT, NOT_KNOWN };

static enum presence look_for(struct schema_work *work, uint16_t shard,
                              const struct schema_table *table, struct error *error)
{
    char quoted[1400], why[400];
    struct db_rows rows;
    struct dbconn *conn = schema_work_conn(work, shard, error);
    if (conn == NULL) {
        return NOT_KNOWN;
    }
    schema_table_quote(table, quoted, sizeof quoted);
    bool is_there = dbconn_query(conn, &rows, error, "SHOW CREATE TABLE %s", quoted);
    db_rows_done(&rows);
    if (is_there || schema_work_is_absent(error)) {
        return is_there ? PRESENT : ABSENT;
    }
    if (error->code == DENIED_ON_TABLE || error->code == DENIED_ON_SCHEMA) {
        snprintf(
            why, sizeof why,
            "waybill's own account (monitor_user) may not see whether table %.80s.%.80s is there: "
            "GRANT SELECT on it, on every shard",
            table->schema, table->name);
        error_fill(error, ER_DECLARATION, why);
    }
    return NOT_KNOWN;
}

// On any shard. *shard: the one that has it, or can't be asked.
static enum presence look_everywhere(struct schema_work *work, const struct schema_table *table,
                                     uint16_t *shard, struct error *error)
{
    enum presence sum = ABSENT;
    struct error first = {.code = 0};
    for (uint16_t i = 0; i < work->order.shard_count; i++) {
        enum presence here = look_for(work, i, table, error);
        if (here == PRESENT) {
            *shard = i;
            return PRESENT;
        }
        if (here == NOT_KNOWN && sum == ABSENT) {
            sum = NOT_KNOWN;
            *shard = i;
            first = *error;
        }
    }
    *error = first;
    return sum;
}

static bool is_nowhere(struct schema_work *work, const struct schema_table *table,
                       struct error *error)
{
    char why[500];
    uint16_t shard = 0;
    switch (look_everywhere(work, table, &shard, error)) {
    case ABSENT:
        return true;
    case PRESENT:
        snprintf(
            why, sizeof why,
            "Table %.80s.%.80s is on shard '%s' already, so it can't be declared: nothing was done",
            table->schema, table->name, work->order.shards[shard].name);
        error_fill(error, ER_DECLARATION, why);
        return false;
    case NOT_KNOWN:
        break;
    }
    snprintf(why, sizeof why, "Shard '%s' could not be asked for table %.80s.%.80s: %.200s",
             work->order.shards[shard].name, table->schema, table->name, error->text);
    error_fill(error, ER_DECLARATION, why);
    return false;
}

// ---- CREATE

static bool insert_row(struct schema_work *work, struct dbconn *home,
                       const struct declare_item *item, const char *words, uint64_t *number,
                       struct error *error)
{
    const struct schema_order *order = &work->order;
    char schema[520], name[520];
    size_t words_bytes = strlen(words) * 2 + 8;
    char *quoted = memory_new(words_bytes);
    db_quote(item->table.schema, schema, sizeof schema);
    db_quote(item->table.name, name, sizeof name);
    db_quote(words, quoted, words_bytes);
    bool is_fine =
        begin_change(home, number, error) &&
        dbconn_run(home, error,
                   "INSERT INTO waybill.declared_table (table_schema, table_name, words, number, "
                   "state, ddl, run, proxy, changed_at) VALUES (%s, %s, %s, %llu, 'coming', %llu, "
                   "%llu, %u, UTC_TIMESTAMP(3))",
                   schema, name, quoted, (unsigned long long)*number,
                   (unsigned long long)order->note->id, (unsigned long long)order->run,
                   order->proxy) &&
        end_change(home, *number, error);
    memory_free(quoted);
    if (!is_fine) {
        roll_back(home);
        if (error->code == ER_DUPLICATE) {
            error_fill(error, ER_DECLARATION,
                       "A table of that name is declared already, or is being declared or dropped "
                       "now: nothing was done");
        }
    }
    return is_fine;
}

// ---- what is done with a row

static bool finish_row(struct dbconn *home, const struct declare_item *item, uint64_t ddl,
                       bool is_kept, struct error *error)
{
    uint64_t number = 0;
    unsigned long long id = ddl;
    bool is_fine = begin_change(home, &number, error);
    unsigned long long next = number;
    is_fine =
        is_fine &&
        (is_kept ? dbconn_run(home, error,
                              "UPDATE waybill.declared_table SET state = 'open', number = %llu "
                              "WHERE %s AND ddl = %llu AND state IN ('making', 'going')",
                              next, item->condition, id)
                 : dbconn_run(home, error,
                              "DELETE FROM waybill.declared_table WHERE %s AND ddl = %llu AND "
                              "state <> 'open'",
                              item->condition, id)) &&
        end_change(home, number, error);
    if (!is_fine) {
        roll_back(home);
    }
    return is_fine;
}

// As the shards have the table now. A row that is only coming was never made.
static bool decide_row(struct schema_work *work, struct dbconn *home,
                       const struct declare_item *item, uint64_t ddl, bool is_coming,
                       struct error *error)
{
    uint16_t shard = 0;
    enum presence presence =
        is_coming ? ABSENT : look_everywhere(work, &item->table, &shard, error);
    return presence != NOT_KNOWN && finish_row(home, item, ddl, presence == PRESENT, error);
}

static bool set_making(struct dbconn *home, const struct declare_item *item, uint64_t ddl,
                       struct error *error)
{
    return dbconn_run(home, error,
                      "UPDATE waybill.declared_table SET state = 'making', changed_at = "
                      "UTC_TIMESTAMP(3) WHERE %s AND ddl = %llu AND state = 'coming'",
                      item->condition, (unsigned long long)ddl) &&
           (dbconn_changed(home) == 1 ||
            (error_fill(error, ER_DECLARATION,
                        "Another waybill took this one for gone, so nothing was done: try again"),
             false));
}

static bool begin_create(struct schema_work *work, struct dbconn *home,
                         const struct declared_row *row, struct error *error)
{
    struct declare_item item;
    struct error ignored;
    uint64_t number = 0, ddl = work->order.note->id;
    fill_item(&item, row->schema, row->name);
    if (!declare_are_all_there(work, home, error) || !is_nowhere(work, &item.table, error) ||
        !insert_row(work, home, &item, row->words, &number, error)) {
        return false;
    }
    if (declare_wait_for_all(work, home, number, 0, error) &&
        is_nowhere(work, &item.table, error) && set_making(home, &item, ddl, error)) {
        return true;
    }
    if (finish_row(home, &item, ddl, false, &ignored)) {
        schema_work_poke(work);
    }
    return false;
}

// ---- DROP

static bool close_row(struct schema_work *work, struct dbconn *home,
                      const struct declare_item *item, uint64_t number, struct error *error)
{
    const struct schema_order *order = &work->order;
    return dbconn_run(home, error,
                      "UPDATE waybill.declared_table SET state = 'going', number = %llu, ddl = "
                      "%llu, run = %llu, proxy = %u, changed_at = UTC_TIMESTAMP(3) WHERE %s AND "
                      "state = 'open'",
                      (unsigned long long)number, (unsigned long long)order->note->id,
                      (unsigned long long)order->run, order->proxy, item->condition) &&
           (dbconn_changed(home) == 1 ||
            (error_fill(error, ER_DECLARATION,
                        "A table of the statement is being declared or dropped now by another "
                        "one, so nothing was done: try again"),
             false));
}

static bool close_rows(struct schema_work *work, struct dbconn *home, uint64_t *number,
                       struct error *error)
{
    struct declare_item item;
    struct declared_row row;
    struct slice rows = text_slice(&work->order.note->declared);
    bool is_fine = begin_change(home, number, error);
    while (is_fine && declared_next(&rows, &row)) {
        fill_item(&item, row.schema, row.name);
        is_fine = close_row(work, home, &item, *number, error);
    }
    is_fine = is_fine && end_change(home, *number, error);
    if (!is_fine) {
        roll_back(home);
    }
    return is_fine;
}

static void open_again(struct schema_work *work, struct dbconn *home)
{
    struct declare_item item;
    struct declared_row row;
    struct error ignored;
    struct slice rows = text_slice(&work->order.note->declared);
    while (declared_next(&rows, &row)) {
        fill_item(&item, row.schema, row.name);
        (void)!finish_row(home, &item, work->order.note->id, true, &ignored);
    }
    schema_work_poke(work);
}

static bool begin_drop(struct schema_work *work, struct dbconn *home, struct error *error)
{
    uint64_t number = 0;
    if (!close_rows(work, home, &number, error)) {
        return false;
    }
    if (declare_wait_for_all(work, home, number, 0, error)) {
        return true;
    }
    open_again(work, home);
    return false;
}

// ---- the door

bool declare_begin(struct schema_work *work, struct dbconn *home, struct error *error)
{
    struct slice rows = text_slice(&work->order.note->declared);
    struct declared_row row;
    switch (work->order.note->declares) {
    case DECLARES_NOTHING:
        return true;
    case DECLARES_DROP:
        return begin_drop(work, home, error);
    case DECLARES_TABLE:
        break;
    }
    return declared_next(&rows, &row) && begin_create(work, home, &row, error);
}

struct found_row {
    struct declare_item item;
    uint64_t ddl, run;
    bool is_coming, is_fresh;
};

enum { FOUND_MAX = 64 };

static bool read_closed(struct dbconn *home, struct found_row *found, size_t *count, uint64_t ddl,
                        struct error *error)
{
    struct db_rows rows;
    *count = 0;
    bool is_fine = dbconn_query(
        home, &rows, error,
        "SELECT table_schema, table_name, ddl, run, state = 'coming' AS is_coming, changed_at > "
        "UTC_TIMESTAMP(3) - INTERVAL %d SECOND AS is_fresh FROM waybill.declared_table WHERE state "
        "<> 'open' AND (%llu = 0 OR ddl = %llu)",
        LATE_DDL_S, (unsigned long long)ddl, (unsigned long long)ddl);
    for (bool has_row = is_fine && rows.count > 0; has_row && *count < FOUND_MAX;
         has_row = db_rows_next(&rows)) {
        struct found_row *row = &found[(*count)++];
        fill_item(&row->item, db_rows_text(&rows, "table_schema"),
                  db_rows_text(&rows, "table_name"));
        row->ddl = db_rows_number(&rows, "ddl");
        row->run = db_rows_number(&rows, "run");
        row->is_coming = db_rows_is_yes(&rows, "is_coming");
        row->is_fresh = db_rows_is_yes(&rows, "is_fresh");
    }
    db_rows_done(&rows);
    return is_fine;
}

bool declare_end(struct schema_work *work, struct dbconn *home, uint64_t ddl, struct error *error)
{
    struct found_row *found = memory_new(FOUND_MAX * sizeof *found);
    struct db_rows rows;
    struct error ignored;
    size_t count = 0;
    bool is_fine = read_closed(home, found, &count, ddl, error);
    for (size_t i = 0; i < count && is_fine; i++) {
        is_fine = decide_row(work, home, &found[i].item, ddl, found[i].is_coming, error);
    }
    memory_free(found);
    if (is_fine && count > 0) { // the next DDL of the same table may come through any of them
        is_fine = dbconn_query(home, &rows, error, "SELECT number FROM waybill.declaration");
        uint64_t number = is_fine ? db_rows_number(&rows, "number") : 0;
        db_rows_done(&rows);
        (void)!declare_wait_for_all(work, home, number, END_WAIT_MS, &ignored);
    }
    return is_fine || schema_is_missing(error);
}

// ---- what was left

static bool is_running(const struct schema_order *order, const struct found_row *row)
{
    if (row->run == order->run && row->ddl > order->last_id) {
        return true; // begun since
    }
    for (size_t i = 0; i < order->running_count; i++) {
        if (row->run == order->run && order->running[i] == row->ddl) {
            return true;
        }
    }
    return false;
}

static bool read_beat(struct dbconn *home, uint64_t run, uint64_t *beat, uint32_t *lease_ms,
                      struct error *error)
{
    struct db_rows rows;
    bool is_fine = dbconn_query(home, &rows, error,
                                "SELECT beat, lease_ms FROM waybill.proxy WHERE run = %llu",
                                (unsigned long long)run);
    *beat = is_fine ? db_rows_number(&rows, "beat") : 0;
    *lease_ms = is_fine ? (uint32_t)db_rows_number(&rows, "lease_ms") : 0;
    db_rows_done(&rows);
    return is_fine;
}

// Looked at for as long as a lease is; of this process it is known at once.
static bool has_gone(struct schema_work *work, struct dbconn *home, uint64_t run,
                     struct error *error)
{
    uint64_t before = 0, beat = 0;
    uint32_t lease_ms = 0;
    if (run == work->order.run) {
        return true;
    }
    if (!read_beat(home, run, &before, &lease_ms, error)) {
        return false;
    }
    uint64_t until_us = job_now_us() + (uint64_t)declared_foreign_ms(lease_ms) * 1000;
    for (beat = before; before > 0 && job_now_us() < until_us;) {
        if (job_wait(work->self, POLL_MS * 20, NULL, 0) == JOB_STOP ||
            !read_beat(home, run, &beat, &lease_ms, error) || (beat != before && beat != 0)) {
            return false;
        }
    }
    return true;
}

void declare_tidy_run(struct schema_work *work)
{
    struct error *error = &work->report->error;
    struct dbconn *home = schema_work_conn(work, work->order.home, error);
    struct found_row *found = memory_new(FOUND_MAX * sizeof *found);
    size_t count = 0;
    bool is_fine = home != NULL && read_closed(home, found, &count, 0, error);
    for (size_t i = 0; i < count && is_fine; i++) {
        bool may_be_late = found[i].is_fresh && !found[i].is_coming;
        if (!may_be_late && !is_running(&work->order, &found[i]) &&
            has_gone(work, home, found[i].run, error) &&
            decide_row(work, home, &found[i].item, found[i].ddl, found[i].is_coming, error)) {
            schema_work_say(work, "%s.%s", found[i].item.table.schema, found[i].item.table.name);
            schema_work_poke(work);
        }
        is_fine = dbconn_failure(home) != DB_LOST;
    }
    memory_free(found);
}
