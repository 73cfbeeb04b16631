#pragma once
// A server has refused a row, since no index says yet that rows with such a value may be on its
// shard (ER_NOT_INDEXED, from the trigger): the entries are made, and the statement is run again.

#include "session/session_impl.h"

// So much of the rows that a write returns is held back, since such an error may follow them.
enum { RETURNING_HELD_BYTES = 65536 };

// Could that come of the request?
bool index_enter_is_possible(const struct session *session,
                             const struct request *request) MUST_CHECK;
// After that error on the plan's target, when nothing of the statement is left anywhere: true when
// this has taken over (no flow runs), false when the client has to be told.
bool index_enter_start(struct session *session, struct request *request,
                       const struct plan_target *target, const struct error *error) MUST_CHECK;
// Before a statement whose parts commit one by one: when it has something to enter, `then` comes
// after that, and this is true.
bool index_enter_ahead(struct session *session, struct request *request,
                       void (*then)(struct session *session, struct request *request)) MUST_CHECK;
