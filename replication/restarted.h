#pragma once
// A replica that is started anew has lost what it had received and not applied, and asks its
// primary for it again. If that is dead by then, the replica may have had the only copy of
// something that was acknowledged. Has the candidate of a promotion all that such a replica can
// have had? It has, if it has anything that the primary wrote after the end of the replica's old
// process, for what a primary sends is in its order. Pure.

#include <stdbool.h>
#include <stdint.h>

struct restart_facts {     // of one replica; microseconds of one clock
    uint64_t before_us;    // the probe's connection before the present one was used last; 0: none
    uint64_t refused_us;   // after that its port refused connections, so it had ended; 0: not seen
    uint64_t connected_us; // the present connection was used first
    uint64_t uptime_us;    // in whole seconds
    uint64_t now_us;
    uint64_t beat_us; // the newest heartbeat of this waybill that the candidate has
    // How old the newest word of any waybill is that the candidate has, by the servers' clocks;
    // UINT64_MAX: there is none.
    uint64_t promise_age_us;
};

// May the replica have had something that the candidate lacks?
bool restarted_may_have_more(const struct restart_facts *facts);
