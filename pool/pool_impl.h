#pragma once
// Private to pool/: what its files share. Who owns whom:
//
//     pools -> slot (a server, as this worker sees it) -> pool (server, account, capability class)
//     -> backend
//
// Waiters stand in the line of their slot, since the limit is the server's.

#include "base/buffer.h"
#include "base/loop.h"
#include "base/stream.h"
#include "pool/login_impl.h"
#include "pool/pool.h"

enum {
    TICK_MS = 100,           // how exact deadlines are
    FAILURE_BYTES_MAX = 4096 // of an answer to what is sent ahead
};

// A pause after a failure; doubles with each one.
struct backoff {
    uint64_t until_us; // loop clock; 0 = none
    uint32_t pause_ms; // of the last one; 0 = the last attempt went well
    struct error error;
};

// ---- a backend

enum backend_state {
    BACKEND_CONNECTING, // TCP
    BACKEND_LOGIN,
    BACKEND_RESETTING, // COM_RESET_CONNECTION runs
    BACKEND_IDLE,
    BACKEND_LENT, // no command runs
    BACKEND_RUNNING,
    BACKEND_CLOSED, // freed after the turn
};

// What is sent for one command, in this order; answers come in the same order.
enum backend_step {
    STEP_DATABASE,
    STEP_VARIABLES,
    STEP_LATE_DATABASE, // whose name is not ASCII
    STEP_AHEAD,
    STEP_TURN, // to the settings that the statement was written for
    STEP_PREPARE,
    STEP_RETURN, // from them
    STEP_COMMAND,
};

struct backend_run {
    struct backend_command command; // what it points to is borrowed until the end
    enum backend_step step;         // whose answer comes next
    uint32_t ahead_left;            // of STEP_AHEAD
    bool has_database, has_variables, has_late_database, has_prepare;
    bool has_turn;           // ... between two SETs
    bool is_killed;          // a KILL was sent while it ran
    bool is_held_back;       // the command itself goes out when all before it was answered
    bool is_failed;          // something sent ahead failed: `failure` is the answer
    uint64_t variables_hash; // of the SET statement
    uint64_t database_hash;  // of the database
    uint32_t statement_id;   // of command.prepare_sql
    size_t ahead_bytes;      // how many bytes go out before the command's own
    bool is_asked;           // the server has asked for a file: `out` is what is left of it
    bool is_file_over;       // ... and has got all of it
    bool is_feed_full;       // the user waits for on_fed
    uint8_t feed_sequence;   // of the file's next packet
};

struct statement_entry;

// Statements prepared on one connection, by text and by what they mean there.
struct statements {
    struct statement_entry *by_key; // owned; hash table
    struct list by_use;             // front = used last
    struct list with_cursor;        // not in the table
    struct text key;                // of the last statements_find
};

void statements_init(struct statements *statements);
void statements_clear(struct statements *statements);
// Makes the key of the statement in that session; true with its id when it is prepared.
bool statements_find(struct statements *statements, struct slice sql,
                     const struct session_state *state, uint32_t *id) MUST_CHECK;
// Notes the statement that was looked for last. What has to be closed for it (more than `max`) is
// added to `out` as COM_STMT_CLOSE packets, which have no answer.
void statements_write_close(struct text *out, uint32_t id);
void statements_add(struct statements *statements, uint32_t id, size_t max, struct text *out);
// The statement used last has a cursor now: out of the table with it. When the server has closed
// the cursor it comes back, else it is closed with it (into `out`).
void statements_open_cursor(struct statements *statements, uint32_t id);
void statements_end_cursor(struct statements *statements, uint32_t id, bool is_closed, size_t max,
                           struct text *out);

struct pool;
struct pool_kill;

struct backend {
    struct node node;          // in the list of its state
    struct pool *pool;         // back-pointer
    struct backend_user *user; // borrowed; NULL unless lent
    enum backend_state state;
    struct stream stream;
    struct later loss;    // tells the user of what happened inside his call
    uint64_t active_us;   // last byte, or entered its state
    uint64_t deadline_us; // while connecting, logging in, resetting
    uint32_t generation;  // of the pool when it was opened
    uint32_t connection_id;
    uint64_t capabilities;
    uint32_t version;
    uint16_t status; // of the last answer
    bool is_mariadb;
    bool is_dirty;
    bool is_broken; // no further command
    bool is_paused;
    bool was_killed;        // a KILL was sent for it: it serves nobody else any more
    struct pool_kill *kill; // under way; nothing new is sent meanwhile. NULL
    struct session_state session;
    struct statements statements;
    struct backend_login *login; // owned; only while logging in
    struct backend_run run;
    struct answer answer;
    struct text out;           // framed bytes to be sent before `packet`
    struct slice packet;       // borrowed: the command's own bytes
    size_t sent_bytes;         // of out and packet together
    struct text closing;       // COM_STMT_CLOSE packets that go out with the next command
    struct text ahead_changes; // backend_ahead_changes
    uint16_t ahead_warnings;
    struct text failure; // first bytes of an answer to what was sent ahead
    struct error *lost;  // owned; NULL unless `loss` is asked for
};

