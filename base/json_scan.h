#pragma once
// Looking into a JSON text for one member, without a tree: for the few words of an answer that
// matter.

#include "base/slice.h"

// The first member of that name in the text, at whatever depth, whose value is a string (without
// its quotes, escapes left as they are), a number, true, false or null. False: there is none, up to
// where the text stops to be JSON.
bool json_find(struct slice text, const char *name, struct slice *value) MUST_CHECK;
bool json_find_number(struct slice text, const char *name,
                      uint64_t *number) MUST_CHECK; // also in quotes
bool json_is_true(struct slice text, const char *name) MUST_CHECK;
