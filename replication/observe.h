#pragma once
// From what probes say to what waybill holds for true: of each server whether it is up, of each
// shard who is its primary and what must be done. Pure: values in, values out, damped by counts and
// times.

#include "cluster/snapshot.h"
#include "replication/probe.h"

enum { GOOD_COUNT_UP = 2, FAIL_COUNT_DEAD = 3 }; // probes in a row

// What is kept of one server between probes. Zeroed = nothing seen.
struct observation {
    bool is_seen;     // there was an answer or a failure
    bool is_up;       // damped
    bool has_facts;   // `facts` are of the last good probe
    bool was_refused; // the last failure: nobody listens
    uint32_t good_count;
    uint32_t fail_count;       // network failures in a row; an error that the server sent is none
    uint64_t failing_since_us; // when the first of them began
    uint64_t seen_us;          // last good probe's end
    uint32_t probe_us;         // its time
    uint64_t moved_us;         // when received_gtid was last seen to have changed
    uint64_t valid_from_us; // probes that began before are not looked at (a job has changed things)
    // A heartbeat came back while it was waiting for its replicas, and it has been waiting since:
    // one of them has all that it had then, and all that it has acknowledged later.
    bool has_waited;
    // The probe's present connection was used first, and the one before it last (0: there was
    // none); between them the port was seen to refuse connections (0: it was not).
    uint64_t connected_us, before_us, refused_us;
    uint64_t first_refused_us; // since the last good probe
    uint32_t mended; // connection of the probe for which it was looked at for what a crash left
    char problem[160];
    struct server_facts facts;
};

void observe_result(struct observation *seen, const struct probe_result *result);

struct shard_member {
    const char *name, *host;
    const struct observation *seen;
    uint16_t server; // id
    uint16_t port;
    bool is_discovered; // is in no section: it is never the primary, whatever it says of itself
};

struct shard_view {
    const struct shard_member *members;
    size_t count; // at most SERVERS_MAX
    size_t first; // where something is to be done about several, this place's turn is next
    uint16_t known_primary; // the last one, also while it is down; NO_SERVER
    uint64_t now_us;
    uint64_t failover_after_us;
    uint64_t failover_refused_us; // ... when nobody listens there and no replica has it any more
    enum durability_promise durability;
};

enum shard_verdict {
    SHARD_FINE,
    SHARD_WAIT,     // no primary (or a slow one), and nothing that could be done now
    SHARD_OPEN,     // `subject` is the primary, but read-only
    SHARD_DEAD,     // `subject` was the primary, and another takes its place
    SHARD_FOLLOW,   // fine, but `subject` replicates from a server that is no primary any more
    SHARD_REJOIN,   // fine, but `subject`, once of this shard, replicates from nobody
    SHARD_MEND,     // fine, but `subject`, a replica, may have to be put right after a crash
    SHARD_FENCE,    // `subject` takes writes though a later epoch made another the primary
    SHARD_CONFLICT, // several servers take writes, or one that may not
};

struct shard_opinion {
    enum shard_verdict verdict;
    uint16_t primary; // takes writes now; NO_SERVER
    uint16_t subject;
    uint64_t epoch;
    enum server_role roles[SERVERS_MAX]; // by place in the view
    uint16_t sources[SERVERS_MAX];       // whom each replicates from; NO_SERVER
    char why[160];                       // "" when fine
};

void observe_shard(const struct shard_view *view, struct shard_opinion *opinion);
