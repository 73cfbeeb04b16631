#pragma once
// What the data path tells the monitor of transactions that may be in a deadlock over shards.

#include "base/slice.h"

// One connection of a transaction that has connections to several servers, and whose statement has
// run for long.
struct waiter {
    uint32_t session;      // its id
    uint64_t began_us;     // the transaction; Unix microseconds
    uint64_t statement_us; // ... its statement; the loop's clock
    uint16_t server;       // id
    uint32_t connection;   // at the server
};
