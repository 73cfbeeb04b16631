#pragma once
// The door of the room: the sessions of one worker.
//
// Rule: no pointer into a snapshot survives the event in which it was taken; sessions and flows
// keep ids. So a worker can hand an old snapshot back as soon as it has taken the new one.

#include "base/counter.h"
#include "base/histogram.h"
#include "base/loop.h"
#include "base/sock.h"
#include "cluster/row_id.h"
#include "cluster/snapshot.h"
#include "cluster/waiter.h"
#include "pool/pool.h"

// A connection id says its proxy and its worker: session_ids.h.
enum { SESSION_NUMBER_BITS = 26 };
#define SESSION_NUMBER_MAX ((UINT32_C(1) << SESSION_NUMBER_BITS) - 1)
static inline uint8_t session_id_proxy(uint32_t id)
{
    return (uint8_t)(id >> SESSION_NUMBER_BITS);
}
// Is it the id of another waybill's client?
static inline bool session_id_is_elsewhere(uint32_t id, const struct settings *settings)
{
    return session_id_proxy(id) != (uint8_t)settings->proxy_id;
}
static inline uint16_t session_id_worker(uint32_t id, uint16_t worker_count)
{
    uint32_t number = id & SESSION_NUMBER_MAX;
    return (uint16_t)(number > 0 ? (number - 1) % worker_count : 0);
}

// What a session, or the admin port, asks of the sessions of all workers: errand.h.
enum errand_kind {
    ERRAND_KILL,
    ERRAND_LIST,  // SHOW PROCESSLIST
    ERRAND_TABLE, // information_schema.PROCESSLIST
    ERRAND_ACCOUNTS,
    ERRAND_DDL,      // to be written down: flow_ddl.h
    ERRAND_GLOBALS,  // SET GLOBAL was done: global_settings.h
    ERRAND_WAITERS,  // the monitor's: deadlock.h
    ERRAND_VICTIM,   // ... likewise
    ERRAND_ROW_IDS,  // row_id_wait.h
    ERRAND_DECLARED, // the monitor's: declare.h
};
struct ddl_note; // cluster/ddl_note.h
struct errand {
    enum errand_kind kind;
    uint32_t asker;  // session id; 0: the admin port
    uint64_t ticket; // the asker's own, for the answer
    char asker_user[256];
    bool may_all; // not only sessions of that user
    // KILL
    bool is_query;   // KILL QUERY: the session lives on
    bool is_user;    // all of a user; else one victim
    uint32_t victim; // session id
    char user[256];  // is_user
    char host[256];  // ... as his account has it (`from`); empty: any
    // the list of sessions
    bool is_full;
    const struct charset *charset; // the asker's; NULL: utf8mb4
    // ACCOUNTS: they have changed on that shard, which nobody reads. NO_SHARD: every worker has
    // them already, once this was answered
    uint16_t shard;
    // DDL
    bool is_end;          // what came of it
    struct ddl_note *ddl; // owned by who has the errand; NULL: it was handed on
    // GLOBALS on `shard`: what was global until then
    char settings[2048]; // name NUL literal NUL ...
    uint16_t settings_bytes;
    struct row_id_wish row_ids;        // ROW_IDS
    uint64_t declared_since, declared; // DECLARED: numbers; declare.h
    struct waiter waiter;              // VICTIM: whose statement; `victim` is its session
};

struct errand_result {
    uint32_t killed;
    uint32_t denied;      // not the asker's own
    uint32_t committing;  // KILL QUERY of what can't be interrupted
    struct error problem; // of a victim elsewhere: nobody has said what came of it; DDL, ROW_IDS
    struct text list;     // owned: processlist.h, deadlock.h
    uint64_t number;      // DDL: its id
    uint32_t busy;        // DECLARED: statements
};

struct sessions; // a worker's; opaque
struct compressor;
struct rsa_key; // protocol/auth_rsa.h

