#pragma once
// A value of a sort key as a literal that all shards compare with the key as they sort by it.

#include "base/arena.h"
#include "protocol/column.h"
#include "protocol/row_text.h"

// Is there such a literal for a key of this type? `is_zone_safe`: in the session's time zone no two
// moments are written alike.
bool page_bound_is_possible(const struct column *key, bool is_zone_safe) MUST_CHECK;
// A string? Then it is asked for in hexadecimal.
bool page_bound_is_string(const struct column *key) MUST_CHECK;
// The literal of what was answered to page_place, in the arena; ptr NULL: NULL, or there is none.
struct slice page_bound_of(struct arena *arena, const struct column *key, const struct field *value,
                           const struct field *collation);
