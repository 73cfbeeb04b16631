#pragma once
// What the runbooks share: the running action, and their verbs.

#include "replication/action.h"
#include "replication/gtid.h"
#include "replication/job.h"
#include "replication/leader.h"
#include "replication/privilege.h"
#include "replication/promise.h"

struct action {
    struct action_setup setup;
    struct job *job;      // owned by the control thread
    struct job *self;     // the same, for the job's thread
    struct leader leader; // the connections
    struct arena arena;
    uint64_t began_us;
    struct error error; // of the last failed statement
    char why[160];      // why the runbook gave up
};

// What a member of the shard says when a runbook asks it.
struct member_state {
    bool is_read_only;
    bool is_incomplete; // it is being cloned
    uint32_t source_count;
    uint32_t delay_s; // it applies so much later, as it was told
    uint16_t source_port;
    char source_host[256];
    bool is_receiving;
    bool is_stopped; // its receiving, by somebody: it doesn't even try
    bool is_applying;
    bool has_unapplied; // of what it has received; MariaDB
    char relay_file[256];
    uint64_t relay_at; // up to where that file is applied
    uint32_t server_id;
    struct gtid_set received; // everything that it has, applied or not
    struct gtid_set had;      // before a waybill made it receive anew; empty: none did
    struct slice wait_for;    // text: what must be applied to have it applied all
};

// The newest row of waybill.topology for the shard, as a server has it.
struct epoch_row {
    uint64_t epoch; // 0: there is none
    char primary_name[64];
    struct gtid_set cut;
    char server_uuid[40]; // of the server that was asked; MySQL
};

// The runbooks. False: given up, `why` says it.
bool action_open(struct action *action) MUST_CHECK;
bool action_failover(struct action *action) MUST_CHECK;
bool action_follow(struct action *action) MUST_CHECK;
bool action_fence(struct action *action) MUST_CHECK;
bool action_mend(struct action *action) MUST_CHECK;
bool action_rejoin(struct action *action) MUST_CHECK;
bool action_switchover(struct action *action) MUST_CHECK;
bool action_maintain(struct action *action) MUST_CHECK;
bool action_resume(struct action *action) MUST_CHECK;
bool action_adopt(struct action *action) MUST_CHECK;
bool action_let_go(struct action *action) MUST_CHECK;
bool action_clone(struct action *action) MUST_CHECK; // takes the leader's locks by itself

// action.c
void action_say(struct action *action, const char *format, ...) PRINTF_LIKE(2, 3);
void action_report_closed(struct action *action, const char *format, ...) PRINTF_LIKE(2, 3);
void action_report_opened(struct action *action, uint16_t server, uint64_t epoch);
bool action_give_up(struct action *action, const char *format, ...) PRINTF_LIKE(2, 3); // false
size_t action_place(const struct action *action, uint16_t server); // in setup.servers

// steps.c: each runs on the connection that holds that server's lock. False: action->error.
// Does a member of this state replicate from the server at `place`, and from nobody else?
bool step_is_replica_of(const struct action *action, const struct member_state *state,
                        size_t place) MUST_CHECK;
// A reachable member of the shard that replicates from it; setup.count: none.
size_t step_find_follower(struct action *action, size_t place);
// ... that replicates from several sources and may have acknowledged; likewise.
size_t step_find_mixed(struct action *action);
// Waits at most `seconds` until the server has applied the position; false: not yet, or it can't
// be asked.
bool step_has_applied(struct action *action, size_t place, const char *position,
                      int seconds) MUST_CHECK;
bool step_take_leadership(struct action *action) MUST_CHECK; // false: given up
bool step_still_leads(struct action *action) MUST_CHECK;
bool step_read_state(struct action *action, size_t place, struct member_state *state) MUST_CHECK;
bool step_read_epoch(struct action *action, size_t place, struct epoch_row *row) MUST_CHECK;
bool step_read_promise(struct action *action, size_t place, const struct promise_of *of,
                       struct promise *promise) MUST_CHECK;
