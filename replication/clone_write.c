// The server that is made anew: wiped, and given schemas, tables, views and triggers. One
// connection does it, which writes to no log and holds a lock there for as long as it lives, so
// that no other waybill clones the same server.

#include "replication/clone_impl.h"

#include <stdarg.h>
#include <stdio.h>

#include "replication/clone_mark.h"
#include "replication/schema.h"
#include "router/sql_literal.h"

#define CLONE_LOCK "waybill.clone"

enum {
    ANSWER_MS = 20000, // a DROP TABLE takes long
    BATCH_BYTES = 1 << 20,
    PACKET_SPARE = 1024,
    TOLD_US = 10000000,
    MARKED_US = 1000000,
    PREPARED_TRIES = 40,
    PREPARED_PAUSE_MS = 50,
    FIRST_WITH_DICTIONARY = 80000 // MySQL 8: mysql.proc is gone
};

static const char *to_name(const struct clone *clone)
{
    return clone->action->setup.servers[clone->to].endpoint.name;
}

static bool give_up(struct clone *clone)
{
    return action_give_up(clone->action, "%s: %s", to_name(clone), clone->action->error.text);
}

static bool run(struct clone *clone, const char *statement)
{
    return dbconn_run(clone->writer, &clone->action->error, "%s", statement) || give_up(clone);
}

static bool run_bytes(struct clone *clone, struct slice statement)
{
    return dbconn_run_bytes(clone->writer, statement, &clone->action->error) || give_up(clone);
}

// ---- connections

static struct dbconn *connect_to(struct clone *clone, size_t place)
{
    struct action *action = clone->action;
    struct endpoint to = action->setup.servers[place].endpoint;
    enum db_failure failure;
    if (action->setup.clone_user[0] != '\0') {
        snprintf(to.user, sizeof to.user, "%s", action->setup.clone_user);
        snprintf(to.password, sizeof to.password, "%s", action->setup.clone_password);
    }
    to.answer_ms = ANSWER_MS;
    struct dbconn *conn = dbconn_open(&to, &action->error, &failure);
    if (conn == NULL) {
        (void)action_give_up(action, "%s: %s", to.name, action->error.text);
    }
    return conn;
}

// What it could not see would be missing.
static bool check_account(struct clone *clone, size_t place, struct dbconn *conn)
{
    struct action *action = clone->action;
    struct db_rows rows;
    const char *name = action->setup.servers[place].endpoint.name;
    bool has_all = false;
    bool is_read = dbconn_query(conn, &rows, &action->error, "SHOW GRANTS");
    struct text grants;
    text_init(&grants);
    for (bool is_row = is_read && rows.row != NULL; is_row; is_row = db_rows_next(&rows)) {
        db_rows_print(&rows, &grants);
        has_all |= slice_contains_nocase(text_slice(&grants), "GRANT ALL PRIVILEGES ON *.* TO");
    }
    text_done(&grants);
    db_rows_done(&rows);
    return has_all || action_give_up(action,
                                     "clone_user (or monitor_user) needs ALL PRIVILEGES ON *.* on "
                                     "%s%s%s",
                                     name, is_read ? "" : ": ", is_read ? "" : action->error.text);
}

static bool check_version(struct clone *clone)
{
    if (dbconn_is_mariadb(clone->reader) != dbconn_is_mariadb(clone->writer)) {
        return action_give_up(clone->action, "one is MariaDB, the other is not");
    }
    if (dbconn_version(clone->writer) < dbconn_version(clone->reader)) {
        return action_give_up(clone->action, "%s has an older version", to_name(clone));
    }
    return dbconn_is_mariadb(clone->reader) ||
           dbconn_version(clone->reader) < FIRST_WITH_DICTIONARY ||
           action_give_up(clone->action,
                          "it is not made for MySQL 8 or later: use its own CLONE INSTANCE");
}

