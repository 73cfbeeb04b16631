// From the probes of one server to whether it is up, damped: one refused connection or two lost
// ones make it down, two good probes make it up again (one the first time).

#include "replication/observe.h"

#include <stdio.h>

enum { LOST_COUNT_DOWN = 2 };

static void take_facts(struct observation *seen, const struct probe_result *result)
{
    if (!seen->has_facts || seen->facts.connection != result->facts.connection) {
        seen->before_us = seen->seen_us;
        seen->connected_us = result->began_us;
        seen->refused_us = seen->before_us > 0 ? seen->first_refused_us : 0;
    }
    seen->first_refused_us = 0;
    bool has_moved =
        !seen->has_facts || strcmp(seen->facts.received_gtid, result->facts.received_gtid) != 0;
    if (has_moved) {
        seen->moved_us = result->ended_us;
    }
    seen->facts = result->facts;
    seen->has_facts = true;
    seen->has_waited =
        seen->facts.is_semi_sync_source && (seen->facts.is_beat_written || seen->has_waited);
    seen->seen_us = result->ended_us;
    seen->probe_us = (uint32_t)(result->ended_us - result->began_us);
    seen->fail_count = 0;
    seen->was_refused = false;
    seen->good_count++;
    if (!seen->is_seen || seen->good_count >= GOOD_COUNT_UP) {
        seen->is_up = true;
    }
    seen->problem[0] = '\0';
}

static void take_failure(struct observation *seen, const struct probe_result *result)
{
    seen->good_count = 0;
    snprintf(seen->problem, sizeof seen->problem, "%s", result->problem);
    if (result->failure == DB_ANSWERED) {
        seen->fail_count = 0;
        seen->was_refused = false;
        seen->is_up = false;
        return;
    }
    if (seen->fail_count++ == 0) {
        seen->failing_since_us =
            result->silent_since_us > 0 ? result->silent_since_us : result->began_us;
    }
    if (result->silent_since_us > 0) {
        seen->fail_count += FAIL_COUNT_DEAD; // two connections have waited for long
    }
    seen->was_refused = result->failure == DB_REFUSED;
    if (seen->was_refused && seen->first_refused_us == 0) {
        seen->first_refused_us = result->ended_us;
    }
    if (seen->was_refused || seen->fail_count >= LOST_COUNT_DOWN) {
        seen->is_up = false;
    }
}

void observe_result(struct observation *seen, const struct probe_result *result)
{
    if (result->began_us < seen->valid_from_us) {
        return;
    }
    if (result->failure == DB_FINE) {
        take_facts(seen, result);
    } else {
        take_failure(seen, result);
    }
    seen->is_seen = true;
}
