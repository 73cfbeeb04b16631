#pragma once
// The connection ids of a worker's sessions: given out, found again. An id is unique over all
// proxies (proxy_id) and workers, and is never given twice at one time:
//
//     6 bits proxy_id | 26 bits number, which says the worker: (number - 1) % workers
//
// Numbers rise, and begin anew after the last one; those that are still in use are passed over.

#include "session/session.h"

struct session;

struct session_ids {
    struct session **buckets; // owned; chains by session->id_next
    size_t bucket_count;      // a power of 2
    size_t count;
    uint32_t next; // number
    uint8_t proxy_id;
    uint16_t worker, worker_count;
};

void session_ids_init(struct session_ids *ids, uint8_t proxy_id, uint16_t worker,
                      uint16_t worker_count);
void session_ids_done(struct session_ids *ids);
void session_ids_add(struct session_ids *ids, struct session *session); // gives it its id
void session_ids_remove(struct session_ids *ids, struct session *session);
struct session *session_ids_find(const struct session_ids *ids, uint32_t id); // NULL: none has it
