// The rows, table by table, as they come out of the snapshot: a megabyte of them, or one that is
// larger, is all that is in memory.

#include "replication/clone_impl.h"

#include "base/memory.h"
#include "router/sql_literal.h"

enum { MIB = 1 << 20, PACKET_HEAD = 64 };

struct copy {
    struct clone *clone;
    const struct clone_table *table;
    struct text select, into;
    struct clone_batch batch;
    struct slice *values; // owned
};

static const char *name_at(const struct clone *clone, size_t place)
{
    return clone->action->setup.servers[place].endpoint.name;
}

static bool give_up(const struct copy *copy, size_t place)
{
    return action_give_up(copy->clone->action, "%s: %.*s.%.*s: %s", name_at(copy->clone, place),
                          (int)copy->table->schema.len, (const char *)copy->table->schema.ptr,
                          (int)copy->table->name.len, (const char *)copy->table->name.ptr,
                          copy->clone->action->error.text);
}

static void begin(struct copy *copy, struct clone *clone, const struct clone_table *table)
{
    *copy = (struct copy){.clone = clone, .table = table};
    text_init(&copy->select);
    text_init(&copy->into);
    clone_batch_init(&copy->batch);
    copy->values = memory_new(sizeof *copy->values * (table->column_count + 1));
    sql_add_name(&copy->into, table->schema);
    text_add_string(&copy->into, ".");
    sql_add_name(&copy->into, table->name);
    text_add_string(&copy->into, " (");
    text_add_string(&copy->select, "SELECT SQL_NO_CACHE ");
    for (size_t i = 0; i < table->column_count; i++) {
        text_add_string(&copy->into, i > 0 ? ", " : "");
        sql_add_name(&copy->into, table->columns[i]);
        text_add_string(&copy->select, i > 0 ? ", " : "");
        clone_add_column(&copy->select, table->types[i], table->columns[i]);
    }
    text_add_string(&copy->into, ")");
    text_add_string(&copy->select, " FROM ");
    sql_add_name(&copy->select, table->schema);
    text_add_string(&copy->select, ".");
    sql_add_name(&copy->select, table->name);
    clone_batch_begin(&copy->batch, text_slice(&copy->into));
}

static void end(struct copy *copy)
{
    memory_free(copy->values);
    clone_batch_done(&copy->batch);
    text_done(&copy->select);
    text_done(&copy->into);
}

static bool send_batch(struct copy *copy)
{
    struct clone *clone = copy->clone;
    struct clone_batch *batch = &copy->batch;
    struct error *error = &clone->action->error;
    if (batch->row_count == 0) {
        return true;
    }
    if (batch->sql.len + PACKET_HEAD > clone->packet_bytes) {
        error_set(error, 1153, "08S01",
                  "a row needs a max_allowed_packet of more than %zu bytes there",
                  batch->sql.len + PACKET_HEAD);
        return give_up(copy, clone->to);
    }
    if (!dbconn_run_bytes(clone->writer, text_slice(&batch->sql), error)) {
        return give_up(copy, clone->to);
    }
    if (dbconn_changed(clone->writer) != batch->row_count) {
        error_set(error, 1105, "HY000", "not all rows were taken");
        return give_up(copy, clone->to);
    }
    clone->row_count += batch->row_count;
    clone->byte_count += batch->sql.len;
    clone_batch_empty(batch);
    return clone_progress(clone, "%zu of %zu tables, %llu rows, %llu MiB", clone->tables_done,
                          clone->catalog.table_count, (unsigned long long)clone->row_count,
                          (unsigned long long)clone->byte_count / MIB);
}

// *is_whole: all rows were fetched.
static bool pass_rows(struct copy *copy, struct db_rows *rows, bool *is_whole)
{
    struct clone *clone = copy->clone;
    enum io news;
    while ((news = dbconn_next_row(clone->snapshot, rows, copy->values, &clone->action->error)) ==
           IO_DONE) {
        clone_batch_add(&copy->batch, copy->table->types, copy->values, copy->table->column_count);
        if (copy->batch.sql.len >= clone->batch_bytes && !send_batch(copy)) {
            return false;
        }
    }
    *is_whole = news == IO_CLOSED;
    return *is_whole ? send_batch(copy) : give_up(copy, clone->from);
}

// Up to the savepoint the snapshot holds a lock on the table's definition: what it is then, it
// was for all of its rows.
static bool copy_table(struct clone *clone, const struct clone_table *table)
{
    struct copy copy;
    struct db_rows rows;
    struct error *error = &clone->action->error;
    size_t count = 0;
    bool is_whole = false;
    begin(&copy, clone, table);
    bool is_fine =
        (dbconn_run(clone->snapshot, error, "SAVEPOINT waybill_table") &&
         dbconn_begin_rows(clone->snapshot, &rows, text_slice(&copy.select), &count, error)) ||
        give_up(&copy, clone->from);
    if (is_fine) {
        is_fine = clone_catalog_check(&clone->catalog, table, clone->reader, error) ||
                  action_give_up(clone->action, "%s", error->text);
        is_fine = is_fine && pass_rows(&copy, &rows, &is_whole);
        dbconn_end_rows(clone->snapshot, &rows, is_whole);
        is_fine = is_fine && (dbconn_run(clone->snapshot, error, "ROLLBACK TO waybill_table") ||
                              give_up(&copy, clone->from));
    }
    end(&copy);
    clone->tables_done++;
    return is_fine;
}

// What it has counted now: each later event of its replication has all of it.
static bool copy_sequence(struct clone *clone, const struct clone_table *table)
{
    struct copy copy;
    struct db_rows rows;
    struct error *error = &clone->action->error;
    begin(&copy, clone, table);
    struct text name;
    text_init(&name);
    sql_add_name(&name, table->schema);
    text_add_string(&name, ".");
    sql_add_name(&name, table->name);
    bool is_read = dbconn_query(clone->reader, &rows, error,
                                "SELECT next_not_cached_value AS next, cycle_count AS round FROM "
                                "%.*s",
                                (int)name.len, (const char *)name.ptr) ||
                   give_up(&copy, clone->from);
    bool is_fine =
        is_read && (dbconn_run(clone->writer, error, "DO SETVAL(%.*s, %s, 0, %s)", (int)name.len,
                               (const char *)name.ptr, db_rows_text(&rows, "next"),
                               db_rows_text(&rows, "round")) ||
                    give_up(&copy, clone->to));
    db_rows_done(&rows);
    text_done(&name);
    end(&copy);
    clone->tables_done++;
    return is_fine;
}

static bool run_statements(struct clone *clone)
{
    for (size_t i = 0; i < clone->catalog.statement_count; i++) {
        if (!dbconn_run_bytes(clone->writer, clone->catalog.statements[i], &clone->action->error)) {
            return action_give_up(clone->action, "%s: accounts, routines and events: %s",
                                  name_at(clone, clone->to), clone->action->error.text);
        }
    }
    return true;
}

bool clone_copy(struct clone *clone)
{
    struct error *error = &clone->action->error;
    if (!dbconn_run(clone->writer, error,
                    "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES', "
                    "character_set_client = 'binary', collation_connection = 'binary'")) {
        return action_give_up(clone->action, "%s", error->text);
    }
    for (size_t i = 0; i < clone->catalog.table_count; i++) {
        const struct clone_table *table = &clone->catalog.tables[i];
        if (!(table->is_sequence ? copy_sequence(clone, table) : copy_table(clone, table))) {
            return false;
        }
    }
    return run_statements(clone);
}
