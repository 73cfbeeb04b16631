// A limit on connections to a server holds for the whole proxy, but workers share nothing: each has
// a fixed part of it. With a limit below the number of workers each still has one, since a worker
// without any could serve nobody.

#include "pool/pool_impl.h"

uint32_t quota_share(int64_t max, uint16_t worker, uint16_t worker_count)
{
    int64_t share = max / worker_count;
    if (worker < max % worker_count) {
        share++;
    }
    return share < 1 ? 1 : (uint32_t)share;
}

uint32_t slot_quota(const struct slot *slot)
{
    int64_t max = pools_settings(slot->pools)->pool_max;
    uint32_t own = slot_config(slot)->max_connections;
    if (own > 0 && own < max) {
        max = own;
    }
    return quota_share(max, slot->pools->host.worker, slot->pools->host.worker_count);
}
