// The SQL of a gathered statement, in UTF-8 with sql_mode ALLOW_INVALID_DATES and
// NO_AUTO_VALUE_ON_ZERO. Values are moved so that what arrives is what was stored:
//
//     INT 5, DECIMAL 1.50       5            5
//     FLOAT 0.1                 CAST(..)     0.10000000149011612e0
//     ENUM, SET, BIT            c + 0        2
//     TIMESTAMP                 UNIX_TIME..  FROM_UNIXTIME(1767225600.5), in UTC
//     DATE, TIME, UUID, ...     c            '2026-01-01'
//     CHAR, TEXT, BLOB, ...     c            _binary'..', the bytes as they are stored
//
// A condition goes along only where its type leaves no doubt: a number beside a number, a string
// beside a string, a whole date beside a date. So it can't warn, and means what it means in the
// statement.

#include "base/text.h"
#include "router/gather.h"
#include "router/sql_literal.h"

static const char shadow_name[] = "_waybill_gathered_";

// ---- names

static void add_table(struct text *sql, const struct gather_table *table)
{
    sql_add_name(sql, table->schema);
    text_add_string(sql, ".");
    sql_add_name(sql, table->name);
}

static void add_shadow(struct text *sql, const struct gather_table *table, uint32_t at)
{
    sql_add_name(sql, table->schema);
    text_add_format(sql, ".`%s%u`", shadow_name, at + 1);
}

static struct slice finish(struct arena *arena, struct text *sql)
{
    struct slice copy = arena_copy(arena, text_slice(sql));
    text_done(sql);
    return copy;
}

// ---- the question

static void add_hex(struct text *out, const char *column, struct slice bytes)
{
    text_add_format(out, "%s = _utf8mb4 x'", column);
    for (size_t i = 0; i < bytes.len; i++) {
        text_add_format(out, "%02x", bytes.ptr[i]);
    }
    text_add_string(out, "'");
}

static void add_where(struct text *sql, const struct gather_table *table)
{
    add_hex(sql, " WHERE TABLE_SCHEMA", table->schema);
    add_hex(sql, " AND TABLE_NAME", table->name);
}

struct slice gather_question(struct arena *arena, const struct gather_plan *plan)
{
    struct text sql;
    text_init(&sql);
    for (uint32_t i = 0; i < plan->table_count; i++) {
        const struct gather_table *table = &plan->tables[i];
        text_add_format(&sql,
                        "%sSELECT %u, COLUMN_NAME, DATA_TYPE, IS_GENERATED = 'ALWAYS', COLUMN_NAME "
                        "IN (SELECT COLUMN_NAME FROM information_schema.STATISTICS",
                        i > 0 ? " UNION ALL " : "", i);
        add_where(&sql, table);
        text_add_string(&sql, " AND NON_UNIQUE = 0), @@log_bin AND @@binlog_format <> 'ROW', "
                              "(SELECT TABLE_TYPE <> 'BASE TABLE' FROM "
                              "information_schema.TABLES");
        add_where(&sql, table);
        text_add_string(&sql, ") FROM information_schema.COLUMNS");
        add_where(&sql, table);
    }
    return finish(arena, &sql);
}

// ---- columns

struct type_form {
    const char *type;
    enum gather_form form;
};

static const struct type_form forms[] = {
    {"tinyint", FORM_NUMBER},
    {"smallint", FORM_NUMBER},
    {"mediumint", FORM_NUMBER},
    {"int", FORM_NUMBER},
    {"bigint", FORM_NUMBER},
    {"decimal", FORM_NUMBER},
    {"year", FORM_NUMBER},
    {"float", FORM_FLOAT},
    {"double", FORM_FLOAT},
    {"bit", FORM_INDEX},
    {"enum", FORM_INDEX},
    {"set", FORM_INDEX},
    {"timestamp", FORM_TIMESTAMP},
    {"date", FORM_PLAIN},
    {"time", FORM_PLAIN},
    {"datetime", FORM_PLAIN},
    {"uuid", FORM_PLAIN},
    {"inet4", FORM_PLAIN},
    {"inet6", FORM_PLAIN},
    {"char", FORM_BYTES},
    {"varchar", FORM_BYTES},
    {"tinytext", FORM_BYTES},
    {"text", FORM_BYTES},
    {"mediumtext", FORM_BYTES},
    {"longtext", FORM_BYTES},
    {"binary", FORM_BYTES},
    {"varbinary", FORM_BYTES},
    {"tinyblob", FORM_BYTES},
    {"blob", FORM_BYTES},
    {"mediumblob", FORM_BYTES},
    {"longblob", FORM_BYTES},
    {"geometry", FORM_SHAPE},
    {"point", FORM_SHAPE},
    {"linestring", FORM_SHAPE},
    {"polygon", FORM_SHAPE},
    {"multipoint", FORM_SHAPE},
    {"multilinestring", FORM_SHAPE},
    {"multipolygon", FORM_SHAPE},
    {"geometrycollection", FORM_SHAPE},
};

