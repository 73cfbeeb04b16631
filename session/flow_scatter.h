#pragma once
// One statement on several shards, one answer: the flow of a plan with more than one target.

#include "session/flow.h"

// request->plan is set. The answer is written and the flow finished some events later.
void flow_scatter_start(struct session *session, struct request *request);
// DDL: what came of it is written down (ddl_run_end), the client may be told.
void flow_scatter_go_on(struct session *session);
