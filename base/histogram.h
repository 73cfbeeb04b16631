#pragma once
// A latency histogram in microseconds: log-linear (16 steps for each power of two), one writer, any
// readers.

#include "base/counter.h"

enum { HISTOGRAM_SLOTS = 16 * 40 };

struct histogram {
    struct counter slots[HISTOGRAM_SLOTS];
    struct counter sum_us;
};

void histogram_add(struct histogram *histogram, uint64_t value_us);
uint64_t histogram_count(const struct histogram *histogram);
// fraction in 0..1 (0.99 = p99); the upper edge of the slot; 0 when empty.
uint64_t histogram_quantile_us(const struct histogram *histogram, double fraction);
// Adds the second's figures to the first's (to sum workers up).
void histogram_merge(struct histogram *into, const struct histogram *from);
