// Orders reach the thread, the newest wins, stopping ends a wait.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "replication/job.h"

#include <sys/resource.h>
#include <time.h>

#include "base/counter.h"

struct order {
    uint64_t number;
    bool is_last;
};

struct seen {
    struct counter sum, stops;
};

static void run(struct job *job, void *argument)
{
    struct seen *seen = argument;
    struct order order;
    while (true) {
        switch (job_wait(job, 60000, &order, sizeof order)) {
        case JOB_NOTHING:
            break;
        case JOB_ORDER:
            counter_add(&seen->sum, order.number);
            break;
        case JOB_STOP:
            counter_add(&seen->stops, 1);
            return;
        }
    }
}

static void pause_ms(long ms)
{
    struct timespec time = {.tv_nsec = ms * 1000000};
    nanosleep(&time, NULL);
}

static void hears_orders(void **state)
{
    (void)state;
    struct seen seen = {.sum = {0}};
    struct job *job = job_start("a test", run, &seen);
    struct order order = {.number = 7};
    job_tell(job, &order, sizeof order);
    for (int i = 0; i < 1000 && counter_get(&seen.sum) == 0; i++) {
        pause_ms(2);
    }
    assert_int_equal(counter_get(&seen.sum), 7);
    assert_false(job_try_join(job));
    job_join(job);
    assert_int_equal(counter_get(&seen.stops), 1);
}

static void wait_once(struct job *job, void *argument)
{
    struct seen *seen = argument;
    counter_add(&seen->sum, (uint64_t)job_wait(job, 1, NULL, 0) == JOB_NOTHING);
    counter_add(&seen->sum, !job_is_stopping(job));
}

static void ends_by_itself(void **state)
{
    (void)state;
    struct seen seen = {.sum = {0}};
    uint64_t began_us = job_now_us();
    struct job *job = job_start("a name that is far too long", wait_once, &seen);
    while (!job_try_join(job)) {
        pause_ms(1);
    }
    assert_int_equal(counter_get(&seen.sum), 2);
    assert_true(job_now_us() - began_us >= 1000);
}

static void more_orders_than_fit(void **state)
{
    (void)state;
    struct seen seen = {.sum = {0}};
    struct job *job = job_start("flooded", run, &seen);
    for (uint64_t i = 0; i < 100000; i++) {
        job_tell(job, &(struct order){.number = 1}, sizeof(struct order));
    }
    job_ask_to_stop(job);
    job_tell(job, &(struct order){.number = 1}, sizeof(struct order)); // after the end: nothing
    job_join(job);
    assert_int_equal(counter_get(&seen.stops), 1);
}

static void runs_without_descriptors(void **state)
{
    (void)state;
    struct seen seen = {.sum = {0}};
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit none = {.rlim_cur = 0, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    struct job *job = job_start("a test", run, &seen);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    struct order order = {.number = 7};
    job_tell(job, &order, sizeof order); // nobody hears it
    pause_ms(5);
    assert_false(job_try_join(job));
    job_join(job);
    assert_int_equal(counter_get(&seen.stops), 1);
    assert_int_equal(counter_get(&seen.sum), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hears_orders),
        cmocka_unit_test(runs_without_descriptors),
        cmocka_unit_test(ends_by_itself),
        cmocka_unit_test(more_orders_than_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
