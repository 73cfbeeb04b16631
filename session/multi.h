#pragma once
// Several statements in one COM_QUERY, each run by itself.

#include "session/session_impl.h"

struct multi;

// COM_QUERY of a client that may send several statements: the first one is begun (of one statement
// it is the only one, and nothing more is done than without the capability).
void multi_run(struct session *session, struct request *request);
// At the end of a statement, before its arena is cleared: how it ended.
void multi_note_answer(struct session *session);
// After that: true when another one follows, which runs from now on.
bool multi_goes_on(struct session *session) MUST_CHECK;
void multi_done(struct session *session); // forgets what follows; may be called without any
