#pragma once
// GET DIAGNOSTICS, SIGNAL and RESIGNAL, outside of routines.

#include "session/session_impl.h"

void get_diagnostics_run(struct session *session, struct request *request);
