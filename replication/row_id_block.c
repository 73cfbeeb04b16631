// Two tables on the home shard, which is the default shard:
//
//     waybill.row_id         the counter of each column: no id from there on was ever reserved
//     waybill.row_id_block   the blocks that processes may be using
//
// A block is taken in a transaction that holds the counter's row, and used when its COMMIT was
// acknowledged by a server that is still the primary then: so it is what a failover keeps, as far
// as the shard's durability says. The counter begins behind the highest id that the table has on
// any shard. Whoever knows of a block that a lost server had reserved takes the counter past it.
//
// A block that was left by a crash is nobody's after ROW_ID_FOREIGN_S; its process has used no id
// of it for longer than the difference to ROW_ID_USE_S, by its own clock.

#include "replication/row_id_block.h"

#include <stdio.h>

#include "protocol/error_table.h"
#include "replication/job.h"
#include "replication/schema.h"
#include "replication/schema_work.h"

enum { CONDITION_BYTES = 2000, TABLE_BYTES = 1300, COLUMN_BYTES = 600 };

bool row_id_block_choose(const struct row_id_order *order, uint64_t counter,
                         struct row_id_block *block)
{
    uint64_t begin = counter > order->known_end ? counter : order->known_end;
    begin = begin > order->given ? begin : order->given;
    *block = (struct row_id_block){.begin = begin};
    if (begin == 0 || begin > ROW_ID_MAX) {
        return false;
    }
    uint64_t left = ROW_ID_MAX - begin + 1;
    block->end = begin + (order->size < left ? order->size : left);
    return true;
}

// "table_schema = 'shop' AND table_name = 'orders' AND column_name = 'id'"
static void print_condition(const struct row_ids *ids, char *text, size_t text_bytes)
{
    char schema[600], table[600], column[600];
    db_quote(ids->schema, schema, sizeof schema);
    db_quote(ids->table, table, sizeof table);
    db_quote(ids->column, column, sizeof column);
    snprintf(text, text_bytes, "table_schema = %s AND table_name = %s AND column_name = %s", schema,
             table, column);
}

static void print_table(const struct row_ids *ids, char *text, size_t text_bytes)
{
    struct schema_table table = {.is_reference = false};
    snprintf(table.schema, sizeof table.schema, "%s", ids->schema);
    snprintf(table.name, sizeof table.name, "%s", ids->table);
    schema_table_quote(&table, text, text_bytes);
}

// ---- the first time

// The highest id of the table on that shard.
static bool read_highest(struct dbconn *conn, const struct row_ids *ids, uint64_t *highest,
                         struct error *error)
{
    char table[TABLE_BYTES], column[COLUMN_BYTES];
    struct db_rows rows;
    print_table(ids, table, sizeof table);
    schema_name_quote(ids->column, column, sizeof column);
    bool is_fine =
        dbconn_query(conn, &rows, error, "SELECT GREATEST(COALESCE(MAX(%s), 0), 0) AS top FROM %s",
                     column, table);
    uint64_t top = is_fine ? db_rows_number(&rows, "top") : 0;
    db_rows_done(&rows);
    *highest = top > *highest && top <= ROW_ID_MAX ? top : *highest;
    return is_fine;
}

static bool begin_counter(struct schema_work *work, struct dbconn *home, struct error *error)
{
    const struct schema_order *order = &work->order;
    const struct row_ids *ids = order->row_ids.ids;
    char schema[600], table[600], column[600];
    uint64_t highest = 0;
    for (uint16_t i = 0; i < order->shard_count; i++) {
        struct dbconn *conn = schema_work_conn(work, i, error);
        if (conn == NULL || !read_highest(conn, ids, &highest, error)) {
            return false;
        }
    }
    db_quote(ids->schema, schema, sizeof schema);
    db_quote(ids->table, table, sizeof table);
    db_quote(ids->column, column, sizeof column);
    return dbconn_run(home, error,
                      "INSERT IGNORE INTO waybill.row_id (table_schema, table_name, column_name, "
                      "next_id) SELECT %s, %s, %s, %llu FROM DUAL WHERE @@GLOBAL.read_only = 0",
                      schema, table, column, (unsigned long long)highest + 1);
}

// ---- a block

static bool is_primary(struct dbconn *home, struct error *error)
{
    struct db_rows rows;
    bool is_fine = dbconn_query(home, &rows, error, "SELECT @@GLOBAL.read_only AS is_closed");
    if (is_fine && db_rows_number(&rows, "is_closed") != 0) {
        error_fill(error, ER_SHARD_UNAVAILABLE, "its primary is being replaced");
        is_fine = false;
    }
    db_rows_done(&rows);
    return is_fine;
}

