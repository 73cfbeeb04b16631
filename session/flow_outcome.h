#pragma once
// What became of a transaction, for a client that has its token.

#include "session/branch.h"

// Answers with one row: 'committed' or 'rolled back'. `name`: of the column.
void flow_outcome_start(struct session *session, struct request *request, struct slice name,
                        const struct branch_token *token);
