#pragma once
// information_schema over several shards. A server tells of its own tables: those that are not
// sharded are on their home shards, and the figures of a sharded one are of a part. So the rows
// that the statement's server lacks are asked of the others, and stand in the statement in the
// place of the table (as a derived table):
//
//     SELECT ... FROM (SELECT * FROM information_schema.TABLES WHERE NOT (TABLE_SCHEMA = 'shop' AND
//                      TABLE_NAME IN ('orders', 'stock'))
//                      UNION ALL SELECT _utf8'def', _utf8'shop', _utf8'orders', ..., 4711, ...
//                      UNION ALL ...) AS TABLES WHERE ...
//
//     plan_catalog      what is asked of which shard          (pure)
//     catalog_rows_*    the answers, figures added up         (pure)
//     catalog_write     the statement that its server gets    (pure)

#include "base/text.h"
#include "protocol/column.h"
#include "protocol/row_text.h"
#include "router/plan.h"

enum {
    CATALOG_REFS_MAX = 8,
    CATALOG_SQL_BYTES_MAX = 3 << 20, // below max_allowed_packet of the oldest servers
};

struct catalog_kind; // a table of information_schema: a row of the table in catalog_kinds.c

struct catalog_question {
    uint16_t shard;
    struct slice sql;
};

// One mention of a table of information_schema.
struct catalog_ref {
    const struct catalog_kind *kind; // NULL: nothing is asked
    struct span span;                // of its name in the text
    bool has_alias;
    struct slice name; // as written, without its schema: the derived table's, where it has no alias
    struct slice own;  // the SELECT of the rows that the statement's server has
    struct catalog_question *questions;
    uint32_t question_count;
};

enum catalog_form {
    CATALOG_SELECT,
    CATALOG_STATUS,   // SHOW TABLE STATUS, made a SELECT
    CATALOG_TRIGGERS, // SHOW TRIGGERS, likewise
    CATALOG_PLACE,    // SHOW CREATE TRIGGER: goes as it came to the shard that answers with a row
};

struct catalog_plan {
    enum catalog_form form;
    struct catalog_ref *refs; // in the order of the text
    uint32_t ref_count;
    struct slice rest; // of a SHOW: LIKE '...' or WHERE ...; empty
    struct slice text; // of the statement
};

// ---- catalog_kinds.c

enum catalog_fold {
    CATALOG_FIRST,
    CATALOG_KEY, // names the row, with schema and table
    CATALOG_ADD,
    CATALOG_MAX,
    CATALOG_MIN,
    CATALOG_AVERAGE, // DATA_LENGTH / TABLE_ROWS
};

// NULL: it does not tell of tables, or not by rows that can be told apart.
const struct catalog_kind *catalog_find(struct slice name);
const char *catalog_name(const struct catalog_kind *kind);          // "TABLES"
const char *catalog_schema_column(const struct catalog_kind *kind); // "TABLE_SCHEMA"
const char *catalog_table_column(const struct catalog_kind *kind);
enum catalog_fold catalog_fold_of(const struct catalog_kind *kind, struct slice column);
// Does the text name one of the columns that are added up or the like?
bool catalog_has_figures(const struct catalog_kind *kind, struct slice text) MUST_CHECK;
bool catalog_can_fold(const struct catalog_kind *kind) MUST_CHECK; // has any such column

// ---- catalog_rows.c

struct catalog_column {
    struct slice name;
    enum catalog_fold fold;
    uint8_t type; // enum column_type
    bool is_unsigned;
};

struct catalog_rows {
    struct arena *arena; // borrowed
    const struct catalog_kind *kind;
    struct catalog_column *columns;
    uint32_t column_count; // 0: no answer was seen yet
    struct field **rows;   // in the arena, as are their fields
    uint32_t count, capacity;
    size_t bytes;
};

void catalog_rows_init(struct catalog_rows *rows, struct arena *arena,
                       const struct catalog_kind *kind);
// The columns of an answer. False: not those of the answers before it.
bool catalog_rows_columns(struct catalog_rows *rows, const struct column *columns,
                          uint32_t count) MUST_CHECK;
// One row of an answer in the text protocol. False: it can't be read.
bool catalog_rows_add(struct catalog_rows *rows, struct slice payload) MUST_CHECK;

// The statement for its server; `rows` of each ref. Empty: it is longer than CATALOG_SQL_BYTES_MAX.
struct slice catalog_write(struct arena *arena, const struct catalog_plan *plan,
                           const struct catalog_rows *rows, const struct parse_options *options);
