#pragma once
// A statement that waybill can't read, and so can't route.

#include "session/session_impl.h"

// Answers with the server's own error, if there is one; else with the refusal (copied).
void flow_unknown_start(struct session *session, struct request *request,
                        const struct error *refusal);
