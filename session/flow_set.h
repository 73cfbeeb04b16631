#pragma once
// SET by expression: run, asked for, carried.

#include "session/session_impl.h"

// The pattern says where; its packet and what belongs to it are filled in.
void flow_set_start(struct session *session, struct request *request,
                    const struct leg_command *pattern);
