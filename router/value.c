// A key in a statement is text (5, '05', a bound parameter); where the row is depends on what the
// server makes of it. Two uses, two doubts: a condition may match rows of other spellings (then it
// does not narrow), a stored value may be changed on its way into the column (then it is refused).
// Only what is certain passes.

#include "router/value.h"
#include "cluster/key.h"

enum {
    INTEGER_DIGITS_MAX = 20,
    FLOAT_DIGITS_MAX = 15, // below 2^53; a server writes 10^15 as 1e15
};

static struct value literal(enum value_kind kind, struct slice bytes)
{
    return (struct value){.kind = kind, .bytes = bytes};
}

static struct value signed_number(enum value_kind kind, struct slice text)
{
    struct value value = {.kind = kind, .bytes = text};
    if (text.len > 0 && text.ptr[0] == '-') {
        value.is_negative = true;
        value.bytes = slice_part(text, 1, text.len);
    }
    return value;
}

static enum value_kind kind_of_param(uint8_t type)
{
    switch (type) {
    case TYPE_TINY:
    case TYPE_SHORT:
    case TYPE_LONG:
    case TYPE_LONGLONG:
    case TYPE_INT24:
    case TYPE_YEAR:
        return VALUE_INTEGER;
    case TYPE_DECIMAL:
    case TYPE_NEWDECIMAL:
        return VALUE_DECIMAL;
    case TYPE_DATE:
    case TYPE_DATETIME:
    case TYPE_TIMESTAMP:
        return VALUE_DATE;
    case TYPE_VARCHAR:
    case TYPE_VAR_STRING:
    case TYPE_STRING:
    case TYPE_TINY_BLOB:
    case TYPE_MEDIUM_BLOB:
    case TYPE_LONG_BLOB:
    case TYPE_BLOB:
    case TYPE_ENUM:
        return VALUE_STRING;
    case TYPE_NULL:
        return VALUE_NULL;
    default:
        return VALUE_UNKNOWN;
    }
}

// A whole number that came as floating point (JavaScript has no other numbers) is that integer: up
// to 15 digits no other BIGINT is equal to it, and it is stored as these digits.
static struct value whole_float(struct slice text)
{
    struct value value = signed_number(VALUE_INTEGER, text);
    bool is_whole = value.bytes.len > 0 && value.bytes.len <= FLOAT_DIGITS_MAX &&
                    !(value.is_negative && value.bytes.ptr[0] == '0');
    for (size_t i = 0; is_whole && i < value.bytes.len; i++) {
        is_whole = value.bytes.ptr[i] >= '0' && value.bytes.ptr[i] <= '9';
    }
    return is_whole ? value : literal(VALUE_UNKNOWN, slice_of(NULL, 0));
}

static struct value value_of_param(struct arena *arena, const struct binary_value *param)
{
    struct slice text;
    if (param->indicator == INDICATOR_DEFAULT || param->indicator == INDICATOR_IGNORE) {
        return literal(param->indicator == INDICATOR_DEFAULT ? VALUE_DEFAULT : VALUE_UNKNOWN,
                       slice_of(NULL, 0));
    }
    enum value_kind kind = param->is_null ? VALUE_NULL : kind_of_param(param->type);
    if (kind == VALUE_UNKNOWN && (param->type == TYPE_FLOAT || param->type == TYPE_DOUBLE) &&
        binary_to_text(arena, param, &text)) {
        return whole_float(text);
    }
    if (kind == VALUE_NULL || kind == VALUE_UNKNOWN) {
        return literal(kind, slice_of(NULL, 0));
    }
    if (kind == VALUE_STRING) {
        return literal(kind, param->bytes);
    }
    if (!binary_to_text(arena, param, &text)) {
        return literal(VALUE_UNKNOWN, slice_of(NULL, 0));
    }
    return kind == VALUE_DATE ? literal(kind, text) : signed_number(kind, text);
}

static bool is_last_insert_id(const struct expr *expr)
{
    if (expr->kind == EXPR_FUNCTION) {
        return expr->child_count == 0 && slice_is_nocase(expr->name, "LAST_INSERT_ID");
    }
    return slice_is_nocase(expr->name, "last_insert_id") || slice_is_nocase(expr->name, "identity");
}

static struct value value_of_minus(struct arena *arena, const struct route_request *request,
                                   const struct expr *expr)
{
    struct value value = {.kind = VALUE_UNKNOWN};
    if (expr->op == OP_MINUS && expr->child_count == 1 &&
        (expr->children[0]->kind == EXPR_INTEGER || expr->children[0]->kind == EXPR_DECIMAL)) {
        value = value_of_expr(arena, request, expr->children[0]);
        value.is_negative = true;
    }
    return value;
}

