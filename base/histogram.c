// Log-linear slots: below 16 each value has its own slot; above, each power of two is cut into 16
// equal steps, so a quantile is at most 1/16 too high at any magnitude, in 5 KiB.
//
//     value:   0..15 | 16..31 | 32..63 in steps of 2 | 64..127 in steps of 4 | ...
//     slot:    0..15 | 16..31 | 32..47               | 48..63                | ...

#include "base/histogram.h"

#include <assert.h>

enum { STEPS = 16, STEP_BITS = 4 };

static size_t slot_of(uint64_t value)
{
    if (value < STEPS) {
        return (size_t)value;
    }
    unsigned power = 63U - (unsigned)__builtin_clzll(value);
    uint64_t step = (value >> (power - STEP_BITS)) & (STEPS - 1);
    size_t slot = (size_t)(power - STEP_BITS + 1) * STEPS + (size_t)step;
    return slot < HISTOGRAM_SLOTS ? slot : HISTOGRAM_SLOTS - 1;
}

// The largest value that falls into the slot.
static uint64_t upper_edge(size_t slot)
{
    if (slot < STEPS) {
        return slot;
    }
    size_t shift = slot / STEPS - 1;
    uint64_t step = slot % STEPS;
    return ((STEPS + step + 1) << shift) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t value_us)
{
    counter_add(&histogram->slots[slot_of(value_us)], 1);
    counter_add(&histogram->sum_us, value_us);
}

uint64_t histogram_count(const struct histogram *histogram)
{
    uint64_t count = 0;
    for (size_t i = 0; i < HISTOGRAM_SLOTS; i++) {
        count += counter_get(&histogram->slots[i]);
    }
    return count;
}

uint64_t histogram_quantile_us(const struct histogram *histogram, double fraction)
{
    assert(fraction >= 0 && fraction <= 1);
    uint64_t count = histogram_count(histogram);
    if (count == 0) {
        return 0;
    }
    // The value that `fraction` of all are not above: at least one, even for the quantile 0.
    uint64_t wanted = (uint64_t)(fraction * (double)count + 0.999999);
    wanted = wanted > 0 ? wanted : 1;
    uint64_t seen = 0;
    size_t last = 0;
    for (size_t i = 0; i < HISTOGRAM_SLOTS; i++) {
        uint64_t here = counter_get(&histogram->slots[i]);
        if (here == 0) {
            continue;
        }
        last = i;
        seen += here;
        if (seen >= wanted) {
            break;
        }
    }
    return upper_edge(last);
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    for (size_t i = 0; i < HISTOGRAM_SLOTS; i++) {
        uint64_t here = counter_get(&from->slots[i]);
        if (here > 0) {
            counter_add(&into->slots[i], here);
        }
    }
    counter_add(&into->sum_us, counter_get(&from->sum_us));
}
