#pragma once
// Errands on their way through the control thread: from the asker's worker to all that are meant,
// and back.

#include "server/worker.h"

struct errands {
    struct list questions;
    uint64_t last_question;
    struct worker **workers; // borrowed
    uint16_t worker_count;
};

enum { NO_WORKER = 0xffff };

void errands_init(struct errands *errands, struct worker **workers, uint16_t worker_count);
void errands_done(struct errands *errands); // whoever still waits is told nothing
// `worker`: whose session asks; NO_WORKER: nobody is to be told.
void errands_start(struct errands *errands, uint16_t worker, const struct errand *order);
void errands_answered(struct errands *errands, uint64_t question,
                      const struct errand_result *outcome);
