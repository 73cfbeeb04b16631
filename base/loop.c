// The event loop of one thread. libev is behind it and is included here only.
//
// One turn:
//
//     laters of the last turn -> [epoll_wait] -> timers that are due, descriptors that are ready ->
//     next turn
//
// What costs nothing: a watch that is set to what it is already (no epoll_ctl), and the time. libev
// reads the monotonic clock for its timers anyway but doesn't show it; `clock_timer` is a timer
// that never comes, and its distance from now says what time libev has in its hands.

#include "base/loop.h"

#include <assert.h>
#include <ev.h>

#include "base/memory.h"

enum {
    LATER_ROUNDS = 16, // of laters that ask for laters, before descriptors are looked at again
    CLOCK_AWAY_S = 100 * 1000000 // three years
};

struct signal_watch {
    ev_signal impl;
    void (*on_signal)(void *owner, int signal_number);
    void *owner; // borrowed
    struct node node;
};

struct loop {
    struct ev_loop *ev; // owned
    struct list laters;
    struct list signals; // owned
    ev_prepare before_wait;
    ev_idle no_wait; // active while laters are left, so that the loop doesn't sleep on them
    ev_timer clock_timer;
};

struct wakeup {
    ev_async impl;
    struct loop *loop; // back-pointer
    void (*on_wakeup)(void *owner);
    void *owner; // borrowed
};

_Static_assert(sizeof(ev_io) <= sizeof(((struct watch *)0)->impl), "struct watch is too small");
_Static_assert(sizeof(ev_timer) <= sizeof(((struct timer *)0)->impl), "struct timer is too small");
_Static_assert((int)WATCH_READ == (int)EV_READ && (int)WATCH_WRITE == (int)EV_WRITE,
               "events are handed through as they are");

static ev_io *io_of(struct watch *watch)
{
    return (ev_io *)(void *)watch->impl;
}

static ev_timer *timer_of(const struct timer *timer)
{
    return (ev_timer *)(uintptr_t)timer->impl;
}

// ---- laters

static void run_laters(struct loop *loop)
{
    for (int round = 0; round < LATER_ROUNDS && !list_is_empty(&loop->laters); round++) {
        // Only those that are there now: the ones they ask for come after all of these.
        for (size_t left = loop->laters.count; left > 0; left--) {
            struct node *node = list_pop_front(&loop->laters);
            if (node == NULL) {
                break; // one of them has cancelled others
            }
            struct later *later = CONTAINER_OF(node, struct later, node);
            later->on_later(later);
        }
    }
    if (list_is_empty(&loop->laters)) {
        ev_idle_stop(loop->ev, &loop->no_wait);
    } else {
        ev_idle_start(loop->ev, &loop->no_wait);
    }
}

static void on_before_wait(struct ev_loop *ev, ev_prepare *prepare, int events)
{
    (void)ev;
    (void)events;
    run_laters(prepare->data);
}

static void on_nothing_to_do(struct ev_loop *ev, ev_idle *idle, int events)
{
    (void)ev;
    (void)idle;
    (void)events;
}

static void on_clock_timer(struct ev_loop *ev, ev_timer *timer, int events)
{
    (void)ev;
    (void)timer; // repeats by itself
    (void)events;
}

void loop_do_later(struct loop *loop, struct later *later)
{
    if (!node_is_linked(&later->node)) {
        list_push_back(&loop->laters, &later->node);
    }
}

void loop_cancel_later(struct loop *loop, struct later *later)
{
    if (node_is_linked(&later->node)) {
        list_remove(&loop->laters, &later->node);
    }
}

// ---- the loop

struct loop *loop_new(void)
{
    struct loop *loop = memory_new(sizeof *loop);
    // EVFLAG_NOENV: what the environment says about libev is not for a server.
    loop->ev = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
    if (loop->ev == NULL) {
        loop->ev = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
    }
    assert(loop->ev != NULL);
    list_init(&loop->laters);
    list_init(&loop->signals);
    ev_prepare_init(&loop->before_wait, on_before_wait);
    loop->before_wait.data = loop;
    ev_prepare_start(loop->ev, &loop->before_wait);
    ev_idle_init(&loop->no_wait, on_nothing_to_do);
    ev_timer_init(&loop->clock_timer, on_clock_timer, CLOCK_AWAY_S, CLOCK_AWAY_S);
    ev_timer_start(loop->ev, &loop->clock_timer);
    return loop;
}

void loop_free(struct loop *loop)
{
    struct node *node;
    while ((node = list_pop_front(&loop->signals)) != NULL) {
        struct signal_watch *watch = CONTAINER_OF(node, struct signal_watch, node);
        ev_signal_stop(loop->ev, &watch->impl);
        memory_free(watch);
    }
    ev_loop_destroy(loop->ev);
    memory_free(loop);
}

void loop_run(struct loop *loop)
{
    ev_run(loop->ev, 0);
    run_laters(loop); // what the last turn wanted to close
}

static void on_wait_over(struct ev_loop *ev, ev_timer *timer, int events)
{
    (void)ev;
    (void)timer; // that the turn has ended is all
    (void)events;
}

