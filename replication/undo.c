// In this order, so that it can end anywhere and be begun again:
//
//   1. What is in the tail? Only rows can be undone, and only of tables on which nothing hangs that
//      rows don't show (foreign keys that change other rows; MariaDB's history tables; engines
//      without transactions). All else: refused, the server stays as it is.
//   2. The report, on the new primary.
//   3. The rows, newest first, each event turned around (INSERT to DELETE, the images of an UPDATE
//      exchanged), in one transaction that goes to no log, together with a row in waybill.xa_fix
//      that says so: a second attempt finds it, and skips 3.
//
// A branch that was prepared before and committed in the tail is undone as well; it is prepared
// anew afterwards (xa_redo.c), for what becomes of it is for the new primary to say.

#include "replication/undo.h"

#include "cluster/decision.h"
#include "replication/binlog_scan.h"
#include "replication/row_replay.h"
#include "replication/schema.h"
#include "replication/undo_impl.h"
#include "replication/xa_repair.h"

enum { BYTES_MAX = 16 * 1024 * 1024, EPOCH_SHIFT = 40 };

static bool cannot(struct undo_work *work, const struct binlog_group *group, const char *why)
{
    return action_give_up(
        work->undo->action,
        "%u-%u-%llu was never acknowledged and can't be undone (%s): it has to be "
        "made anew from another server",
        group->domain, group->server, (unsigned long long)group->sequence, why);
}

// ---- 1. what is to be undone

static bool add_unit(struct undo_work *work, const struct binlog_group *group)
{
    work->units[work->count++].group = *group;
    return true;
}

static bool take_group(struct undo_work *work, const struct binlog_group *group)
{
    bool is_ours = group->xid.format == DECISION_FORMAT_ID;
    switch (group->kind) {
    case GROUP_ALONE:
        return cannot(work, group, "a statement, perhaps DDL");
    case GROUP_ROWS:
        return group->has_statements ? cannot(work, group, "more than rows")
                                     : add_unit(work, group);
    case GROUP_COMMIT: // (what is still held was not applied)
        return !is_ours ? cannot(work, group, "XA of somebody else")
                        : own_log_is_held(work->undo->log, group) || add_unit(work, group);
    case GROUP_PREPARE:
    case GROUP_ROLLBACK:
        return is_ours || cannot(work, group, "XA of somebody else");
    }
    return false;
}

static bool find_units(struct undo_work *work)
{
    const struct own_log *log = work->undo->log;
    work->units =
        arena_alloc(&work->undo->action->arena, (log->tail_count + 1) * sizeof *work->units);
    for (size_t i = 0; i < log->tail_count; i++) {
        if (!take_group(work, &log->tail[i])) {
            return false;
        }
    }
    return true;
}

// ---- ... and its events

static bool is_of(const struct undo_unit *unit, const struct binlog_group *group)
{
    if (unit->group.kind == GROUP_COMMIT) {
        return group->kind == GROUP_PREPARE && group->xid.format == DECISION_FORMAT_ID &&
               binlog_xid_is_same(&group->xid, &unit->group.xid);
    }
    return group->kind == GROUP_ROWS && group->domain == unit->group.domain &&
           group->server == unit->group.server && group->sequence == unit->group.sequence;
}

static void keep_event(struct undo_work *work, struct undo_unit *unit,
                       const struct binlog_event *event)
{
    struct arena *arena = &work->undo->action->arena;
    if (unit->count == unit->room) {
        size_t room = unit->room * 2 + 8;
        struct undo_event *events = arena_alloc(arena, room * sizeof *events);
        if (unit->count > 0) {
            memcpy(events, unit->events, unit->count * sizeof *events);
        }
        unit->events = events;
        unit->room = room;
    }
    unit->events[unit->count++] =
        (struct undo_event){.bytes = arena_copy(arena, event->whole), .type = event->type};
    work->bytes += event->whole.len;
}

static bool take_event(struct undo_work *work, const struct binlog_scan *scan)
{
    const struct binlog_event *event = &scan->event;
    bool is_wanted = event->type == BINLOG_TABLE_MAP || binlog_has_rows(event) ||
                     event->type == BINLOG_ANNOTATE_ROWS;
    for (size_t i = 0; i < work->count; i++) {
        if (!is_of(&work->units[i], &scan->group)) {
            continue;
        }
        if (event->type == BINLOG_GTID) {
            work->units[i].count = 0; // what a crash has torn may have had the same number
        }
        if (is_wanted) {
            keep_event(work, &work->units[i], event);
        }
        work->units[i].group.has_statements |= scan->group.has_statements;
        return work->bytes <= BYTES_MAX || cannot(work, &scan->group, "more than 16 MiB");
    }
    return true;
}

