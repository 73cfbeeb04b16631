#pragma once
// A SELECT for which rows of other shards are brought to one server, as temporary tables, and which
// that server then answers.

#include "session/session_impl.h"

// By the settings and the kind of the servers.
bool gather_is_possible(const struct session *session) MUST_CHECK;
// request->plan has a `gather`.
void flow_gather_start(struct session *session, struct request *request);
