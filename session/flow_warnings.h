#pragma once
// SHOW WARNINGS and SHOW ERRORS when the list is in the session's memory, or empty.

#include "session/session_impl.h"

void flow_warnings_start(struct session *session, struct request *request);
