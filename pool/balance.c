// Which server answers a read: a smooth weighted round-robin over the replicas that are fit right
// now (as nginx does it). In each turn every fit replica's balance grows by its weight, the highest
// one is chosen, and pays the sum of all weights: weights 3 and 1 give a a b a, not a a a b.

#include "pool/pool.h"
#include "pool/pool_impl.h"

static bool can_read(struct pools *pools, uint16_t server, uint64_t written_us)
{
    const struct snapshot *snapshot = pools->snapshot;
    const struct slot *slot = pools->slots[server];
    uint64_t now_us = pools_now_us(pools);
    return snapshot->config->servers[server].weight > 0 &&
           snapshot_is_fit(snapshot, server, now_us, written_us) &&
           (slot == NULL || !backoff_is_on(&slot->backoff, now_us));
}

// Replicas of another zone serve only while none of this one is fit.
static bool has_near(struct pools *pools, const struct shard_config *shard, uint64_t written_us)
{
    for (uint16_t i = 0; i < shard->server_count; i++) {
        uint16_t server = shard->servers[i];
        if (pools->snapshot->config->servers[server].is_near &&
            can_read(pools, server, written_us)) {
            return true;
        }
    }
    return false;
}

uint16_t pool_choose(struct pools *pools, uint16_t shard, bool primary_only, uint64_t written_us)
{
    const struct snapshot *snapshot = pools->snapshot;
    const struct shard_config *config = &snapshot->config->shards[shard];
    uint16_t primary = snapshot->shards[shard].primary;
    uint16_t chosen = NO_SERVER;
    int64_t sum = 0;
    bool wants_near = !primary_only && has_near(pools, config, written_us);
    for (uint16_t i = 0; !primary_only && i < config->server_count; i++) {
        uint16_t server = config->servers[i];
        bool is_far = wants_near && !snapshot->config->servers[server].is_near;
        if (is_far || !can_read(pools, server, written_us)) {
            continue;
        }
        int64_t weight = snapshot->config->servers[server].weight;
        pools->balance[server] += weight;
        sum += weight;
        if (chosen == NO_SERVER || pools->balance[server] > pools->balance[chosen]) {
            chosen = server;
        }
    }
    if (chosen == NO_SERVER) {
        return primary;
    }
    pools->balance[chosen] -= sum;
    return chosen;
}
