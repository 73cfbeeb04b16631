#pragma once
// KILL at the asker.

#include "session/session_impl.h"

void kill_run(struct session *session, struct request *request);         // the statement
void kill_run_command(struct session *session, struct request *request); // COM_PROCESS_KILL
void kill_answered(struct session *session, const struct errand *errand,
                   const struct errand_result *result);
