// The words are those of a table's section; `shard_by` stands for `key`, `reference` for `type =
// reference`. The type of the key, where it is not said, is the column's: for CHAR and VARCHAR
// `string`, by which all spellings that any collation could call equal are at one place.

#include "router/declaration.h"

#include <stdarg.h>
#include <stdio.h>

#include "cluster/declared.h"
#include "cluster/row_id.h"
#include "protocol/error_table.h"
#include "router/columns.h"
#include "router/scope.h"

struct word {
    const char *hint, *setting;
};

static const struct word words[] = {
    {"shard_by", "key"},  {"key", "key"},         {"type", "type"},         {"reference", "type"},
    {"with", "with"},     {"method", "method"},   {"key_type", "key_type"}, {"id", "id"},
    {"row_id", "row_id"}, {"scatter", "scatter"}, {"ranges", "ranges"},     {"lists", "lists"},
    {"shards", "shards"}, {"unit", "unit"},
};

static const char *const key_types[] = {"integer", "string", "binary", "date"};

// ---- words of a hint

static bool is_separator(uint8_t byte)
{
    return byte == ',' || byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

struct slice hint_next_word(struct slice *rest)
{
    size_t begin = 0;
    uint8_t quote = 0;
    while (begin < rest->len && is_separator(rest->ptr[begin])) {
        begin++;
    }
    size_t end = begin;
    for (; end < rest->len && (quote != 0 || !is_separator(rest->ptr[end])); end++) {
        uint8_t byte = rest->ptr[end];
        bool may_open = end > begin && rest->ptr[end - 1] == '=';
        if (quote != 0) {
            quote = byte == quote ? 0 : quote;
        } else if (may_open && (byte == '\'' || byte == '"')) {
            quote = byte;
        }
    }
    struct slice word = slice_part(*rest, begin, end);
    *rest = slice_part(*rest, end, rest->len);
    return word;
}

// name=value, value without its quotes. The value of a word alone is empty.
static void cut(struct slice word, struct slice *name, struct slice *value)
{
    const uint8_t *equals = memchr(word.ptr, '=', word.len);
    size_t len = equals != NULL ? (size_t)(equals - word.ptr) : word.len;
    *name = slice_part(word, 0, len);
    *value = slice_part(word, len + (equals != NULL), word.len);
    bool is_quoted = value->len >= 2 && (value->ptr[0] == '\'' || value->ptr[0] == '"') &&
                     value->ptr[value->len - 1] == value->ptr[0];
    if (is_quoted) {
        *value = slice_part(*value, 1, value->len - 1);
    }
}

static const struct word *find_word(struct slice name)
{
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (slice_is_nocase(name, words[i].hint)) {
            return &words[i];
        }
    }
    return NULL;
}

bool hint_declares_by(struct slice word)
{
    struct slice name, value;
    cut(word, &name, &value);
    return find_word(name) != NULL;
}

bool hint_declares(struct slice hint)
{
    for (struct slice word = hint_next_word(&hint); word.len > 0; word = hint_next_word(&hint)) {
        if (hint_declares_by(word)) {
            return true;
        }
    }
    return false;
}

// ---- reading

struct declaring {
    struct arena *arena;
    const struct statement *statement;
    struct error *error;
    struct text text;
    struct slice key, id, row_id, key_type, method; // empty: not said
    bool has_with, is_reference;
};

static bool refuse(const struct declaring *declaring, const char *format, ...) PRINTF_LIKE(2, 3);
static bool refuse(const struct declaring *declaring, const char *format, ...)
{
    char why[480];
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    error_fill(declaring->error, ER_DECLARATION, why);
    return false;
}

static bool check_statement(const struct declaring *declaring)
{
    const struct statement *statement = declaring->statement;
    const struct ddl_part *ddl = statement->kind == STATEMENT_DDL ? statement->ddl : NULL;
    if (ddl == NULL || ddl->kind != DDL_CREATE_TABLE) {
        return refuse(declaring,
                      "Words that declare a table (shard_by=...) belong into a comment of "
                      "CREATE TABLE");
    }
    if (ddl->is_temporary) {
        return refuse(declaring, "A temporary table is in one session only and can't be declared");
    }
    if (ddl->is_replace) {
        return refuse(declaring,
                      "CREATE OR REPLACE can't declare a table, for rows might be placed "
                      "as before meanwhile: DROP TABLE, then CREATE TABLE");
    }
    if (ddl->select != NULL || ddl->columns == NULL || statement->tables == NULL ||
        statement->tables->next != NULL) {
        return refuse(declaring, "A table is declared by CREATE TABLE with its columns, not with "
                                 "LIKE or SELECT, whose columns are not to be seen here");
    }
    return true;
}

