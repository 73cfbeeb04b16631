#pragma once
// Who is in a deadlock: a pure function of who waits for whom.
//
//     transaction A  s1.11   waits for s1.12 ------> transaction B
//                    s2.21                           s1.12
//                      ^                             s2.22
//                      +------------- waits for -------+
//
// A transaction is all of its connections; a connection that is of none of them is one by itself.

#include "base/slice.h"

struct wait_edge {
    uint16_t server;  // id
    uint32_t waiter;  // its connection there, which waits for a lock
    uint32_t blocker; // ... which has that lock, or is ahead in line
    uint64_t wait;    // this wait of the waiter's and no later one
    uint64_t holding; // ... and this transaction of the blocker's, there
};

struct wait_holder { // a connection of a transaction
    uint16_t server;
    uint32_t connection;
    uint32_t session;
    uint64_t began_us; // with `session` the transaction's name; the latest is the youngest
};

// The transactions to roll back so that no cycle with one of them is left: of each cycle the
// youngest. As indices of one of their holders, the youngest first; at most `max` are written.
size_t wait_graph_victims(const struct wait_edge *edges, size_t edge_count,
                          const struct wait_holder *holders, size_t holder_count, size_t *victims,
                          size_t max);