static bool read_events(struct undo_work *work)
{
    struct action *action = work->undo->action;
    struct binlog_scan scan;
    bool is_fine =
        binlog_scan_open(&scan, &action->setup.servers[work->undo->subject].endpoint,
                         work->undo->log->read_bytes, action->setup.proxy, &action->error);
    bool is_read = is_fine;
    enum scan_news news = SCAN_EVENT;
    while (is_fine && news != SCAN_END) {
        news = binlog_scan_next(&scan, &action->error);
        is_read = news != SCAN_FAILED;
        is_fine = is_read && (news == SCAN_END || take_event(work, &scan));
    }
    work->format = arena_copy(&action->arena, text_slice(&scan.format));
    binlog_scan_close(&scan);
    return is_read ? is_fine
                   : action_give_up(action, "reading its binary log: %s", action->error.text);
}

// ---- ... and whether it can be

bool undo_read_rows(struct undo_work *work, const struct undo_unit *unit, size_t event,
                    struct binlog_table *table, struct binlog_rows *rows, size_t *map)
{
    struct arena *arena = &work->undo->action->arena;
    struct binlog_event read, map_read;
    if (!binlog_event_read(unit->events[event].bytes, &read)) {
        return cannot(work, &unit->group, "an event that can't be read");
    }
    for (*map = event; *map > 0; *map -= 1) {
        size_t at = *map - 1;
        if (unit->events[at].type == BINLOG_TABLE_MAP &&
            binlog_event_read(unit->events[at].bytes, &map_read) &&
            binlog_table_id(&map_read) == binlog_table_id(&read)) {
            *map = at;
            return (binlog_table_read(&map_read, arena, table) &&
                    binlog_rows_read(&read, table, arena, rows)) ||
                   cannot(work, &unit->group, "rows that can't be read, or binlog_row_image");
        }
    }
    return cannot(work, &unit->group, "rows of no table");
}

const char *undo_quote(struct arena *arena, struct slice name)
{
    char quoted[200];
    db_quote((const char *)arena_format(arena, "%.*s", (int)name.len, (const char *)name.ptr).ptr,
             quoted, sizeof quoted);
    return (const char *)arena_format(arena, "%s", quoted).ptr;
}

// As InnoDB writes it; a name with other letters is written in a way of its own.
static bool is_simple_name(struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t byte = name.ptr[i];
        bool is_letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
        if (!is_letter && (byte < '0' || byte > '9') && byte != '_') {
            return false;
        }
    }
    return true;
}

// Is it a plain table of InnoDB, and does no foreign key change rows by it? What the account may
// not see is not there. (REFERENTIAL_CONSTRAINTS would hide keys from an account that has only
// SELECT.)
static bool check_table(struct undo_work *work, const struct undo_unit *unit,
                        const struct binlog_table *table)
{
    struct action *action = work->undo->action;
    const char *schema = undo_quote(&action->arena, table->schema);
    const char *name = undo_quote(&action->arena, table->name);
    bool is_simple = is_simple_name(table->schema) && is_simple_name(table->name);
    struct db_rows rows;
    const char *ask =
        (const char *)arena_format(
            &action->arena,
            "SELECT (SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND "
            "TABLE_NAME = %s AND TABLE_TYPE = 'BASE TABLE' AND ENGINE = 'InnoDB') AS plain, "
            "(SELECT "
            "COUNT(*) FROM information_schema.INNODB_SYS_FOREIGN WHERE (TYPE & 15) <> 0 AND (%d OR "
            "REF_NAME = CONCAT(%s, '/', %s))) AS cascades",
            schema, name, is_simple ? 0 : 1, schema, name)
            .ptr;
    bool is_asked = step_ask(action, work->undo->subject, ask, &rows);
    bool is_plain = db_rows_number(&rows, "plain") == 1;
    bool is_alone = db_rows_number(&rows, "cascades") == 0;
    db_rows_done(&rows);
    if (!is_asked) {
        return action_give_up(action, "%s", action->error.text);
    }
    return (is_plain ||
            cannot(work, &unit->group,
                   "a table that is no plain one of InnoDB, or that waybill may not see: "
                   "SELECT")) &&
           (is_alone || cannot(work, &unit->group, "a foreign key that cascades"));
}

static bool check_unit(struct undo_work *work, const struct undo_unit *unit)
{
    struct slice checked = {.len = 0};
    if (unit->group.has_statements) {
        return cannot(work, &unit->group, "more than rows");
    }
    if (unit->count == 0) {
        return cannot(work, &unit->group, "its rows are not in the log");
    }
    for (size_t i = 0; i < unit->count; i++) {
        struct binlog_table table = {.id = 0};
        struct binlog_rows rows;
        size_t map = 0;
        if (unit->events[i].type == BINLOG_ANNOTATE_ROWS ||
            unit->events[i].type == BINLOG_TABLE_MAP) {
            continue;
        }
        if (!undo_read_rows(work, unit, i, &table, &rows, &map)) {
            return false;
        }
        bool is_same = slice_equal(checked, unit->events[map].bytes);
        if (!is_same && !check_table(work, unit, &table)) {
            return false;
        }
        checked = unit->events[map].bytes;
    }
    return true;
}

