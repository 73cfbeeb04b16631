#include "server/elsewhere.h"

#include <stdio.h>

void elsewhere_send(struct monitor *monitor, uint64_t question, const struct errand *order)
{
    struct kill_order sent = {
        .target = session_id_proxy(order->victim),
        .victim = order->victim,
        .asker = order->asker,
        .is_query = order->is_query,
        .may_all = order->may_all,
    };
    snprintf(sent.user, sizeof sent.user, "%s", order->asker_user);
    monitor_send_kill(monitor, question, &sent);
}

void elsewhere_take_answer(struct errands *errands, uint64_t question,
                           const struct kill_answer *answer)
{
    struct errand_result result = {
        .killed = answer->outcome == KILL_DONE,
        .denied = answer->outcome == KILL_DENIED,
        .committing = answer->outcome == KILL_COMMITTING,
    };
    if (answer->outcome == KILL_FAILED) {
        result.problem = answer->error;
    }
    errands_answered(errands, question, &result);
}

void elsewhere_take_order(struct errands *errands, uint64_t ticket, const struct kill_order *order)
{
    struct errand taken = {
        .kind = ERRAND_KILL,
        .asker = order->asker,
        .ticket = ticket,
        .may_all = order->may_all,
        .is_query = order->is_query,
        .victim = order->victim,
    };
    snprintf(taken.asker_user, sizeof taken.asker_user, "%s", order->user);
    errands_start(errands, FROM_ELSEWHERE, &taken);
}

void elsewhere_answer(struct monitor *monitor, const struct errand *order,
                      const struct errand_result *outcome)
{
    enum kill_outcome told = outcome->killed > 0       ? KILL_DONE
                             : outcome->denied > 0     ? KILL_DENIED
                             : outcome->committing > 0 ? KILL_COMMITTING
                                                       : KILL_UNKNOWN;
    if (order->kind == ERRAND_DECLARED) {
        monitor_declared_settled(monitor, order->declared, outcome->busy);
    } else if (order->kind == ERRAND_WAITERS) {
        monitor_take_waiters(monitor, (const struct waiter *)(const void *)outcome->list.ptr,
                             outcome->list.len / sizeof(struct waiter));
    } else {
        monitor_answer_kill(monitor, order->ticket, told);
    }
}

void elsewhere_list_waiters(struct errands *errands, struct monitor *monitor)
{
    if (monitor_wants_waiters(monitor)) {
        errands_start(errands, FROM_ELSEWHERE, &(struct errand){.kind = ERRAND_WAITERS});
    }
}

void elsewhere_look_for_old(struct errands *errands, uint64_t number, uint64_t seen)
{
    errands_start(
        errands, FROM_ELSEWHERE,
        &(struct errand){.kind = ERRAND_DECLARED, .declared = number, .declared_since = seen});
}

void elsewhere_end_victim(struct errands *errands, const struct waiter *who)
{
    struct errand order = {.kind = ERRAND_VICTIM, .victim = who->session, .waiter = *who};
    errands_start(errands, NO_WORKER, &order);
}
