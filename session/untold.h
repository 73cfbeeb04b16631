#pragma once
// A transaction on several shards is committed, and some of them could not be told: the client has
// its OK, with a warning (9032). The recovery tells them; until then: untold_wait.h.

#include "session/session_impl.h"
#include "session/warning_list.h"

// A list with that warning, which is the caller's; NULL when none was left out.
struct warning_list *untold_list(uint16_t left) MUST_CHECK;
// Instead of the OK of a COMMIT: with the warning.
void untold_answer(struct session *session, uint16_t left);
