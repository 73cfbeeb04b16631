#pragma once
// Statements about the statement before them, and about the session itself.

#include "session/session_impl.h"

// A plain SELECT of items, without anything else?
bool local_is_of_items_only(const struct statement *statement) MUST_CHECK;
// True: it was one of them, and is answered here or on the backend that was kept for it.
bool local_run(struct session *session, struct request *request) MUST_CHECK;
