#pragma once
// commit_wait = decided: the client of a commit over several shards has its OK when it is decided;
// what the other shards are told then, XA COMMIT, runs here, on the branches' own connections.
//
//     flow_commit: decided --> applying_start: the leg is gone, its backend is this one's
//                              the answer  --> back to the pool; legs of the session that wait for
//                                              the shard go on
//                              lost, error --> closed; the recovery finishes the branch, and the
//                                              session's legs wait for that (untold_wait.h)
//
// Meanwhile the session's statements for that shard are held (leg_acquire), so that it sees what it
// has committed. It may end before.

#include "session/session_impl.h"

// Can the leg's branch be ended so? Not where the backend stays with the session.
bool applying_may(const struct leg *leg) MUST_CHECK;
// The leg is KEPT, and gone afterwards. Of the command `first` and `packet` count; they are copied,
// and so is the transaction's name (quoted).
void applying_start(struct leg *leg, const struct leg_command *command, struct slice gtrid);
// Is there one for the session on that shard?
bool applying_is_on(const struct session *session, uint16_t shard) MUST_CHECK;
void applying_forget_session(struct session *session); // it is freed
void applying_close_all(struct sessions *sessions);    // the worker ends
