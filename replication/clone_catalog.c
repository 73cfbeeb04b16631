// Definitions are in no snapshot of a transaction. So the catalog is read before the snapshot is
// taken and after it, until both are the same; later each table is looked at once more when its
// rows are read (clone_catalog_check).
//
// The connection's results are bytes: names come as utf8, and programs in the characters that they
// were written in.

#include "replication/clone_catalog.h"

#include <stdio.h>

#include "base/hash.h"
#include "base/memory.h"
#include "protocol/error_table.h"
#include "router/sql_literal.h"

enum { NAME_BYTES = 600, COLUMNS_MAX = 4096 };

static void note(struct clone_catalog *catalog, struct slice part)
{
    uint64_t both[2] = {catalog->hash, hash_bytes(part.ptr, part.len)};
    catalog->hash = hash_bytes(both, sizeof both);
}

static struct slice take(struct clone_catalog *catalog, const char *text)
{
    struct slice copy = arena_copy(catalog->arena, slice_of_string(text));
    note(catalog, copy);
    return copy;
}

// A quoted string of it; the arena's.
static const char *quoted(struct clone_catalog *catalog, struct slice name)
{
    char text[NAME_BYTES];
    const char *plain =
        (const char *)arena_format(catalog->arena, "%.*s", (int)name.len, (const char *)name.ptr)
            .ptr;
    db_quote(plain, text, sizeof text);
    return (const char *)arena_format(catalog->arena, "%s", text).ptr;
}

static const char *full_name(struct clone_catalog *catalog, struct slice schema, struct slice name)
{
    struct text text;
    text_init(&text);
    sql_add_name(&text, schema);
    text_add_string(&text, ".");
    sql_add_name(&text, name);
    const char *copy =
        (const char *)arena_format(catalog->arena, "%.*s", (int)text.len, (const char *)text.ptr)
            .ptr;
    text_done(&text);
    return copy;
}

static bool refuse(struct error *error, struct slice schema, struct slice name, const char *why)
{
    error_set(error, ER_UNKNOWN, "HY000", "%.*s.%.*s: %s", (int)schema.len,
              (const char *)schema.ptr, (int)name.len, (const char *)name.ptr, why);
    return false;
}

// ---- schemas

static bool read_schema(struct clone_catalog *catalog, struct dbconn *conn, const char *name,
                        struct error *error)
{
    catalog->schemas =
        memory_resize(catalog->schemas, sizeof *catalog->schemas * (catalog->schema_count + 1));
    struct clone_schema *schema = &catalog->schemas[catalog->schema_count++];
    *schema = (struct clone_schema){.name = take(catalog, name)};
    struct text sql;
    text_init(&sql);
    sql_add_name(&sql, schema->name);
    struct db_rows rows;
    bool is_read = dbconn_query(conn, &rows, error, "SHOW CREATE DATABASE %.*s", (int)sql.len,
                                (const char *)sql.ptr);
    schema->create = take(catalog, db_rows_text(&rows, "Create Database"));
    db_rows_done(&rows);
    text_done(&sql);
    return is_read;
}

static bool read_schemas(struct clone_catalog *catalog, struct dbconn *conn, struct error *error)
{
    struct db_rows rows;
    bool is_fine = dbconn_query(conn, &rows, error,
                                "SELECT SCHEMA_NAME AS name FROM information_schema.SCHEMATA WHERE "
                                "SCHEMA_NAME NOT IN " CLONE_OWN_SCHEMAS " ORDER BY SCHEMA_NAME");
    for (bool is_row = is_fine && rows.row != NULL; is_row && is_fine;
         is_row = db_rows_next(&rows)) {
        is_fine = read_schema(catalog, conn, db_rows_text(&rows, "name"), error);
    }
    db_rows_done(&rows);
    return is_fine;
}

// ---- tables

// The one thing that an INSERT changes in it.
static void note_create(struct clone_catalog *catalog, struct slice create)
{
    static const char counter[] = " AUTO_INCREMENT=";
    const size_t len = sizeof counter - 1;
    size_t from = 0;
    for (size_t i = 0; i + len <= create.len; i++) {
        if (memcmp(create.ptr + i, counter, len) == 0) {
            note(catalog, slice_part(create, from, i));
            i += len;
            while (i < create.len && create.ptr[i] >= '0' && create.ptr[i] <= '9') {
                i++;
            }
            from = i;
        }
    }
    note(catalog, slice_part(create, from, create.len));
}

static bool read_create(struct clone_catalog *catalog, struct clone_table *table,
                        struct dbconn *conn, struct error *error)
{
    struct db_rows rows;
    bool is_read = dbconn_query(conn, &rows, error, "SHOW CREATE %s %s",
                                table->is_sequence ? "SEQUENCE" : "TABLE",
                                full_name(catalog, table->schema, table->name));
    const char *create = db_rows_text(&rows, "Create Table");
    table->create = arena_copy(catalog->arena, slice_of_string(create));
    note_create(catalog, table->create);
    db_rows_done(&rows);
    return is_read;
}

