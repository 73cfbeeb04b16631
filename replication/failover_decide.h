#pragma once
// Which replica may become the primary: one that has received everything that any reachable one
// has, and only if nobody who can't be asked could have more. Pure.

#include "cluster/config.h"
#include "replication/gtid.h"

struct failover_member { // every server of the shard but the dead primary
    bool is_reachable;   // its receiving has been stopped, and `received` was read after that
    bool is_replica;     // of the dead primary; when unreachable: it was, or nothing is known
    bool is_preferred;   // among equals
    bool is_near;        // in the zone of the dead primary; among equals
    bool is_maintained;  // taken only if nobody else can be
    bool is_begun;       // its promotion was begun before: it is taken if it can be
    const char *barred;  // why it can't be promoted; NULL: it can
    struct gtid_set received;
    const struct gtid_set *had; // what it had received before it was made to receive anew; NULL
};

struct failover_choice {
    bool is_refused;
    size_t candidate; // place
    size_t away;      // replicas that can't be reached, and that were gone past
    bool is_any_gone; // likewise: a replica had what nobody has now
    char why[160];    // of the refusal, or of the choice
};

// DURABILITY_BEST_EFFORT: those that can't be reached don't hinder; the choice's `why` says so.
void failover_decide(const struct failover_member *members, size_t count,
                     enum durability_promise durability, struct failover_choice *choice);
