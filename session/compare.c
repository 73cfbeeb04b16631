// Values in the order of ORDER BY.
//
// The server sorts by what it stores; waybill sees only what it sends. So for each type there is
// one question: does the sent form keep the order? Where it does (integers, DECIMAL at any
// precision, dates, doubles, which are sent with as many digits as are needed to read the same
// value back), the sent form is compared without a conversion that could lose something: numbers
// digit by digit, never through floating point. Where it doesn't, the column is refused with the
// way out:
//
// clang-format off
//   FLOAT as text          six digits of a value that has more   select x + 0e0 AS s, ORDER BY s
//   computed DOUBLE(m,d)   rounded for display only              the same
//   ENUM, SET              sorted by number, sent as text        select x + 0 AS s
//   JSON, GEOMETRY         have their own orders
//   most collations        compare_string.c says why             select CAST(x AS BINARY) AS s
// clang-format on
//
// TIMESTAMP is sorted by its moment and sent as local time: in the hour that a daylight saving
// change repeats, the two orders differ. The merge notices rows that don't come in order and says
// so.

#include "session/compare_impl.h"

#include <stdio.h>

#include "protocol/column.h"
#include "protocol/error_table.h"

enum {
    FLAG_ENUM = 256,
    FLAG_SET = 2048,
    COLLATION_BINARY = 63,
    DECIMALS_NOT_FIXED = 31,
    MICROSECOND_DIGITS = 6,
    NAME_SHOWN_MAX = 64,
};

// ---- numbers as text

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

// The exponent behind the mantissa; huge ones are cut, they don't occur.
static int64_t exponent_of(const uint8_t *at, const uint8_t *end)
{
    if (at == end || (*at != 'e' && *at != 'E')) {
        return 0;
    }
    at++;
    bool is_negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+')) {
        at++;
    }
    int64_t exponent = 0;
    for (; at < end && is_digit(*at) && exponent < 100000; at++) {
        exponent = exponent * 10 + (*at - '0');
    }
    return is_negative ? -exponent : exponent;
}

struct compare_number compare_number_of(struct slice text)
{
    const uint8_t *at = text.ptr, *end = text.ptr + text.len;
    struct compare_number number = {.sign = 1};
    if (at < end && (*at == '-' || *at == '+')) {
        number.sign = *at == '-' ? -1 : 1;
        at++;
    }
    bool is_behind_point = false;
    for (; at < end && (is_digit(*at) || *at == '.'); at++) {
        if (*at == '.') {
            is_behind_point = true;
        } else if (number.at == NULL && *at == '0') {
            number.magnitude -= is_behind_point;
        } else {
            number.at = number.at != NULL ? number.at : at;
            number.magnitude += !is_behind_point;
        }
    }
    number.end = at;
    if (number.at == NULL) {
        return (struct compare_number){.sign = 0};
    }
    number.magnitude += exponent_of(at, end);
    return number;
}

// The next digit, 0 behind the last.
static uint8_t next_digit(struct compare_number *number)
{
    if (number->at < number->end && *number->at == '.') {
        number->at++;
    }
    return number->at < number->end ? *number->at++ : '0';
}

static int compare_number_text(struct slice a_text, struct slice b_text)
{
    struct compare_number a = compare_number_of(a_text), b = compare_number_of(b_text);
    if (a.sign != b.sign || a.sign == 0) {
        return a.sign - b.sign;
    }
    if (a.magnitude != b.magnitude) {
        return a.magnitude < b.magnitude ? -a.sign : a.sign;
    }
    while (a.at < a.end || b.at < b.end) {
        uint8_t a_digit = next_digit(&a), b_digit = next_digit(&b);
        if (a_digit != b_digit) {
            return a_digit < b_digit ? -a.sign : a.sign;
        }
    }
    return 0;
}

// ---- numbers of binary rows

static uint64_t little_endian(struct slice bytes)
{
    uint64_t value = 0;
    for (size_t i = bytes.len; i > 0; i--) {
        value = value << 8 | bytes.ptr[i - 1];
    }
    return value;
}

