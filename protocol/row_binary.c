// Rows and values of the binary protocol.
//
//   row:    00  NULL bitmap (starts at bit 2)  the values that are not NULL, one behind the other
//   value:  integers and floats in their size; dates and times with a length byte (trailing zero
//           parts are left out: 0, 4, 7 or 11 bytes; 0, 8 or 12); everything else length-encoded
//
// The same values stand in COM_STMT_EXECUTE, so reading one is a function of its own
// (binary_read_value).

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "protocol/row_binary.h"

enum { ROW_BITMAP_OFFSET = 2, MICROSECONDS = 1000000 };

// How a type's value is laid out.
enum layout { LAYOUT_FIXED, LAYOUT_DATE, LAYOUT_TIME, LAYOUT_STRING, LAYOUT_UNKNOWN };

static enum layout layout_of(uint8_t type, size_t *fixed_bytes)
{
    *fixed_bytes = 0;
    switch (type) {
    case TYPE_NULL:
        return LAYOUT_FIXED;
    case TYPE_TINY:
        *fixed_bytes = 1;
        return LAYOUT_FIXED;
    case TYPE_SHORT:
    case TYPE_YEAR:
        *fixed_bytes = 2;
        return LAYOUT_FIXED;
    case TYPE_LONG:
    case TYPE_INT24:
    case TYPE_FLOAT:
        *fixed_bytes = 4;
        return LAYOUT_FIXED;
    case TYPE_LONGLONG:
    case TYPE_DOUBLE:
        *fixed_bytes = 8;
        return LAYOUT_FIXED;
    case TYPE_DATE:
    case TYPE_DATETIME:
    case TYPE_TIMESTAMP:
        return LAYOUT_DATE;
    case TYPE_TIME:
        return LAYOUT_TIME;
    case TYPE_DECIMAL:
    case TYPE_VARCHAR:
    case TYPE_BIT:
        return LAYOUT_STRING;
    default:
        return type >= TYPE_JSON ? LAYOUT_STRING : LAYOUT_UNKNOWN;
    }
}

static bool is_date_length(size_t len)
{
    return len == 0 || len == 4 || len == 7 || len == 11;
}

static bool is_time_length(size_t len)
{
    return len == 0 || len == 8 || len == 12;
}

struct slice binary_read_value(struct reader *reader, uint8_t type)
{
    size_t len;
    switch (layout_of(type, &len)) {
    case LAYOUT_FIXED:
        return read_bytes(reader, len);
    case LAYOUT_DATE:
        len = read_u8(reader);
        reader->is_bad = reader->is_bad || !is_date_length(len);
        return read_bytes(reader, len);
    case LAYOUT_TIME:
        len = read_u8(reader);
        reader->is_bad = reader->is_bad || !is_time_length(len);
        return read_bytes(reader, len);
    case LAYOUT_STRING:
        return read_lenenc_bytes(reader);
    case LAYOUT_UNKNOWN:
        break;
    }
    reader->is_bad = true;
    return slice_of(NULL, 0);
}

void binary_write_value(struct text *out, const struct binary_value *value)
{
    size_t len;
    switch (layout_of(value->type, &len)) {
    case LAYOUT_FIXED:
        text_add_slice(out, value->bytes);
        break;
    case LAYOUT_DATE:
    case LAYOUT_TIME:
        write_u8(out, (uint8_t)value->bytes.len);
        text_add_slice(out, value->bytes);
        break;
    case LAYOUT_STRING:
    case LAYOUT_UNKNOWN:
        write_lenenc_bytes(out, value->bytes);
        break;
    }
}

bool row_binary_read(struct slice payload, const struct column *columns, uint32_t count,
                     struct field *fields)
{
    struct reader reader = reader_of(payload);
    uint8_t first = read_u8(&reader);
    struct slice bitmap = read_bytes(&reader, ((size_t)count + ROW_BITMAP_OFFSET + 7) / 8);
    if (reader.is_bad || first != 0) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t bit = i + ROW_BITMAP_OFFSET;
        fields[i] = (struct field){.is_null = (bitmap.ptr[bit / 8] >> (bit % 8)) & 1};
        if (!fields[i].is_null) {
            fields[i].bytes = binary_read_value(&reader, columns[i].type);
        }
    }
    return !reader.is_bad && reader_left(&reader) == 0;
}

static bool integer_to_text(struct arena *arena, const struct binary_value *value,
                            struct slice *text)
{
    size_t bits = value->bytes.len * 8;
    uint64_t raw = 0;
    for (size_t i = 0; i < value->bytes.len; i++) {
        raw |= (uint64_t)value->bytes.ptr[i] << (8 * i);
    }
    if (value->type == TYPE_YEAR) {
        *text = arena_format(arena, "%04u", (unsigned)raw);
    } else if (value->is_unsigned || !(raw >> (bits - 1))) {
        *text = arena_format(arena, "%llu", (unsigned long long)raw);
    } else {
        // -(-2^63) is not a number: negate without a sign.
        uint64_t sign_extended = bits == 64 ? raw : raw | ~UINT64_C(0) << bits;
        *text = arena_format(arena, "-%llu", (unsigned long long)(0 - sign_extended));
    }
    return true;
}

