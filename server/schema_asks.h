#pragma once
// Commands of the admin port that wait for work on the schema.

#include "replication/monitor.h"

struct schema_asks {
    struct list questions;
    uint64_t last_number;
};

void schema_asks_init(struct schema_asks *asks);
void schema_asks_done(struct schema_asks *asks); // whoever still waits is told NULL
void schema_asks_start(struct schema_asks *asks, struct monitor *monitor, enum schema_kind kind,
                       struct slice argument,
                       void (*on_report)(void *asker, const struct schema_report *report),
                       void *asker);
void schema_asks_answered(struct schema_asks *asks, const struct schema_report *report);
