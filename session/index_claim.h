#pragma once
// Values of unique global indexes are claimed for the shards that their rows are to be on
// (router/index_claim.h).

#include "session/session_impl.h"

// A server has refused a row of the plan's target, since its shard has not the value: as
// index_enter_start.
bool index_claim_start(struct session *session, struct request *request,
                       const struct plan_target *target, const struct error *error) MUST_CHECK;
// Before a plain INSERT: what nobody has yet is claimed, as far as its values can be read, and then
// `then` comes. False: there is nothing to claim.
bool index_claim_ahead(struct session *session, struct request *request,
                       void (*then)(struct session *session, struct request *request)) MUST_CHECK;
// May the request give a column with such an index another value?
bool index_claim_is_touched(const struct session *session, struct request *request) MUST_CHECK;
