// Which servers somebody works on (waybill.maintenance), and the commands that say so. What the
// primary has counts; while there is none, what any server of the shard has.

#include "replication/monitor_impl.h"

#include <string.h>

#include "protocol/error_table.h"

// `list`: names with commas between them.
static bool is_listed(const char *list, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = list; at != NULL && *at != '\0';) {
        const char *end = strchr(at, ',');
        size_t item_len = end != NULL ? (size_t)(end - at) : strlen(at);
        if (item_len == len && memcmp(at, name, len) == 0) {
            return true;
        }
        at = end != NULL ? end + 1 : NULL;
    }
    return false;
}

static bool is_maintained(const struct monitor *monitor, const struct shard_config *members,
                          uint16_t primary, const char *name)
{
    if (primary != NO_SERVER) {
        return is_listed(monitor->servers[primary].seen.facts.maintained, name);
    }
    for (uint16_t i = 0; i < members->server_count; i++) {
        const struct observation *seen = &monitor->servers[members->servers[i]].seen;
        if (seen->has_facts && is_listed(seen->facts.maintained, name)) {
            return true;
        }
    }
    return false;
}

void monitor_note_maintenance(struct monitor *monitor, uint16_t shard)
{
    const struct config *config = monitor_config(monitor);
    const struct shard_config *members = &config->shards[shard];
    for (uint16_t i = 0; i < members->server_count; i++) {
        const struct server_config *server = &config->servers[members->servers[i]];
        struct watched *watched = &monitor->servers[server->id];
        bool is_now = is_maintained(monitor, members, monitor->shards[shard].primary, server->name);
        if (is_now != watched->is_maintained) {
            watched->is_maintained = is_now;
            monitor_say(monitor, "server %s: %s", server->name,
                        is_now ? "in maintenance: no reads, the last to be promoted"
                               : "maintenance is over");
        }
    }
}

static bool is_possible(const struct monitor *monitor, uint16_t shard, struct error *error)
{
    if (!monitor_is_free(&monitor->shards[shard], error)) {
        return false;
    }
    if (monitor->shards[shard].primary == NO_SERVER) {
        error_set(error, ER_UNKNOWN, "HY000", "the shard has no primary now");
        return false;
    }
    return true;
}

void monitor_begin_maintenance(struct monitor *monitor, uint16_t server)
{
    uint16_t shard = monitor_config(monitor)->servers[server].shard;
    struct guarded *guarded = &monitor->shards[shard];
    struct shard_opinion wanted = {
        .subject = server, .primary = guarded->primary, .epoch = guarded->epoch};
    guarded->maintained_next = NO_SERVER;
    monitor_start_action(monitor, shard, ACTION_MAINTAIN, &wanted);
}

bool monitor_maintain(struct monitor *monitor, uint16_t server, const struct monitor_wish *wish,
                      struct error *error)
{
    uint16_t shard = monitor_config(monitor)->servers[server].shard;
    struct guarded *guarded = &monitor->shards[shard];
    if (!is_possible(monitor, shard, error)) {
        return false;
    }
    if (guarded->primary != server) {
        guarded->wish = *wish;
        monitor_begin_maintenance(monitor, server);
        return true;
    }
    if (!monitor_switchover(monitor, shard, NO_SERVER, wish, error)) {
        return false;
    }
    guarded->maintained_next = server; // when another one is the primary
    return true;
}

bool monitor_resume(struct monitor *monitor, uint16_t server, const struct monitor_wish *wish,
                    struct error *error)
{
    uint16_t shard = monitor_config(monitor)->servers[server].shard;
    struct guarded *guarded = &monitor->shards[shard];
    if (!is_possible(monitor, shard, error)) {
        return false;
    }
    struct shard_opinion wanted = {
        .subject = server, .primary = guarded->primary, .epoch = guarded->epoch};
    guarded->wish = *wish;
    monitor_start_action(monitor, shard, ACTION_RESUME, &wanted);
    return true;
}