// As InnoDB has the name; what is no plain character is written by its number. Others than ASCII's
// are not known here: then nothing is found.
static void add_file_name(struct text *text, struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t byte = name.ptr[i];
        bool is_plain = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
                        (byte >= 'a' && byte <= 'z') || byte == '_';
        if (is_plain) {
            text_add(text, &byte, 1);
        } else {
            text_add_format(text, "@%04x", byte);
        }
    }
}

static bool read_identity(struct clone_catalog *catalog, struct clone_table *table,
                          struct dbconn *conn, struct error *error)
{
    struct text name;
    text_init(&name);
    add_file_name(&name, table->schema);
    text_add_string(&name, "/");
    add_file_name(&name, table->name);
    struct db_rows rows;
    bool is_read = dbconn_query(
        conn, &rows, error,
        "SELECT GROUP_CONCAT(TABLE_ID ORDER BY TABLE_ID) AS ids FROM "
        "information_schema.INNODB_SYS_TABLES WHERE NAME = '%.*s' OR LEFT(NAME, %zu) "
        "= '%.*s#P#'",
        (int)name.len, (const char *)name.ptr, name.len + 3, (int)name.len, (const char *)name.ptr);
    table->identity = take(catalog, db_rows_text(&rows, "ids"));
    db_rows_done(&rows);
    text_done(&name);
    return is_read;
}

static bool add_column(struct clone_table *table, const struct db_rows *rows,
                       struct clone_catalog *catalog, struct error *error)
{
    struct slice name = take(catalog, db_rows_text(rows, "name"));
    if (db_rows_is_yes(rows, "is_generated")) {
        return true;
    }
    size_t place = table->column_count++;
    table->columns[place] = name;
    return clone_type_of(slice_of_string(db_rows_text(rows, "type")), &table->types[place]) ||
           refuse(error, table->schema, table->name, "a column has a type that can't be cloned");
}

static bool read_columns(struct clone_catalog *catalog, struct clone_table *table,
                         struct dbconn *conn, struct error *error)
{
    struct db_rows rows;
    const char *generated =
        catalog->is_mariadb ? "IS_GENERATED = 'ALWAYS'" : "EXTRA LIKE '%GENERATED%'";
    bool is_fine =
        dbconn_query(conn, &rows, error,
                     "SELECT COLUMN_NAME AS name, DATA_TYPE AS type, %s AS is_generated "
                     "FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s AND "
                     "TABLE_NAME = %s ORDER BY ORDINAL_POSITION",
                     generated, quoted(catalog, table->schema), quoted(catalog, table->name));
    table->columns = arena_alloc(catalog->arena, sizeof *table->columns * (rows.count + 1));
    table->types = arena_alloc(catalog->arena, sizeof *table->types * (rows.count + 1));
    for (bool is_row = is_fine && rows.row != NULL; is_row && is_fine;
         is_row = db_rows_next(&rows)) {
        is_fine = add_column(table, &rows, catalog, error);
    }
    db_rows_done(&rows);
    return is_fine && (table->column_count > 0 ||
                       refuse(error, table->schema, table->name, "it has no columns of its own"));
}

static bool read_table(struct clone_catalog *catalog, struct clone_table *table, const char *type,
                       const char *engine, struct dbconn *conn, struct error *error)
{
    table->is_sequence = strcmp(type, "SEQUENCE") == 0;
    if (strcmp(type, "SYSTEM VERSIONED") == 0) {
        return refuse(error, table->schema, table->name,
                      "a table with system versioning can't be cloned");
    }
    if (strcmp(engine, "InnoDB") != 0) {
        return refuse(error, table->schema, table->name,
                      "only rows of InnoDB are in a snapshot, and it has another engine");
    }
    return read_create(catalog, table, conn, error) && read_identity(catalog, table, conn, error) &&
           (table->is_sequence || read_columns(catalog, table, conn, error));
}

