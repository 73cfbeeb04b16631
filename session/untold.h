#pragma once
// A transaction on several shards is committed, and some of them could not be told: the client has
// its OK, with a warning (9032). The recovery tells them.
//
// What the same session sends to such a shard meanwhile, reads too, is held (leg_acquire), so that
// it never sees what was before its own commit: until the shard's primary has no branch of that
// name any more, at most hold_ms.
//
//     noted --a leg is held for it, at a tick--> WAITING --a connection--> ASKING --no branch-->
//     (end)
//       ^                                           | none                    | there is, lost
//       +-------------------------------------------+-------------------------+

#include "session/session_impl.h"
#include "session/warning_list.h"

// A list with that warning, which is the caller's; NULL when none was left out.
struct warning_list *untold_list(uint16_t left) MUST_CHECK;
// Instead of the OK of a COMMIT: with the warning.
void untold_answer(struct session *session, uint16_t left);

// `gtrid`: the transaction's name, quoted; copied.
void untold_note(struct session *session, uint16_t shard, struct slice gtrid);
bool untold_is_on(const struct session *session, uint16_t shard) MUST_CHECK;
void untold_tick(struct sessions *sessions);
void untold_forget_session(struct session *session); // it is closed