static int64_t signed_of(struct slice bytes)
{
    uint64_t value = little_endian(bytes);
    bool is_negative = bytes.len > 0 && bytes.len < 8 && (bytes.ptr[bytes.len - 1] & 0x80) != 0;
    return (int64_t)(is_negative ? value | UINT64_MAX << (8 * bytes.len) : value);
}

static double float_of(struct slice bytes)
{
    float value = 0;
    memcpy(&value, bytes.ptr, bytes.len < sizeof value ? bytes.len : sizeof value);
    return (double)value;
}

static double double_of(struct slice bytes)
{
    double value = 0;
    memcpy(&value, bytes.ptr, bytes.len < sizeof value ? bytes.len : sizeof value);
    return value;
}

static int compare_bits(struct slice a, struct slice b)
{
    for (; a.len > b.len; a = slice_part(a, 1, a.len)) {
        if (a.ptr[0] != 0) {
            return 1;
        }
    }
    for (; b.len > a.len; b = slice_part(b, 1, b.len)) {
        if (b.ptr[0] != 0) {
            return -1;
        }
    }
    return a.len == 0 ? 0 : memcmp(a.ptr, b.ptr, a.len);
}

// ---- dates and times: each becomes one number with the same order

// A group of digits; steps over one byte behind it. A group in front of which nothing is left is 0.
static uint64_t read_group(const uint8_t **at, const uint8_t *end)
{
    uint64_t value = 0;
    for (; *at < end && is_digit(**at); (*at)++) {
        value = value * 10 + (uint64_t)(**at - '0');
    }
    *at += *at < end;
    return value;
}

// The rest as digits behind the point: microseconds.
static uint64_t read_fraction(const uint8_t *at, const uint8_t *end)
{
    uint64_t value = 0;
    for (int i = 0; i < MICROSECOND_DIGITS; i++) {
        value = value * 10 + (at < end && is_digit(*at) ? (uint64_t)(*at++ - '0') : 0);
    }
    return value;
}

static uint64_t join_date(uint64_t year, uint64_t month, uint64_t day)
{
    return (year << 9 | month << 5 | day) << 37; // the time of a day has 37 bits
}

static uint64_t join_time(uint64_t hours, uint64_t minutes, uint64_t seconds, uint64_t micros)
{
    return ((hours * 60 + minutes) * 60 + seconds) * 1000000 + micros;
}

static uint64_t datetime_of_text(struct slice text)
{
    const uint8_t *at = text.ptr, *end = text.ptr + text.len;
    uint64_t year = read_group(&at, end), month = read_group(&at, end), day = read_group(&at, end);
    uint64_t hours = read_group(&at, end), minutes = read_group(&at, end);
    uint64_t seconds = read_group(&at, end);
    return join_date(year, month, day) + join_time(hours, minutes, seconds, read_fraction(at, end));
}

static int64_t time_of_text(struct slice text)
{
    const uint8_t *at = text.ptr, *end = text.ptr + text.len;
    bool is_negative = at < end && *at == '-';
    at += is_negative;
    uint64_t hours = read_group(&at, end), minutes = read_group(&at, end);
    uint64_t seconds = read_group(&at, end);
    int64_t micros = (int64_t)join_time(hours, minutes, seconds, read_fraction(at, end));
    return is_negative ? -micros : micros;
}

// Parts that a binary value leaves out are 0.
static uint64_t part_of(struct slice bytes, size_t begin, size_t len)
{
    return bytes.len < begin + len ? 0 : little_endian(slice_part(bytes, begin, begin + len));
}

static uint64_t datetime_of_binary(struct slice bytes)
{
    return join_date(part_of(bytes, 0, 2), part_of(bytes, 2, 1), part_of(bytes, 3, 1)) +
           join_time(part_of(bytes, 4, 1), part_of(bytes, 5, 1), part_of(bytes, 6, 1),
                     part_of(bytes, 7, 4));
}

