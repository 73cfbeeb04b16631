#pragma once
// The monitor's own state; control thread only.

#include "replication/accounts.h"
#include "replication/action.h"
#include "replication/commit_recover.h"
#include "replication/deadlock.h"
#include "replication/hook.h"
#include "replication/monitor.h"
#include "replication/observe.h"
#include "replication/schema_work.h"
#include "replication/scout.h"
#include "replication/told.h"

struct watched {         // one server, by id
    struct probe *probe; // owned; NULL: removed from the configuration
    struct probe_setup setup;
    struct probe_order order; // the last one
    struct observation seen;
    uint64_t poked_us;
    enum server_role role;
    uint16_t source;
    bool is_maintained;
    struct told missing;    // privileges
    uint64_t gone_since_us; // of one that was taken in: it neither answers nor replicates; 0
};

struct guarded {                 // one shard, by id
    struct action *action;       // owned; the one that runs; NULL
    enum action_kind kind;       // of it, or of the last one
    uint16_t subject;            // likewise
    uint32_t subject_connection; // of the subject's probe, when it began
    struct monitor_wish wish;    // of the action that runs
    struct action *clone;        // owned; beside the action; NULL
    struct monitor_wish clone_wish;
    uint16_t cloned;          // the server that it is about, or was
    uint16_t maintained_next; // once the switchover that runs is done; NO_SERVER
    uint16_t primary;         // as published
    uint16_t known;           // the last one that there was
    uint64_t epoch;
    struct id_grant ids; // as its primary has it
    enum shard_verdict verdict;
    struct told said;     // the opinion's reason
    struct told refused;  // why the last action was refused
    uint16_t told_server; // of whom was said whether it waits for acknowledgements; NO_SERVER
    bool told_waiting;
    struct scout *scout;         // owned; looks at who is in no section; NULL
    uint32_t scouted;            // server_id of the last one
    uint64_t scout_next_us;      // no look before
    struct told unfit;           // why the last one is not taken in
    char peer[64];               // whom the action that runs takes in or lets go
    char strangers[200];         // who replicate from its primary and are not configured; as told
    char weakness[200];          // as in struct shard_state, as told
    uint32_t up_count;           // members, at the last judgement
    bool is_closed;              // by a switchover that runs
    enum action_kind retry_kind; // what was refused
    uint16_t passed_over;        // whose turn it was when that was refused; the next one's is next
    uint64_t retry_us;           // it isn't tried again before
    uint32_t retry_ms;           // grows while actions are refused
};

struct watched_accounts {           // users = servers
    struct accounts_reader *reader; // owned; the one that runs; NULL
    struct account_list list;       // as they were read last
    bool is_tried;                  // once at least
    bool is_doubted;                // since doubted_us; the next read is for it
    bool is_certain;                // ... at once
    uint64_t doubted_us, read_us;
    uint64_t next_us, rest_us; // due then; and not before, in doubt either
    struct told problem;
    size_t left_out; // as was said
};

struct kills {                             // monitor_kill.c
    struct kill_asker *askers[KILL_SLOTS]; // owned; NULL: the slot is free
    uint64_t numbers[KILL_SLOTS];
    struct kill_answerer *answerer; // owned; NULL: there was nothing to answer
};

struct schema_works {           // monitor_schema.c
    struct schema_work **items; // owned; those that run
    size_t count;
    uint64_t *running; // owned; ids of DDL that has begun and not ended
    size_t running_count;
    uint64_t last_id;
    bool is_building;       // global indexes
    uint64_t index_next_us; // no look before
    struct told index_problem;
};

struct row_id_keepers { // monitor_row_ids.c
    struct list all;    // owned; of each column whose ids were ever asked for
    uint64_t last_number;
};

struct watched_transactions {        // on several shards, in doubt: monitor_recover.c
    struct recover_job *job;         // owned; the round that runs; NULL
    struct recover_branch *branches; // owned; as the last round left them
    struct recover_line *lines; // owned; likewise, and while no round has them; line_count of them
    size_t line_count;
    size_t count;
    struct recover_word word;   // for the next round
    uint64_t next_us, sweep_us; // due then
};

struct watched_deadlocks {        // monitor_deadlock.c
    struct deadlock_check *check; // owned, and while a job runs that one's; NULL: never needed yet
    struct job *job;              // owned; NULL: none runs
    bool is_asking;               // the workers, for who waits
    uint64_t next_us, pause_us;   // no look before
    struct told problem;
};

struct watched_declared { // tables: monitor_declared.c
    bool joins;           // others wait for this waybill, and it counts on that
    bool is_looked;       // once at least
    bool has_failed;      // what was read last can't be taken
    bool has_lapsed;      // as was said
    bool is_tidying;
    uint64_t until_us;  // so long counts what is known; 0: nothing was read yet
    uint64_t seen;      // the number that no worker is behind of any more
    uint64_t settle_us; // ask the workers again then; 0: no
    uint64_t tidy_us;   // not before
    struct told problem;
};

struct monitor {
    const struct monitor_host *host;
    struct mailbox *mailbox; // owned: what jobs post; delivered and emptied by monitor_stop
    uint64_t run;            // this process, in the heartbeats
    uint32_t generation;     // of the last probe
    uint16_t server_count, shard_count;
    bool is_stopping;
    bool makes_ids;          // the configuration has a table for it
    uint64_t ids_from_ms;    // the latest of all shards
    struct watched *servers; // owned
    struct guarded *shards;  // owned
    struct watched_accounts accounts;
    struct kills kills;
    struct schema_works schema;
    struct row_id_keepers row_ids;
    struct watched_transactions transactions;
    struct watched_deadlocks deadlocks;
    struct watched_declared declared;
    struct probe **retired; // owned; ended probes whose threads may still run
    size_t retired_count;
    struct hooks hooks;
    struct timer tick;    // judges what only time changes
    struct timer publish; // gathers the figures of one round of probes
    struct monitor_event events[MONITOR_EVENTS_MAX];
    size_t event_count; // ever
};

