#pragma once
// The values of shard keys: one canonical spelling for everything that the servers call equal, and
// dates as days.

#include "base/arena.h"
#include "cluster/config.h"

// The canonical bytes of a key that is written as `text`: KEY_INTEGER: decimal digits without sign
// "+" and leading zeros. KEY_STRING: ASCII in lower case without trailing blanks. KEY_BINARY: as it
// is. KEY_DATE: the days (see key_days) in decimal. False when the text is no such key. The result
// is in the arena or borrows from `text`.
bool key_canonical(enum key_type type, struct slice text, struct arena *arena,
                   struct slice *canonical) MUST_CHECK;

// Days since 0000-03-01 in the Gregorian calendar. `year` 0..9999, `month` 1..12, `day` 1..31.
int64_t key_days(int year, int month, int day);

// The other way round, as "2024-05-17"; for days from the year 0 to 9999.
struct key_day {
    char text[16];
};
struct key_day key_day_of(int64_t days);

// "2024", "2024-05" or "2024-05-17" (the smallest unit given goes to *unit): its first and its last
// day. False when it is no date of the calendar.
bool key_parse_period(struct slice text, enum date_unit *unit, int64_t *first,
                      int64_t *last) MUST_CHECK;
