#pragma once
// Order ids: 41 bits of milliseconds since 2020-01-01 UTC, 12 bits of bucket, 6 of proxy, 4 of
// sequence: a positive BIGINT that grows with time and says by itself in which bucket the order is.

#include "base/slice.h"

#define ORDER_ID_EPOCH_MS 1577836800000ull

// One for each worker. Workers of a proxy share its sequence by parity of time slots: worker w of n
// uses the milliseconds with (ms / 1) % n == w, so no two ever make the same id without talking.
struct order_id_source {
    uint8_t proxy_id; // 0..63
    uint16_t worker;
    uint16_t worker_count;
    uint64_t last_ms;   // of the last id made
    uint16_t *sequence; // owned by the worker: by bucket, for last_ms; see order_id_next
};

// A new id for the bucket (0..4095). Never repeats: when the sequence of a slot is used up, or the
// clock went back, it goes on from the following slot.
uint64_t order_id_next(struct order_id_source *source, uint16_t bucket, uint64_t now_ms);
uint16_t order_id_bucket(uint64_t id);
uint64_t order_id_ms(uint64_t id); // Unix milliseconds
