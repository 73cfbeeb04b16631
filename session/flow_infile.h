#pragma once
// LOAD DATA LOCAL INFILE: the client's file, asked for and handed on to one shard or several.

#include "session/session_impl.h"

// The request has a plan.
void flow_infile_start(struct session *session, struct request *request);