// Counted by the worker, read by everybody.
struct session_counters {
    struct counter clients_connected; // now
    struct counter clients_accepted, clients_refused, logins_failed;
    struct counter hosts_blocked; // put off after too many failed log-ins
    struct counter queries;       // commands that reached the router
    struct counter queries_one_shard, queries_many_shards, queries_refused, queries_held;
    struct counter queries_gathered, rows_gathered;
    struct counter index_questions, index_entries; // global indexes
    struct counter scatter_warned, scatter_denied; // by guards
    struct counter reads_replica, reads_primary, writes;
    struct counter transactions_begun, transactions_committed, transactions_rolled_back, deadlocks;
    struct counter retries; // reads run again elsewhere
    struct counter bytes_from_clients, bytes_to_clients;
    struct counter errors_sent;
    struct counter server_reads[SERVERS_MAX],
        server_writes[SERVERS_MAX]; // statements sent to each server
    struct counter shard_statements[SHARDS_MAX];
    struct histogram latency_us; // of a query, from its last byte in to its last byte out
};

struct sessions_host { // what the worker lends; outlives the sessions
    struct loop *loop;
    struct slab *arena_blocks;
    struct slab *buffer_blocks;
    uint8_t *scratch; // 64 KiB
    size_t scratch_bytes;
    uint16_t worker;
    uint16_t worker_count;
    struct pools *pools;
    struct compressor *compressor; // protocol/compress.h
    // Clients over all workers, to hold max_clients: an atomic of the process.
    _Atomic uint32_t *client_count;
    _Atomic uint64_t *table_changes;   // DDL that has gone through the process, likewise
    _Atomic uint32_t *account_clients; // ... the same of each account, by id
    struct counter *ids_used_ms;       // this worker's (router/order_id.h)
    // Set once when first needed, by the control thread. NULL: not yet.
    struct rsa_key *_Atomic *rsa_key;
    uint64_t login_seed; // the process's: which account an unknown name is compared with
    void *owner;
    // users = servers: a log-in failed that might not with accounts read now, which may happen
    // often; or a statement has changed them (is_certain).
    void (*on_accounts_doubt)(void *owner, bool is_certain);
    uint64_t (*questions)(void *owner); // that all workers have had
    // A transaction on several servers waits: deadlock.h.
    void (*on_waiting)(void *owner);
    // Reaches the sessions of all workers; ends later by sessions_errand_done.
    void (*on_errand)(void *owner, const struct errand *order);
};

struct sessions *sessions_new(const struct sessions_host *host, const struct snapshot *snapshot);
void sessions_free(struct sessions *sessions); // closes what is left
void sessions_set_snapshot(struct sessions *sessions,
                           const struct snapshot *snapshot); // held statements go on
// Takes the descriptor over.
void sessions_accept(struct sessions *sessions, int fd, const struct address *peer);
// No new commands: idle sessions are closed with 1053, the others after their command or
// transaction, at most after grace_ms.
void sessions_drain(struct sessions *sessions, uint32_t grace_ms);
// With this worker's sessions. (Whoever is to be killed: the asker himself is seen to by his flow.)
void sessions_run_errand(struct sessions *sessions, const struct errand *errand,
                         struct errand_result *result);
void sessions_errand_done(struct sessions *sessions, const struct errand *errand,
                          const struct errand_result *result);
size_t sessions_count(const struct sessions *sessions);
void sessions_forget_hosts(struct sessions *sessions); // FLUSH HOSTS
struct session_counters *sessions_counters(struct sessions *sessions);

// One line of SHOW SESSIONS.
struct session_figures {
    uint32_t id;      // the connection id that the client was told
    uint16_t account; // user_config id
    char peer[64];
    char transport[32]; // "plain", "TLSv1.3 zlib"
    char program[64];   // as the client names itself (program_name); may be empty
    char database[64];
    char state[24];  // "idle", "routing", "relaying", "waiting", "held", ...
    char pinned[96]; // why it is bound to a server; empty: it is not
    char shards[64]; // of its transaction
    bool in_transaction;
    uint64_t queries;
    uint64_t since_us;   // in this state, loop clock
    char statement[128]; // the running one's beginning
};
size_t sessions_figures(const struct sessions *sessions, struct session_figures *out,
                        size_t max); // how many there are