// Where the first promotion went on from that came after the epoch `known`, as the server at
// `place` has it; *epoch 0: there was none.
bool step_read_cut(struct action *action, size_t place, uint64_t known, struct gtid_set *cut,
                   uint64_t *epoch) MUST_CHECK;
// The newest heartbeat of this waybill that the server has applied; 0: none.
uint64_t step_read_beat_us(struct action *action, size_t place);
// May a replica have had, before it was started anew, what a candidate lacks that has this
// heartbeat and this promise? (restarted.h)
bool step_may_have_more(struct action *action, size_t place, uint64_t beat_us,
                        const struct promise *promise);
bool step_look_at_privileges(struct action *action, size_t place,
                             struct privileges *privileges) MUST_CHECK;
bool step_run(struct action *action, size_t place, const char *statement) MUST_CHECK;
bool step_ask(struct action *action, size_t place, const char *statement,
              struct db_rows *rows) MUST_CHECK; // db_rows_done in any case
bool step_send(struct action *action, size_t place, const char *statement) MUST_CHECK;
bool step_finish(struct action *action, size_t place) MUST_CHECK; // of what was sent
// Which half of semi-sync is on: the source's or the replica's. Nothing without the plugin.
bool step_set_semi_sync(struct action *action, size_t place, bool is_source) MUST_CHECK;
// From where it goes on as a replica, MariaDB; it does not replicate now.
bool step_set_position(struct action *action, size_t place,
                       const struct gtid_set *position) MUST_CHECK;
// ... and its own binary log is emptied, and begins anew there.
bool step_begin_log(struct action *action, size_t place,
                    const struct gtid_set *position) MUST_CHECK;
bool step_follow(struct action *action, size_t place, size_t primary) MUST_CHECK;
// A row of `table`, which is made if it isn't there, on setup.primary. False: given up.
bool step_write_on_primary(struct action *action, const char *statement,
                           const char *table) MUST_CHECK;
// STOP SLAVE and START SLAVE, `threads`: "", " IO_THREAD", " SQL_THREAD". Between them the server
// has a mark that says who stopped it: should this waybill get no further, another one starts it.
// A server that has an init_slave of its own is not marked.
void step_mark_stopped(struct action *action, size_t place);
void step_clear_mark(struct action *action, size_t place);
// What the replica has received is about to be thrown away, to be received again: so long it has a
// mark that says what it had. With the primary gone in between, nobody is promoted without it.
bool step_mark_had(struct action *action, size_t place, const struct gtid_set *received) MUST_CHECK;
// ... it is running: waits until it has all of that again, and takes the mark away. The mark stays
// when that takes too long: it only says what is true.
void step_await_had(struct action *action, size_t place, const struct gtid_set *received);
bool step_stop_replica(struct action *action, size_t place, const char *threads) MUST_CHECK;
// Gets its receiving thread out of its wait for the primary, when it waits: STOP SLAVE comes a
// moment later, and finds it on its way out. False: there is nothing to wait for.
bool step_wake_receiver(struct action *action, size_t place) MUST_CHECK;
bool step_start_replica(struct action *action, size_t place, const char *threads) MUST_CHECK;

// adopt.c: does this waybill know all replicas that were taken in, as the server at `place` has
// them? False: given up.
bool adopt_check_known(struct action *action, size_t place) MUST_CHECK;

// relay_log.c: what a replica has received and not applied.
// Before its receiving is stopped: it applies while that still runs.
void relay_log_start_applying(struct action *action, size_t place,
                              const struct member_state *state);
// Receiving is stopped: applies it, to the end. False: given up.
bool relay_log_apply(struct action *action, size_t place,
                     const struct member_state *state) MUST_CHECK;
// Receiving goes on, from whom it was; `was`: the state before it was stopped. False:
// action->error.
bool relay_log_receive_again(struct action *action, size_t place,
                             const struct member_state *was) MUST_CHECK;
