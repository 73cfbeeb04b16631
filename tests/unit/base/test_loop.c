// Descriptors, timers, laters and signals on a real loop, and the clock that costs nothing.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/loop.h"

#include <signal.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct fixture {
    struct loop *loop;
    int pair[2];
    struct watch watch;
    struct timer timer;
    struct later later;
    struct later other;
    unsigned events;
    int count;
    int left;
};

static struct fixture f;

static int start(void **state)
{
    (void)state;
    memset(&f, 0, sizeof f);
    f.loop = loop_new();
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, f.pair);
}

static int finish(void **state)
{
    (void)state;
    loop_free(f.loop);
    close(f.pair[0]);
    close(f.pair[1]);
    return 0;
}

static void on_event(struct watch *watch, unsigned events)
{
    (void)watch;
    f.events = events;
    f.count++;
}

static void watches_what_is_asked(void **state)
{
    (void)state;
    watch_init(&f.watch, f.loop, f.pair[0], on_event);
    watch_set(&f.watch, WATCH_READ);
    watch_set(&f.watch, WATCH_READ);
    loop_run_once(f.loop, 5);
    assert_int_equal(f.count, 0);
    watch_set(&f.watch, WATCH_READ | WATCH_WRITE);
    loop_run_once(f.loop, 1000);
    assert_int_equal(f.events, WATCH_WRITE);
    watch_set(&f.watch, WATCH_READ);
    assert_int_equal(write(f.pair[1], "x", 1), 1);
    loop_run_once(f.loop, 1000);
    assert_int_equal(f.events, WATCH_READ);
    f.count = 0;
    watch_set(&f.watch, 0);
    loop_run_once(f.loop, 5);
    assert_int_equal(f.count, 0);
    // Stopped and set again within a turn: still watched.
    watch_set(&f.watch, WATCH_READ);
    watch_set(&f.watch, 0);
    watch_set(&f.watch, WATCH_READ);
    loop_run_once(f.loop, 1000);
    assert_int_equal(f.count, 1);
    watch_set(&f.watch, 0);
}

static void a_new_descriptor_with_an_old_number(void **state)
{
    (void)state;
    watch_init(&f.watch, f.loop, f.pair[0], on_event);
    watch_set(&f.watch, WATCH_READ);
    loop_run_once(f.loop, 0);
    watch_set(&f.watch, 0);
    close(f.pair[0]);
    close(f.pair[1]);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, f.pair), 0);
    watch_init(&f.watch, f.loop, f.pair[0], on_event);
    watch_set(&f.watch, WATCH_READ);
    assert_int_equal(write(f.pair[1], "x", 1), 1);
    loop_run_once(f.loop, 1000);
    assert_int_equal(f.count, 1);
    watch_set(&f.watch, 0);
}

static void on_time(struct timer *timer)
{
    f.count++;
    if (--f.left > 0) {
        timer_start(timer, 1);
    } else {
        loop_stop(timer->loop);
    }
}

static void timers_come_once(void **state)
{
    (void)state;
    timer_init(&f.timer, f.loop, on_time);
    assert_false(timer_is_running(&f.timer));
    f.left = 3;
    timer_start(&f.timer, 0);
    assert_true(timer_is_running(&f.timer));
    loop_run(f.loop);
    assert_int_equal(f.count, 3);
    assert_false(timer_is_running(&f.timer));
    loop_run_once(f.loop, 5);
    assert_int_equal(f.count, 3);
    // Restarted: the last time counts.
    timer_start(&f.timer, 1);
    timer_start(&f.timer, 100000);
    loop_run_once(f.loop, 10);
    assert_int_equal(f.count, 3);
    timer_start(&f.timer, 1);
    timer_stop(&f.timer);
    loop_run_once(f.loop, 5);
    assert_int_equal(f.count, 3);
}

static uint64_t real_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void the_clock_is_the_monotonic_one(void **state)
{
    (void)state;
    loop_run_once(f.loop, 0);
    uint64_t before = loop_now_us(f.loop);
    uint64_t real = real_now_us();
    assert_true(before <= real + 1 && before + 100000 > real);
    assert_true(loop_now_us(f.loop) == before); // it stands still during a turn
    loop_run_once(f.loop, 10);
    uint64_t after = loop_now_us(f.loop);
    assert_true(after >= before + 9000 && after <= real_now_us() + 1);
}

static void on_later(struct later *later)
{
    f.count++;
    if (--f.left > 0) {
        loop_do_later(f.loop, later);
    }
}

static void on_cancelling(struct later *later)
{
    (void)later;
    loop_cancel_later(f.loop, &f.other);
}

static void laters_come_after_the_turn(void **state)
{
    (void)state;
    f.later.on_later = on_later;
    loop_do_later(f.loop, &f.later);
    loop_do_later(f.loop, &f.later);
    assert_int_equal(f.count, 0);
    loop_run_once(f.loop, 0);
    assert_int_equal(f.count, 1);
    // Ones that go on asking don't keep the loop from its descriptors, nor let it sleep.
    f.left = 100;
    loop_do_later(f.loop, &f.later);
    uint64_t begin = real_now_us();
    loop_run_once(f.loop, 1000);
    assert_true(real_now_us() - begin < 500000);
    assert_true(f.left > 0);
    while (f.left > 0) {
        loop_run_once(f.loop, 0);
    }
    assert_int_equal(f.count, 101);
    f.later.on_later = on_cancelling;
    f.other.on_later = on_later;
    loop_do_later(f.loop, &f.later);
    loop_do_later(f.loop, &f.other);
    loop_run_once(f.loop, 0);
    assert_int_equal(f.count, 101);
}

static void on_signal(void *owner, int signal_number)
{
    assert_ptr_equal(owner, &f);
    f.count += signal_number;
}

static void signals_are_events(void **state)
{
    (void)state;
    loop_on_signal(f.loop, SIGUSR1, on_signal, &f);
    loop_on_signal(f.loop, SIGUSR2, on_signal, &f);
    kill(getpid(), SIGUSR1);
    for (int i = 0; i < 100 && f.count == 0; i++) {
        loop_run_once(f.loop, 10);
    }
    assert_int_equal(f.count, SIGUSR1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(watches_what_is_asked, start, finish),
        cmocka_unit_test_setup_teardown(a_new_descriptor_with_an_old_number, start, finish),
        cmocka_unit_test_setup_teardown(timers_come_once, start, finish),
        cmocka_unit_test_setup_teardown(the_clock_is_the_monotonic_one, start, finish),
        cmocka_unit_test_setup_teardown(laters_come_after_the_turn, start, finish),
        cmocka_unit_test_setup_teardown(signals_are_events, start, finish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
