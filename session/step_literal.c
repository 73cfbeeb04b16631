// A literal in a text is read in the connection's character set and as the type that it looks like:
//
//     digits              numbers; a double gets an exponent, or it would be a DECIMAL
//     'abc'               printable ASCII: the same in every character set that a client may have
//     _latin1 x'e4f6'     all other strings: bytes with their own character set
//     TIMESTAMP '...'     dates, so that they mean one also beside a number; those with zeros in
//                         them are no such literal: '0000-00-00'

#include "session/step_literal.h"

#include <string.h>

#include "parser/lexer.h"
#include "parser/splice.h"
#include "protocol/error_table.h"
#include "protocol/row_binary.h"
#include "router/sql_literal.h"
#include "session/query.h"

static bool is_plain(struct slice bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        uint8_t byte = bytes.ptr[i];
        if (byte < 0x20 || byte > 0x7e || byte == '\\') {
            return false;
        }
    }
    return true;
}

static void add_quoted(struct text *sql, const char *before, struct slice bytes)
{
    text_add_string(sql, before);
    text_add_string(sql, "'");
    for (size_t i = 0; i < bytes.len; i++) {
        text_add_string(sql, bytes.ptr[i] == '\'' ? "'" : "");
        text_add(sql, bytes.ptr + i, 1);
    }
    text_add_string(sql, "'");
}

static void add_hex(struct text *sql, const char *charset, struct slice bytes)
{
    if (charset != NULL) {
        text_add_format(sql, "_%s ", charset);
    }
    sql_add_hex(sql, bytes);
}

// ---- what was read

static bool add_string(struct text *sql, const struct column *column, struct slice bytes,
                       const char **why)
{
    const struct collation *collation = collation_find_id(column->collation_id);
    if (collation == NULL) {
        *why = "has a collation that waybill doesn't know";
        return false;
    }
    if (collation->charset->is_client_allowed && is_plain(bytes)) {
        add_quoted(sql, "", bytes);
    } else {
        add_hex(sql, collation->charset->name, bytes);
    }
    return true;
}

static bool add_number(struct text *sql, struct slice digits, bool is_double, const char **why)
{
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.ptr[i] == 0 || strchr("0123456789+-.e", digits.ptr[i]) == NULL) {
            *why = "has a value that can't be read";
            return false;
        }
    }
    bool has_exponent = digits.len > 0 && memchr(digits.ptr, 'e', digits.len) != NULL;
    text_add_string(sql, digits.len > 0 && digits.ptr[0] == '-' ? " " : ""); // -- is a comment
    text_add_slice(sql, digits);
    text_add_string(sql, is_double && !has_exponent ? "e0" : "");
    return true;
}

// Year, month and day are all more than 0.
static bool is_real_date(struct slice text)
{
    static const char zeros[] = "0000";
    return text.len >= 10 && memcmp(text.ptr, zeros, 4) != 0 &&
           memcmp(text.ptr + 5, zeros, 2) != 0 && memcmp(text.ptr + 8, zeros, 2) != 0;
}

static bool add_temporal(struct text *sql, uint8_t type, struct slice text, const char **why)
{
    if (!is_plain(text)) {
        *why = "has a value that can't be read";
        return false;
    }
    if (type == TYPE_TIME) {
        add_quoted(sql, "TIME ", text);
    } else if (!is_real_date(text)) {
        add_quoted(sql, "", text);
    } else {
        add_quoted(sql, type == TYPE_DATE ? "DATE " : "TIMESTAMP ", text);
    }
    return true;
}

bool step_literal_add(struct text *sql, const struct column *column, const struct field *field,
                      const char **why)
{
    if (field->is_null) {
        text_add_string(sql, "NULL");
        return true;
    }
    switch ((int)column->type) {
    case TYPE_TINY:
    case TYPE_SHORT:
    case TYPE_INT24:
    case TYPE_LONG:
    case TYPE_LONGLONG:
    case TYPE_YEAR:
    case TYPE_DECIMAL:
    case TYPE_NEWDECIMAL:
        return add_number(sql, field->bytes, false, why);
    case TYPE_DOUBLE:
        return add_number(sql, field->bytes, true, why);
    case TYPE_FLOAT:
        *why = "is a FLOAT, whose digits a server doesn't give all: select it as CAST(... AS "
               "DOUBLE)";
        return false;
    case TYPE_DATE:
    case TYPE_TIME:
    case TYPE_DATETIME:
    case TYPE_TIMESTAMP:
        return add_temporal(sql, column->type, field->bytes, why);
    case TYPE_BIT:
        add_hex(sql, NULL, field->bytes);
        return true;
    case TYPE_GEOMETRY:
        add_hex(sql, "binary", field->bytes);
        return true;
    case TYPE_VAR_STRING:
    case TYPE_VARCHAR:
    case TYPE_STRING:
    case TYPE_TINY_BLOB:
    case TYPE_MEDIUM_BLOB:
    case TYPE_LONG_BLOB:
    case TYPE_BLOB:
        return add_string(sql, column, field->bytes, why);
    default:
        *why = "has a type that waybill can't write as a literal";
        return false;
    }
}

