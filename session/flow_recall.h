#pragma once
// Fetches what only a kept backend knows of the statement before (the list of warnings,
// FOUND_ROWS()) into the session's memory, so that the backend may go.

#include "session/session_impl.h"

// Is there something of that kind?
bool recall_is_due(const struct session *session) MUST_CHECK;
// Fetches it; a backend that stayed for nothing else goes back. Then `then`, which finds either all
// in memory, or noted as lost.
void recall_start(struct session *session, struct request *request,
                  void (*then)(struct session *session, struct request *request));
// Between two commands: false when the session is busy with one.
bool recall_start_idle(struct session *session) MUST_CHECK;