// *has_counter: there is one, and it is locked.
static bool read_counter(struct dbconn *home, const char *condition, uint64_t *counter,
                         bool *has_counter, struct error *error)
{
    struct db_rows rows;
    bool is_fine =
        dbconn_run(home, error, "START TRANSACTION") &&
        dbconn_query(home, &rows, error, "SELECT next_id FROM waybill.row_id WHERE %s FOR UPDATE",
                     condition);
    if (!is_fine) {
        return false;
    }
    *has_counter = rows.count > 0;
    *counter = db_rows_number(&rows, "next_id");
    db_rows_done(&rows);
    return true;
}

static bool read_floor(struct schema_work *work, struct dbconn *home, const char *condition,
                       uint64_t counter, struct error *error)
{
    struct db_rows rows;
    bool is_fine = dbconn_query(home, &rows, error,
                                "SELECT MIN(from_id) AS low FROM waybill.row_id_block WHERE %s AND "
                                "run <> %llu AND reserved_at > UTC_TIMESTAMP(3) - INTERVAL %d "
                                "SECOND",
                                condition, (unsigned long long)work->order.run, ROW_ID_FOREIGN_S);
    uint64_t low = is_fine ? db_rows_number(&rows, "low") : 0;
    db_rows_done(&rows);
    work->report->row_ids.floor = low > 0 ? low : counter;
    work->report->row_ids.counter = counter;
    return is_fine;
}

static bool write_block(const struct schema_work *work, struct dbconn *home, const char *condition,
                        const struct row_id_block *block, struct error *error)
{
    const struct schema_order *order = &work->order;
    unsigned long long begin = block->begin, end = block->end, run = order->run;
    return dbconn_run(home, error,
                      "DELETE FROM waybill.row_id_block WHERE %s AND ((run = %llu AND upto_id <= "
                      "%llu) OR reserved_at < UTC_TIMESTAMP(3) - INTERVAL %d SECOND)",
                      condition, run, (unsigned long long)order->row_ids.own_begin,
                      2 * ROW_ID_FOREIGN_S) &&
           dbconn_run(home, error,
                      "INSERT INTO waybill.row_id_block (table_schema, table_name, column_name, "
                      "from_id, upto_id, run, proxy, reserved_at) SELECT table_schema, table_name, "
                      "column_name, %llu, %llu, %llu, %u, UTC_TIMESTAMP(3) FROM waybill.row_id "
                      "WHERE %s",
                      begin, end, run, (unsigned)order->proxy, condition) &&
           dbconn_run(home, error, "UPDATE waybill.row_id SET next_id = %llu WHERE %s", end,
                      condition);
}

static bool reserve(struct schema_work *work, struct dbconn *home, const char *condition,
                    uint64_t counter, struct error *error)
{
    const struct row_id_order *order = &work->order.row_ids;
    struct row_id_block block;
    block.until_us = 0;
    if (!order->wants_block && order->given < counter) {
        return dbconn_run(home, error, "ROLLBACK");
    }
    if (!row_id_block_choose(order, counter, &block)) {
        error_fill(error, ER_NO_ORDER_ID, "No row id can be made: there are no numbers left");
        return false;
    }
    block.until_us = job_now_us() + (uint64_t)ROW_ID_USE_S * 1000000;
    // A server that has meanwhile lost its place may not have told the new primary.
    if (!write_block(work, home, condition, &block, error) || !dbconn_run(home, error, "COMMIT") ||
        !is_primary(home, error)) {
        return false;
    }
    work->report->row_ids.block = block;
    work->report->row_ids.counter = block.end;
    return true;
}

static bool run(struct schema_work *work, struct dbconn *home, struct error *error)
{
    char condition[CONDITION_BYTES];
    uint64_t counter = 0;
    bool has_counter = false;
    print_condition(work->order.row_ids.ids, condition, sizeof condition);
    if (!is_primary(home, error) || !read_counter(home, condition, &counter, &has_counter, error)) {
        return false;
    }
    if (!has_counter) {
        return dbconn_run(home, error, "ROLLBACK") && begin_counter(work, home, error) &&
               read_counter(home, condition, &counter, &has_counter, error) && has_counter &&
               read_floor(work, home, condition, counter, error) &&
               reserve(work, home, condition, counter, error);
    }
    return read_floor(work, home, condition, counter, error) &&
           reserve(work, home, condition, counter, error);
}

void row_id_block_run(struct schema_work *work)
{
    struct schema_report *report = work->report;
    const struct schema_order *order = &work->order;
    struct error *error = &report->error;
    report->row_ids.ids = order->row_ids.ids;
    struct dbconn *home = schema_work_conn(work, order->home, error);
    if (home == NULL) {
        return;
    }
    bool is_fine =
        order->row_ids.is_release
            ? dbconn_run(home, error, "DELETE FROM waybill.row_id_block WHERE run = %llu",
                         (unsigned long long)order->run)
            : run(work, home, error) || (schema_is_missing(error) && schema_create(home, error) &&
                                         run(work, home, error));
    if (is_fine) {
        error->code = 0; // of what was made good
    } else if (error->code == 0) {
        error_fill(error, ER_SHARD_UNAVAILABLE, "its primary is being replaced");
    }
}
