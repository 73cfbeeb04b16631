// A primary writes heartbeats; a replica ends, is started anew, and the primary dies: whoever is
// promoted without a heartbeat from after the replica's end may lack what it had.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "replication/restarted.h"

enum { SECOND = 1000000 };

// Of times 0 to 9 seconds: the replica ends, is seen to be gone, is started, is seen again; the
// last heartbeat that the candidate has.
static void never_trusts_a_beat_from_before_the_end(void **state)
{
    (void)state;
    for (unsigned all = 0; all < 100000; all++) {
        uint64_t ended = 1 + all % 10, gone = 1 + all / 10 % 10, began = 1 + all / 100 % 10;
        uint64_t seen = 1 + all / 1000 % 10, beat = 1 + all / 10000 % 10;
        if (ended > began || began > seen || gone < ended || gone > began) {
            continue;
        }
        struct restart_facts facts = {.before_us = ended * SECOND / 2,
                                      .connected_us = seen * SECOND,
                                      .uptime_us = (20 - began) * SECOND,
                                      .now_us = (uint64_t)20 * SECOND,
                                      .beat_us = beat * SECOND,
                                      .promise_age_us = UINT64_MAX};
        if (beat < ended) {
            assert_true(restarted_may_have_more(&facts));
        }
        if (beat >= seen) {
            assert_false(restarted_may_have_more(&facts));
        }
        facts.refused_us = gone * SECOND; // known to have ended by then
        assert_int_equal(restarted_may_have_more(&facts), beat < gone);
    }
}

static void a_lost_connection_is_no_restart(void **state)
{
    (void)state;
    struct restart_facts facts = {.before_us = (uint64_t)50 * SECOND,
                                  .connected_us = (uint64_t)58 * SECOND,
                                  .uptime_us = (uint64_t)50 * SECOND,
                                  .now_us = (uint64_t)60 * SECOND,
                                  .beat_us = (uint64_t)50 * SECOND,
                                  .promise_age_us = UINT64_MAX};
    assert_false(restarted_may_have_more(&facts));
    facts.uptime_us = (uint64_t)11 * SECOND; // about the time of the last look
    assert_true(restarted_may_have_more(&facts));
}

// A waybill that was started when the primary was dead has written no heartbeat.
static void a_new_waybill_takes_the_word_of_others(void **state)
{
    (void)state;
    struct restart_facts facts = {.connected_us = (uint64_t)58 * SECOND,
                                  .uptime_us = (uint64_t)30 * SECOND,
                                  .now_us = (uint64_t)60 * SECOND,
                                  .promise_age_us = (uint64_t)10 * SECOND};
    assert_false(restarted_may_have_more(&facts));
    facts.promise_age_us = (uint64_t)29 * SECOND;
    assert_true(restarted_may_have_more(&facts));
    facts.promise_age_us = UINT64_MAX;
    assert_true(restarted_may_have_more(&facts));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(never_trusts_a_beat_from_before_the_end),
        cmocka_unit_test(a_lost_connection_is_no_restart),
        cmocka_unit_test(a_new_waybill_takes_the_word_of_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