bool step_literal_zone_is_safe(struct slice zone, struct slice system)
{
    struct slice name = slice_is_nocase(zone, "SYSTEM") ? system : zone;
    bool is_offset = name.len > 0 && (name.ptr[0] == '+' || name.ptr[0] == '-');
    return is_offset || slice_is_nocase(name, "UTC") || slice_is_nocase(name, "GMT");
}

// ---- what was bound

// Between quotes, in the connection's own character set.
static void add_own_string(const struct session *session, struct text *sql, struct slice bytes)
{
    bool has_escapes = (query_parse_options(session).sql_mode & SQL_NO_BACKSLASH_ESCAPES) == 0;
    text_add_string(sql, "'");
    for (size_t i = 0; i < bytes.len; i++) {
        if (bytes.ptr[i] == '\'' || (bytes.ptr[i] == '\\' && has_escapes)) {
            text_add(sql, bytes.ptr + i, 1);
        }
        text_add(sql, bytes.ptr + i, 1);
    }
    text_add_string(sql, "'");
}

// A float parameter is the double that it stands for.
static struct slice float_text(struct arena *arena, const struct binary_value *value)
{
    float number = 0;
    if (value->bytes.len == sizeof number) {
        memcpy(&number, value->bytes.ptr, sizeof number);
    }
    return arena_format(arena, "%.17g", (double)number);
}

static bool add_param(struct session *session, struct text *sql, const struct binary_value *value)
{
    struct arena *arena = &session->arena;
    const struct charset *charset = query_parse_options(session).charset;
    const char *why = NULL;
    struct slice text;
    if (value->is_null || value->type == TYPE_NULL) {
        text_add_string(sql, "NULL");
        return true;
    }
    if (value->indicator != INDICATOR_VALUE || value->is_long_data ||
        !binary_to_text(arena, value, &text)) {
        return false;
    }
    switch ((int)value->type) {
    case TYPE_TINY:
    case TYPE_SHORT:
    case TYPE_INT24:
    case TYPE_LONG:
    case TYPE_LONGLONG:
    case TYPE_YEAR:
    case TYPE_DECIMAL:
    case TYPE_NEWDECIMAL:
        return add_number(sql, text, false, &why);
    case TYPE_DOUBLE:
        return add_number(sql, text, true, &why);
    case TYPE_FLOAT:
        return add_number(sql, float_text(arena, value), true, &why);
    case TYPE_DATE:
    case TYPE_TIME:
    case TYPE_DATETIME:
    case TYPE_TIMESTAMP:
        return add_temporal(sql, value->type, text, &why);
    case TYPE_TINY_BLOB:
    case TYPE_MEDIUM_BLOB:
    case TYPE_LONG_BLOB:
    case TYPE_BLOB:
        add_hex(sql, "binary", text);
        return true;
    case TYPE_VAR_STRING:
    case TYPE_VARCHAR:
    case TYPE_STRING:
        if (charset != NULL && !charset->is_ascii_safe) {
            return false;
        }
        add_own_string(session, sql, text);
        return true;
    default:
        return false;
    }
}

bool step_literal_text(struct session *session, const struct request *request, struct slice *sql,
                       struct error *error)
{
    const struct statement *statement = request->statement;
    struct parse_options options = query_parse_options(session);
    struct lexer lexer;
    struct token token;
    struct text out;
    uint32_t number = 0, copied = 0;
    bool is_fine = !statement->has_executable_comment && request->params != NULL;
    *sql = statement->text;
    if (statement->param_count == 0) {
        return true;
    }
    text_init(&out);
    lexer_init(&lexer, statement->text, &options);
    lexer_next(&lexer, &token);
    for (; is_fine && token.kind != TOKEN_END && token.kind != TOKEN_BAD;
         lexer_next(&lexer, &token)) {
        if (token.kind != TOKEN_PARAM) {
            continue;
        }
        text_add_slice(&out, slice_part(statement->text, copied, token.span.begin));
        is_fine =
            number < statement->param_count && add_param(session, &out, &request->params[number++]);
        copied = token.span.end;
    }
    text_add_slice(&out, slice_part(statement->text, copied, statement->text.len));
    *sql = arena_copy(&session->arena, text_slice(&out));
    text_done(&out);
    if (!is_fine || number != statement->param_count) {
        error_fill(error, ER_NOT_SUPPORTED_YET,
                   "writing the parameters of this statement into its text, which SET and "
                   "statements of several shards need: put the values in");
        return false;
    }
    return true;
}
