// The tables of a unique global index on one shard, and what its column must be like for them.

#include "protocol/error_table.h"
#include "replication/index_work_impl.h"
#include "router/index_claim.h"

enum { TABLES = 2 };

static const char *const columns[TABLES][2] = {
    {"claim", "shard VARBINARY(64) NOT NULL, PRIMARY KEY (value, version)"},
    {"here", "is_here BOOL NOT NULL, PRIMARY KEY (value)"},
};

struct claim_index index_unique_claims(const struct index_target *target)
{
    return (struct claim_index){.key = target->key,
                                .schema = target->schema,
                                .table = target->table,
                                .column = target->column,
                                .is_integer = target->is_integer};
}

static bool refuse(struct index_shard *at, const char *why)
{
    error_set(&at->error, ER_UNKNOWN, "HY000", "%s", why);
    return false;
}

// "V.TABLE_SCHEMA = 'waybill' AND V.TABLE_NAME IN (..)" of both.
static void add_both(struct text *sql, const char *key)
{
    struct text name;
    text_add_string(sql, "V.TABLE_SCHEMA = 'waybill' AND V.COLUMN_NAME = 'value' AND "
                         "CONCAT('waybill.', V.TABLE_NAME) IN (");
    for (size_t i = 0; i < TABLES; i++) {
        text_init(&name);
        claim_add_table(&name, key, columns[i][0]);
        text_add_format(sql, "%s'%.*s'", i > 0 ? ", " : "", (int)name.len, (const char *)name.ptr);
        text_done(&name);
    }
    text_add_string(sql, ")");
}

static bool ask(struct index_shard *at, struct dbconn *conn, struct db_rows *rows)
{
    const struct index_target *target = at->target;
    char schema[600], table[600], column[600];
    struct text both;
    db_quote(target->schema, schema, sizeof schema);
    db_quote(target->table, table, sizeof table);
    db_quote(target->column, column, sizeof column);
    text_init(&both);
    add_both(&both, target->key);
    text_add(&both, "", 1);
    const char *both_sql = (const char *)both.ptr;
    bool is_fine = dbconn_query(
        conn, rows, &at->error,
        "SELECT C.COLUMN_TYPE AS type, C.CHARACTER_SET_NAME AS charset, C.COLLATION_NAME AS "
        "collation, (SELECT COUNT(*) FROM information_schema.STATISTICS S WHERE S.TABLE_SCHEMA = "
        "C.TABLE_SCHEMA AND S.TABLE_NAME = C.TABLE_NAME AND S.COLUMN_NAME = C.COLUMN_NAME AND "
        "S.NON_UNIQUE = 0 AND S.SUB_PART IS NULL AND S.INDEX_TYPE = 'BTREE' AND (SELECT COUNT(*) "
        "FROM information_schema.STATISTICS O WHERE O.TABLE_SCHEMA = S.TABLE_SCHEMA AND "
        "O.TABLE_NAME = S.TABLE_NAME AND O.INDEX_NAME = S.INDEX_NAME) = 1) AS has_key, (SELECT "
        "COUNT(*) FROM information_schema.COLUMNS V WHERE %s) AS made, (SELECT COUNT(*) FROM "
        "information_schema.COLUMNS V WHERE %s AND V.COLUMN_TYPE = C.COLUMN_TYPE AND "
        "V.COLLATION_NAME <=> C.COLLATION_NAME) AS alike, C.CHARACTER_SET_NAME IS NULL OR "
        "C.CHARACTER_SET_NAME IN ('utf8mb4', 'utf8mb3', 'utf8', 'ascii', 'latin1') AS is_known "
        "FROM information_schema.COLUMNS C WHERE C.TABLE_SCHEMA = %s AND C.TABLE_NAME = %s AND "
        "C.COLUMN_NAME = %s",
        both_sql, both_sql, schema, table, column);
    text_done(&both);
    return is_fine;
}

