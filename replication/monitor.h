#pragma once
// The control plane's door: watches every server, keeps the snapshot true, starts failovers. Runs
// on the control thread; what blocks runs on job threads (replication/job.h) and comes back by
// mailbox.

#include "base/error.h"
#include "base/loop.h"
#include "cluster/snapshot.h"
#include "cluster/waiter.h"
#include "replication/commit_recover.h"
#include "replication/kill_mail.h"
#include "replication/schema_work.h"

struct monitor; // opaque

struct monitor_host { // filled in by server/control; outlives the monitor
    struct loop *loop;
    void *owner;
    const struct snapshot *(*current)(void *owner);
    // Takes the snapshot over and sends it to all workers. Not called when nothing a worker cares
    // for has changed... lag figures do count: at least once for each round of probes.
    void (*publish)(void *owner, struct snapshot *next);
    // Unix milliseconds, of the latest order id that a worker has made; 0: none. From any thread.
    uint64_t (*ids_used_ms)(void *owner);
    // What came of monitor_send_kill.
    void (*on_kill_answer)(void *owner, uint64_t number, const struct kill_answer *answer);
    // Another waybill asks: ends by monitor_answer_kill.
    void (*on_kill_order)(void *owner, uint64_t number, const struct kill_order *order);
    // What came of monitor_note_ddl: its id, or *error (code 0: none).
    void (*on_ddl_noted)(void *owner, uint64_t number, uint64_t id, const struct error *error);
    // What came of monitor_reserve_row_ids: *error (code 0: none).
    void (*on_row_ids)(void *owner, uint64_t number, const struct error *error);
    // What came of monitor_work_schema; borrowed.
    void (*on_schema_report)(void *owner, const struct schema_report *report);
    // All workers were sent the declared tables as of `number`: ends by monitor_declared_settled.
    // `seen`: what they had at the last one that ended well.
    void (*on_declared_published)(void *owner, uint64_t number, uint64_t seen);
    // That transaction, by one of its connections, is to be rolled back if it still waits.
    void (*on_deadlock)(void *owner, const struct waiter *victim);
};

enum { MONITOR_EVENTS_MAX = 256 }; // the last ones are kept

// One line of SHOW EVENTS and of the log: what happened to the cluster, newest last.
struct monitor_event {
    uint64_t wall_ms; // Unix milliseconds
    char text[240];
};

struct monitor *monitor_start(const struct monitor_host *host);
void monitor_stop(
    struct monitor *monitor); // waits for the job threads; no order id is made any more
void monitor_config_changed(struct monitor *monitor); // current() has another config now
// Passive evidence from a worker: probe this server at once (rate-limited inside).
void monitor_note_trouble(struct monitor *monitor, uint16_t server, const struct error *error);
// A log-in failed that might not with the servers' accounts as they are now (rate-limited inside).
// is_certain: they have changed, by a statement that went well; else anybody may have caused it.
void monitor_refresh_accounts(struct monitor *monitor, bool is_certain);
// The last events, at most max; how many were filled, oldest first.
size_t monitor_events(const struct monitor *monitor, struct monitor_event *out, size_t max);
// A client of another waybill; ends by on_kill_answer, within a few seconds. `number`: the
// caller's, never the same twice.
void monitor_send_kill(struct monitor *monitor, uint64_t number, const struct kill_order *order);
void monitor_answer_kill(struct monitor *monitor, uint64_t number, enum kill_outcome outcome);
// Who wishes an action, and is told of its end: once, later, on the control thread.
struct monitor_wish {
    void (*on_end)(void *asker, bool is_done, const char *text); // NULL: nobody
    void *asker;
};

// Starts a planned change of the shard's primary. `to`: NO_SERVER lets waybill choose. False: it
// was not begun, and nobody is told of an end.
bool monitor_switchover(struct monitor *monitor, uint16_t shard, uint16_t to,
                        const struct monitor_wish *wish, struct error *error) MUST_CHECK;
// Starts the promotion that `failover = auto` would start by itself: the shard's primary must be
// dead. False as above.
bool monitor_failover(struct monitor *monitor, uint16_t shard, const struct monitor_wish *wish,
                      struct error *error) MUST_CHECK;
// No read goes there, and it is the last to be promoted; a primary is replaced before. False as
// above.
bool monitor_maintain(struct monitor *monitor, uint16_t server, const struct monitor_wish *wish,
                      struct error *error) MUST_CHECK;
bool monitor_resume(struct monitor *monitor, uint16_t server, const struct monitor_wish *wish,
                    struct error *error) MUST_CHECK;
// Makes `server` anew from another of its shard; runs for long, beside all else. False as above.
bool monitor_clone(struct monitor *monitor, uint16_t server, uint16_t from,
                   const struct monitor_wish *wish, struct error *error) MUST_CHECK;
// Has it written down on the default shard; takes the note over. Ends by on_ddl_noted.
void monitor_note_ddl(struct monitor *monitor, uint64_t number, struct ddl_note *note);
// Has row ids reserved; ends by on_row_ids, at the latest after hold_ms. `number`: the caller's.
void monitor_reserve_row_ids(struct monitor *monitor, uint64_t number,
                             const struct row_id_wish *wish);
// All else of schema_work.h; ends by on_schema_report. `number`: the caller's, never the same
// twice.
void monitor_work_schema(struct monitor *monitor, uint64_t number, enum schema_kind kind,
                         struct slice argument);
// So many statements run that name a table which has changed since, and were planned before.
void monitor_declared_settled(struct monitor *monitor, uint64_t number, uint32_t busy);
// Branches of transactions on several shards that are prepared and not ended, as the recovery saw
// them last; how many were filled.
size_t monitor_transactions(const struct monitor *monitor, struct recover_branch *out, size_t max);
// The operator's word ('C' or 'A') for that one's branches. False: it is not in doubt.
bool monitor_resolve(struct monitor *monitor, struct slice gtrid, char outcome) MUST_CHECK;
// Transactions on several shards wait: is a list of them wanted now? Ends by monitor_take_waiters.
bool monitor_wants_waiters(struct monitor *monitor) MUST_CHECK;
void monitor_take_waiters(struct monitor *monitor, const struct waiter *waiters, size_t count);
// True once every server has been probed at least once (or found down), and waybill may do all that
// clients can ask of the primaries that there are.
bool monitor_is_settled(const struct monitor *monitor) MUST_CHECK;
