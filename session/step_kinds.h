#pragma once
// What is run in steps (steps.h): one function for each enum plan_steps. The request has such a
// plan and is allowed to run; the client is answered.

#include "session/session_impl.h"

void step_kinds_start(struct session *session, struct request *request);
void step_limit_start(struct session *session, struct request *request);
void step_select_start(struct session *session, struct request *request);
void step_once_start(struct session *session, struct request *request);
void step_values_start(struct session *session, struct request *request);
void step_move_start(struct session *session, struct request *request);
