#pragma once
// A worker: one thread with its own loop, listener, pools and sessions. It shares nothing on the
// query path; all that reaches it from outside are messages, and all that leaves it are messages to
// the control thread and counters.

#include "admin/admin.h"
#include "base/mailbox.h"

struct worker; // opaque

// The messages that a worker posts to the control thread are delivered to these.
struct worker_host {         // outlives the workers
    struct mailbox *mailbox; // the control thread's; its receiver is handed to the functions below
    _Atomic uint32_t *client_count;
    _Atomic uint64_t *table_changes;
    _Atomic uint32_t *account_clients;
    struct counter *ids_used_ms; // by worker
    struct rsa_key *_Atomic *rsa_key;
    uint64_t login_seed;
    void (*on_snapshot_returned)(void *receiver, const struct snapshot *snapshot);
    void (*on_report)(void *receiver, uint64_t question, struct worker_report *report);
    uint64_t (*questions)(const struct worker_host *host); // of all workers; from any thread
    void (*on_accounts_doubt)(void *receiver, bool is_certain);
    void (*on_waiting)(void *receiver); // a transaction on several servers
    void (*on_errand)(void *receiver, uint16_t worker, const struct errand *order);
    void (*on_errand_run)(void *receiver, uint64_t question, const struct errand_result *outcome);
    void (*on_server_trouble)(void *receiver, uint16_t server, const struct error *error);
};

// Opens its listener and makes its pools and sessions; the thread does not run yet. NULL with
// *error.
struct worker *worker_new(const struct worker_host *host, uint16_t index, uint16_t count,
                          const struct snapshot *snapshot, struct error *error);
bool worker_start(struct worker *worker)
    MUST_CHECK; // starts the thread, which accepts clients only after worker_open
// Joins the thread; everything is closed.
void worker_stop(struct worker *worker);

// From the control thread; each is a message.
void worker_send_snapshot(struct worker *worker, const struct snapshot *snapshot);
void worker_open(struct worker *worker);         // accept clients from now on
void worker_forget_hosts(struct worker *worker); // with failed log-ins: none is blocked any more
void worker_drain(struct worker *worker, uint32_t grace_ms);
void worker_ask(struct worker *worker, uint64_t question); // answered by on_report
// Answered by on_errand_run.
void worker_run_errand(struct worker *worker, uint64_t question, const struct errand *order);
// To the session that has asked. The outcome's list is taken over.
void worker_end_errand(struct worker *worker, const struct errand *order,
                       struct errand_result *outcome);

// Readable from any thread.
const struct session_counters *worker_counters(const struct worker *worker);
