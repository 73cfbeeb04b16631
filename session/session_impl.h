#pragma once
// What a session is, for the files of this room.
//
//     SESSION_LOGIN --> IDLE <--> RUNNING --> FLUSHING --> IDLE
//           |             |          |            |
//           +-------------+----------+------------+--> ENDING --> CLOSED (freed after the turn)
//
//   LOGIN     the greeting was sent; no account yet, no flow
//   IDLE      waits for a command; owns no buffer, no arena block, no flow, nothing queued
//   RUNNING   a flow works on a command
//   FLUSHING  the answer is whole, but bytes of it are still queued for a slow client
//   ENDING    the last bytes are queued (an error); closed as soon as they are written
//   CLOSED    the descriptor is closed, the legs are gone; in the closed list
//
// session_enter() is the only writer of the state; each state is a list of the worker's sessions
// in the order in which they entered it, so a timeout looks at the front only.

#include "base/stream.h"
#include "parser/parse.h"
#include "protocol/handshake.h"
#include "protocol/reply.h"
#include "session/flow.h"
#include "session/session.h"
#include "session/session_ids.h"

enum session_stage {
    SESSION_LOGIN,
    SESSION_IDLE,
    SESSION_RUNNING,
    SESSION_FLUSHING,
    SESSION_ENDING,
    SESSION_CLOSED,
};

enum {
    SESSION_STAGES = SESSION_CLOSED + 1,
    CLIENT_QUEUE_HIGH = 256 * 1024, // above it the client's backends are not read
    CLIENT_QUEUE_LOW = 64 * 1024,   // ... until it is below this
    CLIENT_AHEAD_MAX = 64 * 1024,   // bytes of further commands that are kept while one runs
    TICK_MS = 100,
    READ_TRIES_MAX = 3,
    LINGER_MS = 5000, // how long a backend is kept for SHOW WARNINGS
    NO_ACCOUNT = 0xffff,
    ATTRIBUTES_MAX = 65536, // of a connection; MySQL's limit
};

struct session;
struct round_result; // round.h

// What binds a session to its server.
#define PIN_FACTS                                                                                  \
    ((uint32_t)(FACT_TEMPORARY_TABLE | FACT_TABLE_LOCK | FACT_NAMED_LOCK |                         \
                FACT_SETS_USER_VARIABLE | FACT_HANDLER | FACT_ROUTINE | FACT_XA))

