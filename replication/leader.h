#pragma once
// Who may change the roles of a shard: the proxy that holds GET_LOCK('waybill.leader.SHARD') on a
// majority of all servers of the cluster; or, with coordination = etcd://..., the shard's key
// there, and that lock on every server that it changes. Each statement of a change runs on the very
// connection that holds that server's lock: a connection that is lost is a lock that is lost is a
// statement that can't run.

#include "replication/dbconn.h"
#include "replication/etcd.h"

enum { LEADER_LOCK_CHARS = 64 }; // MySQL 5.7 and later take no longer name

struct leader {
    char lock[LEADER_LOCK_CHARS + 1];
    struct dbconn **conns; // owned, by place; NULL: not connected or its lock is another's
    size_t count;          // servers
    size_t voter_count;    // the first of them: whose locks make the majority
    size_t held_count;     // locks of those
    bool is_by_etcd;
    struct etcd_lease *lease; // owned; NULL: not by etcd, or not taken
    char problem[160];        // with etcd
};

// Where leaders are agreed on; plain values.
struct leader_setup {
    char members[400]; // of etcd; "": the servers' locks alone
    bool has_tls;      // ... to it
    char ca[ENDPOINT_PATH_BYTES], cert[ENDPOINT_PATH_BYTES], key[ENDPOINT_PATH_BYTES];
    char cluster[68];
    uint32_t lease_s, proxy;
    size_t voter_count; // of the servers, the first ones: whose locks make the majority
};

// Connects to every server that is worth trying and takes the shard's lock there without waiting.
// True when the majority is held (with etcd: the key), false at the first lock that is another's.
// leader_give_up in any case.
bool leader_take(struct leader *leader, const struct leader_setup *setup, const char *shard,
                 size_t count, const struct endpoint *(*endpoint)(const void *owner, size_t place),
                 const void *owner) MUST_CHECK; // endpoint NULL: not worth trying
// Asks every connection; those that don't answer are closed. True when a majority still stands
// (with etcd: the key is still its own). Also keeps the idle ones alive.
bool leader_still_leads(struct leader *leader) MUST_CHECK;
// The connection for the next statement; NULL: it has none there, or etcd's lease is over.
struct dbconn *leader_conn(struct leader *leader, size_t place);
void leader_explain(const struct leader *leader, char *text, size_t text_bytes); // what it has
void leader_drop(struct leader *leader, size_t place); // a connection that has failed
void leader_give_up(struct leader *leader);            // closes them all, which frees the locks