struct value value_of_expr(struct arena *arena, const struct route_request *request,
                           const struct expr *expr)
{
    struct value unknown = {.kind = VALUE_UNKNOWN};
    switch (expr->kind) {
    case EXPR_INTEGER:
        return literal(VALUE_INTEGER, expr->value);
    case EXPR_DECIMAL:
        return literal(VALUE_DECIMAL, expr->value);
    case EXPR_STRING:
        return expr->has_introducer ? unknown : literal(VALUE_STRING, expr->value);
    case EXPR_NULL:
        return literal(VALUE_NULL, slice_of(NULL, 0));
    case EXPR_BOOL:
        if (expr->value.len == 0) {
            return unknown;
        }
        return literal(VALUE_BOOL,
                       slice_of_string(expr->value.ptr[0] == '1' || (expr->value.ptr[0] | 32) == 't'
                                           ? "1"
                                           : "0"));
    case EXPR_TEMPORAL:
        return literal(VALUE_DATE, expr->value);
    case EXPR_DEFAULT: // DEFAULT(column) has a column inside
        return expr->child_count == 0 ? literal(VALUE_DEFAULT, slice_of(NULL, 0)) : unknown;
    case EXPR_PARAM:
        return request->params == NULL ? unknown
                                       : value_of_param(arena, &request->params[expr->param_index]);
    case EXPR_UNARY:
        return value_of_minus(arena, request, expr);
    case EXPR_FUNCTION:
    case EXPR_SYSTEM_VARIABLE:
        return is_last_insert_id(expr)
                   ? literal(
                         VALUE_INTEGER,
                         arena_format(arena, "%llu", (unsigned long long)request->last_insert_id))
                   : unknown;
    case EXPR_FLOAT:
    case EXPR_HEX:
    case EXPR_COLUMN:
    case EXPR_STAR:
    case EXPR_BINARY:
    case EXPR_BETWEEN:
    case EXPR_IN:
    case EXPR_ROW:
    case EXPR_SUBQUERY:
    case EXPR_EXISTS:
    case EXPR_IN_SUBQUERY:
    case EXPR_VARIABLE:
    case EXPR_OTHER:
        return unknown;
    }
    return unknown;
}

// Digits without leading zeros, at least one. False when anything else is in it.
static bool strip_digits(struct slice *digits)
{
    size_t zeros = 0;
    if (digits->len == 0) {
        return false;
    }
    for (size_t i = 0; i < digits->len; i++) {
        if (digits->ptr[i] < '0' || digits->ptr[i] > '9') {
            return false;
        }
    }
    while (zeros + 1 < digits->len && digits->ptr[zeros] == '0') {
        zeros++;
    }
    *digits = slice_part(*digits, zeros, digits->len);
    return true;
}

// Cuts ".000" off a decimal. False when a fraction is left.
static bool strip_fraction(struct slice *digits)
{
    size_t point = 0;
    while (point < digits->len && digits->ptr[point] != '.') {
        point++;
    }
    for (size_t i = point + 1; i < digits->len; i++) {
        if (digits->ptr[i] != '0') {
            return false;
        }
    }
    *digits = slice_part(*digits, 0, point);
    return true;
}

// The magnitude and sign of a whole number of at most 64 bits.
static bool whole_number(const struct value *value, enum key_use use, struct slice *digits,
                         bool *is_negative)
{
    *digits = value->bytes;
    *is_negative = value->is_negative;
    bool is_certain = value->kind == VALUE_INTEGER || value->kind == VALUE_STRING;
    if (value->kind == VALUE_STRING && digits->len > 1 &&
        (digits->ptr[0] == '-' || digits->ptr[0] == '+')) {
        *is_negative = digits->ptr[0] == '-';
        *digits = slice_part(*digits, 1, digits->len);
    }
    if (value->kind == VALUE_BOOL) {
        is_certain = use == KEY_STORED;
    }
    if (value->kind == VALUE_DECIMAL) {
        is_certain = use == KEY_STORED && strip_fraction(digits);
    }
    return is_certain && strip_digits(digits) && digits->len <= INTEGER_DIGITS_MAX;
}

static bool to_integer_key(struct arena *arena, enum key_use use, const struct value *value,
                           struct shard_key *key)
{
    struct slice digits;
    bool is_negative = false;
    uint64_t number = 0;
    if (!whole_number(value, use, &digits, &is_negative) || !slice_to_uint64(digits, &number)) {
        return false;
    }
    if (!is_negative || number == 0) {
        key->bytes = digits;
        key->number = number > INT64_MAX ? INT64_MAX : (int64_t)number;
        return true;
    }
    if (number > (uint64_t)INT64_MAX + 1) {
        return false;
    }
    uint8_t *text = arena_alloc(arena, digits.len + 1);
    text[0] = '-';
    memcpy(text + 1, digits.ptr, digits.len);
    key->bytes = slice_of(text, digits.len + 1);
    key->number = number > INT64_MAX ? INT64_MIN : -(int64_t)number;
    return true;
}

static bool is_printable(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < 0x20 || text.ptr[i] > 0x7e) {
            return false;
        }
    }
    return true;
}

