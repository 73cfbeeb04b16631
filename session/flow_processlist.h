#pragma once
// SHOW PROCESSLIST and COM_PROCESS_INFO.

#include "session/session_impl.h"

void processlist_run(struct session *session, struct request *request);         // SHOW
void processlist_run_command(struct session *session, struct request *request); // COM_PROCESS_INFO
void processlist_answered(struct session *session, const struct errand_result *result);
