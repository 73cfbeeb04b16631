#pragma once
// A number with one writer (its thread) and any number of readers.

#include <stdatomic.h>
#include "base/slice.h"

struct counter {
    _Atomic uint64_t value;
};

static inline void counter_add(struct counter *counter, uint64_t more)
{
    uint64_t now = atomic_load_explicit(&counter->value, memory_order_relaxed);
    atomic_store_explicit(&counter->value, now + more, memory_order_relaxed);
}

static inline void counter_sub(struct counter *counter, uint64_t less)
{
    uint64_t now = atomic_load_explicit(&counter->value, memory_order_relaxed);
    atomic_store_explicit(&counter->value, now - less, memory_order_relaxed);
}

static inline void counter_set(struct counter *counter, uint64_t value)
{
    atomic_store_explicit(&counter->value, value, memory_order_relaxed);
}

static inline uint64_t counter_get(const struct counter *counter)
{
    return atomic_load_explicit(&counter->value, memory_order_relaxed);
}

static inline uint64_t counter_highest(const struct counter *counters, size_t count)
{
    uint64_t highest = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t value = counter_get(&counters[i]);
        highest = value > highest ? value : highest;
    }
    return highest;
}
