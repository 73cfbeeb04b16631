#pragma once
// DDL on several shards that is written down and runs: what comes of it, shard by shard.

#include "cluster/ddl_note.h"
#include "session/session_impl.h"

struct ddl_run {
    uint64_t id;
    bool is_told;
    uint16_t count;
    struct ddl_shard *shards; // by target; in the arena
};

// What came of it on the target's shard; `error` NULL: done.
void ddl_run_set(struct ddl_run *run, uint16_t target, const struct error *error);
// Has it written down what came of it; then flow_scatter_go_on is called. False (run is NULL):
// there is nothing to be written.
bool ddl_run_end(struct session *session, struct ddl_run *run) MUST_CHECK;
// It was written down, and who asked has gone before it was run.
void ddl_run_never(struct sessions *sessions, uint64_t id);
// The flow is gone before it was; NULL is fine.
void ddl_run_abandon(struct sessions *sessions, struct ddl_run *run);
// A shard on which the table is in use for long must not hold up a change that the others have.
void ddl_run_limit_waiting(struct session *session, struct request *request);
