#pragma once
// START TRANSACTION WITH CONSISTENT SNAPSHOT in front of one shard.

#include "session/session_impl.h"

// The session's transaction was begun here; its only shard is told at once, and the client gets the
// OK afterwards, or the error, and then has no transaction.
void flow_snapshot_start(struct session *session, struct request *request, uint16_t shard);
