#pragma once
// SET by expression: run, asked for, carried.

#include "session/session_impl.h"

// The pattern says where, and has the SET as `first`; what asks for the values is filled in.
void flow_set_start(struct session *session, struct request *request,
                    const struct leg_command *pattern);
