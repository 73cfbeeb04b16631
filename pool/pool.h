#pragma once
// The door of the room: a worker's connections to all servers. One pool for each server, account
// and capability class; a fair line with a deadline when the limit is reached; idle ones are kept
// by last use, trimmed after pool_idle_ms.

#include "base/loop.h"
#include "cluster/snapshot.h"
#include "pool/backend.h"
#include "protocol/compress.h"

struct pools; // a worker's; opaque

struct pools_host { // what the worker lends; outlives the pools
    struct loop *loop;
    struct slab *arena_blocks;  // ARENA_BLOCK_BYTES
    struct slab *buffer_blocks; // BUFFER_BLOCK_BYTES
    uint8_t *scratch;           // one read goes here; valid until the event ends
    size_t scratch_bytes;
    struct compressor *compressor; // of connections that are compressed
    uint16_t worker;               // 0-based
    uint16_t worker_count;
    void *owner;
    // A server refused, reset or timed out: passive evidence for the monitor. May be called often.
    void (*on_server_trouble)(void *owner, uint16_t server, const struct error *error);
};

struct pools *pools_new(const struct pools_host *host, const struct snapshot *snapshot);
void pools_free(struct pools *pools); // closes all connections; asserts that none is lent
// The new snapshot from now on. Idle connections to servers that are gone, down or changed are
// closed; waiters for them are failed (they choose again).
void pools_set_snapshot(struct pools *pools, const struct snapshot *snapshot);
// Privileges may have changed on that shard: no connection that was opened to it before is lent any
// more.
void pools_outdate(struct pools *pools, uint16_t shard);

// For whom a connection would be opened: what the server is told of him. What it points to stays
// valid while he waits.
struct pool_client {
    const struct address *address; // NULL: not known
    struct slice attributes;       // of his log-in: pairs of length-encoded strings, unchecked
};

struct pool_want {
    uint16_t server;                   // id
    uint16_t account;                  // user_config id
    uint64_t capabilities;             // the client's; only CAP_CLASS matters
    const struct session_state *state; // an idle backend already like it is preferred; NULL: any
    struct pool_client client;
    bool needs_no_database; // a connection in which none was chosen; implied by a state without one
};

// An idle, clean backend right now, or NULL: then wait.
struct backend *pool_take(struct pools *pools, const struct pool_want *want,
                          struct backend_user *user);

// Embedded in whoever waits.
struct pool_waiter {
    void (*on_ready)(struct pool_waiter *waiter, struct backend *backend); // lent to waiter->user
    void (*on_failed)(struct pool_waiter *waiter,
                      const struct error *error); // refused, deadline, server down
    struct backend_user *user;
    struct pool_want want; // filled in by pool_wait; `state` is dropped
    struct pool *pool;     // set by pool_wait; the room's own
    uint64_t deadline_us;  // of the loop clock; set by pool_wait
    struct node node;
    struct list *line; // where it waits; NULL when it doesn't
};

// Waits for a new or a given-back connection, at most pool_wait_ms. Never answers from inside the
// call.
void pool_wait(struct pools *pools, const struct pool_want *want, struct pool_waiter *waiter);
void pool_cancel(struct pools *pools,
                 struct pool_waiter *waiter); // nothing happens when it doesn't wait

// Gives it back: to the first in line, or to the idle ones. A backend whose command still runs,
// that is in a transaction or broken is closed; a dirty one is reset first.
void pool_give(struct pools *pools, struct backend *backend);
void pool_close(struct pools *pools, struct backend *backend); // its state is not known any more

// Ends the statement that the backend runs on its server (KILL), also when the backend is closed
// afterwards, in this turn or later. A commit that waits for a replica goes on. False: nothing runs
// there, or too many are being killed.
bool pool_kill(struct pools *pools, struct backend *backend);

// May one more connection to the server be opened? Does somebody stand in its line?
bool pool_has_room(const struct pools *pools, uint16_t server);
bool pool_has_line(const struct pools *pools, uint16_t server);

// Which server reads this shard's rows: by weight among the replicas that are fit (snapshot_is_fit
// with written_us) and not in back-off; the primary when none is or when `primary_only`; NO_SERVER
// when there is no primary either.
uint16_t pool_choose(struct pools *pools, uint16_t shard, bool primary_only, uint64_t written_us);

// What is known of an account's password. Whoever has checked a client's log-in can recover from it
// what a log-in to the servers with the same plugin takes.
enum secret_kind {
    SECRET_NONE,
    SECRET_CLEAR,  // the password itself; may be empty
    SECRET_SHA1,   // SHA1(password): for mysql_native_password
    SECRET_SHA256, // SHA256(password): for the fast path of caching_sha2_password
};

enum { SECRET_BYTES_MAX = 256 }; // what MySQL takes; a longer one can't be noted

struct account_secret {
    enum secret_kind kind;
    uint8_t bytes[SECRET_BYTES_MAX];
    size_t len;
};

// A client of the account has logged in on this worker. Counts where the configuration has no
// password for the account on the servers. Copied; wiped when it is replaced.
void pools_note_secret(struct pools *pools, uint16_t account, const struct account_secret *secret);

// Figures of one pool, for SHOW POOLS and metrics.
struct pool_figures {
    uint16_t server, account;
    uint64_t capabilities;
    uint32_t idle, lent, connecting, waiting;
    uint64_t taken, opened, failed, closed, resets, synced; // since start
};
size_t pools_figures(const struct pools *pools, struct pool_figures *out,
                     size_t max); // how many there are
