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

#include "router/order_id.h"
#include "cluster/config.h"

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

uint64_t order_id_next(struct order_id_source *source, uint16_t bucket, uint64_t now_ms)
{
    uint64_t workers = source->worker_count > 0 ? source->worker_count : 1;
    uint64_t now = now_ms > ORDER_ID_EPOCH_MS + workers ? now_ms : ORDER_ID_EPOCH_MS + workers;
    uint64_t slot_ms = now - (now + workers - source->worker % workers) % workers;
    if (slot_ms > source->last_ms) {
        if (source->last_ms == 0) { // the first one: nothing was borrowed from any slot
            source->last_ms = slot_ms;
        }
        move_to_slot(source, slot_ms, workers);
    } else if (source->sequence[bucket] == UINT16_MAX) { // 4095 slots ahead: wait no more
        move_to_slot(source, source->last_ms + workers, workers);
    }
    uint64_t count = source->sequence[bucket]++;
    uint64_t ms = source->last_ms + count / IDS_IN_SLOT * workers - ORDER_ID_EPOCH_MS;
    return ms << MS_SHIFT | (uint64_t)bucket << BUCKET_SHIFT |
           (uint64_t)(source->proxy_id & 63) << PROXY_SHIFT | count % IDS_IN_SLOT;
}

uint16_t order_id_bucket(uint64_t id)
{
    return (uint16_t)(id >> BUCKET_SHIFT & (BUCKET_COUNT - 1));
}

uint64_t order_id_ms(uint64_t id)
{
    return (id >> MS_SHIFT) + ORDER_ID_EPOCH_MS;
}
