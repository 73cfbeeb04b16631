#pragma once
// What a session asks of all sessions, its own worker's and others': to be killed, to be listed.
//
//     asker's flow --errand_start--> control --> workers: sessions_run_errand
//     kill_answered, processlist_answered, ... <-- sessions_errand_done <-- control

#include "session/session_impl.h"

// From a flow that has begun; it ends only when it was answered.
void errand_start(struct session *session, const struct errand *errand);
// May it concern this user's sessions? NULL: not logged in yet.
bool errand_is_allowed(const struct errand *errand, const struct user_config *user) MUST_CHECK;