// The command that runs. In the session's arena.
struct request {
    struct session *session;             // back-pointer
    uint8_t command;                     // enum com
    uint8_t sequence;                    // of the next packet that waybill writes itself as answer
    struct slice raw;                    // as it came, framed
    struct slice payload;                // with the command byte
    struct statement *statement;         // NULL when it is no SQL
    struct plan *plan;                   // NULL when it is not routed
    struct table_columns *columns;       // of its table, once a server was asked; NULL
    struct prepared_statement *prepared; // COM_STMT_EXECUTE: the session's; else NULL
    struct execute *execute;             // COM_STMT_EXECUTE: the client's parameters; else NULL
    uint64_t began_us;
    struct execute *edited;            // ... as the targets' text has them
    struct bulk_run *bulk;             // COM_STMT_BULK_EXECUTE; else NULL
    struct text_execute *text;         // EXECUTE as text, whose statement this is; else NULL
    const struct binary_value *params; // the values of both, for the router; NULL: it is to be
                                       // prepared, or has none
    const struct session_state *state; // what backends must be like; NULL: session->carried
    const struct reading *reading;     // how its text is read; NULL: as the session has it now
    const char *pin_reason;            // the statement binds the session to its server
    struct slice database;             // USE
    struct warning_list
        *told; // owned; what stands in the list before its error: flow_fail takes it
    void (*then)(struct session *session, struct request *request); // transaction_commit_then
    void (*then_ended)(struct session *session, struct request *request,
                       const struct round_result *result); // transaction_end_statement
    struct answer_marks *marks;                            // NULL: the answer is written as it is
    struct cursor_aside *aside;                            // NULL: its rows go to the client
    struct flow *suspended;      // whose answer waits for the end of its transaction: flow_suspend
    uint64_t ticket;             // of an errand; 0: none
    uint32_t row_id_rounds;      // how often it has waited for row ids
    bool is_preparing;           // PREPARE as text
    bool keeps_aftermath;        // SHOW WARNINGS and the like change nothing of it
    bool is_killed;              // KILL QUERY: nothing more is begun for it
    bool is_victim;              // of a deadlock over shards: it is killed, and its error is 1213
    bool is_counted;             // in the latency figures: it reached the router
    bool must_gather;            // the shards' rows could not be merged exactly
    bool wants_sort_keys;        // ... by themselves; they are tried with the servers' sort keys
    bool may_look_up;            // global indexes may be asked for its rows
    bool has_claimed;            // index_claim_ahead has run
    struct index_items *claimed; // values of unique indexes that its rows have, as far as known
    uint32_t index_tries;        // how often entries were made for it: index_enter.h
    struct index_wishes *index_answers; // what they said; NULL: not asked
    struct declares *declares;          // what it does to declared tables: declare.h; NULL
    struct ddl_run *ddl;                // DDL on several shards that is written down; NULL
    uint16_t left;                      // shards that its COMMIT could not tell: untold.h
    struct error *unfit;   // why its rows must not go to several shards: flow_fit.h. NULL
    struct slice *globals; // SET GLOBAL: what was global until now; NULL
    bool has_moved_names;  // the session's named statements are where they should be for it
    bool is_step;          // one of session->steps: its answer isn't the client's
};

// A prepared statement's text means what it meant when it was prepared.
struct reading {
    uint32_t sql_mode; // parse.h's bits
    const struct charset *charset;
    const struct session_state *state; // a session that reads it so
    bool is_grammar_other;             // waybill itself would read it otherwise now
};

// What SET TRANSACTION has asked of the next transaction. Literals; NULL: as the session has it.
struct characteristics {
    const char *isolation; // "READ COMMITTED"
    const char *access;    // "READ ONLY", "READ WRITE"
};

// A transaction as the client sees it. The participants are the session's legs with is_participant.
struct transaction {
    bool is_lost;      // a participant was lost in the running statement: transaction_settle
    bool is_broken;    // a participant was lost between two statements: the next one is told
    bool is_open;      // BEGIN was said and neither COMMIT nor ROLLBACK
    struct text begin; // the text sent ahead of the first statement on each shard
    struct text once;  // SET TRANSACTION ... for the next transaction; empty: none
    struct characteristics asked; // ... which says this
    const char *access;           // that BEGIN named; a literal, NULL
    bool is_snapshot;             // ... and WITH CONSISTENT SNAPSHOT
    bool is_read_only;            // the one that is open
    bool is_once_used;            // and that one was the statement by itself that has just run
    struct text points;           // SAVEPOINT statements in order, each ended by a NUL
    bool is_statement;            // a statement is one by itself, since it writes to several shards
    bool is_ending;               // flow_commit runs
    bool is_atomic;               // all shards but the decider's have branches: branch.h
    bool wants_decision;          // its commit leaves a row, also when only one shard was written
    uint16_t decider;             // the shard whose commit is the transaction's; NO_SHARD
    uint64_t began_us;            // on its first shard; Unix microseconds
    uint64_t number;              // of this worker's; 0: it has no name yet
    uint16_t first_shard;         // the first participant's; NO_SHARD
    uint16_t writer_shard;        // the first that was written; NO_SHARD
    struct text written;          // what it has written while that was one shard: flow_fit.c
};

