// Numbers with all their digits, dates and times as literals of their type, strings with their own
// character set and collation:
//
//     x < 5      x < TIMESTAMP '2026-11-30 12:00:00.25'      x < _latin1 x'e4' COLLATE latin1_bin
//
// The literal of a string may be the beginning of the value only: any value will do for a bound.

#include "session/page_bound.h"

#include "base/text.h"
#include "protocol/charset.h"
#include "session/step_literal.h"

enum { ENUM_OR_SET = 256 | 2048 };

bool page_bound_is_string(const struct column *key)
{
    switch ((int)key->type) {
    case TYPE_VAR_STRING:
    case TYPE_VARCHAR:
    case TYPE_STRING:
    case TYPE_TINY_BLOB:
    case TYPE_MEDIUM_BLOB:
    case TYPE_LONG_BLOB:
    case TYPE_BLOB:
        return true;
    default:
        return false;
    }
}

bool page_bound_is_possible(const struct column *key, bool is_zone_safe)
{
    if (page_bound_is_string(key)) {
        return (key->flags & ENUM_OR_SET) == 0; // which are sorted by number
    }
    switch ((int)key->type) {
    case TYPE_TINY:
    case TYPE_SHORT:
    case TYPE_INT24:
    case TYPE_LONG:
    case TYPE_LONGLONG:
    case TYPE_DECIMAL:
    case TYPE_NEWDECIMAL:
    case TYPE_DATE:
    case TYPE_TIME:
    case TYPE_DATETIME:
        return true;
    case TYPE_TIMESTAMP: // sorted by moment, compared by what the clock shows
        return is_zone_safe;
    default:
        return false;
    }
}

static bool is_hex(struct slice text)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.len; i++) {
        if (memchr(digits, text.ptr[i], sizeof digits - 1) == NULL) {
            return false;
        }
    }
    return true;
}

// The collation's name begins with that of its character set.
static struct slice string_of(struct arena *arena, struct slice hex, struct slice collation)
{
    const uint8_t *end = memchr(collation.ptr, '_', collation.len);
    if (!is_hex(hex) || collation_find(collation) == NULL) {
        return slice_of(NULL, 0);
    }
    if (end == NULL) { // binary
        return arena_format(arena, "_binary X'%.*s'", (int)hex.len, (const char *)hex.ptr);
    }
    return arena_format(arena, "_%.*s X'%.*s' COLLATE %.*s", (int)(end - collation.ptr),
                        (const char *)collation.ptr, (int)hex.len, (const char *)hex.ptr,
                        (int)collation.len, (const char *)collation.ptr);
}

struct slice page_bound_of(struct arena *arena, const struct column *key, const struct field *value,
                           const struct field *collation)
{
    const char *why = NULL;
    struct text sql;
    if (value->is_null) {
        return slice_of(NULL, 0);
    }
    if (page_bound_is_string(key)) {
        return collation->is_null ? slice_of(NULL, 0)
                                  : string_of(arena, value->bytes, collation->bytes);
    }
    text_init(&sql);
    // What is written between quotes has zeros in its date, for which there is no literal.
    bool has_one = step_literal_add(&sql, key, value, &why) && sql.len > 0 && sql.ptr[0] != '\'';
    struct slice literal = has_one ? arena_copy(arena, text_slice(&sql)) : slice_of(NULL, 0);
    text_done(&sql);
    return literal;
}
