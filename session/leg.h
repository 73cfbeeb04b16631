#pragma once
// A leg: one backend that a session has, or tries to get, for one shard. It outlives a statement
// when the backend stays with a transaction, is pinned, or lingers for SHOW WARNINGS.
//
//                        +--- no primary ---> HELD ---+  a new snapshot
//                        |                            v
//     leg_start --> (choose a server) <---------------+<------ lost, may run elsewhere
//                        |        |
//                        |        +-- none idle --> WAITING (in the pool's line)
//                        v                             |
//                     RUNNING <------------------------+
//                        | the whole answer
//                        v
//        given back, or KEPT (transaction, pin, lingering) --> RUNNING again by leg_start
//
// Guarantees: HELD, WAITING: no backend. RUNNING: backend and flow. KEPT: backend, no flow.

#include "pool/pool.h"
#include "router/plan.h"

struct session;
struct flow;
struct request;
struct leg;
struct sessions;

// Of a transaction on several shards: branch.h. Whatever it is, its backend is not given back
// before it has ended.
enum branch_state { BRANCH_NONE, BRANCH_ACTIVE, BRANCH_PREPARED };

enum leg_state { LEG_NEW, LEG_HELD, LEG_WAITING, LEG_RUNNING, LEG_KEPT };

// What a flow asks of a leg. Slices are borrowed until the leg's answer is whole or it failed; in
// the session's arena they live long enough.
struct leg_command {
    uint16_t shard;
    enum plan_access access;
    enum answer_kind kind;
    struct slice packet;           // framed, sequence from 0
    struct slice prepare_sql;      // ptr NULL: `packet` is used; else:
    const struct execute *execute; // its parameters
    struct slice first;            // SQL sent ahead of it; ptr NULL: none. Its error is the answer
    bool is_outside;   // not a part of the client's transaction: no BEGIN ahead (SET, USE, PREPARE)
    bool is_stateless; // the backend's session need not be like the client's (USE)
    bool is_own;       // runs on the transaction's backend although it ends it: COMMIT, ROLLBACK
    bool may_linger;   // after warnings or an error the backend stays for SHOW WARNINGS
    bool wants_keep;   // the backend stays until the next command (SQL_CALC_FOUND_ROWS)
    bool wants_point;  // BRANCH_POINT ahead of it, in a transaction
    bool wants_hold;   // the backend stays with the flow, for its next command there
    bool is_beside;    // with is_outside: the client's statement, though not in its transaction
    bool has_own_transaction; // with is_outside: what runs there is a transaction of the flow's
                              // own, which only reads
    bool needs_tables_only;   // of what the session has written only definitions of tables matter
    const char *pin_reason;   // not NULL: the backend stays with the session from now on
    uint32_t pin_facts;       // enum fact: which they were
    const struct session_state *state; // what the backend must be like; NULL: the session
    struct slice prepare_text; // the statement that `packet` executes, sent ahead; ptr NULL: none
    bool is_there;             // means something on the leg's present backend only (FETCH)
    bool takes_file;           // LOAD DATA LOCAL: see backend_command
    // Called when the answer is whole and no error, before the backend is given back: to note what
    // was set. May be NULL.
    void (*on_ok)(struct leg *leg, const struct answer *answer);
    uint32_t tag; // the flow's own: which target it is
};