static bool read_tables(struct clone_catalog *catalog, struct dbconn *conn, struct error *error)
{
    struct db_rows rows;
    bool is_fine = dbconn_query(
        conn, &rows, error,
        "SELECT TABLE_SCHEMA AS in_schema, TABLE_NAME AS name, TABLE_TYPE AS type, ENGINE AS "
        "engine FROM information_schema.TABLES WHERE TABLE_SCHEMA NOT IN " CLONE_OWN_SCHEMAS
        " AND TABLE_TYPE <> 'VIEW' AND NOT (TABLE_SCHEMA = 'waybill' AND TABLE_NAME = 'clone') "
        "ORDER BY TABLE_SCHEMA, TABLE_NAME");
    catalog->tables = memory_resize(NULL, sizeof *catalog->tables * (rows.count + 1));
    for (bool is_row = is_fine && rows.row != NULL; is_row && is_fine;
         is_row = db_rows_next(&rows)) {
        struct clone_table *table = &catalog->tables[catalog->table_count++];
        *table = (struct clone_table){.schema = take(catalog, db_rows_text(&rows, "in_schema")),
                                      .name = take(catalog, db_rows_text(&rows, "name"))};
        is_fine = read_table(catalog, table, db_rows_text(&rows, "type"),
                             db_rows_text(&rows, "engine"), conn, error);
    }
    db_rows_done(&rows);
    return is_fine;
}

bool clone_catalog_check(const struct clone_catalog *catalog, const struct clone_table *table,
                         struct dbconn *conn, struct error *error)
{
    struct arena arena;
    arena_init(&arena, NULL);
    struct clone_catalog now = {.arena = &arena, .is_mariadb = catalog->is_mariadb};
    struct clone_catalog then = {.arena = &arena};
    struct clone_table found = {.schema = table->schema, .name = table->name};
    bool is_same =
        read_create(&now, &found, conn, error) && read_identity(&now, &found, conn, error);
    if (is_same) {
        note_create(&then, table->create);
        note(&then, table->identity);
        is_same =
            now.hash == then.hash || refuse(error, table->schema, table->name,
                                            "its definition was changed before its rows were read");
    }
    arena_clear(&arena);
    return is_same;
}

// ---- views and triggers

static bool read_program(struct clone_catalog *catalog, struct dbconn *conn,
                         struct clone_program *program, struct error *error)
{
    struct db_rows rows;
    bool is_read =
        dbconn_query(conn, &rows, error, "SHOW CREATE %s %s", program->is_view ? "VIEW" : "TRIGGER",
                     full_name(catalog, program->schema, program->name));
    program->create = take(
        catalog, db_rows_text(&rows, program->is_view ? "Create View" : "SQL Original Statement"));
    program->sql_mode = take(catalog, db_rows_text(&rows, "sql_mode"));
    program->charset = take(catalog, db_rows_text(&rows, "character_set_client"));
    program->collation = take(catalog, db_rows_text(&rows, "collation_connection"));
    db_rows_done(&rows);
    return is_read;
}

static bool read_programs(struct clone_catalog *catalog, struct dbconn *conn, bool is_view,
                          struct error *error)
{
    const char *list =
        is_view ? "SELECT TABLE_SCHEMA AS in_schema, TABLE_NAME AS name FROM "
                  "information_schema.VIEWS WHERE TABLE_SCHEMA NOT IN " CLONE_OWN_SCHEMAS
                  " ORDER BY TABLE_SCHEMA, TABLE_NAME"
                : "SELECT TRIGGER_SCHEMA AS in_schema, TRIGGER_NAME AS name FROM "
                  "information_schema.TRIGGERS WHERE TRIGGER_SCHEMA NOT IN " CLONE_OWN_SCHEMAS
                  " ORDER BY TRIGGER_SCHEMA, EVENT_OBJECT_TABLE, ACTION_TIMING, "
                  "EVENT_MANIPULATION, ACTION_ORDER, TRIGGER_NAME";
    struct db_rows rows;
    bool is_fine = dbconn_query(conn, &rows, error, "%s", list);
    catalog->programs = memory_resize(
        catalog->programs, sizeof *catalog->programs * (catalog->program_count + rows.count + 1));
    for (bool is_row = is_fine && rows.row != NULL; is_row && is_fine;
         is_row = db_rows_next(&rows)) {
        struct clone_program *program = &catalog->programs[catalog->program_count++];
        *program = (struct clone_program){.schema = take(catalog, db_rows_text(&rows, "in_schema")),
                                          .name = take(catalog, db_rows_text(&rows, "name")),
                                          .is_view = is_view};
        is_fine = read_program(catalog, conn, program, error);
    }
    db_rows_done(&rows);
    return is_fine;
}

// ---- accounts, routines and events: rows of `mysql`

struct own_table {
    const char *name;
    const char *where; // of both servers
};

static const struct own_table own_tables[] = {
    {"global_priv", ""}, // MariaDB; there `user` is a view
    {"user", ""},
    {"db", ""},
    {"tables_priv", ""},
    {"columns_priv", ""},
    {"procs_priv", ""},
    {"proxies_priv", ""},
    {"roles_mapping", ""},
    {"proc", " WHERE db NOT IN " CLONE_OWN_SCHEMAS},
    {"event", " WHERE db NOT IN " CLONE_OWN_SCHEMAS},
};

