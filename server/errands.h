#pragma once
// Errands on their way through the control thread: from the asker's worker to all that are meant,
// and back.

#include "server/worker.h"

// Between waybills: control has the monitor carry these (replication/kill_mail.h).
struct errands_elsewhere {
    void *owner;
    // To the waybill that the victim's id names; ends by errands_answered.
    void (*send)(void *owner, uint64_t question, const struct errand *order);
    // What came of errands_start with FROM_ELSEWHERE.
    void (*answer)(void *owner, const struct errand *order, const struct errand_result *outcome);
};

struct errands {
    struct errands_elsewhere elsewhere;
    struct list questions;
    uint64_t last_question;
    struct worker **workers; // borrowed
    uint16_t worker_count;
};

enum { NO_WORKER = 0xffff, FROM_ELSEWHERE = 0xfffe };

void errands_init(struct errands *errands, const struct errands_elsewhere *elsewhere,
                  struct worker **workers, uint16_t worker_count);
void errands_done(struct errands *errands); // whoever still waits is told nothing
// `worker`: whose session asks; NO_WORKER: nobody is to be told; FROM_ELSEWHERE: the monitor, for
// another waybill by the order's ticket, or for itself.
void errands_start(struct errands *errands, uint16_t worker, const struct errand *order);
// KILL of another waybill's client.
void errands_start_elsewhere(struct errands *errands, uint16_t worker, const struct errand *order);
void errands_answered(struct errands *errands, uint64_t question,
                      const struct errand_result *outcome);
