#pragma once
// KILL of another waybill's client: a row of waybill.kill_request on the default shard's primary.
// Two jobs, which the monitor starts (monitor_kill.c): one asks, one answers.

#include "base/mailbox.h"
#include "cluster/snapshot.h"
#include "replication/dbconn.h"

struct kill_order {
    uint32_t target; // proxy_id of who is asked
    uint32_t victim; // session id
    uint32_t asker;  // session id
    bool is_query;
    bool may_all;   // not only sessions of that user
    char user[256]; // the asker's
};

enum kill_outcome {
    KILL_DONE,
    KILL_DENIED,
    KILL_COMMITTING, // can't be interrupted
    KILL_UNKNOWN,    // no such session
    KILL_FAILED      // nobody has said what came of it: error
};

struct kill_answer {
    enum kill_outcome outcome;
    struct error error; // KILL_FAILED
};

struct kill_mail_setup {
    struct endpoint endpoint; // of the primary
    uint32_t proxy;
    uint64_t run; // this process
    struct mailbox *mailbox;
    void (*deliver)(struct message *message, void *receiver);
};

enum kill_letter_kind {
    LETTER_ANSWER, // of the asking job, its last one: `answer`
    LETTER_ORDER,  // of the answering job, which waits for kill_answerer_tell
    LETTER_END     // ... its last one
};

struct kill_letter { // the receiver frees it (memory_free)
    struct message message;
    enum kill_letter_kind kind;
    uint64_t number; // ANSWER: the setup's; ORDER: to answer with
    struct kill_order order;
    struct kill_answer answer;
};

// ---- asking

// `number`: new for each one of a run; `slot`: below KILL_SLOTS, one that no other job uses;
// `wait_ms`: for the other waybill, at most.
enum { KILL_SLOTS = 16 };
struct kill_asker; // opaque
struct kill_asker *kill_asker_start(const struct kill_mail_setup *setup,
                                    const struct kill_order *order, uint64_t number, uint32_t slot,
                                    uint32_t wait_ms);
void kill_asker_join(struct kill_asker *asker); // asks it to stop; waits and frees it

// ---- answering

// How a probe finds out whether there is a request for this waybill, from proxy and run.
#define KILL_REQUESTS_FORMAT                                                                       \
    "FROM waybill.kill_request WHERE target = %u AND target_run = %llu AND state = 'asked' AND "   \
    "asked_at > UTC_TIMESTAMP(3) - INTERVAL 10 SECOND"

struct kill_answerer; // opaque; carries out all requests that are there, one after the other
struct kill_answerer *kill_answerer_start(const struct kill_mail_setup *setup);
void kill_answerer_tell(struct kill_answerer *answerer, uint64_t number, enum kill_outcome outcome);
void kill_answerer_join(struct kill_answerer *answerer); // as above
