// Values of row events, as a person can read them. How they are packed: sql/log_event.cc
// (log_event_print_value), strings/decimal.c, sql/compat56.cc.

#include <stdio.h>

#include "protocol/binlog_rows.h"

static uint64_t little(struct slice bytes)
{
    uint64_t value = 0;
    for (size_t i = bytes.len < 8 ? bytes.len : 8; i > 0; i--) {
        value = value << 8 | bytes.ptr[i - 1];
    }
    return value;
}

static uint64_t big(const uint8_t *ptr, size_t len)
{
    uint64_t value = 0;
    for (size_t i = 0; i < len && i < 8; i++) {
        value = value << 8 | ptr[i];
    }
    return value;
}

static void print_integer(struct slice value, bool is_unsigned, struct text *out)
{
    uint64_t bits = little(value);
    unsigned spare = value.len > 0 && value.len <= 8 ? 64 - 8 * (unsigned)value.len : 0;
    if (is_unsigned) {
        text_add_format(out, "%llu", (unsigned long long)bits);
    } else {
        text_add_format(out, "%lld", (long long)((int64_t)(bits << spare) >> spare));
    }
}

static bool is_readable(struct slice value)
{
    for (size_t i = 0; i < value.len; i++) {
        uint8_t byte = value.ptr[i];
        if (byte < 0x20 && byte != '\n' && byte != '\t') {
            return false;
        }
    }
    return true;
}

static void print_hex(struct slice value, struct text *out)
{
    text_add_string(out, "X'");
    for (size_t i = 0; i < value.len; i++) {
        text_add_format(out, "%02x", value.ptr[i]);
    }
    text_add_string(out, "'");
}

// Continuation bytes where there must be some, and nowhere else.
static bool is_utf8(struct slice value)
{
    size_t i = 0;
    while (i < value.len) {
        uint8_t byte = value.ptr[i++];
        size_t more = byte < 0x80       ? 0
                      : byte >> 5 == 6  ? 1
                      : byte >> 4 == 14 ? 2
                      : byte >> 3 == 30 ? 3
                                        : 9;
        for (; more > 0; more--, i++) {
            if (more > 3 || i >= value.len || value.ptr[i] >> 6 != 2) {
                return false;
            }
        }
    }
    return true;
}

static void print_string(struct slice value, struct text *out)
{
    if (!is_readable(value) || !is_utf8(value)) {
        print_hex(value, out);
        return;
    }
    text_add_string(out, "'");
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] == '\'' || value.ptr[i] == '\\') {
            text_add(out, &value.ptr[i], 1);
        }
        text_add(out, &value.ptr[i], 1);
    }
    text_add_string(out, "'");
}

// Groups of nine digits in four bytes, big-endian; the odd digits of either end in fewer. The first
// bit is inverted, and all of them when it is negative.
static void print_decimal(const struct binlog_column *column, struct slice value, struct text *out)
{
    static const uint8_t bytes_of[] = {0, 1, 1, 2, 2, 3, 3, 4, 4, 4};
    unsigned decimals = column->meta >> 8, whole = (column->meta & 0xff) - decimals;
    uint8_t bytes[64] = {0};
    if (value.len > sizeof bytes || value.len == 0 || whole > 65 || decimals > 38) {
        print_hex(value, out);
        return;
    }
    memcpy(bytes, value.ptr, value.len);
    bool is_negative = (bytes[0] & 0x80) == 0;
    bytes[0] ^= 0x80;
    for (size_t i = 0; is_negative && i < value.len; i++) {
        bytes[i] = (uint8_t)~bytes[i];
    }
    const uint8_t *at = bytes;
    text_add_string(out, is_negative ? "-" : "");
    bool has_digits = false;
    for (unsigned left = whole; left > 0;) {
        unsigned digits = left % 9 != 0 ? left % 9 : 9;
        unsigned long long part = big(at, bytes_of[digits]);
        if (has_digits || part > 0) {
            text_add_format(out, "%0*llu", has_digits ? (int)digits : 1, part);
            has_digits = true;
        }
        at += bytes_of[digits];
        left -= digits;
    }
    text_add_string(out, has_digits ? "" : "0");
    text_add_string(out, decimals > 0 ? "." : "");
    for (unsigned left = decimals; left > 0;) {
        unsigned digits = left < 9 ? left : 9;
        text_add_format(out, "%0*llu", (int)digits, (unsigned long long)big(at, bytes_of[digits]));
        at += bytes_of[digits];
        left -= digits;
    }
}

