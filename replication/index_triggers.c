// The triggers of a global index on one shard, and what its column must be like for them.

#include "replication/index_work_impl.h"

#include "protocol/error_table.h"
#include "router/global_index.h"
#include "router/sql_literal.h"

static const struct {
    char event;
    const char *word;
} events[] = {{'i', "INSERT"}, {'u', "UPDATE"}};

static bool refuse(struct index_shard *at, const char *why)
{
    error_set(&at->error, ER_UNKNOWN, "HY000", "%s", why);
    return false;
}

static void quote(char *out, size_t size, const char *name)
{
    db_quote(name, out, size);
}

// What makes values that no trigger sees, or that have no canonical form.
static bool look_at_column(struct index_shard *at, struct dbconn *conn)
{
    const struct index_target *target = at->target;
    char schema[600], table[600], column[600];
    struct db_rows rows;
    quote(schema, sizeof schema, target->schema);
    quote(table, sizeof table, target->table);
    quote(column, sizeof column, target->column);
    bool is_fine = dbconn_query(
        conn, &rows, &at->error,
        "SELECT C.DATA_TYPE IN (%s) AS fits, C.GENERATION_EXPRESSION IS NOT NULL AS made, "
        "COALESCE(C.COLLATION_NAME, '') REGEXP '_(lithuanian|roman)_' AS equates, "
        "(SELECT COUNT(*) FROM information_schema.TABLES T WHERE T.TABLE_SCHEMA = C.TABLE_SCHEMA "
        "AND T.TABLE_NAME = C.TABLE_NAME AND T.TABLE_TYPE = 'BASE TABLE' AND T.ENGINE = 'InnoDB') "
        "AS plain, (SELECT COUNT(*) FROM information_schema.KEY_COLUMN_USAGE K JOIN "
        "information_schema.REFERENTIAL_CONSTRAINTS R ON R.CONSTRAINT_SCHEMA = K.CONSTRAINT_SCHEMA "
        "AND R.CONSTRAINT_NAME = K.CONSTRAINT_NAME AND R.TABLE_NAME = K.TABLE_NAME WHERE "
        "K.TABLE_SCHEMA = C.TABLE_SCHEMA AND K.TABLE_NAME = C.TABLE_NAME AND K.COLUMN_NAME = "
        "C.COLUMN_NAME AND R.UPDATE_RULE = 'CASCADE') AS follows FROM information_schema.COLUMNS C "
        "WHERE C.TABLE_SCHEMA = %s AND C.TABLE_NAME = %s AND C.COLUMN_NAME = %s",
        target->is_integer ? "'tinyint','smallint','mediumint','int','bigint'" : "'char','varchar'",
        schema, table, column);
    const char *why = NULL;
    if (is_fine && rows.count == 0) {
        why = "the table or the column is not there";
    } else if (is_fine && !db_rows_is_yes(&rows, "plain")) {
        why = "it is no table of InnoDB";
    } else if (is_fine && !db_rows_is_yes(&rows, "fits")) {
        why = target->is_integer ? "the column has no whole numbers (key_type = integer)"
                                 : "the column is no CHAR or VARCHAR (key_type = string)";
    } else if (is_fine && db_rows_is_yes(&rows, "made")) {
        why = "the column is a generated one";
    } else if (is_fine && !target->is_unique && db_rows_is_yes(&rows, "equates")) {
        why = "the column's collation takes different letters for one (i and y, or i and j)";
    } else if (is_fine && db_rows_number(&rows, "follows") > 0) {
        why = "a foreign key with ON UPDATE CASCADE changes the column, which no trigger sees";
    }
    db_rows_done(&rows);
    return is_fine && (why == NULL || refuse(at, why));
}

