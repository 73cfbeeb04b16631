#pragma once
// LOAD DATA LOCAL INFILE: the client's file, asked for and handed on to one shard or several.

#include "session/session_impl.h"

// The request has a plan.
void flow_infile_start(struct session *session, struct request *request);
// Row ids for the rows of the running one, as infile_row_ids.c has asked for them.
bool flow_infile_awaits_ids(const struct session *session) MUST_CHECK;
void flow_infile_ids_reserved(struct session *session, const struct errand_result *result);
