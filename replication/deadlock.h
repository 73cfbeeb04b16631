#pragma once
// Deadlocks over shards: one look at the locks of all primaries. Two looks find one, since a wait
// counts when the look before has seen it, too.

#include "base/mailbox.h"
#include "cluster/snapshot.h"
#include "cluster/waiter.h"
#include "replication/dbconn.h"
#include "replication/wait_graph.h"

enum { DEADLOCK_VICTIMS_MAX = 64 }; // of one look

struct deadlock_line { // to the primary of a shard; kept from look to look
    bool is_wanted;    // the shard has one
    uint16_t server;   // its id
    uint16_t same;     // the first line to that very server: only that one is used
    struct endpoint endpoint;
    struct dbconn *conn; // owned; NULL: none
    struct endpoint connected;
};

// The job's alone from deadlock_start until its message has come.
struct deadlock_check {
    struct message message;
    struct mailbox *mailbox;
    uint32_t proxy;
    uint64_t run;                // of this process
    struct deadlock_line *lines; // owned; by shard
    size_t line_count;
    uint16_t mail; // the default shard's
    // In: taken after the look before.
    struct waiter *waiters; // owned
    size_t waiter_count;
    // Out.
    struct waiter victims[DEADLOCK_VICTIMS_MAX]; // to be rolled back
    size_t victim_count;
    bool is_news;      // who waits for whom is not as it was at the look before
    char problem[200]; // of a server that could not be looked at; empty: none
    // From look to look.
    struct wait_edge *edges; // owned
    size_t edge_count;
    uint64_t look_count;
    uint64_t waiters_hash, list_hash;
};

struct deadlock_check *deadlock_new(void);
struct job *deadlock_start(struct deadlock_check *check); // ends with the message
void deadlock_free(struct deadlock_check *check);         // no job runs; NULL is fine