static bool add_setting(struct declaring *declaring, const char *setting, struct slice value)
{
    if (!slice_is_ascii(value) || !declared_is_value(value)) {
        return refuse(declaring,
                      "%s in the comment has no value, or one with other characters than "
                      "plain ASCII",
                      setting);
    }
    text_add_format(&declaring->text, "%s = %.*s\n", setting, (int)value.len,
                    (const char *)value.ptr);
    return true;
}

// A name without a schema is in that of the table.
static bool add_with(struct declaring *declaring, struct slice value, struct slice schema)
{
    declaring->has_with = true;
    if (value.len > 0 && memchr(value.ptr, '.', value.len) == NULL) {
        value = arena_format(declaring->arena, "%.*s.%.*s", (int)schema.len,
                             (const char *)schema.ptr, (int)value.len, (const char *)value.ptr);
    }
    return add_setting(declaring, "with", value);
}

static bool add_word(struct declaring *declaring, struct slice text, struct slice schema)
{
    struct slice name, value;
    cut(text, &name, &value);
    const struct word *word = find_word(name);
    if (word == NULL) {
        return refuse(declaring, "%.*s and the declaration of a table can't be in one comment",
                      (int)(text.len < 64 ? text.len : 64), (const char *)text.ptr);
    }
    const struct {
        const char *setting;
        struct slice *value;
    } kept[] = {{"key", &declaring->key},
                {"id", &declaring->id},
                {"row_id", &declaring->row_id},
                {"key_type", &declaring->key_type},
                {"method", &declaring->method}};
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        if (strcmp(word->setting, kept[i].setting) == 0) {
            *kept[i].value = value;
        }
    }
    if (slice_is_nocase(name, "reference") && memchr(text.ptr, '=', text.len) == NULL) {
        value = slice_of_string("reference");
    }
    if (strcmp(word->setting, "type") == 0) {
        declaring->is_reference = slice_is_nocase(value, "reference");
        if (slice_is_nocase(value, "unsharded")) {
            return refuse(declaring, "An unsharded table is not declared: leave the comment out");
        }
    }
    size_t setting_bytes = strlen(word->setting);
    for (size_t at = 0; at + setting_bytes < declaring->text.len;) {
        const char *line = (const char *)declaring->text.ptr + at;
        if (strncmp(line, word->setting, setting_bytes) == 0 && line[setting_bytes] == ' ') {
            return refuse(declaring, "%s is said twice in the comment", word->setting);
        }
        const char *end = memchr(line, '\n', declaring->text.len - at);
        at = end != NULL ? (size_t)(end - (const char *)declaring->text.ptr) + 1
                         : declaring->text.len;
    }
    return strcmp(word->setting, "with") == 0 ? add_with(declaring, value, schema)
                                              : add_setting(declaring, word->setting, value);
}

// ---- columns

static const struct column_def *find_column(const struct declaring *declaring, struct slice name)
{
    const struct column_def *column = declaring->statement->ddl->columns;
    while (column != NULL && !slice_equal_nocase(column->name, name)) {
        column = column->next;
    }
    return column;
}

static bool check_columns(const struct declaring *declaring)
{
    const struct slice names[] = {declaring->key, declaring->id, declaring->row_id};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i].len > 0 && find_column(declaring, names[i]) == NULL) {
            return refuse(declaring, "The table has no column `%.*s`, which its declaration names",
                          (int)names[i].len, (const char *)names[i].ptr);
        }
    }
    return true;
}

static bool add_key_type(struct declaring *declaring)
{
    const struct column_def *column =
        declaring->key.len > 0 ? find_column(declaring, declaring->key) : NULL;
    if (column == NULL || declaring->key_type.len > 0 || declaring->has_with ||
        declaring->is_reference || slice_is_nocase(declaring->method, "date")) {
        return true;
    }
    unsigned fitting = column_key_types(column->type);
    for (int type = KEY_INTEGER; type <= KEY_DATE; type++) {
        if ((fitting & 1u << type) != 0) {
            text_add_format(&declaring->text, "key_type = %s\n", key_types[type]);
            return true;
        }
    }
    return refuse(declaring, "Column `%.*s` is %.*s, and no values of that type can be a shard key",
                  (int)column->name.len, (const char *)column->name.ptr, (int)column->type.len,
                  (const char *)column->type.ptr);
}

