#pragma once
// Named statements that are the server's own: in front of one shard, in a session that has called a
// routine.

#include "session/session_impl.h"

// Must the session's named statements move to its server before this one runs?
bool text_native_is_due(const struct session *session, const struct request *request) MUST_CHECK;
// Moves them, then `then`.
void text_native_move(struct session *session, struct request *request,
                      void (*then)(struct session *session, struct request *request));
// PREPARE, EXECUTE or DEALLOCATE as text, where they have moved: for the server, as it came.
bool text_native_is_for(const struct session *session, const struct request *request) MUST_CHECK;