static void print_float(const struct binlog_column *column, struct slice value, struct text *out)
{
    float single = 0;
    double twice = 0;
    if (column->type == BINLOG_FLOAT) {
        memcpy(&single, value.ptr, sizeof single);
        text_add_format(out, "%.9g", (double)single);
    } else {
        memcpy(&twice, value.ptr, sizeof twice);
        text_add_format(out, "%.17g", twice);
    }
}

// ---- times

static void print_fraction(struct slice value, size_t whole_bytes, unsigned digits,
                           struct text *out)
{
    if (digits > 0 && digits <= 6) {
        unsigned long long part = big(value.ptr + whole_bytes, value.len - whole_bytes);
        text_add_format(out, ".%0*llu", (int)digits, digits % 2 != 0 ? part / 10 : part);
    }
}

static void print_datetime2(struct slice value, unsigned digits, struct text *out)
{
    uint64_t packed = big(value.ptr, 5) - 0x8000000000ULL;
    unsigned long long day = packed >> 17, month = day >> 5;
    text_add_format(out, "'%04llu-%02llu-%02llu %02u:%02u:%02u", month / 13, month % 13, day % 32,
                    (unsigned)(packed >> 12 & 31), (unsigned)(packed >> 6 & 63),
                    (unsigned)(packed & 63));
    print_fraction(value, 5, digits, out);
    text_add_string(out, "'");
}

static void print_time2(struct slice value, unsigned digits, struct text *out)
{
    size_t fraction_bytes = (digits + 1) / 2;
    int64_t packed =
        (int64_t)big(value.ptr, 3 + fraction_bytes) - ((int64_t)0x800000 << (8 * fraction_bytes));
    uint64_t size = (uint64_t)(packed < 0 ? -packed : packed);
    uint64_t whole = size >> (8 * fraction_bytes);
    unsigned long long part = size & ((1ULL << (8 * fraction_bytes)) - 1);
    text_add_format(out, "'%s%02u:%02u:%02u", packed < 0 ? "-" : "", (unsigned)(whole >> 12 & 1023),
                    (unsigned)(whole >> 6 & 63), (unsigned)(whole & 63));
    if (digits > 0) {
        text_add_format(out, ".%0*llu", (int)digits, digits % 2 != 0 ? part / 10 : part);
    }
    text_add_string(out, "'");
}

static void print_date(struct slice value, struct text *out)
{
    uint32_t packed = (uint32_t)little(value);
    text_add_format(out, "'%04u-%02u-%02u'", packed >> 9, packed >> 5 & 15, packed & 31);
}

static void print_time(const struct binlog_column *column, struct slice value, struct text *out)
{
    unsigned digits = column->meta & 0xff;
    if (digits > 6) {
        print_hex(value, out);
        return;
    }
    switch (column->type) {
    case BINLOG_DATE:
    case BINLOG_NEWDATE:
        print_date(value, out);
        break;
    case BINLOG_DATETIME2:
        print_datetime2(value, digits, out);
        break;
    case BINLOG_TIME2:
        print_time2(value, digits, out);
        break;
    default: // TIMESTAMP2
        text_add_format(out, "FROM_UNIXTIME(%llu", (unsigned long long)big(value.ptr, 4));
        print_fraction(value, 4, digits, out);
        text_add_string(out, ")");
        break;
    }
}

void binlog_value_print(const struct binlog_column *column, struct slice value, bool is_unsigned,
                        struct text *out)
{
    switch (column->type) {
    case BINLOG_TINY:
    case BINLOG_SHORT:
    case BINLOG_INT24:
    case BINLOG_LONG:
    case BINLOG_LONGLONG:
        print_integer(value, is_unsigned, out);
        break;
    case BINLOG_YEAR:
        text_add_format(out, "%u", value.ptr[0] == 0 ? 0 : value.ptr[0] + 1900U);
        break;
    case BINLOG_FLOAT:
    case BINLOG_DOUBLE:
        print_float(column, value, out);
        break;
    case BINLOG_NEWDECIMAL:
        print_decimal(column, value, out);
        break;
    case BINLOG_DATE:
    case BINLOG_NEWDATE:
    case BINLOG_DATETIME2:
    case BINLOG_TIME2:
    case BINLOG_TIMESTAMP2:
        print_time(column, value, out);
        break;
    case BINLOG_STRING:
        if ((column->meta & 0xff) == BINLOG_ENUM || (column->meta & 0xff) == BINLOG_SET) {
            print_integer(value, true, out); // by its number
            break;
        }
        print_string(value, out);
        break;
    case BINLOG_VARCHAR:
    case BINLOG_VAR_STRING:
    case BINLOG_BLOB:
        print_string(value, out);
        break;
    default:
        print_hex(value, out);
        break;
    }
}
