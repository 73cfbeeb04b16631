// Figures of several targets added up: counts (MERGE_SUM) and OK packets (MERGE_OK).
//
// A count is added in 64 bits with the sign of its column; a total that doesn't fit is an error, as
// it would be on one server. The text of an OK ("Rows matched: 3  Changed: 2  Warnings: 0",
// "Records: ...") is added number by number when all targets say the same words.

#include <inttypes.h>
#include <stdio.h>

#include "protocol/error_table.h"
#include "protocol/row_binary.h"
#include "session/merge.h"

struct merge_total {
    bool is_unsigned;
    uint64_t positive; // of an unsigned column
    int64_t value;     // of a signed one
};

static size_t integer_bytes(uint8_t type)
{
    switch (type) {
    case TYPE_TINY:
        return 1;
    case TYPE_SHORT:
        return 2;
    case TYPE_INT24:
    case TYPE_LONG:
        return 4;
    case TYPE_LONGLONG:
        return 8;
    default:
        return 0;
    }
}

static bool refuse(struct error *error, const char *why)
{
    error_fill(error, ER_CROSS_SHARD, why);
    return false;
}

bool merge_sum_start(struct merge_sum *sum, struct arena *arena,
                     const struct merge_columns *columns, struct error *error)
{
    sum->columns = columns;
    sum->row_count = 0;
    sum->totals = arena_alloc(arena, columns->count * sizeof *sum->totals);
    sum->fields = arena_alloc(arena, columns->count * sizeof *sum->fields);
    for (uint32_t i = 0; i < columns->count; i++) {
        if (integer_bytes(columns->columns[i].type) == 0) {
            return refuse(error, "only counts can be added up over several shards");
        }
        sum->totals[i].is_unsigned = (columns->columns[i].flags & COLUMN_UNSIGNED) != 0;
    }
    return true;
}

static uint64_t little_endian(struct slice bytes, bool is_unsigned)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        value |= (uint64_t)bytes.ptr[i] << (8 * i);
    }
    bool is_negative = !is_unsigned && bytes.len < 8 && bytes.ptr[bytes.len - 1] >= 0x80;
    return is_negative ? value | UINT64_MAX << (8 * bytes.len) : value;
}

// False: not a number, or the total is too large.
static bool add_field(struct merge_total *total, const struct field *field, bool is_binary)
{
    uint64_t positive;
    int64_t value;
    if (field->is_null) {
        return false; // a COUNT is never NULL
    }
    if (is_binary) {
        positive = little_endian(field->bytes, total->is_unsigned);
        value = (int64_t)positive;
    } else if (total->is_unsigned ? !slice_to_uint64(field->bytes, &positive)
                                  : !slice_to_int64(field->bytes, &value)) {
        return false;
    }
    return total->is_unsigned ? !__builtin_add_overflow(total->positive, positive, &total->positive)
                              : !__builtin_add_overflow(total->value, value, &total->value);
}

bool merge_sum_add(struct merge_sum *sum, struct slice payload, struct error *error)
{
    const struct merge_columns *columns = sum->columns;
    bool is_read = columns->is_binary
                       ? row_binary_read(payload, columns->columns, columns->count, sum->fields)
                       : row_text_read(payload, sum->fields, columns->count);
    if (!is_read) {
        error_fill(error, ER_MALFORMED_PACKET);
        return false;
    }
    for (uint32_t i = 0; i < columns->visible; i++) {
        if (!add_field(&sum->totals[i], &sum->fields[i], columns->is_binary)) {
            return refuse(error, "the shards' counts can't be added up: NULL, or out of range");
        }
    }
    sum->row_count++;
    return true;
}

static bool write_binary(const struct merge_total *total, size_t len, struct text *payload)
{
    uint64_t value = total->is_unsigned ? total->positive : (uint64_t)total->value;
    unsigned bits = (unsigned)(8 * len);
    uint64_t upper = bits == 64 ? 0 : total->is_unsigned ? value >> bits : 0;
    int64_t sign = bits == 64 || total->is_unsigned ? 0 : total->value >> (bits - 1);
    for (size_t i = 0; i < len; i++) {
        write_u8(payload, (uint8_t)(value >> (8 * i)));
    }
    return upper == 0 && (sign == 0 || sign == -1);
}

bool merge_sum_row(const struct merge_sum *sum, struct text *payload, struct error *error)
{
    const struct merge_columns *columns = sum->columns;
    for (size_t i = 0; columns->is_binary && i < 1 + (columns->visible + 9u) / 8; i++) {
        write_u8(payload, 0); // the row's mark and a bitmap without NULL
    }
    for (uint32_t i = 0; i < columns->visible; i++) {
        const struct merge_total *total = &sum->totals[i];
        char text[24];
        if (columns->is_binary) {
            if (!write_binary(total, integer_bytes(columns->columns[i].type), payload)) {
                return refuse(error, "the sum of the shards' counts doesn't fit its column");
            }
            continue;
        }
        if (total->is_unsigned) {
            snprintf(text, sizeof text, "%" PRIu64, total->positive);
        } else {
            snprintf(text, sizeof text, "%" PRId64, total->value);
        }
        write_lenenc_bytes(payload, slice_of_string(text));
    }
    return true;
}

// ---- OK packets

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

// The number at the front of the text, which begins behind it afterwards.
static uint64_t take_number(struct slice *text)
{
    uint64_t value = 0;
    while (text->len > 0 && is_digit(text->ptr[0])) {
        value = value * 10 + (uint64_t)(text->ptr[0] - '0');
        *text = slice_part(*text, 1, text->len);
    }
    return value;
}

// Both texts with each pair of numbers added; ptr NULL when the words differ.
static struct slice add_messages(struct arena *arena, struct slice a, struct slice b)
{
    struct text sum;
    text_init(&sum);
    bool is_alike = true;
    while (is_alike && a.len > 0 && b.len > 0) {
        if (is_digit(a.ptr[0]) && is_digit(b.ptr[0])) {
            text_add_format(&sum, "%" PRIu64, take_number(&a) + take_number(&b));
            continue;
        }
        is_alike = a.ptr[0] == b.ptr[0];
        text_add(&sum, a.ptr, 1);
        a = slice_part(a, 1, a.len);
        b = slice_part(b, 1, b.len);
    }
    is_alike = is_alike && a.len == 0 && b.len == 0;
    struct slice message = is_alike ? arena_copy(arena, text_slice(&sum)) : slice_of(NULL, 0);
    text_done(&sum);
    return message;
}

void merge_ok_add(struct arena *arena, struct ok_packet *total, const struct ok_packet *ok,
                  bool is_first)
{
    if (is_first) {
        *total = *ok;
        total->message = arena_copy(arena, ok->message);
        return;
    }
    uint32_t warnings = (uint32_t)total->warnings + ok->warnings;
    total->affected_rows += ok->affected_rows;
    total->warnings = (uint16_t)(warnings > UINT16_MAX ? UINT16_MAX : warnings);
    total->insert_id = total->insert_id != 0 ? total->insert_id : ok->insert_id;
    total->status |= ok->status;
    total->message = add_messages(arena, total->message, ok->message);
}
