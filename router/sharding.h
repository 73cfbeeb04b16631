#pragma once
// Key -> bucket -> shard, for every method.

#include "cluster/config.h"

// A set of shards.
struct shard_set {
    uint64_t bits; // shard id = bit; SHARDS_MAX is 64
};

// A shard key in its one spelling.
struct shard_key {
    struct slice bytes; // canonical, see cluster/key.h
    int64_t number; // KEY_INTEGER: the value (what is over INT64_MAX: INT64_MAX). KEY_DATE: days
};

static inline struct shard_set shard_set_of(uint16_t shard)
{
    return (struct shard_set){UINT64_C(1) << shard};
}

static inline struct shard_set shard_set_all(void) // every shard that could be
{
    return (struct shard_set){UINT64_MAX};
}

static inline unsigned shard_set_count(struct shard_set set)
{
    return (unsigned)__builtin_popcountll(set.bits);
}

static inline bool shard_set_has(struct shard_set set, uint16_t shard)
{
    return (set.bits >> shard & 1) != 0;
}

// The lowest; the set is not empty.
static inline uint16_t shard_set_first(struct shard_set set)
{
    return (uint16_t)__builtin_ctzll(set.bits);
}

// The bucket of canonical key bytes: the top 12 bits of xxh64.
uint16_t bucket_of_key(struct slice canonical);

// All shards of the configuration (removed ones are none).
struct shard_set sharding_all(const struct config *config);
// Where rows of a sharded table can be.
struct shard_set sharding_of_table(const struct config *config, const struct table_config *table);
// Where the row with the key is; false when no range or list entry covers it.
bool sharding_of_key(const struct config *config, const struct table_config *table,
                     const struct shard_key *key, uint16_t *shard) MUST_CHECK;
// Does the table's method keep neighbouring keys together?
bool sharding_is_ordered(const struct table_config *table) MUST_CHECK;
// Where rows with low <= key <= high are; for ordered methods only.
struct shard_set sharding_between(const struct config *config, const struct table_config *table,
                                  int64_t low, int64_t high);
// Equal as long as the same keys of the table are on the same shards (over a reload, say).
uint64_t sharding_fingerprint(const struct config *config, const struct table_config *table);
const char *sharding_method_name(const struct table_config *table);
