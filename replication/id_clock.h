#pragma once
// Time for order ids (router/order_id.h), written down on a shard's primary ahead of its use. A
// part of that server's probe; on its job's thread.

#include "cluster/id_grant.h"
#include "replication/dbconn.h"

struct id_clock_setup { // who asks
    uint32_t proxy;
    uint64_t run; // this process; never 0
};

// The row of a proxy_id, in waybill.id_clock. `run` 0: its waybill has ended and given it back.
struct id_clock_row {
    bool is_there;
    uint64_t run, from_ms, upto_ms;
};

enum id_clock_step {
    CLOCK_ENOUGH, // it is ours, and reaches far enough
    CLOCK_INSERT,
    CLOCK_EXTEND, // it is ours
    CLOCK_TAKE,   // it was of a waybill that has ended
    CLOCK_TAKEN   // it is of another that runs
};

// `has_lock`: of the proxy_id on this server. `at_ms`: now, or what ids are made of already when
// that is later.
enum id_clock_step id_clock_step(const struct id_clock_row *row, uint64_t run, bool has_lock,
                                 uint64_t at_ms);
// Up to when a row that is written at at_ms reaches.
uint64_t id_clock_upto(uint64_t at_ms);

struct id_clock {  // zeroed: nothing is known
    bool has_lock; // by the present connection
    struct id_grant grant;
    uint64_t pause_until_us; // (job_now_us) after a failure
    uint64_t taken_us;       // since when the row is another's; 0: it isn't
};

void id_clock_disconnected(struct id_clock *clock);
// Has the row written where that is needed, and clock->grant as it then is. False: it could not be
// read or written, with *error; the grant is what it was.
bool id_clock_look(struct id_clock *clock, struct dbconn *conn, const struct id_clock_setup *setup,
                   uint64_t used_ms, struct error *error) MUST_CHECK;
// When no id will be made any more: the next waybill may go on right behind the last one.
void id_clock_give_back(struct id_clock *clock, struct dbconn *conn,
                        const struct id_clock_setup *setup, uint64_t used_ms);