static enum gather_form form_of(struct slice type)
{
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (slice_is_nocase(type, forms[i].type)) {
            return forms[i].form;
        }
    }
    return FORM_UNKNOWN;
}

// May the byte be of a name that goes on there? A digit before a name may be a comment's version.
static bool is_of_name(uint8_t byte, bool is_behind)
{
    bool is_letter = ((byte | 32) >= 'a' && (byte | 32) <= 'z') || byte == '_' || byte == '$';
    return is_letter || byte >= 0x80 || (is_behind && byte >= '0' && byte <= '9');
}

// Stands the name anywhere in the text? What is not plain ASCII may be written in many ways.
static bool is_named(struct slice text, struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] >= 0x80 || name.ptr[i] == '`' || name.ptr[i] == '"') {
            return true;
        }
    }
    for (size_t i = 0; i + name.len <= text.len; i++) {
        size_t end = i + name.len;
        if (slice_equal_nocase(slice_part(text, i, end), name) &&
            (i == 0 || !is_of_name(text.ptr[i - 1], false)) &&
            (end == text.len || !is_of_name(text.ptr[end], true))) {
            return true;
        }
    }
    return false;
}

bool gather_settle(const struct gather_plan *plan, struct gather_columns *columns,
                   const struct gather_column **unfit)
{
    bool wants_all = plan->wants_all_columns;
    for (uint32_t i = 0; i < columns->count; i++) {
        wants_all |= columns->items[i].is_generated; // from which others is not known
    }
    columns->moved_count = 0;
    for (uint32_t i = 0; i < columns->count; i++) {
        struct gather_column *column = &columns->items[i];
        column->form = form_of(column->type);
        column->is_moved = !column->is_generated &&
                           (wants_all || column->is_unique || is_named(plan->text, column->name));
        if (column->is_moved && column->form == FORM_UNKNOWN) {
            *unfit = column;
            return false;
        }
        columns->moved_count += column->is_moved;
    }
    if (columns->moved_count == 0) { // the rows themselves count
        for (uint32_t i = 0; i < columns->count && columns->moved_count == 0; i++) {
            columns->items[i].is_moved =
                !columns->items[i].is_generated && columns->items[i].form != FORM_UNKNOWN;
            columns->moved_count += columns->items[i].is_moved;
        }
    }
    *unfit = columns->count > 0 ? &columns->items[0] : NULL;
    return columns->moved_count > 0;
}

// ---- conditions

static bool is_type(struct slice type, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_is_nocase(type, names[i])) {
            return true;
        }
    }
    return false;
}

static bool is_plain_string(struct slice bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        if (bytes.ptr[i] < ' ' || bytes.ptr[i] > '~' || bytes.ptr[i] == '\'' ||
            bytes.ptr[i] == '\\') {
            return false;
        }
    }
    return true;
}

// YYYY-MM-DD, maybe with hh:mm:ss and a fraction, and no day that some month doesn't have.
static bool is_whole_date(struct slice text)
{
    static const char shape[] = "dddd-dd-dd dd:dd:dd.dddddd";
    if (text.len != 10 && text.len != 19 && (text.len < 21 || text.len > sizeof shape - 1)) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        bool is_digit = text.ptr[i] >= '0' && text.ptr[i] <= '9';
        if (shape[i] == 'd' ? !is_digit : text.ptr[i] != (uint8_t)shape[i]) {
            return false;
        }
    }
    unsigned month = (unsigned)(text.ptr[5] - '0') * 10 + (unsigned)(text.ptr[6] - '0');
    unsigned day = (unsigned)(text.ptr[8] - '0') * 10 + (unsigned)(text.ptr[9] - '0');
    bool is_day = month >= 1 && month <= 12 && day >= 1 && day <= 28 && text.ptr[0] != '0';
    bool is_time =
        text.len == 10 || ((text.ptr[11] < '2' || (text.ptr[11] == '2' && text.ptr[12] < '4')) &&
                           text.ptr[14] < '6' && text.ptr[17] < '6');
    return is_day && is_time;
}