static bool check_all(struct undo_work *work)
{
    for (size_t i = 0; i < work->count; i++) {
        if (!check_unit(work, &work->units[i])) {
            return false;
        }
    }
    return true;
}

// ---- 3.

// Of this tail, and of no other that this server may have later.
static unsigned long long mark_of(const struct undo *undo)
{
    const struct own_log *log = undo->log;
    uint64_t sequence = log->tail_count > 0 ? log->tail[log->tail_count - 1].sequence : 0;
    return (1ULL << 63) | (undo->epoch << EPOCH_SHIFT) | (sequence & ((1ULL << EPOCH_SHIFT) - 1));
}

// The table has the marks of attempts, and nothing else for long.
static bool is_marked(const struct undo *undo, struct dbconn *conn, bool *is_done)
{
    struct db_rows rows;
    struct error *error = &undo->action->error;
    bool is_asked = schema_create_fix_table(conn, error) &&
                    dbconn_query(conn, &rows, error,
                                 "SELECT id FROM " XA_FIX_TABLE " WHERE id = %llu", mark_of(undo));
    if (is_asked) {
        *is_done = rows.count > 0;
        db_rows_done(&rows);
    }
    return is_asked;
}

static bool undo_unit(struct undo_work *work, struct dbconn *conn, const struct undo_unit *unit)
{
    for (size_t i = unit->count; i > 0; i--) {
        struct binlog_table table;
        struct binlog_rows rows;
        struct binlog_event event;
        size_t map = 0;
        if (unit->events[i - 1].type == BINLOG_ANNOTATE_ROWS ||
            unit->events[i - 1].type == BINLOG_TABLE_MAP) {
            continue;
        }
        if (!undo_read_rows(work, unit, i - 1, &table, &rows, &map) ||
            !binlog_event_read(unit->events[i - 1].bytes, &event)) {
            return false;
        }
        struct text turned;
        text_init(&turned);
        text_add_slice(&turned, unit->events[map].bytes);
        binlog_rows_invert(&event, &rows, &turned);
        bool is_done = row_replay_run(conn, text_slice(&turned), &work->undo->action->error);
        text_done(&turned);
        if (!is_done) {
            return cannot(work, &unit->group, work->undo->action->error.text);
        }
    }
    return true;
}

static bool undo_all(struct undo_work *work, struct dbconn *conn)
{
    struct error *error = &work->undo->action->error;
    if (!row_replay_begin(conn, work->format, error) || !dbconn_run(conn, error, "BEGIN")) {
        return action_give_up(work->undo->action, "%s", error->text);
    }
    for (size_t i = work->count; i > 0; i--) {
        if (!undo_unit(work, conn, &work->units[i - 1])) {
            return false; // the connection's end rolls it back
        }
    }
    return (dbconn_run(conn, error, "INSERT INTO " XA_FIX_TABLE " VALUES (%llu)",
                       mark_of(work->undo)) &&
            dbconn_run(conn, error, "COMMIT")) ||
           action_give_up(work->undo->action, "%s", error->text);
}

bool undo_tail(const struct undo *undo)
{
    struct undo_work work = {.undo = undo};
    struct action *action = undo->action;
    bool is_done = false;
    if (!find_units(&work)) {
        return false;
    }
    if (work.count == 0) {
        return true;
    }
    struct dbconn *conn = xa_open_quiet(action, undo->subject);
    if (conn == NULL) {
        return false;
    }
    bool is_fine =
        is_marked(undo, conn, &is_done) || action_give_up(action, "%s", action->error.text);
    if (is_fine && !is_done) {
        is_fine = read_events(&work) && check_all(&work) && undo_report(&work) &&
                  step_still_leads(action) && undo_all(&work, conn);
        if (is_fine) {
            action_say(action,
                       "%zu transactions of %s that were never acknowledged are undone; "
                       "waybill.undone on %s has them",
                       work.count, action->setup.servers[undo->subject].endpoint.name,
                       action->setup.servers[undo->primary].endpoint.name);
        }
    }
    dbconn_close(conn);
    return is_fine;
}

bool undo_forget(const struct undo *undo)
{
    struct dbconn *conn = xa_open_quiet(undo->action, undo->subject);
    if (conn == NULL) {
        return false;
    }
    bool is_done = dbconn_run(conn, &undo->action->error, "DELETE FROM " XA_FIX_TABLE);
    dbconn_close(conn);
    return is_done || schema_is_missing(&undo->action->error) ||
           action_give_up(undo->action, "%s", undo->action->error.text);
}
