#include "replication/restarted.h"

enum { MARGIN_US = 2000000 }; // clocks that count in seconds, or differ a little

bool restarted_may_have_more(const struct restart_facts *facts)
{
    uint64_t ended_us = facts->refused_us > 0 ? facts->refused_us : facts->connected_us;
    if (facts->beat_us >= ended_us) {
        return false;
    }
    if (facts->before_us == 0) {
        return facts->promise_age_us == UINT64_MAX ||
               facts->uptime_us < facts->promise_age_us + MARGIN_US;
    }
    // A connection may have been lost otherwise.
    return facts->refused_us > 0 || facts->uptime_us < facts->now_us - facts->before_us + MARGIN_US;
}