static bool is_certain_beside(const struct value *value, struct slice type)
{
    static const char *const integers[] = {"tinyint", "smallint", "mediumint", "int", "bigint"};
    // Not CHAR: PAD_CHAR_TO_FULL_LENGTH may be set for the statement.
    static const char *const strings[] = {"varchar", "enum"};
    static const char *const dates[] = {"date", "datetime", "timestamp"};
    bool is_integer = is_type(type, integers, 5);
    switch (value->kind) {
    case VALUE_INTEGER:
    case VALUE_BOOL:
        return (is_integer || slice_is_nocase(type, "decimal")) && value->bytes.len <= 18;
    case VALUE_DECIMAL:
        return slice_is_nocase(type, "decimal") && value->bytes.len <= 30;
    case VALUE_STRING:
        return (is_type(type, strings, 2) && is_plain_string(value->bytes)) ||
               (is_type(type, dates, 3) && is_whole_date(value->bytes));
    case VALUE_DATE:
        return is_type(type, dates, 3) && is_whole_date(value->bytes);
    case VALUE_UNKNOWN:
    case VALUE_NULL:
    case VALUE_DEFAULT:
        return false;
    }
    return false;
}

static const struct gather_column *find_certain(const struct gather_condition *condition,
                                                const struct gather_columns *columns)
{
    for (uint32_t i = 0; i < columns->count; i++) {
        const struct gather_column *column = &columns->items[i];
        if (!slice_equal_nocase(column->name, condition->column)) {
            continue;
        }
        for (uint32_t v = 0; v < condition->value_count; v++) {
            if (!is_certain_beside(&condition->values[v], column->type)) {
                return NULL;
            }
        }
        return column;
    }
    return NULL;
}

static void add_constant(struct text *sql, const struct value *value)
{
    bool is_quoted = value->kind == VALUE_STRING || value->kind == VALUE_DATE;
    text_add_string(sql, is_quoted ? "'" : value->is_negative ? "-" : "");
    text_add_slice(sql, value->bytes);
    text_add_string(sql, is_quoted ? "'" : "");
}

static const char *sign_of(enum expr_op op)
{
    switch ((int)op) {
    case OP_EQUAL:
        return "=";
    case OP_NOT_EQUAL:
        return "<>";
    case OP_LESS:
        return "<";
    case OP_LESS_EQUAL:
        return "<=";
    case OP_GREATER:
        return ">";
    default:
        return ">=";
    }
}

static void add_condition(struct text *sql, const struct gather_condition *condition)
{
    const char *not_word = condition->is_negated ? " NOT" : "";
    sql_add_name(sql, condition->column);
    if (condition->op == OP_AND) {
        text_add_format(sql, "%s BETWEEN ", not_word);
        add_constant(sql, &condition->values[0]);
        text_add_string(sql, " AND ");
        add_constant(sql, &condition->values[1]);
        return;
    }
    if (condition->op != OP_NONE) {
        text_add_format(sql, " %s ", sign_of(condition->op));
        add_constant(sql, &condition->values[0]);
        return;
    }
    text_add_format(sql, "%s IN (", not_word);
    for (uint32_t i = 0; i < condition->value_count; i++) {
        text_add_string(sql, i > 0 ? ", " : "");
        add_constant(sql, &condition->values[i]);
    }
    text_add_string(sql, ")");
}

// FROM, WHERE and LIMIT.
static void add_source(struct text *sql, const struct gather_table *table,
                       const struct gather_columns *columns, uint64_t limit)
{
    const char *before = " WHERE ";
    text_add_string(sql, " FROM ");
    add_table(sql, table);
    for (const struct gather_condition *condition = table->uses == 1 ? table->conditions : NULL;
         condition != NULL; condition = condition->next) {
        if (find_certain(condition, columns) != NULL) {
            text_add_string(sql, before);
            add_condition(sql, condition);
            before = " AND ";
        }
    }
    text_add_format(sql, " LIMIT %llu", (unsigned long long)limit);
}

// ---- statements

struct slice gather_create(struct arena *arena, const struct gather_plan *plan, uint32_t at)
{
    struct text sql;
    text_init(&sql);
    text_add_string(&sql, "CREATE TEMPORARY TABLE ");
    add_shadow(&sql, &plan->tables[at], at);
    text_add_string(&sql, " LIKE ");
    add_table(&sql, &plan->tables[at]);
    return finish(arena, &sql);
}

static void add_names(struct text *sql, const struct gather_columns *columns)
{
    const char *before = "";
    for (uint32_t i = 0; i < columns->count; i++) {
        if (columns->items[i].is_moved) {
            text_add_string(sql, before);
            sql_add_name(sql, columns->items[i].name);
            before = ", ";
        }
    }
}

static void add_insert(struct text *sql, const struct gather_plan *plan, uint32_t at,
                       const struct gather_columns *columns)
{
    text_add_string(sql, "INSERT INTO ");
    add_shadow(sql, &plan->tables[at], at);
    text_add_string(sql, " (");
    add_names(sql, columns);
    text_add_string(sql, ")");
}