// What the last statement left for SHOW WARNINGS, ROW_COUNT() and the like.
// aftermath.c.
struct aftermath {
    uint16_t warnings;   // in the list
    bool is_error;       // an error stands in it
    bool is_lost;        // there was something to show, and nobody knows it any more
    bool is_unclear;     // only the kept backend knows whether there is something
    bool is_behind;      // the kept backend has not run the last statement
    bool has_found_rows; // SQL_CALC_FOUND_ROWS: only the kept backend knows FOUND_ROWS()
    bool is_found_lost;  // FOUND_ROWS() is not known here
    bool is_found_old;   // it is of an earlier statement, and the kept backend need not know it
    int64_t row_count;   // ROW_COUNT()
    uint64_t found_rows; // FOUND_ROWS()
    uint16_t shard;      // of the leg that has all this; NO_SHARD
};

// Why the value of LAST_INSERT_ID() is not known for certain: insert_id.c.
enum insert_id_doubt {
    DOUBT_NONE,    // session->last_insert_id is it
    DOUBT_COLUMN,  // that, or `id`: it depends on which column is AUTO_INCREMENT
    DOUBT_BACKEND, // the backend to which the session is bound has it
    DOUBT_LOST,    // nobody knows
};
struct insert_id {
    enum insert_id_doubt doubt;
    bool is_listed;   // the INSERT named its columns
    bool is_old_lost; // session->last_insert_id, the value before them all, is not certain either
    uint16_t shard;
    uint64_t id;         // of the OK; 0: none
    struct text table;   // owned; condition in information_schema
    struct text columns; // owned; of each what the value is if it is the one: insert_id.c
};

enum session_compression {
    COMPRESSION_OFF,
    COMPRESSION_AWAITED, // begins as soon as the OK of the log-in is gone
    COMPRESSION_ON,
};

struct login_state; // login_impl.h
struct login_cache;
struct login_hosts;
struct answer_marks; // answer_marks.h
struct cursor_aside; // cursor_aside.h
struct track;        // track.c
struct multi;        // multi.c
struct steps;        // steps.c
struct bulk_run;     // bulk.h
struct text_execute; // text_statement.h
struct warning_list; // warning_list.h
struct fit;          // fit.h
struct index_items;  // index_values.h

// A whole packet of the client. Borrowed for the call, unless it was moved to session->packet.
struct packet_in {
    struct slice raw; // with its headers
    size_t payload_bytes;
    uint8_t next_sequence;
    bool is_moved; // raw is session->packet, which lives as long as the command
};

