#pragma once
// KILL at the victims.

#include "session/session_impl.h"

// What runs on the leg's server when nobody waits for its answer any more (a KILL, a client that
// has gone, a statement that has failed elsewhere): is it ended there, too?
bool kill_takes_left(const struct leg *leg) MUST_CHECK;
// Is it one of those whom KILL USER names?
bool kill_is_meant(const struct errand *order, const struct user_config *user) MUST_CHECK;
void sessions_kill(struct sessions *sessions, const struct errand *order,
                   struct errand_result *outcome);