static int64_t time_of_binary(struct slice bytes)
{
    uint64_t hours = part_of(bytes, 1, 4) * 24 + part_of(bytes, 5, 1);
    int64_t micros =
        (int64_t)join_time(hours, part_of(bytes, 6, 1), part_of(bytes, 7, 1), part_of(bytes, 8, 4));
    return part_of(bytes, 0, 1) != 0 ? -micros : micros;
}

// ---- choosing and comparing

static bool refuse(struct error *error, const struct column *column, const char *what,
                   const char *instead)
{
    char text[sizeof error->text];
    // A hidden column's own name says nothing to the client.
    struct slice name = column->org_name.len > 0 ? column->org_name : column->name;
    int name_len = (int)(name.len < NAME_SHOWN_MAX ? name.len : NAME_SHOWN_MAX);
    snprintf(text, sizeof text, "waybill can't merge the shards' rows by column '%.*s': %s; %s",
             name_len, (const char *)name.ptr, what, instead);
    error_fill(error, ER_CROSS_SHARD, text);
    return false;
}

static bool choose_string(struct comparison *comparison, const struct comparison_wish *wish,
                          struct error *error)
{
    const struct column *column = wish->column;
    struct slice collation = wish->collation;
    if ((column->flags & (FLAG_ENUM | FLAG_SET)) != 0) {
        return refuse(error, column, "ENUM and SET are sorted by number but sent as text",
                      "select column + 0 AS sorting and order by that");
    }
    bool is_bytes = column->collation_id == COLLATION_BINARY && (column->flags & COLUMN_BINARY);
    if (collation.ptr == NULL && is_bytes && !wish->is_sent_raw) {
        collation = slice_of_string("binary");
    }
    static const char instead[] =
        "give the shard key in WHERE, or select CAST(column AS BINARY) AS sorting and order by "
        "that";
    if (collation.ptr == NULL) {
        return refuse(error, column, "its collation is not known", instead);
    }
    comparison->method = COMPARE_STRING;
    if (!compare_choose_collation(comparison, collation, column->collation_id) &&
        !compare_choose_weights(comparison, collation, wish->blank)) {
        char what[160];
        snprintf(what, sizeof what, "it can't compare by collation %.*s as it is sent here",
                 (int)(collation.len < NAME_SHOWN_MAX ? collation.len : NAME_SHOWN_MAX),
                 (const char *)collation.ptr);
        return refuse(error, column, what, instead);
    }
    return true;
}

// What a text FLOAT or DOUBLE shows is its exact value, or an exact image of it?
static bool is_exact_text(const struct column *column)
{
    bool is_fixed = column->decimals < DECIMALS_NOT_FIXED;
    return is_fixed ? column->org_name.len > 0 : column->type == TYPE_DOUBLE;
}

static bool choose_float(struct comparison *comparison, const struct comparison_wish *wish,
                         struct error *error)
{
    if (!wish->is_binary && !is_exact_text(wish->column)) {
        return refuse(error, wish->column, "its text has fewer digits than its value",
                      "select column + 0e0 AS sorting and order by that");
    }
    comparison->method = !wish->is_binary                   ? COMPARE_NUMBER_TEXT
                         : wish->column->type == TYPE_FLOAT ? COMPARE_FLOAT
                                                            : COMPARE_DOUBLE;
    return true;
}

static enum compare_method integer_method(const struct comparison_wish *wish)
{
    if (!wish->is_binary) {
        return COMPARE_NUMBER_TEXT;
    }
    bool is_unsigned = (wish->column->flags & COLUMN_UNSIGNED) != 0;
    return is_unsigned || wish->column->type == TYPE_YEAR ? COMPARE_UNSIGNED : COMPARE_SIGNED;
}