struct slice gather_copy(struct arena *arena, const struct gather_plan *plan, uint32_t at,
                         const struct gather_columns *columns, uint64_t limit)
{
    struct text sql;
    text_init(&sql);
    add_insert(&sql, plan, at, columns);
    text_add_string(&sql, " SELECT ");
    add_names(&sql, columns);
    add_source(&sql, &plan->tables[at], columns, limit);
    return finish(arena, &sql);
}

static void add_reading(struct text *sql, const struct gather_column *column)
{
    static const char *const around[][2] = {
        [FORM_NUMBER] = {"", ""},    [FORM_FLOAT] = {"CAST(", " AS DOUBLE)"},
        [FORM_INDEX] = {"", " + 0"}, [FORM_TIMESTAMP] = {"UNIX_TIMESTAMP(", ")"},
        [FORM_PLAIN] = {"", ""},     [FORM_BYTES] = {"", ""},
        [FORM_UNKNOWN] = {"", ""},
    };
    text_add_string(sql, around[column->form][0]);
    sql_add_name(sql, column->name);
    text_add_string(sql, around[column->form][1]);
}

struct slice gather_read(struct arena *arena, const struct gather_plan *plan, uint32_t at,
                         const struct gather_columns *columns, uint64_t limit)
{
    struct text sql;
    const char *before = "SELECT ";
    text_init(&sql);
    for (uint32_t i = 0; i < columns->count; i++) {
        if (columns->items[i].is_moved) {
            text_add_string(&sql, before);
            add_reading(&sql, &columns->items[i]);
            before = ", ";
        }
    }
    add_source(&sql, &plan->tables[at], columns, limit);
    return finish(arena, &sql);
}

struct slice gather_insert(struct arena *arena, const struct gather_plan *plan, uint32_t at,
                           const struct gather_columns *columns)
{
    struct text sql;
    text_init(&sql);
    add_insert(&sql, plan, at, columns);
    text_add_string(&sql, " VALUES ");
    return finish(arena, &sql);
}

struct slice gather_rename(struct arena *arena, const struct gather_plan *plan, uint32_t at)
{
    struct text sql;
    text_init(&sql);
    text_add_string(&sql, "ALTER TABLE ");
    add_shadow(&sql, &plan->tables[at], at);
    text_add_string(&sql, " RENAME TO ");
    add_table(&sql, &plan->tables[at]);
    return finish(arena, &sql);
}

// ---- values

static bool consists_of(struct slice bytes, const char *allowed)
{
    for (size_t i = 0; i < bytes.len; i++) {
        if (bytes.ptr[i] == 0 || strchr(allowed, bytes.ptr[i]) == NULL) {
            return false;
        }
    }
    return bytes.len > 0;
}

static void add_bytes(struct text *sql, struct slice bytes)
{
    size_t done = 0;
    text_add_string(sql, "_binary'");
    for (size_t i = 0; i < bytes.len; i++) {
        if (bytes.ptr[i] == '\'' || bytes.ptr[i] == '\\' || bytes.ptr[i] == 0) {
            text_add(sql, bytes.ptr + done, i - done);
            text_add_string(sql, bytes.ptr[i] == 0 ? "\\0" : bytes.ptr[i] == '\'' ? "\\'" : "\\\\");
            done = i + 1;
        }
    }
    text_add(sql, bytes.ptr + done, bytes.len - done);
    text_add_string(sql, "'");
}

static bool add_number(struct text *sql, struct slice bytes, const char *before, const char *behind)
{
    if (!consists_of(bytes, "0123456789.-+eE")) {
        return false;
    }
    text_add_string(sql, before);
    text_add_slice(sql, bytes);
    text_add_string(sql, behind);
    return true;
}

bool gather_add_value(struct text *sql, const struct gather_column *column, struct slice bytes,
                      bool is_null)
{
    if (is_null) {
        text_add_string(sql, "NULL");
        return true;
    }
    switch (column->form) {
    case FORM_NUMBER:
    case FORM_INDEX:
        return add_number(sql, bytes, "", "");
    case FORM_FLOAT:
        return add_number(sql, bytes, "", memchr(bytes.ptr, 'e', bytes.len) == NULL ? "e0" : "");
    case FORM_TIMESTAMP:
        if (consists_of(bytes, "0.")) { // the zero date
            text_add_string(sql, "0");
            return true;
        }
        return add_number(sql, bytes, "FROM_UNIXTIME(", ")");
    case FORM_PLAIN:
        if (!is_plain_string(bytes)) {
            return false;
        }
        text_add_string(sql, "'");
        text_add_slice(sql, bytes);
        text_add_string(sql, "'");
        return true;
    case FORM_BYTES:
    case FORM_SHAPE:
        add_bytes(sql, bytes);
        return true;
    case FORM_UNKNOWN:
        break;
    }
    return false;
}
