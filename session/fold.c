// See fold.h. Which values go into a fold, and as what:
//
//     COUNT, SUM    integers in 64 bits, DECIMAL as rows of digits, DOUBLE as such
//     AVG           the sums and the counts of hidden columns, divided at the end as a server does
//     MIN, MAX      the bytes of the value as they came, compared as in ORDER BY
//     BIT_*         64 bits
//     GROUP_CONCAT  the text so far (fold_concat.c)
//     the rest      the bytes of the group's first row
//
// NULL goes into nothing. A sum of DOUBLEs depends on the order of its addends in the last digits,
// on one server as here.

#include "session/fold.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "protocol/error_table.h"
#include "session/double_text.h"

enum {
    DECIMALS_NOT_FIXED = 31,
    DECIMALS_MAX = 30,     // from there on the servers keep digits that they don't show
    DOUBLE_TEXT_MAX = 400, // -1e308 without an exponent, and then some
};

static bool refuse(struct error *error, const char *why)
{
    error_fill(error, ER_CROSS_SHARD, why);
    return false;
}

static enum fold_kind kind_of(const struct fold *fold)
{
    return fold->plan == NULL ? FOLD_FIRST : fold->plan->kind;
}

static const struct column *column_at(const struct fold *fold, uint32_t at)
{
    return &fold->columns->columns[at];
}

// ---- which columns, as what

static bool is_integer(uint8_t type)
{
    return type == TYPE_TINY || type == TYPE_SHORT || type == TYPE_INT24 || type == TYPE_LONG ||
           type == TYPE_LONGLONG;
}

static bool choose_number(struct fold *fold, struct error *error)
{
    const struct column *column = column_at(fold, fold->value_at);
    if (is_integer(column->type)) {
        fold->number = (column->flags & COLUMN_UNSIGNED) != 0 ? NUMBER_UNSIGNED : NUMBER_SIGNED;
        return true;
    }
    if (column->type == TYPE_NEWDECIMAL || column->type == TYPE_DECIMAL) {
        fold->number = NUMBER_DECIMAL;
        return column->decimals < DECIMALS_MAX ||
               refuse(error, "waybill can't add up DECIMALs with so many digits behind the point "
                             "over several shards: CAST them to fewer");
    }
    fold->number = NUMBER_DOUBLE;
    if (column->type != TYPE_DOUBLE) {
        return refuse(error, "only numbers can be added up over several shards");
    }
    return fold->columns->is_binary || column->decimals >= DECIMALS_NOT_FIXED ||
           refuse(error, "the sum of a FLOAT or DOUBLE with fixed decimals has fewer digits in its "
                         "text than its value: use SUM(column + 0e0), or AVG(column + 0e0)");
}

static bool check_average(const struct fold *fold, struct error *error)
{
    const struct column *average = column_at(fold, fold->at);
    const struct column *sum = column_at(fold, fold->value_at);
    bool is_decimal = average->type == TYPE_NEWDECIMAL && fold->number == NUMBER_DECIMAL;
    bool is_double = average->type == TYPE_DOUBLE && fold->number == NUMBER_DOUBLE;
    if (is_integer(column_at(fold, fold->count_at)->type) &&
        ((is_decimal && average->decimals >= sum->decimals && average->decimals < DECIMALS_MAX) ||
         (is_double && (fold->columns->is_binary || average->decimals >= DECIMALS_NOT_FIXED)))) {
        return true;
    }
    return refuse(error, "waybill can't put together the shards' averages of this type: use SUM "
                         "and COUNT");
}

// Those whose text has another order than the server's, as UUID and INET6 of MariaDB: strings with
// a sign.
static bool check_extreme(const struct fold *fold, struct error *error)
{
    const struct column *column = column_at(fold, fold->at);
    bool is_other = column->type == TYPE_STRING && (column->flags & COLUMN_UNSIGNED) != 0;
    // A TIMESTAMP is local time here: the hour that comes twice a year has lost which of the two it
    // was.
    bool is_ordered = column->type != TYPE_BIT && column->type != TYPE_TIMESTAMP;
    return (!is_other && is_ordered) ||
           refuse(
               error,
               "waybill can't do MIN and MAX of BIT, TIMESTAMP, UUID and INET columns over several "
               "shards: give the shard key in WHERE");
}

static bool check_kind(struct fold *fold, struct error *error)
{
    switch (kind_of(fold)) {
    case FOLD_FIRST:
        return true;
    case FOLD_ADD:
    case FOLD_CHECKSUM:
        return choose_number(fold, error);
    case FOLD_AVERAGE:
        return choose_number(fold, error) && check_average(fold, error);
    case FOLD_MIN:
    case FOLD_MAX:
        return check_extreme(fold, error);
    case FOLD_AND:
    case FOLD_OR:
    case FOLD_XOR:
        fold->number = NUMBER_UNSIGNED;
        return column_at(fold, fold->at)->type == TYPE_LONGLONG ||
               refuse(error, "BIT_AND, BIT_OR and BIT_XOR of byte strings are not done over "
                             "several shards");
    case FOLD_CONCAT:
        return fold_concat_check(fold->columns, fold->at, error);
    }
    return false;
}

