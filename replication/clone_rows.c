#include "replication/clone_rows.h"

#include "router/sql_literal.h"

struct named_type {
    const char *name;
    enum clone_type type;
};

// clang-format off
static const struct named_type types[] = {
    {"tinyint", CLONE_NUMBER}, {"smallint", CLONE_NUMBER}, {"mediumint", CLONE_NUMBER}, {"int", CLONE_NUMBER},
    {"bigint", CLONE_NUMBER}, {"decimal", CLONE_NUMBER}, {"double", CLONE_NUMBER}, {"year", CLONE_NUMBER},
    {"float", CLONE_FLOAT},
    {"enum", CLONE_INDEX}, {"set", CLONE_INDEX},
    {"bit", CLONE_BITS},
    {"date", CLONE_BYTES}, {"time", CLONE_BYTES}, {"datetime", CLONE_BYTES}, {"timestamp", CLONE_BYTES},
    {"char", CLONE_BYTES}, {"varchar", CLONE_BYTES}, {"binary", CLONE_BYTES}, {"varbinary", CLONE_BYTES},
    {"tinytext", CLONE_BYTES}, {"text", CLONE_BYTES}, {"mediumtext", CLONE_BYTES}, {"longtext", CLONE_BYTES},
    {"tinyblob", CLONE_BYTES}, {"blob", CLONE_BYTES}, {"mediumblob", CLONE_BYTES}, {"longblob", CLONE_BYTES},
    {"geometry", CLONE_BYTES}, {"point", CLONE_BYTES}, {"linestring", CLONE_BYTES}, {"polygon", CLONE_BYTES},
    {"multipoint", CLONE_BYTES}, {"multilinestring", CLONE_BYTES}, {"multipolygon", CLONE_BYTES},
    {"geometrycollection", CLONE_BYTES}, {"geomcollection", CLONE_BYTES},
    {"uuid", CLONE_TEXT}, {"inet4", CLONE_TEXT}, {"inet6", CLONE_TEXT},
    {"json", CLONE_JSON},
};
// clang-format on

bool clone_type_of(struct slice data_type, enum clone_type *type)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (slice_is_nocase(data_type, types[i].name)) {
            *type = types[i].type;
            return true;
        }
    }
    return false;
}

void clone_add_column(struct text *sql, enum clone_type type, struct slice name)
{
    switch (type) {
    case CLONE_FLOAT: // as the DOUBLE that it is; (a sum would lose the sign of a zero)
        sql_add_name(sql, name);
        text_add_string(sql, " * 1E0");
        return;
    case CLONE_INDEX:
        text_add_string(sql, "CAST(");
        sql_add_name(sql, name);
        text_add_string(sql, " AS UNSIGNED)");
        return;
    case CLONE_NUMBER:
    case CLONE_BITS:
    case CLONE_BYTES:
    case CLONE_TEXT:
    case CLONE_JSON:
        sql_add_name(sql, name);
        return;
    }
}

// Backslashes, which count: the session's sql_mode is the clone's own.
static void add_quoted(struct text *sql, struct slice bytes)
{
    text_add_string(sql, "'");
    size_t from = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        uint8_t byte = bytes.ptr[i];
        if (byte == '\0' || byte == '\'' || byte == '\\') {
            text_add(sql, bytes.ptr + from, i - from);
            text_add_string(sql, byte == '\0' ? "\\0" : byte == '\'' ? "\\'" : "\\\\");
            from = i + 1;
        }
    }
    text_add(sql, bytes.ptr + from, bytes.len - from);
    text_add_string(sql, "'");
}

void clone_add_value(struct text *sql, enum clone_type type, struct slice value)
{
    if (value.ptr == NULL) {
        text_add_string(sql, "NULL");
        return;
    }
    switch (type) {
    case CLONE_NUMBER:
    case CLONE_FLOAT:
    case CLONE_INDEX:
        text_add_slice(sql, value);
        return;
    case CLONE_BITS:
        sql_add_hex(sql, value);
        return;
    case CLONE_BYTES:
        add_quoted(sql, value);
        return;
    case CLONE_TEXT:
        text_add_string(sql, "_latin1");
        add_quoted(sql, value);
        return;
    case CLONE_JSON:
        text_add_string(sql, "_utf8mb4");
        add_quoted(sql, value);
        return;
    }
}

// ---- a batch

void clone_batch_init(struct clone_batch *batch)
{
    *batch = (struct clone_batch){.row_count = 0};
    text_init(&batch->sql);
}

void clone_batch_done(struct clone_batch *batch)
{
    text_done(&batch->sql);
}

void clone_batch_begin(struct clone_batch *batch, struct slice into)
{
    batch->sql.len = 0;
    text_add_string(&batch->sql, "INSERT INTO ");
    text_add_slice(&batch->sql, into);
    text_add_string(&batch->sql, " VALUES ");
    batch->head_len = batch->sql.len;
    batch->row_count = 0;
}

void clone_batch_add(struct clone_batch *batch, const enum clone_type *kinds,
                     const struct slice *values, size_t count)
{
    text_add_string(&batch->sql, batch->row_count > 0 ? ", (" : "(");
    for (size_t i = 0; i < count; i++) {
        text_add_string(&batch->sql, i > 0 ? ", " : "");
        clone_add_value(&batch->sql, kinds[i], values[i]);
    }
    text_add_string(&batch->sql, ")");
    batch->row_count++;
}

void clone_batch_empty(struct clone_batch *batch)
{
    batch->sql.len = batch->head_len;
    batch->row_count = 0;
}
