#pragma once
// The OK of a statement that has changed the servers' accounts (users = servers) is given to the
// client when all workers know it: whoever logs in after that is let in, or not, by what was said.

#include "session/gather.h"
#include "session/session_impl.h"

// Is the answer to be held back?
bool account_wait_is_for(const struct session *session, const struct request *request) MUST_CHECK;
// From a flow that is over, with the OK that its shard gave: the command goes on.
void account_wait_start(struct session *session, struct request *request, uint16_t shard,
                        const struct gather *ok);
void account_wait_answered(struct session *session); // by all workers
// A new snapshot, or time has passed.
void account_waits_go_on(struct sessions *sessions);
