#pragma once
// Hands snapshots out and takes them back. A snapshot lives as long as it is the newest or a worker
// still has it. Control thread only.

#include "cluster/snapshot.h"
#include "server/worker.h"

struct publisher {
    struct list issued;      // struct issued, oldest first; the last one is the newest
    struct worker **workers; // borrowed; may be filled in after publish_init
    uint16_t worker_count;
};

// Takes the first snapshot over. Workers that are made with it count as having it.
void publish_init(struct publisher *publisher, struct snapshot *first, uint16_t worker_count);
void publish_done(struct publisher *publisher); // after the workers have ended
const struct snapshot *publish_newest(const struct publisher *publisher);
// Takes the snapshot over and sends it to every worker.
void publish_send(struct publisher *publisher, struct snapshot *next);
// A worker does not use it any more.
void publish_take_back(struct publisher *publisher, const struct snapshot *snapshot);