bool fold_init(struct fold *fold, const struct plan_fold *plan, const struct merge_columns *columns,
               uint32_t at, struct error *error)
{
    *fold = (struct fold){.plan = plan,
                          .columns = columns,
                          .at = at,
                          .value_at = at,
                          .collation_at = NO_HIDDEN,
                          .is_null = true};
    text_init(&fold->bytes);
    if (kind_of(fold) == FOLD_AVERAGE) {
        fold->value_at = columns->visible + plan->sum;
        fold->count_at = columns->visible + plan->count;
    } else if (kind_of(fold) == FOLD_CONCAT) {
        fold->count_at = columns->visible + plan->sum;
    }
    if (plan != NULL && plan->collation != NO_HIDDEN) {
        fold->collation_at = columns->visible + plan->collation;
    }
    return check_kind(fold, error);
}

void fold_done(struct fold *fold)
{
    text_done(&fold->bytes);
}

void fold_reset(struct fold *fold)
{
    fold->is_null = true;
    fold->is_unknown = false;
    fold->count = 0;
    fold->bytes.len = 0;
}

bool fold_is_distinct(const struct fold *fold)
{
    return fold->plan != NULL && fold->plan->is_distinct;
}

bool fold_is_rolled_up(const struct fold *fold, uint32_t level)
{
    return fold->plan != NULL && fold->plan->kind == FOLD_FIRST && fold->plan->key != NO_KEY &&
           fold->plan->key >= level;
}

void fold_nothing(struct fold *fold)
{
    const struct column *column = column_at(fold, fold->at);
    enum fold_kind kind = kind_of(fold);
    bool is_count =
        kind == FOLD_ADD && is_integer(column->type) && (column->flags & COLUMN_NOT_NULL) != 0;
    fold->integer = kind == FOLD_AND ? UINT64_MAX : 0;
    fold->is_null = !is_count && kind != FOLD_AND && kind != FOLD_OR && kind != FOLD_XOR;
}

// ---- numbers

static uint64_t little_endian(struct slice bytes, bool is_unsigned)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        value |= (uint64_t)bytes.ptr[i] << (8 * i);
    }
    bool is_negative =
        !is_unsigned && bytes.len > 0 && bytes.len < 8 && bytes.ptr[bytes.len - 1] >= 0x80;
    return is_negative ? value | UINT64_MAX << (8 * bytes.len) : value;
}

static bool read_integer(const struct fold *fold, struct slice bytes, bool is_unsigned,
                         uint64_t *value)
{
    int64_t with_sign = 0;
    if (fold->columns->is_binary) {
        *value = little_endian(bytes, is_unsigned);
        return true;
    }
    if (is_unsigned) {
        return slice_to_uint64(bytes, value);
    }
    bool is_read = slice_to_int64(bytes, &with_sign);
    *value = (uint64_t)with_sign;
    return is_read;
}

static bool read_double(const struct fold *fold, struct slice bytes, double *value)
{
    char text[DOUBLE_TEXT_MAX];
    char *end = text;
    if (fold->columns->is_binary) {
        if (bytes.len == sizeof *value) {
            memcpy(value, bytes.ptr, sizeof *value);
        }
        return bytes.len == sizeof *value && isfinite(*value);
    }
    if (bytes.len == 0 || bytes.len >= sizeof text ||
        strchr("-.0123456789", bytes.ptr[0]) == NULL) {
        return false;
    }
    memcpy(text, bytes.ptr, bytes.len);
    text[bytes.len] = '\0';
    *value = strtod(text, &end);
    return end == text + bytes.len && isfinite(*value);
}

static bool add_integer(struct fold *fold, struct slice bytes)
{
    bool is_unsigned = fold->number == NUMBER_UNSIGNED;
    uint64_t value = 0;
    int64_t sum = 0;
    if (!read_integer(fold, bytes, is_unsigned, &value)) {
        return false;
    }
    if (fold->is_null) {
        fold->integer = value;
        return true;
    }
    if (is_unsigned) {
        return !__builtin_add_overflow(fold->integer, value, &fold->integer);
    }
    bool is_fine = !__builtin_add_overflow((int64_t)fold->integer, (int64_t)value, &sum);
    fold->integer = (uint64_t)sum;
    return is_fine;
}

