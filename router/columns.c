#include "router/columns.h"

#include "router/sql_literal.h"

struct type_row {
    const char *name;
    unsigned keys; // bits of enum key_type that a column of the type can be
};

#define BIT(key_type) (1u << (key_type))

// clang-format off
static const struct type_row types[] = {
    {"TINYINT", BIT(KEY_INTEGER)}, {"SMALLINT", BIT(KEY_INTEGER)}, {"MEDIUMINT", BIT(KEY_INTEGER)},
    {"INT", BIT(KEY_INTEGER)}, {"INTEGER", BIT(KEY_INTEGER)}, {"BIGINT", BIT(KEY_INTEGER)},
    {"INT1", BIT(KEY_INTEGER)}, {"INT2", BIT(KEY_INTEGER)}, {"INT3", BIT(KEY_INTEGER)},
    {"INT4", BIT(KEY_INTEGER)}, {"INT8", BIT(KEY_INTEGER)}, {"MIDDLEINT", BIT(KEY_INTEGER)},
    {"BOOL", BIT(KEY_INTEGER)}, {"BOOLEAN", BIT(KEY_INTEGER)}, {"SERIAL", BIT(KEY_INTEGER)},
    {"YEAR", BIT(KEY_INTEGER)},
    {"CHAR", BIT(KEY_STRING) | BIT(KEY_BINARY)}, {"VARCHAR", BIT(KEY_STRING) | BIT(KEY_BINARY)},
    {"CHARACTER", BIT(KEY_STRING) | BIT(KEY_BINARY)}, {"NCHAR", BIT(KEY_STRING)},
    {"NVARCHAR", BIT(KEY_STRING)}, {"NATIONAL", BIT(KEY_STRING)}, {"VARCHARACTER", BIT(KEY_STRING)},
    {"TEXT", BIT(KEY_STRING) | BIT(KEY_BINARY)}, {"TINYTEXT", BIT(KEY_STRING) | BIT(KEY_BINARY)},
    {"MEDIUMTEXT", BIT(KEY_STRING) | BIT(KEY_BINARY)}, {"LONGTEXT", BIT(KEY_STRING) | BIT(KEY_BINARY)},
    {"BINARY", BIT(KEY_BINARY)}, {"VARBINARY", BIT(KEY_BINARY)}, {"BLOB", BIT(KEY_BINARY)},
    {"TINYBLOB", BIT(KEY_BINARY)}, {"MEDIUMBLOB", BIT(KEY_BINARY)}, {"LONGBLOB", BIT(KEY_BINARY)},
    {"DATE", BIT(KEY_DATE)}, {"DATETIME", BIT(KEY_DATE)},
};
// clang-format on

unsigned column_key_types(struct slice type)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (slice_is_nocase(type, types[i].name)) {
            return types[i].keys;
        }
    }
    return 0;
}

const struct table_column *columns_find(const struct table_columns *columns, struct slice name)
{
    for (uint32_t i = 0; i < columns->count; i++) {
        if (slice_equal_nocase(columns->items[i].name, name)) {
            return &columns->items[i];
        }
    }
    return NULL;
}

struct slice columns_list(struct arena *arena, const struct table_columns *columns)
{
    struct text list;
    text_init(&list);
    for (uint32_t i = 0; i < columns->visible_count; i++) {
        text_add_string(&list, i == 0 ? " (" : ", ");
        sql_add_name(&list, columns->items[i].name);
    }
    text_add_string(&list, ")");
    struct slice copy = arena_copy(arena, text_slice(&list));
    text_done(&list);
    return copy;
}
