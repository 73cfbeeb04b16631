#pragma once
// Asks global indexes where the rows are that a statement is about (request->plan->index_wishes),
// then goes on with request->index_answers. What can't be found out is on any shard: the client
// notices nothing but the time.

#include "session/session_impl.h"

void index_ask(struct session *session, struct request *request,
               void (*then)(struct session *session, struct request *request));
// May it be asked for this request? Not where the session can't leave its server anyway.
bool index_may_be_asked(const struct session *session, const struct request *request) MUST_CHECK;