bool comparison_choose(struct comparison *comparison, const struct comparison_wish *wish,
                       struct error *error)
{
    *comparison = (struct comparison){.is_descending = wish->is_descending};
    switch (wish->column->type) {
    case TYPE_TINY:
    case TYPE_SHORT:
    case TYPE_INT24:
    case TYPE_LONG:
    case TYPE_LONGLONG:
    case TYPE_YEAR:
        comparison->method = integer_method(wish);
        return true;
    case TYPE_DECIMAL:
    case TYPE_NEWDECIMAL:
        comparison->method = COMPARE_NUMBER_TEXT; // text in binary rows too
        return true;
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        return choose_float(comparison, wish, error);
    case TYPE_NULL:
        comparison->method = COMPARE_NOTHING;
        return true;
    case TYPE_DATE:
    case TYPE_DATETIME:
    case TYPE_TIMESTAMP:
        comparison->method = wish->is_binary ? COMPARE_DATETIME_BINARY : COMPARE_DATETIME_TEXT;
        return true;
    case TYPE_TIME:
        comparison->method = wish->is_binary ? COMPARE_TIME_BINARY : COMPARE_TIME_TEXT;
        return true;
    case TYPE_BIT:
        comparison->method = COMPARE_BITS;
        return true;
    case TYPE_VARCHAR:
    case TYPE_TINY_BLOB:
    case TYPE_MEDIUM_BLOB:
    case TYPE_LONG_BLOB:
    case TYPE_BLOB:
    case TYPE_VAR_STRING:
    case TYPE_STRING:
    case TYPE_ENUM:
    case TYPE_SET:
        return choose_string(comparison, wish, error);
    default:
        return refuse(error, wish->column, "JSON, GEOMETRY and unknown types have their own order",
                      "give the shard key in WHERE");
    }
}

enum { SIGN_BIT = 63 };

// Doubles in the order of their bits; both zeros are one.
static uint64_t double_key(double value)
{
    uint64_t bits = 0;
    if (value != 0) {
        memcpy(&bits, &value, sizeof bits);
    }
    return bits >> SIGN_BIT != 0 ? ~bits : bits | 1ull << SIGN_BIT;
}

uint64_t compare_fixed_key(const struct comparison *comparison, struct slice value)
{
    const uint64_t sign = 1ull << SIGN_BIT;
    switch (comparison->method) {
    case COMPARE_SIGNED:
        return (uint64_t)signed_of(value) ^ sign;
    case COMPARE_UNSIGNED:
        return little_endian(value);
    case COMPARE_FLOAT:
        return double_key(float_of(value));
    case COMPARE_DOUBLE:
        return double_key(double_of(value));
    case COMPARE_DATETIME_TEXT:
        return datetime_of_text(value);
    case COMPARE_DATETIME_BINARY:
        return datetime_of_binary(value);
    case COMPARE_TIME_TEXT:
        return (uint64_t)time_of_text(value) ^ sign;
    case COMPARE_TIME_BINARY:
        return (uint64_t)time_of_binary(value) ^ sign;
    case COMPARE_NUMBER_TEXT:
    case COMPARE_BITS:
    case COMPARE_STRING:
    case COMPARE_NOTHING:
        break;
    }
    return 0;
}

static int compare_values(const struct comparison *comparison, struct slice a, struct slice b)
{
    if (comparison->method == COMPARE_NUMBER_TEXT) {
        return compare_number_text(a, b);
    }
    if (comparison->method == COMPARE_BITS) {
        return compare_bits(a, b);
    }
    if (comparison->method == COMPARE_STRING) {
        return compare_strings(comparison, a, b);
    }
    uint64_t a_key = compare_fixed_key(comparison, a), b_key = compare_fixed_key(comparison, b);
    return (a_key > b_key) - (a_key < b_key);
}

// Empty values may be nowhere, where not even 0 may be added to the pointer.
static struct slice not_nowhere(struct slice bytes)
{
    return bytes.ptr != NULL ? bytes : slice_of("", 0);
}

int compare_fields(const struct comparison *comparison, const struct field *a,
                   const struct field *b)
{
    int order;
    if (a->is_null || b->is_null) {
        order = b->is_null - a->is_null;
    } else {
        order = compare_values(comparison, not_nowhere(a->bytes), not_nowhere(b->bytes));
    }
    return comparison->is_descending ? -(order > 0) + (order < 0) : order;
}