struct leg {
    struct node node;        // in session->legs
    struct node list_node;   // in sessions->held or sessions->lingering
    struct session *session; // back-pointer
    struct flow *flow;       // whose command runs; NULL when KEPT
    enum leg_state state;
    uint16_t shard;
    uint16_t server; // where it runs or waits; NO_SERVER
    uint16_t avoid;  // server that lost the read; NO_SERVER
    uint8_t tries;
    bool is_joining;      // the transaction's BEGIN goes ahead of the running command
    bool has_delivered;   // bytes of the answer went to the flow
    bool is_participant;  // of the session's transaction
    bool has_written;     // in this transaction
    bool has_lasting;     // ... with autocommit off, where there are no transactions: no ROLLBACK
                          // undoes it, and the server will warn of that
    bool has_point;       // BRANCH_POINT stands before its last statement, which has succeeded
    bool has_steps_point; // STEPS_POINT stands before the first step here that has succeeded
    bool is_point_of_steps_ahead; // ... of the running command
    bool was_sent;                // on_failed: the command had gone out
    enum branch_state branch;
    bool is_paused;
    bool is_file_over; // takes_file: leg_feed was told so
    bool is_lingering; // KEPT only for diagnostics
    bool has_locks;    // KEPT for LOCK TABLES over several shards: table_locks.h
    bool is_held;      // KEPT for the running flow, which must run another command or let it go
    bool is_resting;   // HELD since its tries were used up; the shard's primary was then:
    uint16_t rest_primary;
    uint32_t cursors;  // open on its backend, which is KEPT for them
    uint64_t since_us; // of the state, or of the last bytes heard; loop clock
    uint64_t held_us;  // when the running command first found no primary; 0
    struct leg_command command;
    struct slice *ahead; // in the session's arena
    uint32_t ahead_count;
    struct backend *backend; // lent by the pool
    struct backend_user user;
    struct pool_waiter waiter;
};

// Starts the command on the shard: on the backend that the session's transaction or pin has there,
// else on one from the pool (with the transaction's BEGIN ahead). Never fails from inside the call.
// In a session there is at most one leg for each shard, beside those that are kept for cursors
// only.
struct leg *leg_start(struct flow *flow, const struct leg_command *command);
// On a backend of its own, whatever the session has there: for what its other statements must not
// meet. The command wants_hold.
struct leg *leg_start_apart(struct flow *flow, const struct leg_command *command);
// On this leg, which is KEPT.
void leg_start_there(struct flow *flow, struct leg *leg, const struct leg_command *command);
// What is set on its backend can be had nowhere else: the session's pin, or it has_locks.
bool leg_is_bound(const struct leg *leg) MUST_CHECK;
// KEPT for its cursors and nothing else.
bool leg_is_for_cursors(const struct leg *leg) MUST_CHECK;
// The shard's leg, KEPT not for its cursors alone; NULL: there is none.
struct leg *leg_kept_on(const struct session *session, uint16_t shard) MUST_CHECK;
// A KEPT leg whose backend is closed: what it has begun there must not go on.
void leg_give_up(struct leg *leg);
// A KEPT leg for which the last reason may be gone: then its backend goes back.
void leg_let_go(struct leg *leg);
// The one that is_held on the shard; NULL: its server is lost, or it was let go.
struct leg *leg_find_held(const struct session *session, uint16_t shard);
// The flow needs it no longer: what was made there must not be met by others.
void leg_drop_held(struct leg *leg);
// Others wait for a backend of the server where one lingers for this session, which has just become
// idle: it is given up.
void leg_yield_lingering(struct session *session);
// Does the session's transaction have a backend on the shard?
bool leg_in_transaction(const struct session *session, uint16_t shard) MUST_CHECK;
// The command that runs one target of the request's plan: the client's own packet, its target text
// as COM_QUERY, or the execution of a prepared statement (parameters edited).
struct leg_command leg_command_of(struct request *request, const struct plan_target *target);

// backend_feed; true: wait for the flow's on_fed.
bool leg_feed(struct leg *leg, struct slice bytes, bool is_end);

// The flow's merge is ahead of this one, or the client is slow: its server is not read. Pairs.
void leg_pause(struct leg *leg);
void leg_resume(struct leg *leg);

// leg_replaced.c. What a session keeps of a primary that is none any more is left, between two
// statements: an open transaction ends with 1213, `wants_close` for one that is bound.
void legs_leave_replaced(struct session *session);
void sessions_leave_replaced(struct sessions *sessions); // after a new snapshot

// The flow needs no more of the running answer: the backend is closed, nothing of the leg is
// called any more. Only where leg_may_stop: in a transaction or on a pinned backend this would lose
// the transaction, there the rest must be read and dropped.
bool leg_may_stop(const struct leg *leg) MUST_CHECK;
void leg_stop(struct leg *leg);
