#pragma once
// One server's probe: a long-lived job that asks the server how it is, every probe_ms and when it
// is poked, and on the primary writes the heartbeat. Facts only: what they mean is
// replication/observe's.

#include "base/mailbox.h"
#include "replication/dbconn.h"
#include "replication/declared_look.h"
#include "replication/id_clock.h"
#include "replication/job.h"

enum { GTID_TEXT_BYTES = 1024 };

enum receiving { RECEIVING_NO, RECEIVING_CONNECTING, RECEIVING_YES };

// What one server said of itself.
// In init_slave of a replica that a waybill has stopped and not started yet (steps.c).
#define STOPPED_MARK "DO 0 /* stopped by waybill */"
// ... and of one that was made to receive anew what it had received, with the position that it had.
#define HAD_MARK_BEGIN "DO 0 /* waybill: it had received "
#define HAD_MARK_END   " */"

struct server_facts {
    bool is_mariadb;
    bool is_read_only;
    bool has_semi_sync;       // the server knows semi-sync at all
    bool is_semi_sync_source; // on, as primary
    bool is_semi_sync_replica;
    bool is_applying;     // SQL thread; of a member of a group: it is ready
    bool is_in_group;     // of Galera, or of MySQL's Group Replication: waybill promotes nobody
    bool is_group_ready;  // ... and one that serves
    bool is_marked;       // a waybill has stopped its threads
    bool has_tables;      // waybill.heartbeat and waybill.topology are there
    bool has_applied_us;  // our own heartbeat of this run was read
    bool is_beat_written; // primary: the heartbeat was written in this probe
    bool is_beat_late;    // primary: it was tried and failed or waits (semi-sync without a replica)
    enum receiving receiving;
    uint32_t version;
    uint64_t capabilities; // as greeted
    uint32_t server_id;
    uint32_t source_count; // configured sources; 0: is no replica
    uint32_t delay_s;      // it applies so much later, as it was told
    uint16_t source_port;
    char source_host[256];
    char version_text[64]; // as greeted
    char sql_mode[256];
    char collation[64];           // the default of collation_connection
    char tracks_transactions[16]; // the default of session_track_transaction_info; may be empty
    char binlog_gtid[GTID_TEXT_BYTES];   // MySQL: gtid_executed
    char applied_gtid[GTID_TEXT_BYTES];  // gtid_slave_pos; MySQL: empty (in gtid_executed)
    char received_gtid[GTID_TEXT_BYTES]; // Gtid_IO_Pos; MySQL: Retrieved_Gtid_Set
    uint16_t apply_error;                // the SQL thread's; 0: none
    uint32_t connection;                 // of the probe: how many there were before
    uint32_t held_count;         // branches of waybill's that were prepared when it was made
    char replication_error[192]; // "" = none
    char weakness[160];          // durability.h
    char cloned[160];            // "being cloned from ..." (clone_mark.h); "": it is not
    char listed[256];            // primary: "9=10.0.0.9:3306,": who replicates from it
    bool has_discovered;         // what follows was asked
    char discovered[512];        // addresses of servers that were taken in, commas between them
    char maintained[256];        // names of servers of the shard, commas between them
    char missing[160];   // "waybill needs RELOAD on s1b"; "": the account may do all that it has to
    uint64_t applied_us; // see struct server_state
    uint64_t lag_us;
    uint32_t kill_requests; // for this waybill, of others (takes_kills)
    struct id_grant ids;    // primary: upto_ms 0: none
    uint64_t epoch;         // the newest promotion that this server knows of; 0 = none
    char epoch_primary[64];
};

// The answer to one probe. Posted to the mailbox; the receiver frees it (memory_free).
struct probe_result {
    struct message message;
    uint16_t server;     // id
    uint32_t generation; // of the probe: older ones' results are not looked at
    enum db_failure failure;
    uint64_t began_us, ended_us; // loop clock
    // Lost: since when one connection has waited for an answer, and then another for a greeting,
    // and both in vain; 0: nobody has waited so.
    uint64_t silent_since_us;
    char problem[160];              // when it failed
    struct server_facts facts;      // when it did not fail
    struct declared_facts declared; // likewise; the receiver's, with the set
};

// Everything that a probe needs to know; copied by it.
struct probe_setup {
    struct endpoint endpoint;
    char shard_name[64];
    uint16_t server;
    uint32_t generation;
    uint32_t proxy; // heartbeat's key
    uint64_t run;   // this process
    struct mailbox *mailbox;
    void (*deliver)(struct message *message, void *receiver);
    // Unix milliseconds, of the latest order id that was made here; from any thread.
    uint64_t (*ids_used_ms)(void *owner);
    void *owner; // ... for it
};

struct probe_order {
    uint32_t probe_ms;
    uint32_t failover_after_ms;
    bool is_primary;      // write the heartbeat (if it is writable and replicates from nobody)
    bool takes_kills;     // ... and look for requests of other waybills (kill_mail.h)
    bool makes_ids;       // ... and write down time for order ids (id_clock.h)
    bool is_now;          // don't wait for the next round
    uint64_t expect_us;   // a heartbeat so new should be there soon: look twice
    uint64_t ids_from_ms; // no order id will be made for a time before
    struct declared_order declared; // for the primary
};

struct probe; // opaque

struct probe *probe_start(const struct probe_setup *setup, const struct probe_order *first);
void probe_tell(struct probe *probe, const struct probe_order *order);
// `is_for_good`: no order id will be made any more.
void probe_ask_to_stop(struct probe *probe, bool is_for_good);
void probe_join(struct probe *probe); // waits for at most a few timeouts
// Frees it if its thread has ended; never waits. False: not yet.
bool probe_try_join(struct probe *probe) MUST_CHECK;