static bool read_all(struct declaring *declaring, struct slice schema, struct slice name)
{
    struct slice hint = declaring->statement->hint;
    if (schema.len == 0) {
        error_fill(declaring->error, ER_NO_DB);
        return false;
    }
    if (!slice_is_ascii(schema) || !slice_is_ascii(name) || !declared_is_name(schema) ||
        !declared_is_name(name)) {
        return refuse(declaring, "A declared table, and its schema, has a name of plain ASCII "
                                 "characters without . [ ] ' \" and the like");
    }
    for (struct slice word = hint_next_word(&hint); word.len > 0; word = hint_next_word(&hint)) {
        if (!add_word(declaring, word, schema)) {
            return false;
        }
    }
    return check_columns(declaring) && add_key_type(declaring);
}

bool declaration_read(struct arena *arena, const struct statement *statement, struct slice database,
                      struct declaration *declaration, struct error *error)
{
    struct declaring declaring = {.arena = arena, .statement = statement, .error = error};
    if (!check_statement(&declaring)) {
        return false;
    }
    const struct table_ref *table = statement->tables;
    struct slice schema = table->schema.len > 0 ? table->schema : database;
    text_init(&declaring.text);
    bool is_fine = read_all(&declaring, schema, table->name);
    if (is_fine) {
        *declaration = (struct declaration){
            .schema =
                (const char *)arena_format(arena, "%.*s", (int)schema.len, (const char *)schema.ptr)
                    .ptr,
            .name = (const char *)arena_format(arena, "%.*s", (int)table->name.len,
                                               (const char *)table->name.ptr)
                        .ptr,
            .words = (const char *)arena_format(arena, "%.*s", (int)declaring.text.len,
                                                (const char *)declaring.text.ptr)
                         .ptr,
        };
    }
    text_done(&declaring.text);
    return is_fine;
}

// ---- comparing

static bool is_same_text(const char *a, const char *b)
{
    return (a == NULL) == (b == NULL) &&
           (a == NULL || slice_equal_nocase(slice_of_string(a), slice_of_string(b)));
}

static const char *row_id_column(const struct table_config *table)
{
    return table->row_ids != NULL ? table->row_ids->column : NULL;
}

bool declaration_is_same(const struct config *a_config, const struct table_config *a,
                         const struct config *b_config, const struct table_config *b)
{
    const struct table_config *a_with = &a_config->tables[a->with];
    const struct table_config *b_with = &b_config->tables[b->with];
    return a->type == b->type && is_same_text(row_id_column(a), row_id_column(b)) &&
           a->scatter == b->scatter &&
           (a->type != TABLE_SHARDED ||
            (a->makes_ids == b->makes_ids && is_same_text(a_with->schema, b_with->schema) &&
             is_same_text(a_with->name, b_with->name) && is_same_text(a->key, b->key) &&
             sharding_fingerprint(a_config, a) == sharding_fingerprint(b_config, b)));
}

// ---- tables that are not known

static void add_tables(struct scopes *scopes, const struct statement *statement)
{
    const struct query *const queries[] = {
        statement->query,
        statement->ddl != NULL ? statement->ddl->select : NULL,
        statement->insert != NULL ? statement->insert->select : NULL,
    };
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        if (queries[i] != NULL) {
            scopes_add_query(scopes, queries[i], NULL, true);
        }
    }
    (void)scopes_add_tables(scopes, statement->tables, NULL);
    scopes_add_rest(scopes, statement);
}

bool statement_has_unknown(struct arena *arena, const struct route_request *request)
{
    struct scopes scopes;
    scopes_init(&scopes, arena, request, request->statement);
    add_tables(&scopes, request->statement);
    if (request->statement->inner != NULL) { // ANALYZE UPDATE really updates
        add_tables(&scopes, request->statement->inner);
    }
    bool is_found = scopes.is_too_large;
    for (const struct scope *scope = scopes.first; scope != NULL; scope = scope->next) {
        for (uint16_t i = 0; i < scope->ref_count; i++) {
            is_found |= scope->refs[i].place == PLACE_HOME && scope->refs[i].config == NULL;
        }
    }
    return is_found;
}