const struct config *monitor_config(const struct monitor *monitor);
void monitor_say(struct monitor *monitor, const char *format, ...) PRINTF_LIKE(2, 3);
// An order to a probe; is_now: don't wait for its next round.
void monitor_order(struct monitor *monitor, uint16_t server, bool is_now, uint64_t expect_us);

// monitor_shard.c: forms the opinion on a shard and acts on it.
void monitor_judge(struct monitor *monitor, uint16_t shard);
void monitor_on_report(struct message *message, void *receiver);
// Starts a job of that kind, which reports to monitor_on_report.
struct action *monitor_new_action(struct monitor *monitor, uint16_t shard, enum action_kind kind,
                                  const struct shard_opinion *opinion);
void monitor_start_action(struct monitor *monitor, uint16_t shard, enum action_kind kind,
                          const struct shard_opinion *opinion);
bool monitor_is_free(const struct guarded *guarded, struct error *error) MUST_CHECK; // no action
// False: its servers are a group, which sees to roles by itself.
bool monitor_may_promote(const struct monitor *monitor, uint16_t shard,
                         struct error *error) MUST_CHECK;
void monitor_stop_actions(struct monitor *monitor); // waits for them

void monitor_run_hook(struct monitor *monitor, uint16_t shard, const char *event, uint16_t server,
                      const char *text);
void monitor_ask_members_anew(struct monitor *monitor, uint16_t shard, uint64_t at_us);
void monitor_end_wish(struct monitor_wish *wish, bool is_done, const char *text);

// monitor_clone.c
void monitor_take_clone_report(struct monitor *monitor, const struct action_report *report);

// monitor_maintain.c
void monitor_note_maintenance(struct monitor *monitor, uint16_t shard);
void monitor_begin_maintenance(struct monitor *monitor, uint16_t server); // it is no primary

// monitor_durability.c
void monitor_tell_durability(struct monitor *monitor, uint16_t shard);

// monitor_accounts.c
void monitor_watch_accounts(struct monitor *monitor);                // reads them if it is time
bool monitor_has_accounts(const struct monitor *monitor) MUST_CHECK; // or need not have
void monitor_stop_accounts(struct monitor *monitor);

// monitor_recover.c
void monitor_watch_transactions(struct monitor *monitor); // a round, if it is time
void monitor_stop_transactions(struct monitor *monitor);

void monitor_stop_deadlocks(struct monitor *monitor); // monitor_deadlock.c

// monitor_kill.c
void monitor_look_for_kills(struct monitor *monitor, uint32_t waiting); // so many are for us
void monitor_stop_kills(struct monitor *monitor);

// monitor_ids.c
void monitor_ids_follow_config(struct monitor *monitor);
// Of every shard that has a primary; or needs none.
bool monitor_has_ids(const struct monitor *monitor) MUST_CHECK;
void monitor_take_ids(struct monitor *monitor, uint16_t server, const struct id_grant *grant);
bool monitor_has_ids_changed(const struct monitor *monitor, uint16_t shard,
                             const struct id_grant *published) MUST_CHECK;
void monitor_fill_ids(const struct monitor *monitor, uint16_t shard, struct id_grant *grant);

// monitor_declared.c
void monitor_declared_follow_config(struct monitor *monitor);
void monitor_declared_changed(struct monitor *monitor); // here: look at once
void monitor_fill_declared(const struct monitor *monitor, uint16_t server,
                           struct declared_order *order);
uint64_t monitor_declared_until(const struct monitor *monitor); // for the snapshot
bool monitor_has_declared(const struct monitor *monitor) MUST_CHECK;
void monitor_take_declared(struct monitor *monitor, uint16_t server,
                           const struct declared_facts *facts);
void monitor_watch_declared(struct monitor *monitor);
void monitor_declared_tidied(struct monitor *monitor);

// monitor_schema.c. Takes over what the order owns.
void monitor_start_schema_work(struct monitor *monitor, struct schema_order *order);
void monitor_stop_schema(struct monitor *monitor);
void monitor_watch_indexes(struct monitor *monitor); // a look at global indexes, if it is time

// monitor_row_ids.c
void monitor_take_row_ids(struct monitor *monitor, const struct schema_report *report);
void monitor_watch_row_ids(struct monitor *monitor); // asks again where that failed
void monitor_stop_row_ids(struct monitor *monitor);  // ... and nobody uses any more

// monitor_discover.c
void monitor_watch_discovered(struct monitor *monitor); // who is to be taken in, and who let go
void monitor_stop_discovery(struct monitor *monitor);
// A server that was taken in and is, under another name, in the file, too?
bool monitor_is_twice(const struct monitor *monitor, uint16_t server) MUST_CHECK;

// monitor.c: the configuration has other servers now.
void monitor_follow_servers(struct monitor *monitor);

// monitor_publish.c
// Sends a new snapshot now if anything has changed that workers act on.
void monitor_publish_changes(struct monitor *monitor);
void monitor_publish_figures(struct monitor *monitor); // ... and if not, soon, for the lag figures
void monitor_publish_now(struct monitor *monitor);
// ... with another configuration; NULL: the same.
void monitor_publish_config(struct monitor *monitor, struct config *config);