static bool prepare_reader(struct clone *clone, struct dbconn *conn)
{
    struct error *error = &clone->action->error;
    bool is_mariadb = dbconn_is_mariadb(conn);
    bool is_set =
        dbconn_run(conn, error,
                   "SET SESSION wait_timeout = 28800, net_write_timeout = 600, lock_wait_timeout = "
                   "10, sql_mode = '', "
                   "time_zone = '+00:00', character_set_results = 'binary', sql_quote_show_create "
                   "= 1, group_concat_max_len = 1000000") &&
        (!is_mariadb ||
         dbconn_run(conn, error,
                    "SET SESSION idle_transaction_timeout = 0, idle_readonly_transaction_timeout = "
                    "0, max_statement_time = 0"));
    return is_set || action_give_up(clone->action, "%s", error->text);
}

static bool prepare_writer(struct clone *clone)
{
    struct error *error = &clone->action->error;
    bool is_mariadb = dbconn_is_mariadb(clone->writer);
    struct db_rows rows;
    // No bulk loading of empty tables, which unique_checks = 0 brings with it.
    if (!dbconn_run(clone->writer, error,
                    "SET SESSION sql_log_bin = 0, wait_timeout = 600, lock_wait_timeout = 10, "
                    "innodb_lock_wait_timeout = 10, foreign_key_checks = 0, unique_checks = 1, "
                    "time_zone = '+00:00'%s",
                    is_mariadb ? ", check_constraint_checks = 0, max_statement_time = 0" : "")) {
        return give_up(clone);
    }
    bool is_asked = dbconn_query(clone->writer, &rows, error,
                                 "SELECT GET_LOCK('" CLONE_LOCK "', 0) AS is_taken, "
                                 "@@GLOBAL.max_allowed_packet AS packet");
    bool is_taken = is_asked && db_rows_is_yes(&rows, "is_taken");
    clone->packet_bytes = (size_t)db_rows_number(&rows, "packet");
    db_rows_done(&rows);
    if (!is_asked) {
        return give_up(clone);
    }
    clone->batch_bytes = clone->packet_bytes < BATCH_BYTES ? clone->packet_bytes / 2 : BATCH_BYTES;
    return is_taken || action_give_up(clone->action, "it is being cloned by another");
}

bool clone_open(struct clone *clone)
{
    arena_init(&clone->arena, NULL);
    return (clone->writer = connect_to(clone, clone->to)) != NULL &&
           (clone->reader = connect_to(clone, clone->from)) != NULL &&
           (clone->snapshot = connect_to(clone, clone->from)) != NULL && check_version(clone) &&
           check_account(clone, clone->to, clone->writer) &&
           check_account(clone, clone->from, clone->reader) && prepare_writer(clone) &&
           prepare_reader(clone, clone->reader) && prepare_reader(clone, clone->snapshot);
}

void clone_close(struct clone *clone)
{
    dbconn_close(clone->writer);
    dbconn_close(clone->reader);
    dbconn_close(clone->snapshot);
    clone_catalog_done(&clone->catalog);
    xa_rows_done(&clone->branches);
    arena_clear(&clone->arena);
}

bool clone_owns_writer(struct clone *clone)
{
    struct db_rows rows;
    bool is_held =
        dbconn_query(clone->writer, &rows, &clone->action->error,
                     "SELECT IS_USED_LOCK('" CLONE_LOCK "') = CONNECTION_ID() AS is_held") &&
        db_rows_is_yes(&rows, "is_held");
    db_rows_done(&rows);
    return is_held ||
           action_give_up(clone->action, "the connection to %s was lost", to_name(clone));
}

// In the mark every second, in SHOW EVENTS every ten.
bool clone_progress(struct clone *clone, const char *format, ...)
{
    struct action *action = clone->action;
    uint64_t now_us = job_now_us();
    char text[120];
    va_list args;
    if (job_is_stopping(action->self)) {
        return action_give_up(action, "waybill stops");
    }
    if (now_us - clone->marked_us < MARKED_US) {
        return true;
    }
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    clone->marked_us = now_us;
    if (now_us - clone->told_us >= TOLD_US) {
        clone->told_us = now_us;
        action_say(action, "%s: %s", to_name(clone), text);
    }
    return clone_mark_write(clone->writer, action->setup.servers[clone->from].endpoint.name,
                            action->setup.proxy, text, &action->error) ||
           give_up(clone);
}