bool index_triggers_look(struct index_shard *at)
{
    const struct index_target *target = at->target;
    struct dbconn *conn = index_work_conn(at->work, at->shard, &at->error);
    char schema[600], table[600];
    size_t found = 0;
    bool has_tables = true;
    at->has_triggers = false;
    if (conn == NULL || !look_at_column(at, conn) ||
        (target->is_unique && !index_unique_look(at, &has_tables))) {
        return false;
    }
    quote(schema, sizeof schema, target->schema);
    quote(table, sizeof table, target->table);
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
        char name[INDEX_TRIGGER_MAX];
        struct db_rows rows;
        index_trigger_name(target->name, events[i].event, name);
        if (!dbconn_query(conn, &rows, &at->error,
                          "SELECT ACTION_STATEMENT AS body FROM information_schema.TRIGGERS WHERE "
                          "TRIGGER_SCHEMA = %s AND EVENT_OBJECT_TABLE = %s AND TRIGGER_NAME = '%s' "
                          "AND EVENT_MANIPULATION = '%s' AND ACTION_TIMING = 'AFTER'",
                          schema, table, name, events[i].word)) {
            db_rows_done(&rows);
            return false;
        }
        found += strcmp(db_rows_text(&rows, "body"), (const char *)target->body[i].ptr) == 0;
        db_rows_done(&rows);
    }
    at->has_triggers = has_tables && found == sizeof events / sizeof events[0];
    return true;
}

static void add_table(struct text *sql, const char *schema, const char *name)
{
    sql_add_name(sql, slice_of_string(schema));
    text_add_string(sql, ".");
    sql_add_name(sql, slice_of_string(name));
}

// Waits for transactions that have used the table, for as long as its short lock timeout.
bool index_triggers_make(struct index_shard *at)
{
    const struct index_target *target = at->target;
    struct dbconn *conn = index_work_conn(at->work, at->shard, &at->error);
    bool is_fine = conn != NULL && dbconn_run(conn, &at->error, "SET SESSION sql_mode = ''");
    if (is_fine && !dbconn_is_mariadb(conn)) {
        return refuse(at, "global indexes need MariaDB");
    }
    is_fine = is_fine && (!target->is_unique || index_unique_make(at));
    for (size_t i = 0; i < sizeof events / sizeof events[0] && is_fine; i++) {
        char name[INDEX_TRIGGER_MAX];
        struct text sql;
        text_init(&sql);
        index_trigger_name(target->name, events[i].event, name);
        text_add_string(&sql, "CREATE OR REPLACE TRIGGER ");
        add_table(&sql, target->schema, name);
        text_add_format(&sql, " AFTER %s ON ", events[i].word);
        add_table(&sql, target->schema, target->table);
        text_add_format(&sql, " FOR EACH ROW %s", (const char *)target->body[i].ptr);
        text_add(&sql, "", 1);
        is_fine = dbconn_run(conn, &at->error, "%s", (const char *)sql.ptr);
        text_done(&sql);
    }
    at->has_triggers = is_fine;
    return is_fine;
}

bool index_triggers_drop(struct schema_work *work, uint16_t shard, const char *name,
                         struct error *error)
{
    struct dbconn *conn = index_work_conn(work, shard, error);
    for (size_t i = 0; i < sizeof events / sizeof events[0] && conn != NULL; i++) {
        char trigger[INDEX_TRIGGER_MAX];
        struct db_rows rows;
        index_trigger_name(name, events[i].event, trigger);
        bool is_fine = dbconn_query(conn, &rows, error,
                                    "SELECT TRIGGER_SCHEMA AS there FROM "
                                    "information_schema.TRIGGERS WHERE TRIGGER_NAME = '%s'",
                                    trigger);
        struct text sql;
        text_init(&sql);
        text_add_string(&sql, "DROP TRIGGER IF EXISTS ");
        add_table(&sql, db_rows_text(&rows, "there"), trigger);
        text_add(&sql, "", 1);
        if (is_fine && rows.count > 0) {
            is_fine = dbconn_run(conn, error, "%s", (const char *)sql.ptr);
        }
        text_done(&sql);
        db_rows_done(&rows);
        if (!is_fine) {
            return false;
        }
    }
    return conn != NULL;
}
