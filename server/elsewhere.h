#pragma once
// Between the errands of sessions and the monitor, which carries those of other waybills, and looks
// for deadlocks.

#include "replication/monitor.h"
#include "server/errands.h"

void elsewhere_send(struct monitor *monitor, uint64_t question, const struct errand *order);
void elsewhere_take_answer(struct errands *errands, uint64_t question,
                           const struct kill_answer *answer);
void elsewhere_take_order(struct errands *errands, uint64_t ticket, const struct kill_order *order);
void elsewhere_answer(struct monitor *monitor, const struct errand *order,
                      const struct errand_result *outcome);
// A transaction waits: the monitor gets a list of all of them, unless it has one.
void elsewhere_list_waiters(struct errands *errands, struct monitor *monitor);
// Statements that were planned when the declared tables were as of `seen`.
void elsewhere_look_for_old(struct errands *errands, uint64_t number, uint64_t seen);
void elsewhere_end_victim(struct errands *errands, const struct waiter *who);