void loop_run_once(struct loop *loop, uint32_t wait_max_ms)
{
    ev_timer wait;
    ev_timer_init(&wait, on_wait_over, wait_max_ms / 1e3, 0);
    ev_now_update(loop->ev); // the caller may have spent time between two turns
    if (wait_max_ms > 0) {
        ev_timer_start(loop->ev, &wait);
    }
    ev_run(loop->ev, wait_max_ms > 0 ? EVRUN_ONCE : EVRUN_NOWAIT);
    ev_timer_stop(loop->ev, &wait);
    run_laters(loop);
}

void loop_stop(struct loop *loop)
{
    ev_break(loop->ev, EVBREAK_ALL);
}

uint64_t loop_now_us(const struct loop *loop)
{
    ev_timer *timer = (ev_timer *)(uintptr_t)&loop->clock_timer;
    double now_s = timer->at - ev_timer_remaining(loop->ev, timer);
    return (uint64_t)(now_s * 1e6 + 0.5);
}

uint64_t loop_read_clock_us(struct loop *loop)
{
    ev_now_update(loop->ev);
    return loop_now_us(loop);
}

// ---- descriptors

static void on_io(struct ev_loop *ev, ev_io *io, int events)
{
    (void)ev;
    struct watch *watch = CONTAINER_OF(io, struct watch, impl);
    watch->on_event(watch, (unsigned)events & (WATCH_READ | WATCH_WRITE));
}

void watch_init(struct watch *watch, struct loop *loop, int fd,
                void (*on_event)(struct watch *, unsigned))
{
    watch->on_event = on_event;
    watch->loop = loop;
    watch->fd = fd;
    watch->events = 0;
    ev_io_init(io_of(watch), on_io, fd, 0);
}

void watch_set(struct watch *watch, unsigned events)
{
    if (events == watch->events) {
        return;
    }
    watch->events = events;
    ev_io *io = io_of(watch);
    ev_io_stop(watch->loop->ev, io);
    if (events != 0) {
        // ev_io_set would make libev ask the kernel again even when nothing has changed in the end.
        ev_io_modify(io, (int)events);
        ev_io_start(watch->loop->ev, io);
    }
}

// ---- timers

static void on_timer(struct ev_loop *ev, ev_timer *impl, int events)
{
    (void)events;
    struct timer *timer = CONTAINER_OF(impl, struct timer, impl);
    ev_timer_stop(ev, impl);
    timer->on_time(timer);
}

void timer_init(struct timer *timer, struct loop *loop, void (*on_time)(struct timer *))
{
    timer->on_time = on_time;
    timer->loop = loop;
    ev_timer_init(timer_of(timer), on_timer, 0, 0);
}

void timer_start(struct timer *timer, uint32_t after_ms)
{
    // A repeating timer that stops itself: libev moves a running one in its heap instead of taking
    // it out and in.
    timer_of(timer)->repeat = after_ms > 0 ? after_ms / 1e3 : 1e-6;
    ev_timer_again(timer->loop->ev, timer_of(timer));
}

void timer_stop(struct timer *timer)
{
    ev_timer_stop(timer->loop->ev, timer_of(timer));
}

bool timer_is_running(const struct timer *timer)
{
    return ev_is_active(timer_of(timer));
}

// ---- wake-ups and signals

static void on_async(struct ev_loop *ev, ev_async *async, int events)
{
    (void)ev;
    (void)events;
    struct wakeup *wakeup = CONTAINER_OF(async, struct wakeup, impl);
    wakeup->on_wakeup(wakeup->owner);
}

struct wakeup *wakeup_new(struct loop *loop, void (*on_wakeup)(void *owner), void *owner)
{
    struct wakeup *wakeup = memory_new(sizeof *wakeup);
    wakeup->loop = loop;
    wakeup->on_wakeup = on_wakeup;
    wakeup->owner = owner;
    ev_async_init(&wakeup->impl, on_async);
    ev_async_start(loop->ev, &wakeup->impl);
    return wakeup;
}

void wakeup_free(struct wakeup *wakeup)
{
    ev_async_stop(wakeup->loop->ev, &wakeup->impl);
    memory_free(wakeup);
}

void wakeup_send(struct wakeup *wakeup)
{
    ev_async_send(wakeup->loop->ev, &wakeup->impl);
}

static void on_signal_event(struct ev_loop *ev, ev_signal *impl, int events)
{
    (void)ev;
    (void)events;
    struct signal_watch *watch = CONTAINER_OF(impl, struct signal_watch, impl);
    watch->on_signal(watch->owner, impl->signum);
}

void loop_on_signal(struct loop *loop, int signal_number,
                    void (*on_signal)(void *owner, int signal_number), void *owner)
{
    struct signal_watch *watch = memory_new(sizeof *watch);
    watch->on_signal = on_signal;
    watch->owner = owner;
    list_push_back(&loop->signals, &watch->node);
    ev_signal_init(&watch->impl, on_signal_event, signal_number);
    ev_signal_start(loop->ev, &watch->impl);
}