// ---- backend.c

// Opens a connection for that client. NULL with *error when it can't even be started.
struct backend *backend_open(struct pool *pool, const struct pool_client *client,
                             struct error *error);
void backend_enter(struct backend *backend, enum backend_state state);
void backend_check(const struct backend *backend); // asserts what its state promises
void backend_lend(struct backend *backend, struct backend_user *user);
void backend_reset(struct backend *backend); // COM_RESET_CONNECTION, then idle
bool backend_can_reset(const struct backend *backend);
void backend_close(struct backend *backend); // tells nobody
// From the loop: the connection is no more; whoever has it is told.
void backend_fail(struct backend *backend, const struct error *error);
void backend_fail_later(struct backend *backend, const struct error *error); // after the turn
void backend_free(struct backend *backend);                                  // a closed one
// Sends what is queued, as far as it goes. False when the connection broke: *error.
bool backend_send(struct backend *backend, struct error *error) MUST_CHECK;
bool backend_has_unsent(const struct backend *backend);
void backend_clear_out(struct backend *backend);

void backend_become_idle(struct backend *backend);

// ---- backend_connect.c: until the log-in is over

void backend_connect_begin(struct backend *backend, const struct pool_client *client);
void backend_connected(struct backend *backend); // the socket is, or can't be
// Bytes of the server while it logs in.
void backend_connect_feed(struct backend *backend, const uint8_t *bytes, size_t len);
void backend_connect_drained(struct backend *backend); // all queued bytes are gone
bool backend_connect_is_shaking_hands(const struct backend *backend);
void backend_forget_login(struct backend *backend);

// ---- backend_sync.c

// Fills `out` with all that goes ahead of the command, and with the command.
void backend_sync_start(struct backend *backend, const struct backend_command *command);
// Bytes of the server while a command runs. False: not the protocol; *error.
bool backend_sync_feed(struct backend *backend, const uint8_t *bytes, size_t len,
                       struct error *error) MUST_CHECK;

// ---- backend_feed.c

// The server has asked for a file. False with *error: nobody has offered one.
bool backend_feed_begin(struct backend *backend, struct error *error) MUST_CHECK;
// Is it the client from whom something must come, and not the server?
bool backend_awaits_file(const struct backend *backend);
void backend_feed_drained(struct backend *backend); // all queued bytes are gone

// ---- pools

// IPv4 as ::ffff:a.b.c.d.
struct client_ip {
    bool is_known;
    uint8_t bytes[16];
};

struct pool {
    struct node node; // in slot->pools
    struct slot *slot;
    uint16_t account;
    uint64_t capabilities; // & CAP_CLASS
    struct client_ip ip;   // whose connections these are; not known: anybody's
    uint32_t generation;   // goes up when its account or server has changed
    uint64_t awaited_us;   // ... and once more when this replica has applied what was written until
                           // then (loop clock); 0: not
    uint32_t waiting;      // of slot->line
    uint32_t outside;      // of slot->refused and slot->crowded
    uint32_t kills;        // of slot->kills, without a connection yet
    uint32_t expected;     // of pending, not yet promised to a waiter; open_more's own
    struct list pending;   // connecting, logging in, resetting
    struct list idle;      // front = used last
    struct list lent;
    struct backoff backoff; // the account is refused
    uint64_t taken, opened, failed, closed, resets, synced;
};

enum { ACCEPTED_SLOTS = 64 };

