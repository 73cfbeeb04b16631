#pragma once
// Exact DECIMAL arithmetic on text, for sums and averages over shards. Pure.

#include "base/text.h"

enum {
    DECIMAL_DIGITS_MAX = 65,   // what the servers' DECIMAL has, on both sides of the point
    DECIMAL_DIGITS_ROOM = 160, // sums, quotients and their scales while they are made
    DECIMAL_SCALE_MAX = 38,
};

#define DECIMAL_COUNT_MAX UINT64_C(1000000000000000000)

struct decimal { // zeroed: 0
    bool is_negative;
    uint32_t scale; // digits behind the point
    uint32_t count; // digits in use, those behind the point always; all behind it are 0
    uint8_t digits[DECIMAL_DIGITS_ROOM]; // the last one first
};

// "-12.50". False: no such text, or more digits than a server's DECIMAL has.
bool decimal_read(struct slice text, struct decimal *decimal) MUST_CHECK;
// False when the sum has more digits than a server's DECIMAL.
bool decimal_add(struct decimal *sum, const struct decimal *other) MUST_CHECK;
// As AVG divides (decimal_div of the servers): the quotient is cut off behind whole groups of nine
// digits, enough for scale + increment, and that is rounded half away from zero to scale +
// increment. The scale is that of `sum`. `count` is 1 to
// DECIMAL_COUNT_MAX.
struct decimal decimal_average(const struct decimal *sum, uint64_t count, uint32_t increment);
void decimal_write(const struct decimal *decimal, struct text *out);