static void add_statement(struct clone_catalog *catalog, struct slice statement)
{
    catalog->statements = memory_resize(catalog->statements, sizeof *catalog->statements *
                                                                 (catalog->statement_count + 1));
    catalog->statements[catalog->statement_count++] = arena_copy(catalog->arena, statement);
    note(catalog, statement);
}

// An event that runs on the primary does not run on a replica (1: ENABLED, 3: SLAVESIDE_DISABLED).
static void add_own_column(struct text *sql, const struct clone_table *table, size_t place)
{
    bool is_status =
        slice_is_nocase(table->name, "event") && slice_is_nocase(table->columns[place], "status");
    if (is_status) {
        text_add_string(sql, "IF(CAST(status AS UNSIGNED) = 1, 3, CAST(status AS UNSIGNED))");
    } else {
        clone_add_column(sql, table->types[place], table->columns[place]);
    }
}

static bool read_own_rows(struct clone_catalog *catalog, const struct clone_table *table,
                          const char *where, struct dbconn *conn, struct error *error)
{
    struct text sql, into;
    struct clone_batch batch;
    struct db_rows rows;
    struct slice values[COLUMNS_MAX];
    text_init(&sql);
    text_init(&into);
    clone_batch_init(&batch);
    text_add_format(&into, "mysql.%s (", (const char *)table->name.ptr);
    text_add_string(&sql, "SELECT ");
    for (size_t i = 0; i < table->column_count; i++) {
        text_add_string(&into, i > 0 ? ", " : "");
        sql_add_name(&into, table->columns[i]);
        text_add_string(&sql, i > 0 ? ", " : "");
        add_own_column(&sql, table, i);
    }
    text_add_string(&into, ")");
    text_add_format(&sql, " FROM mysql.%s%s ORDER BY 1, 2, 3", (const char *)table->name.ptr,
                    where);
    clone_batch_begin(&batch, text_slice(&into));
    size_t count = 0;
    bool is_fine = dbconn_begin_rows(conn, &rows, text_slice(&sql), &count, error);
    enum io news = is_fine ? IO_DONE : IO_ERROR;
    while (news == IO_DONE && (news = dbconn_next_row(conn, &rows, values, error)) == IO_DONE) {
        clone_batch_empty(&batch);
        clone_batch_add(&batch, table->types, values, count);
        add_statement(catalog, text_slice(&batch.sql));
    }
    if (is_fine) {
        dbconn_end_rows(conn, &rows, news == IO_CLOSED);
    }
    clone_batch_done(&batch);
    text_done(&into);
    text_done(&sql);
    return news == IO_CLOSED;
}

static bool read_own_table(struct clone_catalog *catalog, const struct own_table *own,
                           struct dbconn *conn, struct error *error)
{
    struct db_rows rows;
    bool is_fine = dbconn_query(conn, &rows, error,
                                "SELECT TABLE_NAME FROM information_schema.TABLES WHERE "
                                "TABLE_SCHEMA = 'mysql' AND TABLE_NAME = '%s' AND TABLE_TYPE = "
                                "'BASE TABLE'",
                                own->name);
    bool is_there = is_fine && rows.count > 0;
    db_rows_done(&rows);
    if (!is_there) {
        return is_fine;
    }
    struct clone_table table = {.schema = slice_of_string("mysql"),
                                .name = slice_of_string(own->name)};
    add_statement(catalog,
                  arena_format(catalog->arena, "DELETE FROM mysql.%s%s", own->name, own->where));
    return read_columns(catalog, &table, conn, error) && table.column_count <= COLUMNS_MAX &&
           read_own_rows(catalog, &table, own->where, conn, error);
}

static bool read_own_tables(struct clone_catalog *catalog, struct dbconn *conn, struct error *error)
{
    for (size_t i = 0; i < sizeof own_tables / sizeof own_tables[0]; i++) {
        if (!read_own_table(catalog, &own_tables[i], conn, error)) {
            return false;
        }
    }
    add_statement(catalog, slice_of_string("FLUSH NO_WRITE_TO_BINLOG PRIVILEGES"));
    return true;
}

// ----

bool clone_catalog_read(struct clone_catalog *catalog, struct dbconn *conn, struct arena *arena,
                        struct error *error)
{
    *catalog = (struct clone_catalog){.arena = arena, .is_mariadb = dbconn_is_mariadb(conn)};
    return read_schemas(catalog, conn, error) && read_tables(catalog, conn, error) &&
           read_programs(catalog, conn, true, error) &&
           read_programs(catalog, conn, false, error) && read_own_tables(catalog, conn, error);
}

void clone_catalog_done(struct clone_catalog *catalog)
{
    memory_free(catalog->schemas);
    memory_free(catalog->tables);
    memory_free(catalog->programs);
    memory_free(catalog->statements);
    *catalog = (struct clone_catalog){.arena = NULL};
}
