// What the shards' primaries have written down for order ids (id_clock.c), for the workers.

#include "replication/monitor_impl.h"

void monitor_ids_follow_config(struct monitor *monitor)
{
    const struct config *config = monitor_config(monitor);
    monitor->makes_ids = false;
    for (size_t i = 0; i < config->table_count; i++) {
        monitor->makes_ids |= config->tables[i].makes_ids;
    }
}

bool monitor_has_ids(const struct monitor *monitor)
{
    bool has_all = true;
    for (uint16_t i = 0; i < monitor->shard_count && monitor->makes_ids; i++) {
        const struct guarded *guarded = &monitor->shards[i];
        has_all &= guarded->primary == NO_SERVER || guarded->ids.is_taken ||
                   guarded->ids.upto_ms > monitor->ids_from_ms;
    }
    return has_all;
}

static void tell_taken(struct monitor *monitor, uint16_t shard)
{
    const struct config *config = monitor_config(monitor);
    if (monitor->shards[shard].ids.is_taken) {
        monitor_say(monitor,
                    "shard %s: another waybill has proxy_id = %u, too: this one makes no order ids",
                    config->shards[shard].name, (unsigned)config->settings.proxy_id);
    } else {
        monitor_say(monitor, "shard %s: proxy_id = %u is this waybill's again",
                    config->shards[shard].name, (unsigned)config->settings.proxy_id);
    }
}

void monitor_take_ids(struct monitor *monitor, uint16_t server, const struct id_grant *grant)
{
    const struct config *config = monitor_config(monitor);
    uint16_t shard = config->servers[server].shard;
    struct guarded *guarded = &monitor->shards[shard];
    bool was_taken = guarded->ids.is_taken;
    if (guarded->primary != server || (grant->upto_ms == 0 && !grant->is_taken)) {
        return;
    }
    guarded->ids = *grant;
    if (was_taken != grant->is_taken) {
        tell_taken(monitor, shard);
    }
    if (grant->from_ms <= monitor->ids_from_ms) {
        return;
    }
    // A bucket may have been on that shard before: no shard's ids begin earlier.
    monitor->ids_from_ms = grant->from_ms;
    for (uint16_t i = 0; i < monitor->shard_count; i++) {
        if (!config->shards[i].is_removed && monitor->shards[i].primary != NO_SERVER) {
            monitor_order(monitor, monitor->shards[i].primary, true, 0);
        }
    }
}

bool monitor_has_ids_changed(const struct monitor *monitor, uint16_t shard,
                             const struct id_grant *published)
{
    struct id_grant now;
    monitor_fill_ids(monitor, shard, &now);
    bool was_usable = published->upto_ms > published->from_ms;
    return was_usable != (now.upto_ms > now.from_ms) || published->is_taken != now.is_taken ||
           published->from_ms != now.from_ms;
}

void monitor_fill_ids(const struct monitor *monitor, uint16_t shard, struct id_grant *grant)
{
    *grant = monitor->shards[shard].ids;
    grant->from_ms = monitor->ids_from_ms;
}
