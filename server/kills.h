#pragma once
// KILL on its way through the control thread: from the asker's worker to the victims' and back.

#include "server/worker.h"

struct kills {
    struct list questions;
    uint64_t last_question;
    struct worker **workers; // borrowed
    uint16_t worker_count;
};

enum { NO_WORKER = 0xffff };

void kills_init(struct kills *kills, struct worker **workers, uint16_t worker_count);
void kills_done(struct kills *kills); // whoever still waits is told nothing
// `worker`: whose session asks; NO_WORKER: nobody is to be told.
void kills_ask(struct kills *kills, uint16_t worker, const struct kill_order *order);
void kills_answered(struct kills *kills, uint64_t question, const struct kill_outcome *outcome);
