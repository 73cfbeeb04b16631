// A chained table: the numbers of one worker rise by its stride, so number / stride spreads them
// evenly without a hash.

#include "session/session_ids.h"

#include <assert.h>

#include "base/memory.h"
#include "session/session_impl.h"

enum { BUCKETS_FIRST = 64 };

void session_ids_init(struct session_ids *ids, uint8_t proxy_id, uint16_t worker,
                      uint16_t worker_count)
{
    assert(proxy_id < 64 && worker < worker_count);
    *ids = (struct session_ids){
        .proxy_id = proxy_id, .worker = worker, .worker_count = worker_count, .next = worker + 1U};
    ids->bucket_count = BUCKETS_FIRST;
    ids->buckets = memory_new(ids->bucket_count * sizeof(struct session *));
}

void session_ids_done(struct session_ids *ids)
{
    assert(ids->count == 0);
    memory_free(ids->buckets);
}

static struct session **bucket_of(const struct session_ids *ids, uint32_t id)
{
    uint32_t number = id & SESSION_NUMBER_MAX;
    return &ids->buckets[(number / ids->worker_count) & (ids->bucket_count - 1)];
}

static void grow(struct session_ids *ids)
{
    struct session **old = ids->buckets;
    size_t old_count = ids->bucket_count;
    ids->bucket_count *= 2;
    ids->buckets = memory_new(ids->bucket_count * sizeof(struct session *));
    for (size_t i = 0; i < old_count; i++) {
        for (struct session *session = old[i], *next; session != NULL; session = next) {
            struct session **bucket = bucket_of(ids, session->id);
            next = session->id_next;
            session->id_next = *bucket;
            *bucket = session;
        }
    }
    memory_free(old);
}

static uint32_t take_next(struct session_ids *ids)
{
    uint32_t number = ids->next;
    bool is_last = number + ids->worker_count > SESSION_NUMBER_MAX;
    ids->next = is_last ? ids->worker + 1U : number + ids->worker_count;
    return (uint32_t)ids->proxy_id << SESSION_NUMBER_BITS | number;
}

void session_ids_add(struct session_ids *ids, struct session *session)
{
    if (ids->count == ids->bucket_count) {
        grow(ids);
    }
    do { // there are far more numbers than max_clients allows sessions
        session->id = take_next(ids);
    } while (session_ids_find(ids, session->id) != NULL);
    struct session **bucket = bucket_of(ids, session->id);
    session->id_next = *bucket;
    *bucket = session;
    ids->count++;
}

void session_ids_remove(struct session_ids *ids, struct session *session)
{
    struct session **place = bucket_of(ids, session->id);
    while (*place != session) {
        place = &(*place)->id_next;
    }
    *place = session->id_next;
    ids->count--;
}

struct session *session_ids_find(const struct session_ids *ids, uint32_t id)
{
    struct session *session = *bucket_of(ids, id);
    while (session != NULL && session->id != id) {
        session = session->id_next;
    }
    return session;
}