static bool float_to_text(struct arena *arena, const struct binary_value *value, struct slice *text)
{
    char digits[64];
    int len = 0;
    if (value->type == TYPE_FLOAT) {
        float number;
        memcpy(&number, value->bytes.ptr, sizeof number);
        if (!isfinite(number)) {
            return false;
        }
        for (int precision = 6; precision <= 9; precision++) {
            len = snprintf(digits, sizeof digits, "%.*g", precision, (double)number);
            float back = strtof(digits, NULL);
            if (back == number) {
                break;
            }
        }
    } else {
        double number;
        memcpy(&number, value->bytes.ptr, sizeof number);
        if (!isfinite(number)) {
            return false;
        }
        for (int precision = 15; precision <= 17; precision++) {
            len = snprintf(digits, sizeof digits, "%.*g", precision, number);
            double back = strtod(digits, NULL);
            if (back == number) {
                break;
            }
        }
    }
    *text = arena_copy(arena, slice_of(digits, (size_t)len));
    return true;
}

static bool date_to_text(struct arena *arena, const struct binary_value *value, struct slice *text)
{
    size_t len = value->bytes.len;
    if (!is_date_length(len)) {
        return false;
    }
    uint8_t parts[11] = {0};
    if (len > 0) {
        memcpy(parts, value->bytes.ptr, len);
    }
    struct reader reader = reader_of(slice_of(parts, sizeof parts));
    unsigned year = read_u16(&reader);
    unsigned month = read_u8(&reader), day = read_u8(&reader);
    unsigned hour = read_u8(&reader), minute = read_u8(&reader), second = read_u8(&reader);
    unsigned microsecond = read_u32(&reader);
    if (year > 9999 || month > 12 || day > 31 || hour > 23 || minute > 59 || second > 59 ||
        microsecond >= MICROSECONDS) {
        return false;
    }
    if (value->type == TYPE_DATE && len <= 4) {
        *text = arena_format(arena, "%04u-%02u-%02u", year, month, day);
    } else if (len <= 7) {
        *text = arena_format(arena, "%04u-%02u-%02u %02u:%02u:%02u", year, month, day, hour, minute,
                             second);
    } else {
        *text = arena_format(arena, "%04u-%02u-%02u %02u:%02u:%02u.%06u", year, month, day, hour,
                             minute, second, microsecond);
    }
    return true;
}

static bool time_to_text(struct arena *arena, const struct binary_value *value, struct slice *text)
{
    size_t len = value->bytes.len;
    if (!is_time_length(len)) {
        return false;
    }
    uint8_t parts[12] = {0};
    if (len > 0) {
        memcpy(parts, value->bytes.ptr, len);
    }
    struct reader reader = reader_of(slice_of(parts, sizeof parts));
    const char *sign = read_u8(&reader) != 0 ? "-" : "";
    uint64_t days = read_u32(&reader);
    unsigned hour = read_u8(&reader), minute = read_u8(&reader), second = read_u8(&reader);
    unsigned microsecond = read_u32(&reader);
    if (hour > 23 || minute > 59 || second > 59 || microsecond >= MICROSECONDS) {
        return false;
    }
    unsigned long long hours = days * 24 + hour;
    if (len <= 8) {
        *text = arena_format(arena, "%s%02llu:%02u:%02u", sign, hours, minute, second);
    } else {
        *text = arena_format(arena, "%s%02llu:%02u:%02u.%06u", sign, hours, minute, second,
                             microsecond);
    }
    return true;
}

bool binary_to_text(struct arena *arena, const struct binary_value *value, struct slice *text)
{
    size_t fixed_bytes;
    switch (layout_of(value->type, &fixed_bytes)) {
    case LAYOUT_FIXED:
        if (value->is_null || fixed_bytes == 0 || value->bytes.len != fixed_bytes) {
            return false;
        }
        if (value->type == TYPE_FLOAT || value->type == TYPE_DOUBLE) {
            return float_to_text(arena, value, text);
        }
        return integer_to_text(arena, value, text);
    case LAYOUT_DATE:
        return !value->is_null && date_to_text(arena, value, text);
    case LAYOUT_TIME:
        return !value->is_null && time_to_text(arena, value, text);
    case LAYOUT_STRING:
        *text = value->bytes;
        return !value->is_null;
    case LAYOUT_UNKNOWN:
        break;
    }
    return false;
}
