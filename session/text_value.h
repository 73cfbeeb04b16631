#pragma once
// What a value in a session is, as far as waybill knows it: for the router, and for the text of a
// statement that is prepared as text.

#include "parser/tree.h"
#include "protocol/row_binary.h"
#include "session/session_impl.h"

// A literal, or a user variable that was set to a constant. False: only a server knows it. Strings
// are bytes of the session's character set.
bool text_value_find(struct session *session, const struct expr *expr,
                     struct binary_value *value) MUST_CHECK;
// A value of which nothing is known.
struct binary_value text_value_unknown(void);
bool text_value_is_unknown(const struct binary_value *value) MUST_CHECK;
// As a column of that type came in a text row.
struct binary_value text_value_of_field(struct arena *arena, const struct field *field,
                                        uint8_t type);
