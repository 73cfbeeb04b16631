// A row of waybill.undone for each transaction: its statements where the log has them
// (annotations), and all its rows as SQL, with the names of the columns as the old primary has
// them. What touched heartbeats alone is left out.

#include "protocol/binlog_rows.h"
#include "replication/promotion.h"
#include "replication/schema.h"
#include "replication/undo_impl.h"

enum { REPORT_MAX = 4 * 1024 * 1024 };

struct column_name {
    const char *name;
    bool is_unsigned;
};

struct report {
    struct undo_work *work;
    struct text text;
    bool is_worth_telling; // more than a heartbeat
};

// ---- one row

// The arena's; columns without a name (the table is another by now) are numbered.
static struct column_name *read_names(struct undo_work *work, const struct binlog_table *table)
{
    struct arena *arena = &work->undo->action->arena;
    struct column_name *names = arena_alloc(arena, (table->column_count + 1) * sizeof *names);
    struct db_rows rows;
    bool is_read =
        step_ask(work->undo->action, work->undo->subject,
                 (const char *)arena_format(
                     arena,
                     "SELECT COLUMN_NAME AS name, COLUMN_TYPE LIKE '%%unsigned%%' AS is_unsigned "
                     "FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s "
                     "ORDER BY ORDINAL_POSITION",
                     undo_quote(arena, table->schema), undo_quote(arena, table->name))
                     .ptr,
                 &rows);
    bool is_same = is_read && rows.count == table->column_count;
    for (size_t i = 0; i < table->column_count; i++) {
        names[i].name =
            (const char *)(is_same ? arena_format(arena, "%s", db_rows_text(&rows, "name"))
                                   : arena_format(arena, "@%zu", i + 1))
                .ptr;
        names[i].is_unsigned = is_same && db_rows_number(&rows, "is_unsigned") == 1;
        is_same = is_same && (i + 1 == table->column_count || db_rows_next(&rows));
    }
    db_rows_done(&rows);
    return names;
}

static void print_image(const struct binlog_table *table, const struct column_name *names,
                        const struct binlog_image *image, bool is_condition, struct text *out)
{
    struct slice values = image->values;
    for (size_t i = 0; i < table->column_count; i++) {
        bool is_null = binlog_is_null(image, i);
        struct slice value = {.len = 0};
        text_add_string(out, i == 0 ? " " : is_condition ? " AND " : ", ");
        text_add_format(out, "`%s` %s ", names[i].name, is_condition && is_null ? "IS" : "=");
        if (is_null || !binlog_value_take(&table->columns[i], &values, &value)) {
            text_add_string(out, "NULL");
        } else {
            binlog_value_print(&table->columns[i], value, names[i].is_unsigned, out);
        }
    }
}

static void print_row(const struct binlog_table *table, const struct column_name *names,
                      uint8_t type, const struct binlog_row *row, struct text *out)
{
    text_add_string(out, type == BINLOG_WRITE_ROWS    ? "INSERT INTO `"
                         : type == BINLOG_DELETE_ROWS ? "DELETE FROM `"
                                                      : "UPDATE `");
    text_add_slice(out, table->schema);
    text_add_string(out, "`.`");
    text_add_slice(out, table->name);
    text_add_string(out, "`");
    if (type != BINLOG_DELETE_ROWS) {
        text_add_string(out, " SET");
        print_image(table, names, &row->after, false, out);
    }
    if (type != BINLOG_WRITE_ROWS) {
        text_add_string(out, " WHERE");
        print_image(table, names, &row->before, true, out);
    }
    text_add_string(out, ";\n");
}

// ---- one transaction

static bool print_rows(struct report *report, const struct undo_unit *unit, size_t event)
{
    struct binlog_table table;
    struct binlog_rows rows;
    size_t map = 0;
    if (!undo_read_rows(report->work, unit, event, &table, &rows, &map)) {
        return false;
    }
    report->is_worth_telling |= !slice_equal(table.schema, slice_of_string("waybill")) ||
                                !slice_equal(table.name, slice_of_string("heartbeat"));
    const struct column_name *names = read_names(report->work, &table);
    for (size_t i = 0; i < rows.count && report->text.len < REPORT_MAX; i++) {
        print_row(&table, names, rows.type, &rows.rows[i], &report->text);
    }
    return true;
}

static void print_annotation(struct report *report, const struct undo_event *event)
{
    struct slice text = slice_part(event->bytes, BINLOG_HEADER_BYTES, event->bytes.len);
    text_add_string(&report->text, "# ");
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.ptr[i] < 0x20 ? ' ' : text.ptr[i] < 0x80 ? (char)text.ptr[i] : '?';
        text_add(&report->text, &byte, 1);
    }
    text_add_string(&report->text, "\n");
}

static bool print_unit(struct report *report, const struct undo_unit *unit)
{
    report->text.len = 0;
    report->is_worth_telling = false;
    for (size_t i = 0; i < unit->count; i++) {
        if (report->text.len >= REPORT_MAX) {
            text_add_string(&report->text, "# ... and more, which is too much for this row\n");
            break;
        }
        if (unit->events[i].type == BINLOG_ANNOTATE_ROWS) {
            print_annotation(report, &unit->events[i]);
        } else if (unit->events[i].type != BINLOG_TABLE_MAP && !print_rows(report, unit, i)) {
            return false;
        }
    }
    return true;
}

static bool write_row(struct report *report, const struct undo_unit *unit, struct dbconn *conn)
{
    struct action *action = report->work->undo->action;
    struct text hex;
    text_init(&hex);
    for (size_t i = 0; i < report->text.len; i++) {
        text_add_format(&hex, "%02x", report->text.ptr[i]);
    }
    text_add(&hex, "", 1);
    bool is_written = dbconn_run(
        conn, &action->error,
        "INSERT IGNORE INTO waybill.undone (at, shard, server, epoch, gtid, report) VALUES "
        "(UTC_TIMESTAMP(3), '%s', '%s', %llu, '%u-%u-%llu', X'%s')",
        action->setup.shard_name, action->setup.servers[report->work->undo->subject].endpoint.name,
        (unsigned long long)report->work->undo->epoch, unit->group.domain, unit->group.server,
        (unsigned long long)unit->group.sequence, (const char *)hex.ptr);
    text_done(&hex);
    return is_written;
}

static bool write_all(struct report *report, struct dbconn *conn)
{
    struct undo_work *work = report->work;
    for (size_t i = 0; i < work->count; i++) {
        const struct undo_unit *unit = &work->units[i];
        if (!print_unit(report, unit)) {
            return false;
        }
        if (report->is_worth_telling && !write_row(report, unit, conn)) {
            return action_give_up(work->undo->action, "the report could not be written: %s",
                                  work->undo->action->error.text);
        }
    }
    return true;
}

bool undo_report(struct undo_work *work)
{
    struct action *action = work->undo->action;
    struct report report = {.work = work};
    struct dbconn *conn = leader_conn(&action->leader, work->undo->primary);
    if (conn == NULL) {
        return action_give_up(action, "the new primary does not answer");
    }
    struct db_rows rows;
    bool is_there =
        dbconn_query(conn, &rows, &action->error, "SELECT 1 FROM waybill.undone LIMIT 1");
    db_rows_done(&rows);
    if (!is_there && (!schema_is_missing(&action->error) || !schema_create(conn, &action->error))) {
        return action_give_up(action, "the report could not be written: %s", action->error.text);
    }
    text_init(&report.text);
    bool is_written = write_all(&report, conn);
    text_done(&report.text);
    return is_written;
}
