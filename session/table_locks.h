#pragma once
// LOCK TABLES over several shards: the same locks on the primary of each shard that has one of the
// tables, on connections that stay with the session until it unlocks them.

#include "session/session_impl.h"

// (Tables that are on one shard together bind the session to that shard instead: its pin.)
bool table_locks_are_held(const struct session *session) MUST_CHECK;

// The plan of LOCK TABLES has several targets: takes them one after the other, and all or none. The
// session holds no locks.
void table_locks_take(struct session *session, struct request *request);

// UNLOCK TABLES wherever the session has locked some, also by its pin; then the command goes on.
void table_locks_release_then(struct session *session, struct request *request,
                              void (*then)(struct session *session, struct request *request));

// May the planned statement be run while they are held? Anything may when they are not. False with
// *error.
bool table_locks_allow(const struct session *session, const struct request *request,
                       struct error *error) MUST_CHECK;