static bool add_number(struct fold *fold, struct slice bytes)
{
    struct decimal decimal;
    double real = 0;
    switch (fold->number) {
    case NUMBER_SIGNED:
    case NUMBER_UNSIGNED:
        return add_integer(fold, bytes);
    case NUMBER_DECIMAL:
        if (!decimal_read(bytes, &decimal)) {
            return false;
        }
        if (fold->is_null) {
            fold->decimal = decimal;
            return true;
        }
        return decimal_add(&fold->decimal, &decimal);
    case NUMBER_DOUBLE:
        if (!read_double(fold, bytes, &real)) {
            return false;
        }
        fold->real = fold->is_null ? real : fold->real + real;
        return isfinite(fold->real);
    }
    return false;
}

static bool add_count(struct fold *fold, const struct field *field)
{
    uint64_t count = 0;
    if (field->is_null || !read_integer(fold, field->bytes, false, &count) || count == 0 ||
        count > DECIMAL_COUNT_MAX) {
        return false;
    }
    fold->count += count;
    return fold->count <= DECIMAL_COUNT_MAX;
}

static bool add_bits(struct fold *fold, struct slice bytes)
{
    uint64_t bits = 0;
    if (!read_integer(fold, bytes, true, &bits)) {
        return false;
    }
    enum fold_kind kind = kind_of(fold);
    fold->integer = fold->is_null      ? bits
                    : kind == FOLD_AND ? fold->integer & bits
                    : kind == FOLD_OR  ? fold->integer | bits
                                       : fold->integer ^ bits;
    return true;
}

// ---- the smallest, the largest

static bool choose_comparison(struct fold *fold, struct arena *arena, struct slice told,
                              struct error *error)
{
    if (fold->has_comparison) {
        return slice_equal(fold->collation, told) ||
               refuse(error, "the shards don't compare by the same collation; are the tables "
                             "alike?");
    }
    fold->has_comparison = true;
    fold->collation = told.ptr != NULL ? arena_copy(arena, told) : told;
    const struct comparison_wish wish = {
        .column = column_at(fold, fold->at),
        .is_binary = fold->columns->is_binary,
        .collation = fold->collation,
        .is_sent_raw = fold->columns->is_sent_raw,
    };
    return comparison_choose(&fold->comparison, &wish, error);
}

static void keep(struct fold *fold, struct slice bytes)
{
    fold->bytes.len = 0;
    text_add_slice(&fold->bytes, bytes);
}

bool fold_look(struct fold *fold, struct arena *arena, const struct field *fields,
               struct error *error)
{
    struct slice told = {.ptr = NULL};
    if (kind_of(fold) != FOLD_MIN && kind_of(fold) != FOLD_MAX) {
        return true;
    }
    if (fold->collation_at != NO_HIDDEN && !fields[fold->collation_at].is_null) {
        told = fields[fold->collation_at].bytes;
    }
    return choose_comparison(fold, arena, told, error);
}

static bool take_extreme(struct fold *fold, struct arena *arena, const struct field *fields,
                         struct error *error)
{
    if (!fold_look(fold, arena, fields, error)) {
        return false;
    }
    if (fold->is_null) {
        keep(fold, fields[fold->at].bytes);
        return true;
    }
    struct field kept = {.bytes = text_slice(&fold->bytes)};
    int order = compare_fields(&fold->comparison, &fields[fold->at], &kept);
    if (kind_of(fold) == FOLD_MIN ? order < 0 : order > 0) {
        keep(fold, fields[fold->at].bytes);
    }
    return true;
}

// ---- the door

static bool add_value(struct fold *fold, struct arena *arena, const struct field *fields,
                      struct error *error)
{
    struct slice bytes = fields[fold->value_at].bytes;
    bool is_fine = true;
    switch (kind_of(fold)) {
    case FOLD_FIRST:
        if (fold->is_null) {
            keep(fold, bytes);
        }
        break;
    case FOLD_ADD:
        is_fine = add_number(fold, bytes);
        break;
    case FOLD_CHECKSUM:
        is_fine = add_number(fold, bytes);
        fold->integer &= UINT32_MAX;
        break;
    case FOLD_AVERAGE:
        is_fine = add_number(fold, bytes) && add_count(fold, &fields[fold->count_at]);
        break;
    case FOLD_MIN:
    case FOLD_MAX:
        return take_extreme(fold, arena, fields, error);
    case FOLD_AND:
    case FOLD_OR:
    case FOLD_XOR:
        is_fine = add_bits(fold, bytes);
        break;
    case FOLD_CONCAT:
        return fold_concat_add(fold, fields, error);
    }
    return is_fine || refuse(error, "the shards' figures can't be put together: out of range");
}