struct slot {
    struct pools *pools;
    uint16_t server;
    uint32_t connections; // of all its pools, all states but closed
    struct list pools_list;
    struct list line;    // waiters in order of their coming
    struct list refused; // waiters to be failed: no server
    struct list crowded; // waiters to be failed: the line is too long
    struct list kills;   // struct pool_kill: pool_kill.c
    struct later serve;
    struct backoff backoff; // the server is refused or silent
    struct tls_memory tls_memory;
    // SET and USE texts (hashes) that this server has accepted before: these may go out in one
    // write with the command behind them.
    uint64_t accepted[ACCEPTED_SLOTS];
};

struct noted_secret;

struct pools {
    struct pools_host host;
    struct noted_secret **secrets;   // owned; by account; NULL until one is noted
    size_t secret_count;             // places
    const struct snapshot *snapshot; // borrowed
    struct slot *slots[SERVERS_MAX]; // owned; NULL until it is needed
    int64_t balance[SERVERS_MAX];    // of pool_choose
    struct slab backends;
    struct list closed; // backends; freed after the turn
    struct later sweep;
    struct timer tick; // runs while there is anything to watch
};

static inline const struct settings *pools_settings(const struct pools *pools)
{
    return &pools->snapshot->config->settings;
}

static inline const struct server_config *slot_config(const struct slot *slot)
{
    return &slot->pools->snapshot->config->servers[slot->server];
}

// Is the server still in the configuration?
static inline bool slot_has_config(const struct slot *slot)
{
    return slot->server < slot->pools->snapshot->config->server_count;
}

static inline uint64_t pools_now_us(const struct pools *pools)
{
    return loop_now_us(pools->host.loop);
}

// ---- pool.c

struct slot *pools_slot(struct pools *pools, uint16_t server); // made when it is new
void pools_watch(struct pools *pools);                         // makes sure that the tick runs
void pools_sweep(struct pools *pools);                         // frees the closed backends

void pool_forget_backoff(struct pool *pool); // what it was refused for has changed

// ---- pool_key.c

// The pool that has what is wanted; NULL, or made when it is new.
struct pool *slot_find_pool(const struct slot *slot, const struct pool_want *want);
struct pool *slot_need_pool(struct slot *slot, const struct pool_want *want);
void slot_drop_left_pools(struct slot *slot); // of single clients' addresses, not used any more

// ---- told_proxy.c, told_attributes.c: what the server is told of the client

struct client_ip client_ip_of(const struct address *address); // NULL is fine
// `client` NULL: nobody's connection.
void told_proxy_write(struct text *out, enum server_proxy kind, const struct address *client,
                      const struct address *server);
void told_attributes_write(struct text *out, const struct pool_client *client, const char *user);

// ---- secret.c

// The configuration's password, or what was noted. False with *error when nothing is known.
bool pools_password(const struct pools *pools, uint16_t account, struct password *password,
                    struct error *error) MUST_CHECK;
void pools_drop_secrets(struct pools *pools); // of accounts that are gone
void pools_wipe_secrets(struct pools *pools); // all

// ---- pool_line.c: who gets what

void slot_serve_later(struct slot *slot); // hands out, opens, fails: after the turn
void slot_serve(struct later *later);
void slot_expire(struct slot *slot); // fails the waiters whose time is over
// The line of the slot's first waiter is owed a connection of another kind than this pool's.
bool slot_is_owed_elsewhere(const struct slot *slot, const struct pool *pool);
// The idle backend that fits best; NULL when none fits.
struct backend *pool_pick_idle(const struct pool *pool, const struct pool_want *want, size_t look);

// ---- pool_kill.c

// Of a backend for which a kill is under way.
void pool_kill_note_end(struct backend *victim);   // its statement has ended
void pool_kill_note_close(struct backend *victim); // its connection is closed
void slot_serve_kills(struct slot *slot);          // before anybody else is served
void slot_expire_kills(struct slot *slot);
void slot_drop_kills(struct slot *slot); // the worker ends

// ---- quota.c

// This worker's share of a limit that holds for all workers; at least 1.
uint32_t quota_share(int64_t max, uint16_t worker, uint16_t worker_count);
uint32_t slot_quota(const struct slot *slot);

// ---- health.c

bool slot_is_down(const struct slot *slot); // the monitor says so, or it is not configured any more
bool backoff_is_on(const struct backoff *backoff, uint64_t now_us);
// Can't this pool give anything now? *error says why then.
bool pool_is_refused(const struct pool *pool, struct error *error);
void pool_note_refusal(struct pool *pool, const struct error *error); // connecting failed
void pool_note_success(struct pool *pool);                            // logged in
void slot_note_trouble(struct slot *slot, const struct error *error); // a lent connection broke
