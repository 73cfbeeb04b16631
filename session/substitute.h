#pragma once
// ROW_COUNT(), FOUND_ROWS(), @@warning_count and @@error_count inside of other expressions: the
// session knows their values, a server that runs the statement does not.

#include "session/session_impl.h"

enum {
    SUBSTITUTE_FACTS = FACT_FOUND_ROWS | FACT_ROW_COUNT | FACT_DIAGNOSTICS,
};

// Puts the values into the request's text and reads it again: request->statement is then one
// without them, or it is false, and nothing has changed.
bool substitute_values(struct session *session, struct request *request) MUST_CHECK;
// The same with CONNECTION_ID(), where it must be the session's and not that of a connection to a
// server.
void substitute_connection_id(struct session *session, struct request *request);
