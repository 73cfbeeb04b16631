#pragma once
// A gathered SELECT: what no merge can put together from the shards' answers is run by one server.
// The rows that it needs are brought there as temporary tables that stand in front of the real ones
// under the same names, so the client's own text means them, and the answer is the server's own.
//
//     plan_gather       which tables, whose rows, which conditions      (pure, no columns known)
//     gather_question   which columns have they?                        (asked of the server)
//     gather_settle     columns and conditions that count, as SQL       (pure)

#include "router/plan.h"
#include "router/sharding.h"
#include "router/value.h"

enum {
    GATHER_TABLES_MAX = 32,
    GATHER_VALUES_MAX = 1000,         // of an IN
    GATHER_INSERT_BYTES = 256 * 1024, // of rows in one INSERT; two of them are held
};

// A part of a WHERE that concerns one column and constants. It is used only if the column has a
// type for which it can neither warn nor mean anything else than in the statement.
struct gather_condition {
    struct slice column;
    enum expr_op op; // OP_EQUAL ... OP_GREATER_EQUAL; OP_NONE: IN; OP_AND: BETWEEN
    bool is_negated;
    const struct value *values;
    uint32_t value_count;
    struct gather_condition *next;
};

struct gather_table {
    struct slice schema, name;           // as on the servers
    struct shard_set shards;             // that may have rows which matter
    uint32_t uses;                       // how often the statement names it
    struct gather_condition *conditions; // each row that matters fulfils them
};

struct gather_plan {
    struct gather_table *tables; // those whose rows are not on every shard
    uint32_t table_count;
    struct shard_set places; // shards that have all of the tables, so that one may gather them
    // In a transaction: all rows are read on its own connections, those of reference tables on one
    // of them, and none that are there already count.
    bool is_inside;
    bool wants_all_columns; // there is a * in it, or the like
    struct slice text;      // of the statement: a column is needed if its name stands in it
};

// How values of a column are moved so that they arrive as they were.
enum gather_form {
    FORM_NUMBER,    // digits
    FORM_FLOAT,     // read as DOUBLE, which has all digits
    FORM_INDEX,     // ENUM, SET, BIT: read and written as numbers
    FORM_TIMESTAMP, // seconds since 1970, so that no time zone matters
    FORM_PLAIN,     // ASCII text: dates, times, addresses, UUIDs
    FORM_BYTES,     // as stored, whatever the character set
    FORM_SHAPE,     // likewise; a geometry has no default, so it is never left out
    FORM_UNKNOWN,
};

struct gather_column {
    struct slice name; // UTF-8
    struct slice type; // information_schema's DATA_TYPE
    bool is_generated;
    bool is_unique; // part of a unique key
    // Filled in by gather_settle:
    enum gather_form form;
    bool is_moved;
};

struct gather_columns {
    struct gather_column *items;
    uint32_t count;
    uint32_t moved_count;
    bool is_view; // or the like: not a table of its own
};

// The session's part: what is asked and sent for table number `at` of the plan, in UTF-8.
struct slice gather_question(struct arena *arena, const struct gather_plan *plan);
enum {
    GATHER_FIELDS = 7
}; // table, name, type, is generated, is unique, binlog is unfit, is a view

// Which columns are moved, and how. False: the type of column *unfit is not known.
bool gather_settle(const struct gather_plan *plan, struct gather_columns *columns,
                   const struct gather_column **unfit) MUST_CHECK;

struct slice gather_create(struct arena *arena, const struct gather_plan *plan, uint32_t at);
// Of the server's own rows; `limit` at most.
struct slice gather_copy(struct arena *arena, const struct gather_plan *plan, uint32_t at,
                         const struct gather_columns *columns, uint64_t limit);
// For the other shards: one field for each column that is moved, in the forms above.
struct slice gather_read(struct arena *arena, const struct gather_plan *plan, uint32_t at,
                         const struct gather_columns *columns, uint64_t limit);
// INSERT ... VALUES: rows follow, with commas between them.
struct slice gather_insert(struct arena *arena, const struct gather_plan *plan, uint32_t at,
                           const struct gather_columns *columns);
// From now on the name means the gathered rows.
struct slice gather_rename(struct arena *arena, const struct gather_plan *plan, uint32_t at);
// Appends one field of a row that was read, as a literal. False: it is not in its form.
bool gather_add_value(struct text *sql, const struct gather_column *column, struct slice bytes,
                      bool is_null) MUST_CHECK;
