// Order ids without a lock and without talk between workers. Time is cut into slots of a
// millisecond; worker w of n owns the slots with ms % n == w. In a slot each bucket has 16 ids.
//
//     last_ms        slot of this worker that everything counts from
//     sequence[b]    ids that bucket b has had since then: number k is in slot
//                    last_ms + k / 16 * n, with sequence k % 16
//
// So a burst borrows the worker's following slots, and when time moves on, each bucket's count
// shrinks by 16 for each slot that has passed: what was borrowed stays taken. A clock that goes
// back changes nothing until it has caught up.
//
// What a process remembers ends with it. So it makes ids only for times that the shard's primary
// has written down for it (cluster/id_grant.h), each process for times after those of the one
// before.

#include "router/order_id.h"

#include <stdio.h>

#include "protocol/error_table.h"

enum { IDS_IN_SLOT = 16, BUCKET_SHIFT = 10, MS_SHIFT = 22, PROXY_SHIFT = 4 };

static void move_to_slot(struct order_id_source *source, uint64_t slot_ms, uint64_t workers)
{
    uint64_t passed = (slot_ms - source->last_ms) / workers * IDS_IN_SLOT;
    uint16_t drop = passed > UINT16_MAX ? UINT16_MAX : (uint16_t)passed;
    uint16_t *sequence = source->sequence;
    for (unsigned i = 0; i < BUCKET_COUNT; i++) {
        sequence[i] = (uint16_t)(sequence[i] > drop ? sequence[i] - drop : 0);
    }
    source->last_ms = slot_ms;
}

static void refuse(const struct config *config, uint16_t shard, const struct id_grant *grant,
                   struct error *error)
{
    char text[400];
    const char *name = config->shards[shard].name;
    unsigned proxy = (unsigned)config->settings.proxy_id;
    if (grant->is_taken) {
        snprintf(text, sizeof text,
                 "No order id can be made: another waybill in front of shard %s has proxy_id = %u, "
                 "too, and two would make the same ids. Give one of them another proxy_id and "
                 "start it again",
                 name, proxy);
    } else if (grant->upto_ms == 0) {
        snprintf(text, sizeof text,
                 "No order id can be made yet: the primary of shard %s has not written down (in "
                 "waybill.id_clock) from when on proxy_id = %u may. Try again; if it lasts, SHOW "
                 "EVENTS on the admin port says why",
                 name, proxy);
    } else {
        snprintf(text, sizeof text,
                 "No order id can be made: all the time that the primary of shard %s has written "
                 "down (in waybill.id_clock) for proxy_id = %u is used up. Try again in a second, "
                 "with fewer rows in a statement; if it lasts, SHOW EVENTS on the admin port says "
                 "why",
                 name, proxy);
    }
    error_fill(error, ER_NO_ORDER_ID, text);
}

static uint64_t latest(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static void note_used(struct order_id_source *source, uint64_t ms)
{
    if (source->used_ms != NULL && ms > counter_get(source->used_ms)) {
        counter_set(source->used_ms, ms);
    }
}

bool order_id_next(struct order_id_source *source, const struct config *config, uint16_t bucket,
                   uint64_t now_ms, uint64_t *id, struct error *error)
{
    uint16_t shard = config->bucket_shard[bucket];
    const struct id_grant *grant = &source->grants[shard];
    uint64_t workers = source->worker_count > 0 ? source->worker_count : 1;
    uint64_t now = latest(now_ms, latest(ORDER_ID_EPOCH_MS, grant->from_ms) + workers);
    uint64_t slot_ms = now - (now + workers - source->worker % workers) % workers;
    uint64_t end_ms = grant->upto_ms < ORDER_ID_END_MS ? grant->upto_ms : ORDER_ID_END_MS;
    uint64_t borrowed_ms = source->sequence[bucket] / IDS_IN_SLOT * workers;
    if (latest(slot_ms, source->last_ms + borrowed_ms) >= end_ms) {
        refuse(config, shard, grant, error);
        return false;
    }
    if (slot_ms > source->last_ms) {
        if (source->last_ms == 0) { // the first one: nothing was borrowed from any slot
            source->last_ms = slot_ms;
        }
        move_to_slot(source, slot_ms, workers);
    } else if (source->sequence[bucket] == UINT16_MAX) { // 4095 slots ahead: wait no more
        move_to_slot(source, source->last_ms + workers, workers);
    }
    uint64_t count = source->sequence[bucket]++;
    uint64_t ms = source->last_ms + count / IDS_IN_SLOT * workers;
    note_used(source, ms);
    *id = (ms - ORDER_ID_EPOCH_MS) << MS_SHIFT | (uint64_t)bucket << BUCKET_SHIFT |
          (uint64_t)(source->proxy_id & 63) << PROXY_SHIFT | count % IDS_IN_SLOT;
    return true;
}

uint16_t order_id_bucket(uint64_t id)
{
    return (uint16_t)(id >> BUCKET_SHIFT & (BUCKET_COUNT - 1));
}

uint64_t order_id_ms(uint64_t id)
{
    return (id >> MS_SHIFT) + ORDER_ID_EPOCH_MS;
}
