#pragma once
// The text of a value that was set, such that it means the same on every backend.

#include "base/text.h"
#include "parser/tree.h"
#include "pool/session_state.h"

// Can the item be carried, when it was set in a session of that state? Strings in user variables
// have the character set and collation of the connection, which must be known.
bool carried_value_is_certain(const struct session_state *state,
                              const struct set_item *item) MUST_CHECK;
// The item's value, of the statement's `text`: literals of strings become such that neither
// sql_mode nor character set of the backend change their meaning.
void carried_value_add(struct text *out, const struct session_state *state,
                       const struct set_item *item, struct slice text);
// SET @old = @@sql_mode, as dumps do it: the server is asked for the value.
bool carried_value_is_of_system(const struct set_item *item) MUST_CHECK;
// Only parts of it are set (optimizer_switch = 'mrr=on'): the server is asked for the whole.
bool carried_value_is_of_parts(const struct set_item *item) MUST_CHECK;
