#pragma once
// A snapshot: the configuration and what is known of every server at one moment, frozen. Built by
// the control thread, read by everybody; a change of anything is a new snapshot.

#include "cluster/config.h"
#include "cluster/id_grant.h"

enum server_role {
    ROLE_UNKNOWN,  // not seen yet
    ROLE_PRIMARY,  // the one writable server of its shard
    ROLE_REPLICA,  // replicates from the primary, or from the one that should be it
    ROLE_DETACHED, // neither: an old primary that came back, one that is dead or not opened yet, a
                   // server that replicates from elsewhere
};

enum { NO_SERVER = 0xffff };

struct server_state {
    enum server_role role;
    bool is_up; // answered the last probes
    bool is_read_only;
    bool is_mariadb;
    bool is_receiving;  // replication's I/O thread
    bool is_applying;   // ... SQL thread
    bool has_semi_sync; // as primary or replica, on
    bool is_waiting;    // as primary: what it commits waits for a replica, now
    bool is_maintained; // somebody works on it: it serves no reads
    bool is_incomplete; // it is being cloned: likewise
    bool is_lag_known;
    uint16_t source;     // server id it replicates from; NO_SERVER
    uint32_t version;    // 101119
    int64_t lag_us;      // behind its primary by the heartbeat, when last seen
    uint64_t applied_us; // the newest heartbeat of this proxy that it has applied: whatever this
                         // proxy was told to be committed on the shard before that time (loop
                         // clock) can be read there. 0 = unknown
    uint64_t seen_us;    // loop clock of the last good probe
    uint32_t probe_us;   // round trip
    char version_text[64];
    char gtid[256];    // position, for show
    char problem[160]; // why it is not up or not fit; empty when fine
};

struct shard_state {
    uint16_t primary; // server id; NO_SERVER while there is none: statements are held
    bool is_failing_over;
    uint64_t epoch; // of the newest promotion; 0 = never
    struct id_grant ids;
    char weakness[200]; // what of its servers' settings breaks durability = semi_sync; "": nothing
};

struct snapshot {
    uint64_t version;              // 1, 2, 3, ...
    struct config *config;         // shared by snapshots; const for all but control's use_count
    struct server_state *servers;  // by server id
    struct shard_state *shards;    // by shard id
    char sql_mode[256];            // the servers' default, for the parser
    char tracks_transactions[16];  // the servers' default of session_track_transaction_info
    uint16_t default_collation_id; // the servers' default of collation_connection; 0: not known
    bool is_mariadb;               // the servers
    uint32_t server_version;       // lowest of them; 101119
    char version_text[64];         // "5.5.5-10.11.19-MariaDB" as the servers greet
    uint64_t accounts_us;          // users = servers: as of when they are known (loop clock); 0
    uint64_t lacking;              // capability flags that one of them has not
    // Until then a table that the config does not have is certainly not a declared one (loop
    // clock). UINT64_MAX: none can be declared.
    uint64_t unknown_until_us;
};

// A copy with its own states, version + 1 (config shared). `config` non-NULL: with that config
// instead, states of servers that stay are kept. Control thread only.
struct snapshot *snapshot_copy(const struct snapshot *from, struct config *config);
struct snapshot *snapshot_new(struct config *config); // version 1, nothing known
void snapshot_free(struct snapshot *snapshot);        // and the config with the last one

// Is this server's data fresh enough for a read that must see what was committed up to written_us
// (loop clock, 0: any)?
bool snapshot_is_fit(const struct snapshot *snapshot, uint16_t server, uint64_t now_us,
                     uint64_t written_us) MUST_CHECK;
// Can transactions on several shards be committed as one? False with *why, a literal.
bool snapshot_may_decide(const struct snapshot *snapshot, const char **why) MUST_CHECK;
// May rows of several shards be gathered on one server? A temporary table must be usable twice in a
// statement, and not be logged.
bool snapshot_may_gather(const struct snapshot *snapshot) MUST_CHECK;
