#include "replication/schema_work.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/memory.h"
#include "protocol/error_table.h"
#include "replication/ddl_journal.h"
#include "replication/declare_work.h"
#include "replication/index_work.h"
#include "replication/job.h"

enum { NO_SUCH_DATABASE = 1049, FIELD_BYTES = 1200 };

struct dbconn *schema_work_conn(struct schema_work *work, uint16_t shard, struct error *error)
{
    struct schema_shard *to = &work->order.shards[shard];
    enum db_failure failure;
    if (work->conns[shard] != NULL) {
        return work->conns[shard];
    }
    if (!to->has_primary) {
        error_fill(error, ER_SHARD_UNAVAILABLE, "it has no primary now");
        return NULL;
    }
    work->conns[shard] = dbconn_open(&to->endpoint, error, &failure);
    return work->conns[shard];
}

void schema_work_poke(struct schema_work *work)
{
    struct schema_report *report = memory_new(sizeof *report);
    report->message.deliver = work->report->message.deliver;
    report->kind = SCHEMA_DECLARED_CHANGED;
    text_init(&report->rows);
    mailbox_post(work->mailbox, &report->message);
}

void schema_work_say_text(struct schema_work *work, struct slice text)
{
    text_add_slice(&work->report->rows, text);
    text_add(&work->report->rows, "", 1);
}

void schema_work_say(struct schema_work *work, const char *format, ...)
{
    char text[FIELD_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    schema_work_say_text(work, slice_of_string(text));
}

bool schema_work_is_absent(const struct error *error)
{
    return error->code == ER_NO_SUCH_TABLE || error->code == NO_SUCH_DATABASE;
}

bool schema_work_definition(struct dbconn *conn, const char *question, struct text *create,
                            struct error *error)
{
    static const char *const columns[] = {"Create Table", "Create View", "Create Database"};
    struct db_rows rows;
    const char *definition = NULL;
    bool is_fine = dbconn_query(conn, &rows, error, "%s", question);
    for (size_t i = 0; i < sizeof columns / sizeof columns[0] && definition == NULL; i++) {
        definition = is_fine ? db_rows_get(&rows, columns[i]) : NULL;
    }
    if (is_fine && definition == NULL) {
        error_fill(error, ER_UNKNOWN, "its answer can't be read");
        is_fine = false;
    } else if (is_fine) {
        text_add(create, definition, strlen(definition) + 1);
    }
    db_rows_done(&rows);
    return is_fine;
}

void schema_name_quote(const char *name, char *quoted, size_t quoted_bytes)
{
    size_t at = 0;
    quoted[at++] = '`';
    for (; *name != '\0' && at + 4 < quoted_bytes; name++) {
        if (*name == '`') {
            quoted[at++] = *name;
        }
        quoted[at++] = *name;
    }
    quoted[at++] = '`';
    quoted[at] = '\0';
}

void schema_table_quote(const struct schema_table *table, char *quoted, size_t quoted_bytes)
{
    char schema[600], name[600];
    schema_name_quote(table->schema, schema, sizeof schema);
    schema_name_quote(table->name, name, sizeof name);
    snprintf(quoted, quoted_bytes, "%s.%s", schema, name);
}

bool schema_table_is_meant(const struct schema_order *order, const struct schema_table *table)
{
    char name[600];
    snprintf(name, sizeof name, "%s.%s", table->schema, table->name);
    return order->argument[0] == '\0' ||
           slice_equal_nocase(slice_of_string(order->argument), slice_of_string(name));
}

// ---- the job

static bool begin_ddl(struct schema_work *work, struct dbconn *home, struct error *error)
{
    const struct schema_order *order = &work->order;
    struct error ignored;
    if (!declare_begin(work, home, error)) {
        return false;
    }
    bool is_fine = ddl_journal_begin(home, order->note, order->proxy, order->run, error);
    if (!is_fine && order->note->declares != DECLARES_NOTHING) {
        (void)!declare_end(work, home, order->note->id, &ignored);
    }
    return is_fine;
}

static bool end_ddl(struct schema_work *work, struct dbconn *home, struct error *error)
{
    const struct schema_order *order = &work->order;
    bool is_noted = ddl_journal_end(home, order->note, &work->report->is_open, error);
    return is_noted && (!order->has_declared || declare_end(work, home, order->note->id, error));
}

static void note_ddl(struct schema_work *work)
{
    const struct schema_order *order = &work->order;
    struct schema_report *report = work->report;
    report->id = order->note->id;
    report->is_end = order->note->is_end;
    struct dbconn *conn = schema_work_conn(work, order->home, &report->error);
    if (conn == NULL) {
        return;
    }
    bool is_fine = report->is_end ? end_ddl(work, conn, &report->error)
                                  : begin_ddl(work, conn, &report->error);
    if (is_fine) {
        report->error.code = 0; // of what was made good
    }
}

static void run_work(struct job *job, void *owner)
{
    struct schema_work *work = owner;
    work->self = job;
    switch (work->order.kind) {
    case SCHEMA_NOTE:
        note_ddl(work);
        break;
    case SCHEMA_DIFF:
        schema_diff_run(work);
        break;
    case SCHEMA_REPAIR:
    case SCHEMA_FORGET:
        schema_repair_run(work);
        break;
    case SCHEMA_REFERENCE:
        reference_check_run(work);
        break;
    case SCHEMA_ROW_IDS:
        row_id_block_run(work);
        break;
    case SCHEMA_DECLARED_TIDY:
        declare_tidy_run(work);
        break;
    case SCHEMA_DECLARED_CHANGED:
        break;
    case SCHEMA_POSITIONS:
        positions_run(work);
        break;
    case SCHEMA_INDEX_SHOW:
    case SCHEMA_INDEX_CHECK:
    case SCHEMA_INDEX_REPAIR:
    case SCHEMA_INDEX_DROP:
    case SCHEMA_INDEX_BUILD:
        index_work_run(work);
        break;
    }
    for (uint16_t i = 0; i < work->order.shard_count; i++) {
        dbconn_close(work->conns[i]);
    }
    struct schema_report *report = work->report;
    work->report = NULL;
    mailbox_post(work->mailbox, &report->message);
}

struct schema_work *schema_work_start(const struct schema_order *order, struct mailbox *mailbox,
                                      void (*deliver)(struct message *message, void *receiver))
{
    struct schema_work *work = memory_new(sizeof *work);
    work->order = *order;
    work->mailbox = mailbox;
    work->conns = memory_new(order->shard_count * sizeof(struct dbconn *));
    work->report = memory_new(sizeof *work->report);
    work->report->message.deliver = deliver;
    work->report->kind = order->kind;
    work->report->number = order->number;
    text_init(&work->report->rows);
    work->job = job_start("schema", run_work, work);
    return work;
}

void schema_order_done(struct schema_order *order)
{
    ddl_note_free(order->note);
    index_order_free(order->indexes);
    memory_free(order->shards);
    memory_free(order->tables);
    memory_free(order->running);
}

void schema_work_join(struct schema_work *work)
{
    job_join(work->job);
    schema_order_done(&work->order);
    memory_free(work->conns);
    memory_free(work);
}

void schema_report_free(struct schema_report *report)
{
    text_done(&report->rows);
    memory_free(report);
}
