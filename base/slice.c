// The few things to do with borrowed bytes that are too long for a header: comparing names as SQL
// does for keywords (ASCII letters without case, nothing of locales) and reading whole decimal
// numbers.

#include "base/slice.h"

static uint8_t lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + ('a' - 'A')) : byte;
}

bool slice_equal_nocase(struct slice a, struct slice b)
{
    if (a.len != b.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.ptr[i]) != lower(b.ptr[i])) {
            return false;
        }
    }
    return true;
}

bool slice_is_ascii(struct slice a)
{
    for (size_t i = 0; i < a.len; i++) {
        if (a.ptr[i] >= 0x80) {
            return false;
        }
    }
    return true;
}

bool slice_is_nocase(struct slice a, const char *text)
{
    return slice_equal_nocase(a, slice_of_string(text));
}

bool slice_contains_nocase(struct slice a, const char *text)
{
    size_t len = strlen(text);
    for (size_t i = 0; i + len <= a.len; i++) {
        if (slice_is_nocase(slice_part(a, i, i + len), text)) {
            return true;
        }
    }
    return false;
}

// The digits without a sign; false when there are none, or others among them, or too many.
static bool read_magnitude(struct slice digits, uint64_t *value)
{
    uint64_t sum = 0;
    if (digits.len == 0) {
        return false;
    }
    for (size_t i = 0; i < digits.len; i++) {
        uint8_t byte = digits.ptr[i];
        if (byte < '0' || byte > '9') {
            return false;
        }
        uint64_t digit = (uint64_t)(byte - '0');
        if (sum > (UINT64_MAX - digit) / 10) {
            return false;
        }
        sum = sum * 10 + digit;
    }
    *value = sum;
    return true;
}

static bool take_sign(struct slice *text)
{
    bool is_negative = false;
    if (text->len > 0 && (text->ptr[0] == '-' || text->ptr[0] == '+')) {
        is_negative = text->ptr[0] == '-';
        *text = slice_part(*text, 1, text->len);
    }
    return is_negative;
}

bool slice_to_int64(struct slice text, int64_t *value)
{
    bool is_negative = take_sign(&text);
    uint64_t magnitude = 0;
    if (!read_magnitude(text, &magnitude)) {
        return false;
    }
    if (is_negative) {
        if (magnitude > (uint64_t)INT64_MAX + 1) {
            return false;
        }
        // INT64_MIN has no positive twin, so the negation is done below zero.
        *value = magnitude == 0 ? 0 : -(int64_t)(magnitude - 1) - 1;
        return true;
    }
    if (magnitude > INT64_MAX) {
        return false;
    }
    *value = (int64_t)magnitude;
    return true;
}

bool slice_to_uint64(struct slice text, uint64_t *value)
{
    bool is_negative = take_sign(&text);
    uint64_t magnitude = 0;
    if (!read_magnitude(text, &magnitude) || (is_negative && magnitude != 0)) {
        return false;
    }
    *value = magnitude;
    return true;
}
