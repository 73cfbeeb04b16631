#pragma once
// A transaction on several shards: which shard decides, and the names of the branches on the
// others.
//
//     gtrid  wb:PROXY:RUN:WORKER.NUMBER:DECIDER    the transaction; DECIDER is the deciding shard
//     bqual  SERVER.CONNECTION                     who holds it: a recovery may have to KILL it
//
// Anybody who finds one can finish it: waybill.decision on the primary of DECIDER has a row for the
// gtrid, or gets one that says that there never will be.

#include "session/session_impl.h"

enum { GTRID_BYTES_MAX = 64 };

// How writes to several shards are done for this session now: its own or its user's choice, as far
// as the servers are fit for it. *why (may be NULL): why they are refused; a literal.
enum distributed branch_mode(const struct session *session, const char **why);

// A COMMIT has to leave its decision, though maybe only one shard has been written.
bool branch_wants_decision(const struct session *session);

// The leg is about to join the session's transaction: is that as a branch? The first one that asks
// is the decider.
bool branch_is_wanted(struct leg *leg) MUST_CHECK;
// The statement is to be undone on its shards alone when it fails on one: a savepoint goes ahead.
#define BRANCH_POINT "`waybill statement`"
// The same for one that is run in steps: before the first of them on each shard.
#define STEPS_POINT "`waybill steps`"

// "verb 'gtrid','bqual',format": of the leg's branch; in the arena.
struct slice branch_sql(const struct leg *leg, const char *verb);
// The transaction's own name, quoted as a string.
struct slice branch_gtrid(struct session *session);

// Can it be the name of one of waybill's transactions? Without quotes; it needs no escaping then.
bool branch_is_gtrid(struct slice gtrid) MUST_CHECK;

// ---- tokens: what a client keeps, to ask later what became of its transaction: flow_outcome.c
//
//     gtrid@TIME    TIME: when it was given out, in seconds since 1970, hexadecimal

// Of the transaction that is open, which leaves its decision from now on; in the arena. ptr NULL
// without *error: there is none yet (no shard has been reached). With it: it can't have one.
struct slice branch_token(struct session *session, struct error *error);
struct branch_token {
    struct slice gtrid; // without quotes; it needs no escaping
    uint16_t decider;
    uint64_t age_s;
    bool is_own; // of the transaction that this session is in
};
// False: it is none of this cluster.
bool branch_token_read(const struct session *session, struct slice text,
                       struct branch_token *token) MUST_CHECK;
