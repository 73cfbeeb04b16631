#pragma once
// DDL on several shards: looked at on all of them first, written down, then run on all
// (flow_scatter), and what came of it written down.
//
//     (start) --> ASKING -----all are as it needs them-----> NOTING --written--> flow_scatter
//                  |  a question for each table, on all         |                  | all settled
//                  |  shards at once; locks tried               | not written      v
//                  +--> refused (9009): nothing was done <------+              ending errand
//                                                                                  v
//                                                                          the client is told
//
// What a crash leaves half done is found by SHOW SCHEMA DIFF and finished by REPAIR SCHEMA.

#include "session/session_impl.h"

// Is it DDL on several shards?
bool flow_ddl_is_for(const struct request *request) MUST_CHECK;
void flow_ddl_start(struct session *session, struct request *request);
// The errand is answered; `session` NULL: who asked has gone.
void flow_ddl_answered(struct sessions *sessions, struct session *session,
                       const struct errand *errand, const struct errand_result *result);
