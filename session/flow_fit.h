#pragma once
// A transaction that writes to several shards, or is about to: may all that it writes be a part of
// that (fit.h)? What it writes while it has one writing shard is only noted; with the second one
// the servers are asked for the tables that are not known to be fit, each shard for its own, all at
// once.
//
//     query_run_plan --> fit_look --+-- FIT_FINE (one shard, or all is known) --> runs
//                                   +-- FIT_REFUSED
//                                   +-- FIT_ASKS --> fit_ask --> runs, or the client is told
//
// The rows of a LOAD DATA file say where they go when they come: a split asks first, and is refused
// with its second shard.

#include "session/session_impl.h"

enum fit_look { FIT_FINE, FIT_REFUSED, FIT_ASKS };

// For request->plan, which the session is allowed to run.
enum fit_look fit_look(struct session *session, struct request *request,
                       struct error *error) MUST_CHECK;
// The last thing that its caller does. Of a split `then` is called in any case, with
// request->unfit.
void fit_ask(struct session *session, struct request *request,
             void (*then)(struct session *session, struct request *request));
// The file of the request has its first row for the shard. False: *error.
bool fit_may_begin(struct session *session, const struct request *request, uint16_t shard,
                   bool is_first, struct error *error) MUST_CHECK;
