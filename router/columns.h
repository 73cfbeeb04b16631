#pragma once
// The columns of a table as a server has told them, for statements that don't name them.

#include "base/arena.h"
#include "cluster/config.h"

struct table_column {
    struct slice name;
    struct slice type; // information_schema's DATA_TYPE: "bigint"
    bool is_unsigned;
    uint64_t max_chars; // of strings
};

struct table_columns {
    struct table_column *items; // in their order, the invisible ones at the end
    uint32_t count;
    uint32_t visible_count;  // those that a statement without a column list means
    struct slice charset;    // character_set_database, of files without CHARACTER SET
    struct slice connection; // character_set_connection, of strings in the statement
    // The account has privileges on single columns, and is told of no others: these are not all.
    bool may_lack_some;
};

// What a column of that type, by its first word, can be as a key: bits of 1 << enum key_type.
unsigned column_key_types(struct slice type);
const struct table_column *columns_find(const struct table_columns *columns, struct slice name);
// " (`a`, `b`)": the visible ones as a statement would list them.
struct slice columns_list(struct arena *arena, const struct table_columns *columns);