bool index_unique_look(struct index_shard *at, bool *has_tables)
{
    struct dbconn *conn = index_work_conn(at->work, at->shard, &at->error);
    struct db_rows rows = {.result = NULL};
    bool is_fine = conn != NULL && ask(at, conn, &rows);
    const char *why = NULL;
    *has_tables = is_fine && db_rows_number(&rows, "made") == TABLES;
    if (is_fine && db_rows_number(&rows, "has_key") == 0) {
        why = "the table has no UNIQUE key of the whole column alone, which finds duplicates on "
              "one shard";
    } else if (is_fine && !db_rows_is_yes(&rows, "is_known")) {
        why = "the column's character set is none of utf8mb4, utf8mb3, latin1 and ascii";
    } else if (*has_tables && db_rows_number(&rows, "alike") != TABLES) {
        why = "the column is of another type or collation than when the index was made, or than on "
              "another shard: take the index out of the configuration, DROP INDEX, and make it "
              "anew";
    }
    db_rows_done(&rows);
    return is_fine && (why == NULL || refuse(at, why));
}

static bool make_on(struct index_shard *at, uint16_t shard, const struct db_rows *column)
{
    const char *charset = db_rows_get(column, "charset");
    struct dbconn *conn = index_work_conn(at->work, shard, &at->error);
    bool is_fine = conn != NULL;
    for (size_t i = 0; i < TABLES && is_fine; i++) {
        struct text sql;
        text_init(&sql);
        text_add_string(&sql, "CREATE TABLE IF NOT EXISTS ");
        claim_add_table(&sql, at->target->key, columns[i][0]);
        text_add_format(&sql, " (value %s ", db_rows_text(column, "type"));
        if (charset != NULL) {
            text_add_format(&sql, "CHARACTER SET %s COLLATE %s ", charset,
                            db_rows_text(column, "collation"));
        }
        text_add_format(&sql, "NOT NULL, version BIGINT UNSIGNED NOT NULL, %s) ENGINE=InnoDB",
                        columns[i][1]);
        text_add(&sql, "", 1);
        is_fine = dbconn_run(conn, &at->error, "%s", (const char *)sql.ptr);
        text_done(&sql);
    }
    return is_fine;
}

// On every shard, since every one is the home of some values.
bool index_unique_make(struct index_shard *at)
{
    struct dbconn *conn = index_work_conn(at->work, at->shard, &at->error);
    struct db_rows column = {.result = NULL};
    bool has_tables = false;
    bool is_fine = conn != NULL && ask(at, conn, &column);
    for (uint16_t i = 0; i < at->work->order.shard_count && is_fine; i++) {
        is_fine = make_on(at, i, &column);
    }
    db_rows_done(&column);
    return is_fine && index_unique_look(at, &has_tables);
}

bool index_unique_drop(struct schema_work *work, uint16_t shard, const char *name,
                       struct error *error)
{
    struct dbconn *conn = index_work_conn(work, shard, error);
    struct db_rows rows = {.result = NULL};
    struct text prefix;
    text_init(&prefix);
    claim_add_prefix(&prefix, slice_of_string(name));
    bool is_fine =
        conn != NULL && dbconn_query(conn, &rows, error,
                                     "SELECT TABLE_NAME AS name FROM "
                                     "information_schema.TABLES WHERE TABLE_SCHEMA = "
                                     "'waybill' AND LEFT(TABLE_NAME, %d) = '%.*s'",
                                     (int)prefix.len, (int)prefix.len, (const char *)prefix.ptr);
    for (bool has = is_fine && rows.count > 0; has && is_fine; has = db_rows_next(&rows)) {
        is_fine =
            dbconn_run(conn, error, "DROP TABLE IF EXISTS waybill.%s", db_rows_text(&rows, "name"));
    }
    db_rows_done(&rows);
    text_done(&prefix);
    return is_fine;
}
