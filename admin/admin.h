#pragma once
// The admin room's door: a MySQL-speaking port and a metrics page, on the control thread. Looks at
// everything through `struct admin_host`, which server/ fills in.

#include "base/loop.h"
#include "cluster/snapshot.h"
#include "replication/monitor.h"
#include "session/session.h"

struct admin; // opaque

// What a worker tells when it is asked; owned by the receiver, freed with worker_report_free.
struct worker_report {
    uint16_t worker;
    struct pool_figures *pools;
    size_t pool_count;
    struct session_figures *sessions;
    size_t session_count;
};

struct admin_host {
    struct loop *loop;
    void *owner;
    const struct snapshot *(*current)(void *owner);
    struct monitor *(*monitor)(void *owner);
    uint16_t (*worker_count)(void *owner);
    const struct session_counters *(*counters)(void *owner,
                                               uint16_t worker); // readable from any thread
    // Asks every worker; `on_reports` comes once, later, on this thread, with one report for each
    // worker.
    void (*ask_workers)(void *owner,
                        void (*on_reports)(void *asker, struct worker_report **reports,
                                           uint16_t count),
                        void *asker);
    // Reads the file again. False: nothing changed, `errors` has the lines.
    bool (*reload)(void *owner, struct text *errors);
    // Work on the schema (replication/schema_work.h); `on_report` comes once, later, on this
    // thread, with what came of it (borrowed), or NULL when waybill ends before.
    void (*work_schema)(void *owner, enum schema_kind kind, struct slice argument,
                        void (*on_report)(void *asker, const struct schema_report *report),
                        void *asker);
    void (*forget_hosts)(void *owner); // whose log-ins failed
    void (*kill)(void *owner, const struct errand *order);
    bool (*resolve)(void *owner, struct slice gtrid, char outcome); // monitor_resolve
    uint64_t (*started_wall_ms)(void *owner);
};

void worker_report_free(struct worker_report *report);

// NULL with *error when a port can't be opened.
struct admin *admin_start(const struct admin_host *host, struct error *error);
void admin_stop(struct admin *admin);