struct session {
    struct sessions *sessions; // back-pointer
    struct node node;          // in sessions->stage[stage], in that order
    enum session_stage stage;
    uint32_t id;             // connection id
    struct session *id_next; // of sessions->ids
    uint64_t since_us;
    uint64_t heard_us;   // last byte taken by or from the client
    struct address peer; // or whom the PROXY header names
    bool awaits_proxy;   // one may come
    bool is_local;       // over a local socket, not through a proxy
    // Client side: client_io.c.
    struct stream stream;
    bool is_output_full;         // session_write said so: the flow waits for on_drained
    bool is_client_gone;         // closed as soon as the event is over
    bool is_answer_begun;        // bytes of the present answer were written
    bool takes_input;            // the client's bytes are the running flow's: client_io_take_input
    bool is_input_held;          // ... but not now
    bool is_answer_between_rows; // set by a flow: the next packet may be an ERR
    struct later later;          // the next pipelined command, or closing
    struct text input;           // bytes of the client that are not yet used; empty when idle
    struct buffer output;        // bytes that the client did not take yet
    uint8_t end_sequence;        // of an error that session_end writes
    uint8_t compression;         // enum session_compression
    uint8_t compression_level;
    bool is_sql_mode_own;  // the client has set one
    bool has_native_names; // its named statements are on the server that it is bound to:
                           // text_native.h
    bool is_killed;        // KILL: what runs for it on servers ends there, too
    bool wants_close;      // after the running command: its pinned server is lost, RELEASE, drain
    // The client, as it logged in.
    uint16_t login_collation;
    uint16_t account;             // user_config id; NO_ACCOUNT before log-in
    uint32_t account_generation;  // ... of that place
    bool has_distributed;         // it has set waybill_distributed
    enum distributed distributed; // ... to this
    uint64_t capabilities;
    uint8_t failed_changes;     // COM_CHANGE_USER
    uint16_t counted_account;   // among whose clients it counts; NO_ACCOUNT
    uint8_t nonce[NONCE_BYTES]; // that it answered last, for COM_CHANGE_USER
    struct text attributes;     // CAP_CONNECT_ATTRS: raw pairs of length-encoded strings
    char *login_database;       // owned; NULL: the account's default schema
    struct login_state *login;  // owned; only while LOGIN
    // What it has set: variables.c.
    struct session_state carried;
    const struct charset *charset; // of what it sends; NULL: utf8mb4
    uint32_t sql_mode;             // parse.h's bits, when is_sql_mode_own
    uint32_t next_prepared_id;
    uint32_t last_prepared_id;           // 0: none, it failed or was closed
    struct prepared_statement *prepared; // owned; uthash by id: prepared.c
    struct prepared_statement *named;    // owned; uthash by name
    struct session_state *elsewhere;     // owned; of the running command only: flow.c. NULL: none
    // What runs.
    struct arena arena;
    struct text packet;      // a large packet, moved out of `input` instead of into the arena
    struct request *request; // in the arena; NULL when idle
    struct flow *flow;       // in the arena
    struct track *track;     // owned; session tracking that needs more than a relay: track.c. NULL
    struct multi *multi;     // owned; several statements in one command: multi.c. NULL
    struct steps *steps;     // owned; one statement that is run as several: steps.c. NULL
    struct list legs;        // struct leg
    struct transaction transaction;
    struct leg *pin;        // the backend that stays with the session
    const char *pin_reason; // literal; NULL: not pinned
    uint32_t pin_facts;     // enum fact: all that bind it
    struct aftermath aftermath;
    struct warning_list *warnings; // owned; the list when it is in memory: aftermath.c. NULL
    uint64_t last_insert_id;
    struct insert_id insert_id; // whether it is so
    uint64_t *written_us; // owned; by shard: when the last write was acknowledged; NULL: none yet
    uint64_t ddl_us; // when it last did what may have changed the definition of a table; 0: never
    uint64_t queries;
};

struct sessions {
    struct sessions_host host;       // what it points to is borrowed
    const struct snapshot *snapshot; // borrowed from the worker, the present one
    struct list stages[SESSION_STAGES];
    struct list held;          // struct leg by list_node
    struct list lingering;     // struct leg by list_node, oldest first
    struct list account_waits; // struct account_wait by node
    struct list applying;      // struct applying by node
    struct list untold;        // struct untold by node
    struct list moments;       // flow_moment.c
    int64_t wall_ahead_ms;     // wall clock (Unix milliseconds) minus the loop's
    uint32_t sql_mode;         // of the servers, for the parser
    struct slab session_slab;
    struct slab leg_slab;
    struct timer tick;
    struct later sweep; // frees the closed ones after the turn
    struct order_id_source order_ids;
    uint64_t run;               // a number that no other process has, for names of transactions
    uint64_t transaction_count; // of those that had a name
    struct fit *fit;            // owned
    struct login_cache *login_cache; // owned
    struct login_hosts *login_hosts; // owned
    struct session_ids ids;
    uint64_t guard_logged_us; // when a guard's warning was in the log last; 0: never
    uint64_t guard_unlogged;  // such warnings since
    uint64_t last_ticket;     // of a question to other workers
    uint64_t waiting_told_us; // deadlock.h: loop clock; 0: never
    uint64_t began_us;        // loop clock
    uint64_t declared_us;     // when the declared tables were last other ones; 0: never
    bool is_draining;
    uint64_t drain_deadline_us;
    struct session_counters counters;
};

