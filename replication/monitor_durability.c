// What an acknowledged write is worth, said whenever it changes: whether the primary waits for a
// replica now, and whether the servers' settings can keep a shard's durability = semi_sync.

#include "replication/monitor_impl.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "replication/probe_followers.h"

// What breaks the promise of the shard: the settings of the first server that do; "" when none.
static void find_weakness(const struct monitor *monitor, uint16_t shard, char *text,
                          size_t text_bytes)
{
    const struct config *config = monitor_config(monitor);
    const struct shard_config *members = &config->shards[shard];
    text[0] = '\0';
    if (members->server_count == 1) {
        snprintf(text, text_bytes, "%s is its only server",
                 config->servers[members->servers[0]].name);
        return;
    }
    for (uint16_t i = 0; i < members->server_count && text[0] == '\0'; i++) {
        const struct observation *seen = &monitor->servers[members->servers[i]].seen;
        if (seen->has_facts && seen->facts.weakness[0] != '\0') {
            snprintf(text, text_bytes, "%s: %s", config->servers[members->servers[i]].name,
                     seen->facts.weakness);
        }
    }
}

// Of a new primary only if it doesn't wait. A server that is alone in its shard has nobody to wait
// for; a group's members need no semi-sync.
static void tell_waiting(struct monitor *monitor, uint16_t shard)
{
    const struct config *config = monitor_config(monitor);
    struct guarded *guarded = &monitor->shards[shard];
    uint16_t primary = guarded->primary;
    if (primary == NO_SERVER || config->shards[shard].server_count < 2) {
        return;
    }
    const struct observation *seen = &monitor->servers[primary].seen;
    bool is_waiting = seen->facts.is_semi_sync_source;
    bool is_known = guarded->told_server == primary;
    if (!seen->is_up || seen->seen_us < seen->valid_from_us || seen->facts.is_in_group ||
        (is_known && guarded->told_waiting == is_waiting)) {
        return; // (facts that are older than what a job has changed say nothing)
    }
    guarded->told_server = primary;
    guarded->told_waiting = is_waiting;
    const char *name = config->servers[primary].name;
    if (!is_waiting) {
        monitor_say(monitor,
                    "shard %s: %s does not wait for acknowledgements (semi-sync is off or fell "
                    "back): writes may be lost if it dies",
                    config->shards[shard].name, name);
    } else if (is_known) {
        monitor_say(monitor, "shard %s: %s waits for acknowledgements again",
                    config->shards[shard].name, name);
    }
}

// Once all servers of the configuration have said what they are called.
static bool list_known(const struct monitor *monitor, uint32_t *known, size_t *count)
{
    *count = 0;
    for (uint16_t i = 0; i < monitor->server_count; i++) {
        const struct watched *watched = &monitor->servers[i];
        if (watched->probe != NULL && !watched->seen.has_facts) {
            return false;
        }
        if (watched->probe != NULL) {
            known[(*count)++] = watched->seen.facts.server_id;
        }
    }
    return true;
}

// A replica that waybill does not know may acknowledge what no other has, and is asked by nobody
// when the primary dies.
static void tell_strangers(struct monitor *monitor, uint16_t shard)
{
    struct guarded *guarded = &monitor->shards[shard];
    uint32_t known[SERVERS_MAX];
    size_t count;
    char text[sizeof guarded->strangers];
    if (guarded->primary == NO_SERVER || !list_known(monitor, known, &count)) {
        return;
    }
    probe_name_strangers(monitor->servers[guarded->primary].seen.facts.listed, known, count, text,
                         sizeof text);
    if (strcmp(text, guarded->strangers) == 0) {
        return;
    }
    snprintf(guarded->strangers, sizeof guarded->strangers, "%s", text);
    const struct config *config = monitor_config(monitor);
    if (text[0] != '\0') {
        monitor_say(monitor,
                    "shard %s: not in the configuration, but replicates from %s: %s; what it alone "
                    "acknowledges may be lost",
                    config->shards[shard].name, config->servers[guarded->primary].name, text);
    } else {
        monitor_say(monitor, "shard %s: all that replicate from %s are servers of the shard",
                    config->shards[shard].name, config->servers[guarded->primary].name);
    }
}

void monitor_tell_durability(struct monitor *monitor, uint16_t shard)
{
    const struct shard_config *wanted = &monitor_config(monitor)->shards[shard];
    struct guarded *guarded = &monitor->shards[shard];
    char weakness[sizeof guarded->weakness];
    tell_waiting(monitor, shard);
    tell_strangers(monitor, shard);
    find_weakness(monitor, shard, weakness, sizeof weakness);
    if (!monitor_is_settled(monitor) || strcmp(weakness, guarded->weakness) == 0) {
        return;
    }
    snprintf(guarded->weakness, sizeof guarded->weakness, "%s", weakness);
    if (wanted->durability == DURABILITY_SEMI_SYNC && weakness[0] != '\0') {
        monitor_say(monitor, "shard %s: durability = semi_sync can't be kept for sure: %s",
                    wanted->name, weakness);
    } else if (wanted->durability == DURABILITY_SEMI_SYNC) {
        monitor_say(monitor, "shard %s: all settings keep durability = semi_sync", wanted->name);
    }
}