// ---- wiping

// Runs what a query makes of the server's own names, statement by statement.
static bool run_each(struct clone *clone, const char *query)
{
    struct db_rows rows;
    bool is_fine =
        dbconn_query(clone->writer, &rows, &clone->action->error, "%s", query) || give_up(clone);
    for (bool is_row = is_fine && rows.row != NULL; is_row && is_fine;
         is_row = db_rows_next(&rows)) {
        is_fine = run(clone, db_rows_text(&rows, "statement")) &&
                  clone_progress(clone, "what it had is dropped");
    }
    db_rows_done(&rows);
    return is_fine;
}

// Their locks would be in the way. waybill's own connections hold other locks, and read only.
static bool end_clients(struct clone *clone)
{
    struct error *error = &clone->action->error;
    struct db_rows rows;
    char monitor[220];
    db_quote(clone->action->setup.servers[clone->to].endpoint.user, monitor, sizeof monitor);
    bool is_asked = dbconn_query(clone->writer, &rows, error,
                                 "SELECT ID AS id FROM information_schema.PROCESSLIST WHERE ID <> "
                                 "CONNECTION_ID() AND USER NOT IN ('system user', "
                                 "'event_scheduler', %s) AND COMMAND NOT IN ('Daemon', 'Binlog "
                                 "Dump', 'Binlog Dump GTID')",
                                 monitor);
    for (bool is_row = is_asked && rows.row != NULL; is_row; is_row = db_rows_next(&rows)) {
        bool is_killed = dbconn_run(clone->writer, error, "KILL %s", db_rows_text(&rows, "id"));
        (void)is_killed; // or it had gone
    }
    db_rows_done(&rows);
    return is_asked || give_up(clone);
}

// "XA ROLLBACK X'..', X'..', 1", each ended by a NUL; names may be any bytes.
static bool list_prepared(struct clone *clone, struct text *statements)
{
    struct db_rows rows;
    struct slice row[4]; // formatID, gtrid_length, bqual_length, data
    size_t count = 0;
    struct error *error = &clone->action->error;
    bool is_asked =
        dbconn_begin_rows(clone->writer, &rows, slice_of_string("XA RECOVER"), &count, error);
    enum io news = is_asked && count == 4 ? IO_DONE : IO_ERROR;
    while (news == IO_DONE &&
           (news = dbconn_next_row(clone->writer, &rows, row, error)) == IO_DONE) {
        uint64_t gtrid_len = 0;
        bool is_number = slice_to_uint64(row[1], &gtrid_len) && gtrid_len <= row[3].len;
        size_t middle = is_number ? (size_t)gtrid_len : row[3].len;
        text_add_string(statements, "XA ROLLBACK ");
        sql_add_hex(statements, slice_part(row[3], 0, middle));
        text_add_string(statements, ", ");
        sql_add_hex(statements, slice_part(row[3], middle, row[3].len));
        text_add_format(statements, ", %.*s", (int)row[0].len, (const char *)row[0].ptr);
        text_add(statements, "", 1);
    }
    if (is_asked) {
        dbconn_end_rows(clone->writer, &rows, news == IO_CLOSED);
    }
    return news == IO_CLOSED || give_up(clone);
}

// (As long as the session that prepared it is not quite gone, nobody else knows a branch.)
static bool end_prepared(struct clone *clone)
{
    struct text statements;
    text_init(&statements);
    bool is_fine = list_prepared(clone, &statements);
    for (size_t at = 0; is_fine && at < statements.len;) {
        const char *statement = (const char *)statements.ptr + at;
        int tries = PREPARED_TRIES;
        do {
            is_fine = dbconn_run(clone->writer, &clone->action->error, "%s", statement);
        } while (!is_fine && --tries > 0 &&
                 job_wait(clone->action->self, PREPARED_PAUSE_MS, NULL, 0) != JOB_STOP);
        is_fine = is_fine || give_up(clone);
        at += strlen(statement) + 1;
    }
    text_done(&statements);
    return is_fine;
}

