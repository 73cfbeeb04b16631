// See compare_key.h. Each kind of value has a form of fixed size:
//
//     numbers as text   8 bytes: sign, magnitude (place of the first digit), the first 14 digits;
//                       8 bytes: the next 19 digits; of negative ones inverted
//     bits              8 bytes
//     strings           the first 32 weights, 2 bytes each; behind the end those of blanks (PAD
//                       SPACE), or nothing, which is less than any weight
//     all others        8 bytes (compare_fixed_key)

#include "session/compare_key.h"

#include "session/compare_impl.h"

enum {
    WORD = 8,
    DIGITS_FIRST = 14,
    DIGITS_SECOND = 19,
    MAGNITUDE_SHIFT = 47, // 14 digits are less than 2^47
    MAGNITUDE_ZERO = 2048,
    MAGNITUDE_MAX = 2000,
    NOT_ZERO_BIT = 59,
    SIGN_BIT = 63,
    WEIGHTS = 32,
    WEIGHT_MAX = 0xffff,
};

static void write_word(uint8_t *to, uint64_t word)
{
    for (int i = 0; i < WORD; i++) {
        to[i] = (uint8_t)(word >> (56 - 8 * i));
    }
}

static bool is_mantissa(const struct compare_number *number)
{
    return number->at < number->end;
}

// The next `count` digits as a number, 0 behind the last.
static uint64_t take_digits(struct compare_number *number, int count)
{
    uint64_t value = 0;
    for (int i = 0; i < count; i++) {
        while (is_mantissa(number) && *number->at == '.') {
            number->at++;
        }
        value = value * 10 + (is_mantissa(number) ? (uint64_t)(*number->at++ - '0') : 0);
    }
    return value;
}

static bool write_number(struct slice text, uint8_t *key)
{
    struct compare_number number = compare_number_of(text);
    uint64_t first = 1ull << SIGN_BIT, second = 0;
    bool is_exact = true;
    if (number.sign != 0) {
        int64_t magnitude = number.magnitude > MAGNITUDE_MAX    ? MAGNITUDE_MAX + 1
                            : number.magnitude < -MAGNITUDE_MAX ? -MAGNITUDE_MAX - 1
                                                                : number.magnitude;
        first |= 1ull << NOT_ZERO_BIT | (uint64_t)(magnitude + MAGNITUDE_ZERO) << MAGNITUDE_SHIFT;
        if (magnitude == number.magnitude) {
            first |= take_digits(&number, DIGITS_FIRST);
            second = is_mantissa(&number) ? take_digits(&number, DIGITS_SECOND) : 0;
        }
        is_exact = magnitude == number.magnitude && !is_mantissa(&number);
    }
    write_word(key, number.sign < 0 ? ~first : first);
    write_word(key + WORD, number.sign < 0 ? ~second : second);
    return is_exact;
}

static bool write_bits(struct slice bits, uint8_t *key)
{
    uint64_t value = 0;
    size_t begin = 0;
    while (begin < bits.len && bits.ptr[begin] == 0) {
        begin++;
    }
    bool is_exact = bits.len - begin <= WORD;
    for (size_t i = begin; i < bits.len && is_exact; i++) {
        value = value << 8 | bits.ptr[i];
    }
    write_word(key, is_exact ? value : UINT64_MAX);
    return is_exact && value != UINT64_MAX;
}

// A weight that is too large ends the key: what comes behind it must not decide before it.
static bool write_string(const struct comparison *comparison, struct slice text, uint8_t *key)
{
    const uint8_t *at = text.ptr, *end = text.ptr + text.len;
    bool is_exact = true;
    uint32_t filler = comparison->is_padded ? comparison->blank + 1u : 0;
    for (int i = 0; i < WEIGHTS; i++) {
        uint32_t weight = filler;
        if (at < end) {
            weight = compare_next_weight(comparison, &at, end) + 1; // nothing is less than weight 0
        }
        if (weight >= WEIGHT_MAX) {
            weight = WEIGHT_MAX;
            is_exact = false;
            filler = 0;
            at = end;
        }
        key[2 * i] = (uint8_t)(weight >> 8);
        key[2 * i + 1] = (uint8_t)weight;
    }
    return is_exact && at == end;
}

size_t compare_key_bytes(const struct comparison *comparison)
{
    return 1 + (comparison->method == COMPARE_NUMBER_TEXT ? 2 * WORD
                : comparison->method == COMPARE_STRING    ? 2 * WEIGHTS
                                                          : WORD);
}

static bool write_value(const struct comparison *comparison, struct slice value, uint8_t *key)
{
    if (comparison->method == COMPARE_NUMBER_TEXT) {
        return write_number(value, key);
    }
    if (comparison->method == COMPARE_BITS) {
        return write_bits(value, key);
    }
    if (comparison->method == COMPARE_STRING) {
        return write_string(comparison, value, key);
    }
    write_word(key, compare_fixed_key(comparison, value));
    return true;
}

bool compare_key_write(const struct comparison *comparison, const struct field *field, uint8_t *key)
{
    size_t len = compare_key_bytes(comparison);
    bool is_exact = true;
    key[0] = !field->is_null;
    if (field->is_null) {
        memset(key + 1, 0, len - 1);
    } else {
        struct slice value = field->bytes.ptr != NULL ? field->bytes : slice_of("", 0);
        is_exact = write_value(comparison, value, key + 1);
    }
    for (size_t i = 0; i < len && comparison->is_descending; i++) {
        key[i] = (uint8_t)~key[i];
    }
    return is_exact;
}
