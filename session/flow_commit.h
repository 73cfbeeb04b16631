#pragma once
// COMMIT and ROLLBACK of a transaction that has branches, or whose commit must leave a decision:
// the steps of commit_steps.h, each sent to the participants' backends.

#include "session/round.h"

// Else a round is enough.
bool flow_commit_is_needed(const struct session *session, bool is_commit) MUST_CHECK;
// `then` gets as a round's result: failed == 0, it is done; else `error` is what the client must be
// told, and the transaction is not committed, or (ER_OUTCOME_UNKNOWN) nobody knows. The
// participants are to be released by transaction_abandon in any case. No flow may run.
void flow_commit_start(struct session *session, struct request *request, bool is_commit,
                       void (*then)(struct session *session, struct request *request,
                                    const struct round_result *result));
