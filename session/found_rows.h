#pragma once
// FOUND_ROWS() of the session.

#include "session/session_impl.h"

// Fills in what `next`, which follows the session's aftermath, has to say of FOUND_ROWS() after the
// running command's answer (of a scatter: the rows that the client was given).
void found_rows_note(const struct session *session, struct aftermath *next,
                     const struct answer *answer);
// Does only the server know what FOUND_ROWS() is after it?
bool found_rows_is_hidden(const struct statement *statement) MUST_CHECK;
// ... after this answer: nobody counts here what OFFSET passed over when that was all.
bool found_rows_is_passed(const struct statement *statement,
                          const struct answer *answer) MUST_CHECK;
// Is nothing left of the figure before it, when it succeeds?
bool found_rows_is_replaced(const struct statement *statement) MUST_CHECK;
// Is a SHOW of this name a SELECT from information_schema for the servers: with rows to be counted,
// and tables?
bool found_rows_is_of_tables(struct slice name) MUST_CHECK;
