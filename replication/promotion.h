#pragma once
// What a failover and a switchover have in common: the epoch's row, and the wait for somebody who
// can acknowledge it.

#include "replication/action_impl.h"

struct promotion {
    size_t place; // of the new primary, in setup.servers
    uint64_t epoch;
    uint32_t server_id;
    const struct gtid_set *cut; // what it had when it was promoted
    bool may_be_written;        // set: the row is there, or nobody knows
};

// Waits until one of `followers` (places) receives from the primary. Without one the epoch's row
// would wait for ever, neither written nor not. False: given up.
bool promotion_await_follower(struct action *action, size_t primary, const size_t *followers,
                              size_t count) MUST_CHECK;
// Writes the epoch's row on the connection that holds the server's lock. False: given up.
bool promotion_write_epoch(struct action *action, struct promotion *promotion) MUST_CHECK;
// A row of waybill.event; what fails is only said.
void promotion_write_event(struct action *action, size_t place, const char *format, ...)
    PRINTF_LIKE(3, 4);
