#pragma once
// A shard could not be told of a commit (untold.h). What the same session sends there meanwhile,
// reads too, is held (leg_acquire), so that it never sees what was before its own commit: until the
// shard's primary has no branch of that name any more, at most hold_ms.
//
//     noted --a leg is held for it, at a tick--> WAITING --a connection--> ASKING --no branch-->
//     (end)
//       ^                                           | none                    | there is, lost
//       +-------------------------------------------+-------------------------+

#include "session/session_impl.h"

// `gtrid`: the transaction's name, quoted; copied.
void untold_note(struct session *session, uint16_t shard, struct slice gtrid);
bool untold_is_on(const struct session *session, uint16_t shard) MUST_CHECK;
void untold_tick(struct sessions *sessions);
void untold_forget_session(struct session *session); // it is freed
