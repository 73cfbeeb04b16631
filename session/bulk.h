#pragma once
// COM_STMT_BULK_EXECUTE: a prepared statement with many sets of values at once.

#include "router/plan.h"
#include "session/session_impl.h"

struct bulk_run {
    struct slice *payloads; // of each target of request->plan
};

void bulk_execute(struct session *session, struct request *request);
// query_plan of it. False: *error.
bool bulk_plan(struct session *session, struct request *request, const struct route_request *route,
               struct error *error) MUST_CHECK;
