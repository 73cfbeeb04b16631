#pragma once
// START TRANSACTION WITH CONSISTENT SNAPSHOT in front of several shards: one moment for all of
// them. No commit over several shards is half done when the shards' snapshots are opened, whichever
// waybill does it: a decision is a row in waybill.decision, and nobody writes one while that table
// is locked.
//
//     LOCKING    LOCK TABLES waybill.decision READ on every primary, on connections of their own:
//     no
//                commit is decided from now on, and those that were being decided are
//     LOOKING    XA RECOVER everywhere: which branches are prepared
//     ASKING     are any of them decided? Then they are being told, and it is looked again
//     OPENING    the snapshots, on the transaction's own connections
//     UNLOCKING  that the locks were still there is what makes the snapshots one moment
//
// Commits pay nothing for it. A lock ends with its connection: when this waybill dies, or when it
// is frozen and the connection is silent for LOCK_IDLE_S. One moment at a time on each worker,
// since it needs two connections to each primary.

#include "session/session_impl.h"

// Can the servers do that, and is the session free for all shards?
bool flow_moment_is_possible(const struct session *session) MUST_CHECK;
// As flow_snapshot_start. The transaction may read everywhere and write to one shard.
void flow_moment_start(struct session *session, struct request *request);
