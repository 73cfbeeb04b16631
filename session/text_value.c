// Values of literals and of user variables. What a variable was set to is carried as SQL text
// (carried_value.c): digits, NULL, TRUE, x'..', or a string as _utf8mb4 x'6e0a' COLLATE ...; it is
// read again here. As servers do it, a literal keeps its type in a variable.

#include "session/text_value.h"

#include "protocol/charset.h"
#include "protocol/statement.h"

enum { NAME_BYTES_MAX = 200 };

struct binary_value text_value_unknown(void)
{
    return (struct binary_value){.type = TYPE_GEOMETRY};
}

bool text_value_is_unknown(const struct binary_value *value)
{
    return value->type == TYPE_GEOMETRY;
}

static struct binary_value null_value(void)
{
    return (struct binary_value){.type = TYPE_NULL, .is_null = true};
}

static struct binary_value bytes_value(uint8_t type, struct slice bytes)
{
    return (struct binary_value){.type = type, .bytes = bytes};
}

// Digits, maybe behind a sign.
static struct binary_value integer_value(struct arena *arena, struct slice digits)
{
    uint64_t number = 0;
    int64_t negative = 0;
    if (slice_to_uint64(digits, &number)) {
        return binary_from_uint64(arena, number);
    }
    if (slice_to_int64(digits, &negative)) {
        struct binary_value value = binary_from_uint64(arena, (uint64_t)negative);
        value.is_unsigned = false;
        return value;
    }
    return bytes_value(TYPE_NEWDECIMAL, digits); // as servers take more than 64 bits
}

static bool literal_value(struct arena *arena, const struct expr *expr, struct binary_value *value)
{
    bool is_minus = expr->kind == EXPR_UNARY && expr->op == OP_MINUS && expr->child_count == 1;
    const struct expr *inner = is_minus ? expr->children[0] : expr;
    struct slice digits = inner->value;
    bool is_number = inner->kind == EXPR_INTEGER || inner->kind == EXPR_DECIMAL;
    if (is_number && is_minus) {
        digits = arena_format(arena, "-%.*s", (int)digits.len, (const char *)digits.ptr);
    }
    if (is_number) {
        *value = inner->kind == EXPR_INTEGER ? integer_value(arena, digits)
                                             : bytes_value(TYPE_NEWDECIMAL, digits);
        return true;
    }
    if (expr->kind == EXPR_NULL) {
        *value = null_value();
    } else if (expr->kind == EXPR_BOOL && expr->value.len > 0) {
        bool is_true = expr->value.ptr[0] == '1' || (expr->value.ptr[0] | 32) == 't';
        *value = binary_from_uint64(arena, is_true);
    } else if (expr->kind == EXPR_STRING && !expr->has_introducer) {
        *value = bytes_value(TYPE_VAR_STRING, expr->value);
    } else {
        return false;
    }
    return true;
}

// ---- as carried

static int digit_of(uint8_t letter)
{
    if (letter >= '0' && letter <= '9') {
        return letter - '0';
    }
    letter |= 32;
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

// The bytes of the digits up to the next quote.
static struct slice read_hex(struct arena *arena, struct slice digits)
{
    uint8_t *bytes = arena_alloc(arena, digits.len / 2 + 1);
    size_t len = 0;
    while (2 * len + 1 < digits.len && digit_of(digits.ptr[2 * len]) >= 0 &&
           digit_of(digits.ptr[2 * len + 1]) >= 0) {
        bytes[len] =
            (uint8_t)(digit_of(digits.ptr[2 * len]) << 4 | digit_of(digits.ptr[2 * len + 1]));
        len++;
    }
    return slice_of(bytes, len);
}

// _utf8mb4 x'6e0a' ...: a string, if it is of the session's character set or has only ASCII in it.
static bool string_value(struct session *session, struct slice text, struct binary_value *value)
{
    const uint8_t *blank = memchr(text.ptr, ' ', text.len);
    if (blank == NULL || text.ptr + text.len - blank < 3 || blank[1] != 'x' || blank[2] != '\'') {
        return false;
    }
    size_t at = (size_t)(blank - text.ptr);
    const char *own = session->charset != NULL ? session->charset->name : "utf8mb4";
    struct slice bytes = read_hex(&session->arena, slice_part(text, at + 3, text.len));
    *value = bytes_value(TYPE_VAR_STRING, bytes);
    return slice_is_ascii(bytes) || slice_is_nocase(slice_part(text, 1, at), own);
}

static bool carried_value(struct session *session, struct slice text, struct binary_value *value)
{
    struct parse_options options = {.is_mariadb = false};
    struct statement *statement = NULL;
    if (text.len > 0 && text.ptr[0] == '_') {
        return string_value(session, text, value);
    }
    struct slice sql =
        arena_format(&session->arena, "SELECT %.*s", (int)text.len, (const char *)text.ptr);
    if (parse_statement(&session->arena, sql, &options, &statement) != PARSE_OK ||
        statement->query == NULL || statement->query->items == NULL) {
        return false;
    }
    return literal_value(&session->arena, statement->query->items->expr, value);
}

// Has the session's own server set variables that waybill does not know of?
static bool are_variables_known(const struct session *session)
{
    uint32_t harmless = (uint32_t)FACT_TEMPORARY_TABLE | FACT_TABLE_LOCK | FACT_NAMED_LOCK;
    return session->pin == NULL ||
           (session->pin_facts != 0 && (session->pin_facts & ~harmless) == 0);
}

static bool variable_value(struct session *session, struct slice name, struct binary_value *value)
{
    char key[NAME_BYTES_MAX];
    size_t len = 0;
    if (!are_variables_known(session) || 2 * name.len + 3 > sizeof key) {
        return false;
    }
    key[len++] = '@';
    key[len++] = '`';
    for (size_t i = 0; i < name.len; i++) {
        key[len++] = (char)name.ptr[i];
        if (name.ptr[i] == '`') {
            key[len++] = '`';
        }
    }
    key[len++] = '`';
    struct slice text = state_find_variable(&session->carried, slice_of(key, len));
    if (text.ptr == NULL) {
        *value = null_value(); // never set
        return true;
    }
    return carried_value(session, text, value);
}

bool text_value_find(struct session *session, const struct expr *expr, struct binary_value *value)
{
    if (expr->kind == EXPR_VARIABLE) {
        return variable_value(session, expr->name, value);
    }
    return literal_value(&session->arena, expr, value);
}

// ---- as a server gave it

struct binary_value text_value_of_field(struct arena *arena, const struct field *field,
                                        uint8_t type)
{
    if (field->is_null) {
        return null_value();
    }
    switch ((int)type) {
    case TYPE_TINY:
    case TYPE_SHORT:
    case TYPE_LONG:
    case TYPE_LONGLONG:
    case TYPE_INT24:
        return integer_value(arena, field->bytes);
    case TYPE_DECIMAL:
    case TYPE_NEWDECIMAL:
        return bytes_value(TYPE_NEWDECIMAL, field->bytes);
    case TYPE_VAR_STRING:
    case TYPE_VARCHAR:
    case TYPE_STRING:
    case TYPE_BLOB:
    case TYPE_MEDIUM_BLOB:
    case TYPE_LONG_BLOB:
        // Its character set is that of results, which need not be that of parameters.
        return slice_is_ascii(field->bytes) ? bytes_value(TYPE_VAR_STRING, field->bytes)
                                            : text_value_unknown();
    default:
        return text_value_unknown();
    }
}
