#pragma once
// A statement that needs more row ids than its process has (cluster/row_id.h).

#include "session/session_impl.h"

// Has them reserved, then calls `then`, which makes the plan anew. What goes wrong is told to the
// client, and `then` is not called.
void row_id_wait_start(struct session *session, struct request *request,
                       void (*then)(struct session *session, struct request *request));
void row_id_wait_answered(struct session *session, const struct errand_result *result);
