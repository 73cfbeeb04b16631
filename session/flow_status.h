#pragma once
// SHOW STATUS: what a server says, but of the client's own connection waybill knows better.

#include "session/flow.h"

struct statement;

bool flow_status_is_for(const struct statement *statement);
void flow_status_start(struct session *session, struct request *request);
