#pragma once
// EXPLAIN ROUTE [FORMAT=JSON] statement, from a client: where the statement would go now, in this
// session, and why. Nothing is run.

#include "session/session_impl.h"

// The whole answer; the command is over afterwards. The request's statement is an EXPLAIN ROUTE.
void explain_route_run(struct session *session, struct request *request);
