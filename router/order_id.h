#pragma once
// Order ids: 41 bits of milliseconds since 2020-01-01 UTC, 12 bits of bucket, 6 of proxy, 4 of
// sequence: a positive BIGINT that grows with time and says by itself in which bucket the order is.

#include "base/counter.h"
#include "base/error.h"
#include "cluster/config.h"
#include "cluster/id_grant.h"

#define ORDER_ID_EPOCH_MS 1577836800000ull
#define ORDER_ID_END_MS   (ORDER_ID_EPOCH_MS + (1ull << 41)) // in 2089: no bits for more

// One for each worker. Workers of a proxy share its sequence by parity of time slots: worker w of n
// uses the milliseconds with (ms / 1) % n == w, so no two ever make the same id without talking.
struct order_id_source {
    uint8_t proxy_id; // 0..63
    uint16_t worker;
    uint16_t worker_count;
    uint64_t last_ms;        // of the slot that is counted from
    uint16_t *sequence;      // owned by the worker: by bucket, for last_ms; see order_id_next
    struct id_grant *grants; // owned by the worker: by shard id
    struct counter *used_ms; // borrowed: the highest time in an id that was made; NULL: nobody asks
};

// A new id for the bucket (0..4095), whose rows are on that shard. Never repeats: when the sequence
// of a slot is used up, or the clock went back, it goes on from the following slot. False: the
// shard's grant has no time for it; *error says why (9016), nothing is used up.
bool order_id_next(struct order_id_source *source, const struct config *config, uint16_t bucket,
                   uint64_t now_ms, uint64_t *id, struct error *error) MUST_CHECK;
uint16_t order_id_bucket(uint64_t id);
uint64_t order_id_ms(uint64_t id); // Unix milliseconds