// A whole number as the text that it is stored as; a condition compares a number with a string
// column as floating point, which matches '5', '05' and '5abc'.
static bool text_of(struct arena *arena, enum key_use use, const struct value *value,
                    struct slice *text)
{
    struct shard_key number;
    *text = value->bytes;
    if (value->kind == VALUE_STRING) {
        return true;
    }
    if (use == KEY_COMPARED || value->kind != VALUE_INTEGER ||
        !to_integer_key(arena, use, value, &number)) {
        return false;
    }
    *text = number.bytes;
    return true;
}

static bool two_digits(struct slice text, size_t at, int max, int *number)
{
    if (text.len < at + 2 || text.ptr[at] < '0' || text.ptr[at] > '9' || text.ptr[at + 1] < '0' ||
        text.ptr[at + 1] > '9') {
        return false;
    }
    *number = (text.ptr[at] - '0') * 10 + (text.ptr[at + 1] - '0');
    return *number <= max;
}

// " hh:mm:ss[.f...]" behind a date. A fraction in a day's last second may be rounded into the next
// day, so it is no certain date.
static bool is_time(struct slice text)
{
    int hour = 0;
    int minute = 0;
    int second = 0;
    if (text.len == 0) {
        return true;
    }
    if ((text.ptr[0] != ' ' && text.ptr[0] != 'T') || !two_digits(text, 1, 23, &hour) ||
        !two_digits(text, 4, 59, &minute) || !two_digits(text, 7, 59, &second) ||
        text.ptr[3] != ':' || text.ptr[6] != ':') {
        return false;
    }
    if (text.len == 9) {
        return true;
    }
    if (text.ptr[9] != '.' || text.len > 16) {
        return false;
    }
    for (size_t i = 10; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return false;
        }
    }
    return !(hour == 23 && minute == 59 && second == 59);
}

static bool to_date_key(struct arena *arena, const struct value *value, struct shard_key *key)
{
    enum date_unit unit;
    int64_t last = 0;
    struct slice text = value->bytes;
    if ((value->kind != VALUE_STRING && value->kind != VALUE_DATE) || text.len < 10 ||
        memcmp(text.ptr, "0000", 4) == 0 ||
        !key_parse_period(slice_part(text, 0, 10), &unit, &key->number, &last) ||
        unit != DATE_DAY || !is_time(slice_part(text, 10, text.len))) {
        return false;
    }
    key->bytes = arena_format(arena, "%lld", (long long)key->number);
    return true;
}

static bool to_text_key(struct arena *arena, enum key_type type, enum key_use use,
                        const struct value *value, struct shard_key *key, const char **why)
{
    struct slice text;
    *why = "is no string";
    if (!text_of(arena, use, value, &text)) {
        return false;
    }
    *why = "has characters that are not printable ASCII, about which collations differ";
    if (!is_printable(text)) {
        return false;
    }
    key->number = 0;
    key->bytes = text;
    return type == KEY_BINARY || key_canonical(type, text, arena, &key->bytes);
}

bool value_to_key(struct arena *arena, enum key_type type, enum key_use use,
                  const struct value *value, struct shard_key *key, const char **why)
{
    *why = "is an expression whose value only the server knows";
    if (value->kind == VALUE_UNKNOWN) {
        return false;
    }
    *why = value->kind == VALUE_NULL ? "is NULL" : "is DEFAULT";
    if (value->kind == VALUE_NULL || value->kind == VALUE_DEFAULT) {
        return false;
    }
    switch (type) {
    case KEY_INTEGER:
        *why = "is no whole number of 64 bits";
        return to_integer_key(arena, use, value, key);
    case KEY_STRING:
    case KEY_BINARY:
        return to_text_key(arena, type, use, value, key, why);
    case KEY_DATE:
        *why = "is no date in the form 'YYYY-MM-DD' or 'YYYY-MM-DD hh:mm:ss'";
        return to_date_key(arena, value, key);
    }
    return false;
}

enum id_kind value_to_id(struct arena *arena, const struct value *value, uint64_t *id)
{
    struct shard_key key;
    const char *why = NULL;
    if (value->kind == VALUE_NULL) {
        return ID_IMPOSSIBLE;
    }
    if (!value_to_key(arena, KEY_INTEGER, KEY_COMPARED, value, &key, &why)) {
        return ID_UNKNOWN;
    }
    if (key.number <= 0 || !slice_to_uint64(key.bytes, id) || *id > INT64_MAX) {
        return ID_IMPOSSIBLE;
    }
    return ID_KNOWN;
}

bool value_wants_id(const struct value *value)
{
    struct slice digits;
    bool is_negative = false;
    if (value->kind == VALUE_NULL || value->kind == VALUE_DEFAULT) {
        return true;
    }
    return whole_number(value, KEY_STORED, &digits, &is_negative) && digits.ptr[0] == '0';
}

bool value_to_count(const struct value *value, uint64_t *count)
{
    return value->kind == VALUE_INTEGER && !value->is_negative &&
           slice_to_uint64(value->bytes, count);
}
