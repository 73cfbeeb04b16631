#pragma once
// What the monitor has done by a job under the leader's lock: open a primary, promote a replica,
// lead a stray replica back, fence an old primary, mend a replica that crashed, or what an operator
// wishes. One at a time for
// each shard; those of different shards run beside each other. The job reports by mailbox.

#include "base/mailbox.h"
#include "cluster/snapshot.h"
#include "replication/dbconn.h"
#include "replication/leader.h"

enum action_kind {
    ACTION_OPEN,
    ACTION_FAILOVER,
    ACTION_FOLLOW,
    ACTION_FENCE,
    ACTION_REJOIN,
    ACTION_MEND,
    ACTION_SWITCHOVER,
    ACTION_MAINTAIN,
    ACTION_RESUME,
    ACTION_ADOPT,
    ACTION_LET_GO,
    ACTION_CLONE, // beside the others: it takes the locks only now and then
};

struct action_server {
    struct endpoint endpoint;
    uint16_t server;      // id
    bool is_member;       // of the shard
    bool is_worth_trying; // up, or at least quick to say no
    enum promote promote;
    bool is_near;       // in the zone of the action's subject
    bool is_maintained; // the last to be promoted
    bool is_discovered; // is in no section: behind all others, and no part of the majority
    uint64_t connected_us, before_us, refused_us; // observe.h
    enum server_role role;                        // by the monitor's last opinion
};

struct action_setup {
    enum action_kind kind;
    uint16_t shard;
    char shard_name[64];
    uint16_t subject; // OPEN, FENCE, REJOIN, MEND, MAINTAIN, RESUME, CLONE: that server. FAILOVER:
                      // the dead one. FOLLOW: the stray one. SWITCHOVER: the primary
    uint16_t
        primary; // FOLLOW, REJOIN, MEND: whom it shall follow. MAINTAIN, RESUME, ADOPT, LET_GO: the
                 // primary. SWITCHOVER: who takes over, NO_SERVER: any. CLONE: whom from
    char peer[64];      // ADOPT, LET_GO: the address of the server that it is about
    uint32_t grace_ms;  // SWITCHOVER: for open transactions
    bool was_seen;      // FAILOVER: the dead one
    bool was_semi_sync; // ... waited for its replicas when it was last seen
    uint64_t promise_trust_ms;
    enum durability_promise durability;
    bool is_mariadb;
    bool has_branches; // there are several shards, so transactions on several of them
    bool is_wished;    // by an operator
    uint64_t epoch;    // the newest known
    uint32_t proxy;
    uint64_t run; // this process
    struct leader_setup leader;
    char replication_user[96], replication_password[128];
    char clone_user[96], clone_password[128]; // empty: the endpoint's
    size_t count;                  // all servers of the cluster; those in no section are the last
    struct action_server *servers; // owned; given to the action
    struct mailbox *mailbox;
    void (*deliver)(struct message *message, void *receiver);
};

enum report_kind {
    REPORT_STEP,   // something worth a line
    REPORT_CLOSED, // nothing new may be sent to the primary: a switchover has begun
    REPORT_OPENED, // `server` takes writes now
    REPORT_END     // the last one; is_done: as wished
};

struct action_report { // the receiver frees it (memory_free)
    struct message message;
    enum report_kind kind;
    enum action_kind action;
    uint16_t shard;
    bool is_done;
    uint16_t server;
    uint64_t epoch;
    uint64_t at_us; // loop clock; what probes found out before is outdated
    char text[480];
    char why[160]; // REPORT_END, not done
};

struct action; // opaque

struct action *action_start(const struct action_setup *setup); // takes setup->servers over
void action_ask_to_stop(struct action *action);
void action_join(struct action *action);
