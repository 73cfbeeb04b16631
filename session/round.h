#pragma once
// A round: the same command to all participants of the transaction, then all their answers.

#include "session/session_impl.h"

struct round_result {
    struct error error; // the first one; code 0: none
    uint16_t answered;  // participants that said OK ...
    uint16_t written;   // ... of them such that had written
    uint16_t failed;    // that said ERR, or are lost
    uint16_t left;      // committed, but not told of it yet (flow_commit)
    // What one participant (on that shard) has to warn of; of the end of several: nothing.
    uint16_t warnings;
    uint16_t shard;
};

struct round_order {
    struct slice sql;
    // Only to those of which this is true; NULL: to all. Then the answers warn of nothing.
    bool (*takes)(const struct leg *leg);
    bool is_end; // COMMIT or ROLLBACK: a participant that had written nothing may be lost
    // No flow runs any more; answers the client and calls request_finish, or begins a flow.
    void (*then)(struct session *session, struct request *request,
                 const struct round_result *result);
};

// There must be at least one participant.
void round_start(struct session *session, struct request *request, const struct round_order *order);