// The key for passwords that are sent sealed; NULL: there is none.
const struct rsa_key *sessions_rsa_key(const struct sessions *sessions);

// session.c
void session_enter(struct session *session, enum session_stage stage);
void session_check(const struct session *session); // asserts what the states guarantee
// Closes the client's connection and gives up the legs; freed after the turn. Not to be called by
// flows: they use flow_fail.
void session_close(struct session *session);
static inline uint64_t session_now_us(const struct session *session)
{
    return loop_now_us(session->sessions->host.loop);
}
// Without a flow: the error (may be NULL) is the client's last packet; then the connection ends.
void session_end(struct session *session, const struct error *error);
const struct config *session_config(const struct session *session);
// Was its user taken out of the configuration? *error is then what the client is told.
bool session_is_removed(const struct session *session, struct error *error) MUST_CHECK;
const struct user_config *session_user(const struct session *session); // NULL before log-in

// session_show.c: "zlib", "zstd" or "".
const char *session_compression_name(const struct session *session);

// flow.c: forgets the running flow without an answer: the session is closed.
void session_drop_flow(struct session *session);

// The end of a command, answered in place or by a flow: all that was the command's own is gone.
void request_finish(struct session *session);

// command.c: as after log-in (COM_RESET_CONNECTION, COM_CHANGE_USER).
void session_reset(struct session *session);
// The bits of parse_options.sql_mode in force.
uint32_t session_sql_mode(const struct session *session);

// What backends must be like for the running command.
static inline const struct session_state *session_state_now(const struct session *session)
{
    const struct request *request = session->request;
    return request != NULL && request->state != NULL ? request->state : &session->carried;
}
// flow.c: as the session, but in another database; until the end of the command.
const struct session_state *session_elsewhere(struct session *session, struct slice database);
// A copy of session_state_now, to be changed; likewise. A step has one of its own, which lasts
// until the next step asks for it.
struct session_state *session_state_copy(struct session *session);
// Another copy, with autocommit on: for a connection beside the session's transaction. Likewise.
const struct session_state *session_state_apart(struct session *session);

// leg.c
void legs_release_lingering(struct session *session);
void legs_forget_points(struct session *session);        // before a statement that sets them
void legs_forget_steps_points(struct session *session);  // when steps end
void legs_release_participants(struct session *session); // rolls their transactions back
void legs_release_all(struct session *session); // the session ends or is reset: all given up
void legs_tick(struct sessions *sessions); // held too long, silent too long, lingering too long
void legs_retry_held(struct sessions *sessions); // there is a new snapshot

// kill.c: those that still wait for a backend
void legs_fail_waiting(struct session *session, const struct error *error);

// client_io.c
// Framed bytes to the client: written at once as far as it takes them, the rest is queued. True:
// the queue is above CLIENT_QUEUE_HIGH; the flow should pause its legs until on_drained. (It may go
// on, memory grows then.) A client that is gone swallows bytes; the flow is aborted after the
// event.
bool session_write(struct session *session, const void *bytes, size_t len);
bool session_write_parts(struct session *session, const struct iovec *parts, int count);

// session_show.c
void session_print_state(const struct session *session, char *out, size_t max);

// reply_client.c: packets that waybill makes itself. Each is framed with request->sequence, which
// moves on.
void session_write_payload(struct session *session, struct slice payload);
void session_write_ok(struct session *session, const struct ok_packet *ok); // its status is filled
                                                                            // in by the session's
void session_write_error(struct session *session, const struct error *error);
// The end of rows as this client expects it: EOF, or OK with 0xfe.
void session_write_rows_end(struct session *session, uint16_t warnings, uint16_t more_status);
// STATUS_IN_TRANS and STATUS_AUTOCOMMIT as the client must see them now.
uint16_t session_status(const struct session *session);
