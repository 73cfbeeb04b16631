#pragma once
// Key -> bucket -> shard, for every method.

#include "cluster/config.h"

// A set of shards.
struct shard_set {
    uint64_t bits; // shard id = bit; SHARDS_MAX is 64
};

// The bucket of canonical key bytes: the top 12 bits of xxh64.
uint16_t bucket_of_key(struct slice canonical);