// Table by table, so that no statement takes too long.
bool clone_wipe(struct clone *clone)
{
    return run(clone, "SET NAMES utf8mb4") && run(clone, "SET SESSION sql_mode = ''") &&
           end_clients(clone) && end_prepared(clone) &&
           run_each(clone,
                    "SELECT CONCAT('DROP TABLE IF EXISTS `', REPLACE(TABLE_SCHEMA, '`', '``'), "
                    "'`.`', REPLACE(TABLE_NAME, '`', '``'), '`') AS statement FROM "
                    "information_schema.TABLES WHERE TABLE_TYPE NOT IN ('VIEW', 'SEQUENCE') AND "
                    "TABLE_SCHEMA NOT IN " CLONE_OWN_SCHEMAS
                    " AND NOT (TABLE_SCHEMA = 'waybill' AND TABLE_NAME = 'clone')") &&
           run_each(clone, "SELECT CONCAT('DROP DATABASE `', REPLACE(SCHEMA_NAME, '`', '``'), '`') "
                           "AS statement FROM information_schema.SCHEMATA WHERE SCHEMA_NAME NOT "
                           "IN " CLONE_OWN_SCHEMAS " AND SCHEMA_NAME <> 'waybill'");
}

// ---- making

static bool use(struct clone *clone, struct slice schema)
{
    struct text sql;
    text_init(&sql);
    text_add_string(&sql, "USE ");
    sql_add_name(&sql, schema);
    bool is_done = run_bytes(clone, text_slice(&sql));
    text_done(&sql);
    return is_done;
}

bool clone_make_tables(struct clone *clone)
{
    const struct clone_catalog *catalog = &clone->catalog;
    for (size_t i = 0; i < catalog->schema_count; i++) {
        // (The mark is in `waybill` already.)
        if (!slice_equal(catalog->schemas[i].name, slice_of_string("waybill")) &&
            !run_bytes(clone, catalog->schemas[i].create)) {
            return false;
        }
    }
    for (size_t i = 0; i < catalog->table_count; i++) {
        const struct clone_table *table = &catalog->tables[i];
        if (!use(clone, table->schema) || !run_bytes(clone, table->create) ||
            !clone_progress(clone, "tables are made: %zu of %zu", i, catalog->table_count)) {
            return false;
        }
    }
    return true;
}

static bool make_program(struct clone *clone, const struct clone_program *program)
{
    struct error *error = &clone->action->error;
    char mode[800], charset[100], collation[100];
    struct arena *arena = &clone->arena;
    db_quote((const char *)arena_format(arena, "%.*s", (int)program->sql_mode.len,
                                        (const char *)program->sql_mode.ptr)
                 .ptr,
             mode, sizeof mode);
    snprintf(charset, sizeof charset, "%.*s", (int)program->charset.len,
             (const char *)program->charset.ptr);
    snprintf(collation, sizeof collation, "%.*s", (int)program->collation.len,
             (const char *)program->collation.ptr);
    return use(clone, program->schema) &&
           (dbconn_run(clone->writer, error,
                       "SET SESSION sql_mode = %s, character_set_client = '%s', "
                       "collation_connection = '%s'",
                       mode, charset, collation) &&
            dbconn_run_bytes(clone->writer, program->create, error));
}

// Views may need one another: round by round, as long as one more can be made.
bool clone_make_programs(struct clone *clone)
{
    struct clone_catalog *catalog = &clone->catalog;
    size_t made = 0, before;
    const struct clone_program *failed;
    do {
        before = made;
        failed = NULL;
        for (size_t i = 0; i < catalog->program_count; i++) {
            struct clone_program *program = &catalog->programs[i];
            if (program->is_made || (!program->is_view && failed != NULL)) {
                continue;
            }
            program->is_made = make_program(clone, program);
            made += program->is_made;
            failed = program->is_made ? failed : program;
        }
    } while (failed != NULL && made > before);
    return failed == NULL ||
           action_give_up(clone->action, "%.*s.%.*s: %s", (int)failed->schema.len,
                          (const char *)failed->schema.ptr, (int)failed->name.len,
                          (const char *)failed->name.ptr, clone->action->error.text);
}
