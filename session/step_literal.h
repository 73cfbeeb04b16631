#pragma once
// Values as literals: what one statement has read, or a client has bound, written into the text of
// another one, such that it means the same there.

#include "base/error.h"
#include "protocol/charset.h"
#include "protocol/column.h"
#include "protocol/row_text.h"
#include "session/session_impl.h"

// A field of a text row that was read with character_set_results = NULL. False: it can't be carried
// over exactly; *why is then the end of a sentence ("is a FLOAT, ...").
bool step_literal_add(struct text *sql, const struct column *column, const struct field *field,
                      const char **why) MUST_CHECK;

// Are no two moments written alike in the session's time zone? @@time_zone and @@system_time_zone:
// it is an offset, or UTC.
bool step_literal_zone_is_safe(struct slice zone, struct slice system) MUST_CHECK;

// The request's text with its parameters, if it has any, as literals; in the arena. False with
// *error: not possible.
bool step_literal_text(struct session *session, const struct request *request, struct slice *sql,
                       struct error *error) MUST_CHECK;
