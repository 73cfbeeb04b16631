#pragma once
// What a statement writes, as far as its text says.

#include "parser/tree.h"

// Does it write `table`, one of statement->tables? Yes, where the text doesn't tell.
bool written_is(const struct statement *statement, const struct table_ref *table) MUST_CHECK;

// What may write tables that the text doesn't name.
enum written_hidden { HIDDEN_NONE, HIDDEN_ROUTINE, HIDDEN_FUNCTION, HIDDEN_UNREAD };
enum written_hidden written_hidden(const struct statement *statement) MUST_CHECK;
