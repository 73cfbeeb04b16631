// Numbers as rows of digits, the last one first:
//
//     -12.50   is_negative, scale 2, digits 0 5 2 1
//
// A server's DECIMAL has at most 65 digits, so that nothing here is long. Zero is never negative.

#include "session/decimal.h"

#include <assert.h>

enum { GROUP_DIGITS = 9 }; // of a word in the servers' decimal_t

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

// Drops zeros in front, down to the point.
static void trim(struct decimal *decimal)
{
    while (decimal->count > decimal->scale && decimal->digits[decimal->count - 1] == 0) {
        decimal->count--;
    }
    bool is_zero = true;
    for (uint32_t i = 0; i < decimal->count && is_zero; i++) {
        is_zero = decimal->digits[i] == 0;
    }
    decimal->is_negative = decimal->is_negative && !is_zero;
}

bool decimal_read(struct slice text, struct decimal *decimal)
{
    size_t begin = text.len > 0 && (text.ptr[0] == '-' || text.ptr[0] == '+');
    size_t point = text.len;
    *decimal = (struct decimal){.is_negative = begin > 0 && text.ptr[0] == '-'};
    for (size_t i = begin; i < text.len; i++) {
        if (text.ptr[i] == '.' && point == text.len) {
            point = i;
        } else if (!is_digit(text.ptr[i])) {
            return false;
        }
    }
    for (; begin < point && text.ptr[begin] == '0'; begin++) { // ZEROFILL
    }
    size_t digits = text.len - begin - (point < text.len);
    if (text.len == 0 || digits > DECIMAL_DIGITS_MAX || text.len - point > DECIMAL_SCALE_MAX + 1) {
        return false;
    }
    decimal->scale = (uint32_t)(point < text.len ? text.len - point - 1 : 0);
    for (size_t i = text.len; i > begin; i--) {
        if (i - 1 != point) {
            decimal->digits[decimal->count++] = (uint8_t)(text.ptr[i - 1] - '0');
        }
    }
    trim(decimal);
    return true;
}

static void widen_scale(struct decimal *decimal, uint32_t scale)
{
    uint32_t by = scale > decimal->scale ? scale - decimal->scale : 0;
    assert(decimal->count + by <= DECIMAL_DIGITS_ROOM);
    memmove(decimal->digits + by, decimal->digits, decimal->count);
    memset(decimal->digits, 0, by);
    decimal->scale += by;
    decimal->count += by;
}

// Of two with one scale, without their signs.
static bool is_smaller(const struct decimal *a, const struct decimal *b)
{
    for (uint32_t i = a->count > b->count ? a->count : b->count; i > 0; i--) {
        if (a->digits[i - 1] != b->digits[i - 1]) {
            return a->digits[i - 1] < b->digits[i - 1];
        }
    }
    return false;
}

static void add_digits(struct decimal *sum, const struct decimal *other)
{
    uint32_t carry = 0;
    uint32_t count = sum->count > other->count ? sum->count : other->count;
    for (uint32_t i = 0; i < count || carry > 0; i++) {
        uint32_t digit = sum->digits[i] + other->digits[i] + carry;
        sum->digits[i] = (uint8_t)(digit % 10);
        carry = digit / 10;
        sum->count = i + 1 > count ? i + 1 : count;
    }
}

// larger - smaller, without their signs.
static void subtract_digits(struct decimal *larger, const struct decimal *smaller)
{
    uint32_t borrowed = 0;
    for (uint32_t i = 0; i < larger->count; i++) {
        uint32_t taken = smaller->digits[i] + borrowed;
        borrowed = larger->digits[i] < taken;
        larger->digits[i] = (uint8_t)(larger->digits[i] + 10 * borrowed - taken);
    }
}

bool decimal_add(struct decimal *sum, const struct decimal *other)
{
    struct decimal addend = *other;
    widen_scale(&addend, sum->scale);
    widen_scale(sum, addend.scale);
    if (sum->is_negative == addend.is_negative) {
        add_digits(sum, &addend);
    } else if (is_smaller(sum, &addend)) {
        struct decimal smaller = *sum;
        *sum = addend;
        subtract_digits(sum, &smaller);
    } else {
        subtract_digits(sum, &addend);
    }
    trim(sum);
    return sum->count <= DECIMAL_DIGITS_MAX;
}

static uint32_t whole_groups(uint32_t digits)
{
    return (digits + GROUP_DIGITS - 1) / GROUP_DIGITS * GROUP_DIGITS;
}

// Digits that the servers make behind the point of the quotient.
static uint32_t quotient_scale(uint32_t scale, uint32_t increment)
{
    uint32_t room = whole_groups(scale) - scale;
    return whole_groups(whole_groups(scale) + (increment > room ? increment - room : 0));
}

// By long division; cut off. The rest times ten fits: see DECIMAL_COUNT_MAX.
static void divide(struct decimal *decimal, uint64_t by)
{
    uint64_t rest = 0;
    for (uint32_t i = decimal->count; i > 0; i--) {
        rest = rest * 10 + decimal->digits[i - 1];
        decimal->digits[i - 1] = (uint8_t)(rest / by);
        rest %= by;
    }
}

static void round_to(struct decimal *decimal, uint32_t scale)
{
    uint32_t by = decimal->scale - scale;
    bool is_up = by > 0 && decimal->digits[by - 1] >= 5;
    memmove(decimal->digits, decimal->digits + by, decimal->count - by);
    memset(decimal->digits + decimal->count - by, 0, by);
    decimal->count -= by;
    decimal->scale = scale;
    if (is_up) {
        add_digits(decimal, &(struct decimal){.count = 1, .digits = {1}});
    }
}

struct decimal decimal_average(const struct decimal *sum, uint64_t count, uint32_t increment)
{
    struct decimal average = *sum;
    assert(count > 0 && count <= DECIMAL_COUNT_MAX);
    uint32_t scale = sum->scale + increment;
    uint32_t made = quotient_scale(sum->scale, increment);
    widen_scale(&average, made);
    divide(&average, count);
    round_to(&average, scale);
    trim(&average);
    return average;
}

void decimal_write(const struct decimal *decimal, struct text *out)
{
    text_add_string(out, decimal->is_negative ? "-" : "");
    text_add_string(out, decimal->count == decimal->scale ? "0" : "");
    for (uint32_t i = decimal->count; i > 0; i--) {
        text_add_string(out, i == decimal->scale ? "." : "");
        uint8_t letter = (uint8_t)(decimal->digits[i - 1] + '0');
        text_add(out, &letter, 1);
    }
}
