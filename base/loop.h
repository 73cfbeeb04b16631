#pragma once
// The event loop of one thread (libev behind it): descriptors, timers, things to do after the turn,
// and the clock.

#include "base/list.h"

struct loop; // opaque; one for each thread

enum { WATCH_READ = 1, WATCH_WRITE = 2 };

// Watches one descriptor. Embedded in its owner; find the owner by CONTAINER_OF.
struct watch {
    void (*on_event)(struct watch *watch, unsigned events);
    struct loop *loop; // back-pointer
    int fd;
    unsigned events; // what is watched now
    _Alignas(16) unsigned char impl[56];
};

struct timer {
    void (*on_time)(struct timer *timer);
    struct loop *loop; // back-pointer
    _Alignas(16) unsigned char impl[56];
};

// Something to be done after the present turn's events (closing, starting the next command): never
// re-entrant.
struct later {
    void (*on_later)(struct later *later);
    struct node node;
};

struct loop *loop_new(void); // owned by the caller
void loop_free(struct loop *loop);
void loop_run(struct loop *loop);                            // until loop_stop
void loop_run_once(struct loop *loop, uint32_t wait_max_ms); // for tests and drains
void loop_stop(struct loop *loop);

// Monotonic microseconds, read once for each turn (no system call here).
uint64_t loop_now_us(const struct loop *loop);

// The same, read now: for what must not be older than something that has just happened.
uint64_t loop_read_clock_us(struct loop *loop);

void watch_init(struct watch *watch, struct loop *loop, int fd,
                void (*on_event)(struct watch *, unsigned));
void watch_set(struct watch *watch, unsigned events); // 0 stops it; nothing happens when unchanged
void timer_init(struct timer *timer, struct loop *loop, void (*on_time)(struct timer *));
void timer_start(struct timer *timer, uint32_t after_ms); // restarts when running
void timer_stop(struct timer *timer);
bool timer_is_running(const struct timer *timer) MUST_CHECK;
void loop_do_later(struct loop *loop,
                   struct later *later); // nothing happens when already asked for
void loop_cancel_later(struct loop *loop, struct later *later);

// Wake-ups from other threads; used by base/mailbox only.
struct wakeup;
struct wakeup *wakeup_new(struct loop *loop, void (*on_wakeup)(void *owner), void *owner);
void wakeup_free(struct wakeup *wakeup);
void wakeup_send(struct wakeup *wakeup); // from any thread

// Signals, delivered as events on this loop (the control thread's).
void loop_on_signal(struct loop *loop, int signal_number,
                    void (*on_signal)(void *owner, int signal_number), void *owner);
