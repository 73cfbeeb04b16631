// Every sharding method is one row of a table of functions: where a key is, where any key can be,
// and, for methods that keep neighbours together, where a stretch of keys is. Ranges and lists are
// sorted, so that a look-up is a binary search.

#include "router/sharding.h"
#include "base/hash.h"

struct method {
    const char *name;
    bool is_ordered;
    bool (*of_key)(const struct config *config, const struct table_config *table,
                   const struct shard_key *key, uint16_t *shard);
    struct shard_set (*of_table)(const struct config *config, const struct table_config *table);
};

uint16_t bucket_of_key(struct slice canonical)
{
    return (uint16_t)(hash_bytes(canonical.ptr, canonical.len) >> 52);
}

struct shard_set sharding_all(const struct config *config)
{
    struct shard_set all = {0};
    for (uint16_t i = 0; i < config->shard_count; i++) {
        if (!config->shards[i].is_removed) {
            all.bits |= shard_set_of(i).bits;
        }
    }
    return all;
}

static bool bucket_of(const struct config *config, const struct table_config *table,
                      const struct shard_key *key, uint16_t *shard)
{
    (void)table;
    *shard = config->bucket_shard[bucket_of_key(key->bytes)];
    return true;
}

// A shard without buckets would be asked for nothing; reading 4096 entries to know it costs more.
static struct shard_set bucket_all(const struct config *config, const struct table_config *table)
{
    (void)table;
    return sharding_all(config);
}

static bool range_of(const struct config *config, const struct table_config *table,
                     const struct shard_key *key, uint16_t *shard)
{
    (void)config;
    uint32_t from = 0;
    uint32_t to = table->range_count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        const struct key_range *range = &table->ranges[middle];
        if (key->number < range->low) {
            to = middle;
        } else if (key->number > range->high) {
            from = middle + 1;
        } else {
            *shard = range->shard;
            return true;
        }
    }
    return false;
}

static struct shard_set range_all(const struct config *config, const struct table_config *table)
{
    return sharding_between(config, table, INT64_MIN, INT64_MAX);
}

static int compare_bytes(struct slice a, struct slice b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter == 0 ? 0 : memcmp(a.ptr, b.ptr, shorter);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static bool list_of(const struct config *config, const struct table_config *table,
                    const struct shard_key *key, uint16_t *shard)
{
    (void)config;
    uint32_t from = 0;
    uint32_t to = table->listed_count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        int order = compare_bytes(key->bytes, table->listed[middle].key);
        if (order == 0) {
            *shard = table->listed[middle].shard;
            return true;
        }
        if (order < 0) {
            to = middle;
        } else {
            from = middle + 1;
        }
    }
    return false;
}

static struct shard_set list_all(const struct config *config, const struct table_config *table)
{
    (void)config;
    struct shard_set set = {0};
    for (uint32_t i = 0; i < table->listed_count; i++) {
        set.bits |= shard_set_of(table->listed[i].shard).bits;
    }
    return set;
}

// The rest is never negative: -1 modulo 4 is 3. Keys over INT64_MAX are divided as they are.
static bool modulo_of(const struct config *config, const struct table_config *table,
                      const struct shard_key *key, uint16_t *shard)
{
    (void)config;
    int64_t modulo = table->modulo;
    uint64_t large = 0;
    if (modulo == 0) {
        return false;
    }
    int64_t rest = (key->number % modulo + modulo) % modulo;
    if (key->number == INT64_MAX && slice_to_uint64(key->bytes, &large)) {
        rest = (int64_t)(large % (uint64_t)modulo);
    }
    *shard = table->modulo_shards[rest];
    return true;
}

static struct shard_set modulo_all(const struct config *config, const struct table_config *table)
{
    (void)config;
    struct shard_set set = {0};
    for (uint32_t i = 0; i < table->modulo; i++) {
        set.bits |= shard_set_of(table->modulo_shards[i]).bits;
    }
    return set;
}

// clang-format off
static const struct method methods[] = {
    [METHOD_BUCKET] = {"bucket", false, bucket_of, bucket_all},
    [METHOD_RANGE]  = {"range",  true,  range_of,  range_all},
    [METHOD_LIST]   = {"list",   false, list_of,   list_all},
    [METHOD_MODULO] = {"modulo", false, modulo_of, modulo_all},
    [METHOD_DATE]   = {"date",   true,  range_of,  range_all},
};
// clang-format on

struct shard_set sharding_of_table(const struct config *config, const struct table_config *table)
{
    return methods[table->method].of_table(config, table);
}

bool sharding_of_key(const struct config *config, const struct table_config *table,
                     const struct shard_key *key, uint16_t *shard)
{
    return methods[table->method].of_key(config, table, key, shard);
}

bool sharding_is_ordered(const struct table_config *table)
{
    return methods[table->method].is_ordered;
}

struct shard_set sharding_between(const struct config *config, const struct table_config *table,
                                  int64_t low, int64_t high)
{
    (void)config;
    struct shard_set set = {0};
    for (uint32_t i = 0; i < table->range_count; i++) {
        if (table->ranges[i].low <= high && table->ranges[i].high >= low) {
            set.bits |= shard_set_of(table->ranges[i].shard).bits;
        }
    }
    return set;
}

static uint64_t mix(uint64_t hash, const void *bytes, size_t len)
{
    uint64_t both[2] = {hash, hash_bytes(bytes, len)};
    return hash_bytes(both, sizeof both);
}

uint64_t sharding_fingerprint(const struct config *config, const struct table_config *table)
{
    uint32_t kinds[] = {table->method, table->key_type, table->date_unit, table->modulo};
    uint64_t hash = hash_bytes(kinds, sizeof kinds);
    const char *const columns[] = {table->key, table->id_column};
    for (size_t i = 0; i < 2; i++) {
        hash = mix(hash, columns[i], columns[i] != NULL ? strlen(columns[i]) : 0);
    }
    if (table->method == METHOD_BUCKET) {
        hash = mix(hash, config->bucket_shard, sizeof config->bucket_shard);
    }
    for (uint32_t i = 0; i < table->range_count; i++) {
        const struct key_range *range = &table->ranges[i];
        int64_t one[] = {range->low, range->high, range->shard};
        hash = mix(hash, one, sizeof one);
    }
    for (uint32_t i = 0; i < table->listed_count; i++) {
        hash = mix(hash, table->listed[i].key.ptr, table->listed[i].key.len);
        hash = mix(hash, &table->listed[i].shard, sizeof table->listed[i].shard);
    }
    if (table->modulo > 0) {
        hash = mix(hash, table->modulo_shards, table->modulo * sizeof *table->modulo_shards);
    }
    return hash;
}

const char *sharding_method_name(const struct table_config *table)
{
    return methods[table->method].name;
}
