// Shard keys have many spellings: '5' and 005 are one integer to a server, 'CN' and 'cn ' one
// string under the usual collations. Rows that the servers call equal must meet in one shard, so a
// key is brought into one spelling before it is looked up or hashed.
//
// Dates count days from 1 March of the year 0, so that the leap day is the last day of a year and
// the arithmetic needs no table (Hinnant, "chrono-Compatible Low-Level Date Algorithms",
// days_from_civil).

#include "cluster/key.h"

#include <stdio.h>

int64_t key_days(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era;
}

struct key_day key_day_of(int64_t days)
{
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    int64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    int64_t year = year_of_era + era * 400 + (month <= 2);
    int64_t day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    struct key_day result;
    snprintf(result.text, sizeof result.text, "%04d-%02d-%02d", (int)(year % 10000), (int)month,
             (int)day);
    return result;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 && is_leap ? 29 : days[month - 1];
}

// Exactly `digits` digits at *at, which moves behind them.
static bool read_digits(struct slice text, size_t *at, size_t digits, int *value)
{
    if (text.len - *at < digits) {
        return false;
    }
    *value = 0;
    for (size_t end = *at + digits; *at < end; ++*at) {
        uint8_t byte = text.ptr[*at];
        if (byte < '0' || byte > '9') {
            return false;
        }
        *value = *value * 10 + (byte - '0');
    }
    return true;
}

static bool read_part(struct slice text, size_t *at, int max, int *value)
{
    if (text.ptr[(*at)++] != '-') {
        return false;
    }
    return read_digits(text, at, 2, value) && *value >= 1 && *value <= max;
}

bool key_parse_period(struct slice text, enum date_unit *unit, int64_t *first, int64_t *last)
{
    size_t at = 0;
    int year = 0;
    int month = 0;
    int day = 0;
    if (!read_digits(text, &at, 4, &year)) {
        return false;
    }
    *unit = DATE_YEAR;
    if (at < text.len) {
        *unit = DATE_MONTH;
        if (!read_part(text, &at, 12, &month)) {
            return false;
        }
    }
    if (at < text.len) {
        *unit = DATE_DAY;
        if (!read_part(text, &at, days_in_month(year, month), &day) || at != text.len) {
            return false;
        }
    }
    int first_month = month > 0 ? month : 1;
    int last_month = month > 0 ? month : 12;
    *first = key_days(year, first_month, day > 0 ? day : 1);
    *last = key_days(year, last_month, day > 0 ? day : days_in_month(year, last_month));
    return true;
}

static bool canonical_integer(struct slice text, struct arena *arena, struct slice *canonical)
{
    int64_t number = 0;
    uint64_t large = 0;
    if (slice_to_int64(text, &number)) {
        *canonical = arena_format(arena, "%lld", (long long)number);
    } else if (slice_to_uint64(text, &large)) {
        *canonical = arena_format(arena, "%llu", (unsigned long long)large);
    } else {
        return false;
    }
    return true;
}

static bool canonical_string(struct slice text, struct arena *arena, struct slice *canonical)
{
    while (text.len > 0 && text.ptr[text.len - 1] == ' ') {
        text.len--;
    }
    uint8_t *lower = arena_alloc(arena, text.len);
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.ptr[i];
        if (byte >= 0x80 || byte == 0) {
            return false; // collations differ about these, so no spelling would be safe
        }
        lower[i] = byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + ('a' - 'A')) : byte;
    }
    *canonical = slice_of(lower, text.len);
    return true;
}

bool key_canonical(enum key_type type, struct slice text, struct arena *arena,
                   struct slice *canonical)
{
    enum date_unit unit;
    int64_t first = 0;
    int64_t last = 0;
    switch (type) {
    case KEY_INTEGER:
        return canonical_integer(text, arena, canonical);
    case KEY_STRING:
        return canonical_string(text, arena, canonical);
    case KEY_BINARY:
        *canonical = text;
        return true;
    case KEY_DATE:
        if (!key_parse_period(text, &unit, &first, &last) || unit != DATE_DAY) {
            return false;
        }
        *canonical = arena_format(arena, "%lld", (long long)first);
        return true;
    }
    return false;
}
