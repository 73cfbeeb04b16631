#pragma once
// One statement on several shards, one answer: the flow of a plan with more than one target.

#include "session/flow.h"

// request->plan is set. The answer is written and the flow finished some events later.
void flow_scatter_start(struct session *session, struct request *request);