bool fold_add(struct fold *fold, struct arena *arena, const struct field *fields,
              struct error *error)
{
    if (fields[fold->value_at].is_null) {
        fold->is_unknown = kind_of(fold) == FOLD_CHECKSUM;
        return true;
    }
    bool is_fine = add_value(fold, arena, fields, error);
    fold->is_null = false;
    return is_fine;
}

static bool write_integer(const struct fold *fold, struct text *value)
{
    const struct column *column = column_at(fold, fold->at);
    bool is_unsigned = fold->number == NUMBER_UNSIGNED;
    if (!fold->columns->is_binary) {
        text_add_format(value, is_unsigned ? "%" PRIu64 : "%" PRId64, fold->integer);
        return true;
    }
    size_t len = column->type == TYPE_TINY       ? 1
                 : column->type == TYPE_SHORT    ? 2
                 : column->type == TYPE_LONGLONG ? 8
                                                 : 4;
    for (size_t i = 0; i < len; i++) {
        write_u8(value, (uint8_t)(fold->integer >> (8 * i)));
    }
    struct slice written = slice_part(text_slice(value), value->len - len, value->len);
    return little_endian(written, is_unsigned) == fold->integer;
}

static void write_double(const struct fold *fold, double real, struct text *value)
{
    if (fold->columns->is_binary) {
        text_add(value, &real, sizeof real);
    } else {
        double_write(real, value);
    }
}

static void write_average(const struct fold *fold, struct text *value)
{
    if (fold->number == NUMBER_DOUBLE) {
        write_double(fold, fold->real / (double)fold->count, value);
        return;
    }
    uint32_t scale = column_at(fold, fold->at)->decimals;
    uint32_t increment = scale > fold->decimal.scale ? scale - fold->decimal.scale : 0;
    struct decimal average = decimal_average(&fold->decimal, fold->count, increment);
    decimal_write(&average, value);
}

static bool write_number(const struct fold *fold, struct text *value)
{
    switch (fold->number) {
    case NUMBER_SIGNED:
    case NUMBER_UNSIGNED:
        return write_integer(fold, value);
    case NUMBER_DECIMAL:
        decimal_write(&fold->decimal, value);
        return true;
    case NUMBER_DOUBLE:
        write_double(fold, fold->real, value);
        return true;
    }
    return false;
}

bool fold_is_null(const struct fold *fold)
{
    return fold->is_null || fold->is_unknown;
}

static bool is_extreme(const struct fold *fold)
{
    return kind_of(fold) == FOLD_MIN || kind_of(fold) == FOLD_MAX;
}

bool fold_is_exact(const struct fold *fold)
{
    const struct column *column = column_at(fold, fold->at);
    bool is_number =
        is_integer(column->type) || column->type == TYPE_NEWDECIMAL || column->type == TYPE_DECIMAL;
    return is_number && kind_of(fold) != FOLD_AVERAGE && kind_of(fold) != FOLD_FIRST &&
           (is_extreme(fold) || fold->number != NUMBER_DOUBLE);
}

bool fold_exact_text(const struct fold *fold, struct text *text)
{
    const struct column *column = column_at(fold, fold->at);
    bool is_unsigned = (column->flags & COLUMN_UNSIGNED) != 0;
    uint64_t integer = fold->integer;
    if (fold_is_null(fold)) {
        return false;
    }
    if (!is_integer(column->type) && is_extreme(fold)) {
        text_add_slice(text, text_slice(&fold->bytes));
        return true;
    }
    if (!is_integer(column->type)) {
        decimal_write(&fold->decimal, text);
        return true;
    }
    if (!is_extreme(fold)) {
        is_unsigned = fold->number == NUMBER_UNSIGNED;
    } else if (!read_integer(fold, text_slice(&fold->bytes), is_unsigned, &integer)) {
        return false;
    }
    text_add_format(text, is_unsigned ? "%" PRIu64 : "%" PRId64, integer);
    return true;
}

bool fold_value(const struct fold *fold, struct text *value, bool *is_null, struct error *error)
{
    bool is_fine = true;
    *is_null = fold->is_null || fold->is_unknown;
    if (*is_null) {
        return true;
    }
    switch (kind_of(fold)) {
    case FOLD_FIRST:
    case FOLD_MIN:
    case FOLD_MAX:
    case FOLD_CONCAT:
        text_add_slice(value, text_slice(&fold->bytes));
        break;
    case FOLD_ADD:
    case FOLD_CHECKSUM:
        is_fine = write_number(fold, value);
        break;
    case FOLD_AVERAGE:
        write_average(fold, value);
        break;
    case FOLD_AND:
    case FOLD_OR:
    case FOLD_XOR:
        is_fine = write_integer(fold, value);
        break;
    }
    return is_fine || refuse(error, "the sum of the shards' figures doesn't fit its column");
}
