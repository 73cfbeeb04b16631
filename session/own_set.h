#pragma once
// SET waybill_distributed = atomic | refuse | best_effort | DEFAULT: how this session writes to
// several shards. Known to waybill alone, never to a server.

#include "session/session_impl.h"

bool own_set_is_for(const struct set_item *items) MUST_CHECK;
// May the session set it so? False: *error.
bool own_set_may(const struct session *session, const struct set_item *items,
                 struct error *error) MUST_CHECK;
// ... which it may.
void own_set_run(struct session *session, struct request *request);
// The session's choice, its user's without one; whatever the servers can.
enum distributed own_set_distributed(const struct session *session);
