// Replicas that are in no section (discover = on). Who is taken in stands in waybill.discovered on
// the shard's primary (adopt.c): all waybills have in their configurations what stands there,
// whatever their own `discover` says. So all count the same servers as those that may have
// acknowledged something. Where `discover` is on one of them
//
//     has who replicates from the shard's servers and is unknown looked at (scout.c), and taken in
//     lets go who has neither answered nor replicated for a while, once the primary lives without
//     it
//
// What such a server alone has acknowledged is on others, too, when it is let go: the primary has
// had a heartbeat acknowledged since, and not by it; replicas receive in order.

#include "replication/monitor_impl.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

enum {
    LOOK_US = 2000000,  // between two looks
    GONE_US = 60000000, // until it is let go
    TAKEN_IN_MAX = 8,   // of one shard
    ADDRESS_BYTES = 64,
};

bool monitor_is_twice(const struct monitor *monitor, uint16_t server)
{
    const struct config *config = monitor_config(monitor);
    const struct observation *seen = &monitor->servers[server].seen;
    if (!config->servers[server].is_discovered || !seen->has_facts) {
        return false;
    }
    for (uint16_t i = 0; i < config->server_count && i < monitor->server_count; i++) {
        const struct observation *other = &monitor->servers[i].seen;
        if (!config->servers[i].is_discovered && !config->servers[i].is_removed &&
            other->has_facts && other->facts.server_id == seen->facts.server_id) {
            return true;
        }
    }
    return false;
}

// ---- the configuration has what stands in the tables

struct wanted {
    const struct config *config;
    char addresses[SERVERS_MAX][ADDRESS_BYTES];
    struct discovered list[SERVERS_MAX];
    size_t count;
};

// A row stays when its server has got a section.
static bool is_in_file(const struct config *config, const char *address)
{
    char name[64];
    config_name_discovered(address, name, sizeof name);
    for (uint16_t i = 0; i < config->server_count; i++) {
        const struct server_config *server = &config->servers[i];
        if (!server->is_removed && !server->is_discovered &&
            (strcmp(server->address_text, address) == 0 || strcmp(server->name, name) == 0)) {
            return true;
        }
    }
    return false;
}

static void want(struct wanted *wanted, uint16_t shard, const char *address, size_t len)
{
    for (size_t i = 0; i < wanted->count; i++) {
        if (wanted->list[i].shard == shard && strlen(wanted->addresses[i]) == len &&
            memcmp(wanted->addresses[i], address, len) == 0) {
            return;
        }
    }
    if (len == 0 || len >= ADDRESS_BYTES || wanted->count == SERVERS_MAX) {
        return;
    }
    char *copy = wanted->addresses[wanted->count];
    memcpy(copy, address, len);
    copy[len] = '\0';
    if (!is_in_file(wanted->config, copy)) {
        wanted->list[wanted->count++] = (struct discovered){.shard = shard, .address = copy};
    }
}

static void want_listed(struct wanted *wanted, uint16_t shard, const char *list)
{
    while (*list != '\0') {
        size_t len = strcspn(list, ",");
        want(wanted, shard, list, len);
        list += len + (list[len] == ',');
    }
}

// The primary's word is all of it; what others say, and what was known, only adds.
static void want_of_shard(const struct monitor *monitor, uint16_t shard, struct wanted *wanted)
{
    const struct config *config = monitor_config(monitor);
    const struct shard_config *members = &config->shards[shard];
    uint16_t primary = monitor->shards[shard].primary;
    assert(monitor->servers != NULL);
    const struct observation *of_primary =
        primary != NO_SERVER ? &monitor->servers[primary].seen : NULL;
    if (of_primary != NULL && of_primary->is_up && of_primary->has_facts &&
        of_primary->seen_us >= of_primary->valid_from_us && of_primary->facts.has_discovered) {
        want_listed(wanted, shard, of_primary->facts.discovered);
        return;
    }
    for (uint16_t i = 0; i < members->server_count; i++) {
        const struct server_config *server = &config->servers[members->servers[i]];
        const struct observation *seen = &monitor->servers[server->id].seen;
        if (server->is_discovered) {
            want(wanted, shard, server->address_text, strlen(server->address_text));
        }
        if (seen->has_facts) {
            want_listed(wanted, shard, seen->facts.discovered);
        }
    }
}

static bool is_in(const struct discovered *list, size_t count, const struct discovered *one)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i].shard == one->shard && strcmp(list[i].address, one->address) == 0) {
            return true;
        }
    }
    return false;
}

static void tell_changes(struct monitor *monitor, const struct discovered *before,
                         size_t before_count, const struct config *next)
{
    struct discovered now[SERVERS_MAX];
    size_t count = config_discovered(next, now, SERVERS_MAX);
    for (size_t i = 0; i < count; i++) {
        if (!is_in(before, before_count, &now[i])) {
            monitor_say(monitor, "shard %s: %s is taken in: it serves reads, and is never promoted",
                        next->shards[now[i].shard].name, now[i].address);
        }
    }
    for (size_t i = 0; i < before_count; i++) {
        if (!is_in(now, count, &before[i])) {
            monitor_say(monitor, "shard %s: %s is let go", next->shards[before[i].shard].name,
                        before[i].address);
        }
    }
}

static bool is_same(const struct discovered *a, size_t a_count, const struct wanted *b)
{
    bool is_all = a_count == b->count;
    for (size_t i = 0; i < b->count && is_all; i++) {
        is_all = is_in(a, a_count, &b->list[i]);
    }
    return is_all;
}

static void follow_tables(struct monitor *monitor)
{
    struct config *config = monitor->host->current(monitor->host->owner)->config;
    struct discovered before[SERVERS_MAX];
    size_t before_count = config_discovered(config, before, SERVERS_MAX);
    struct wanted wanted = {.config = config, .count = 0};
    for (uint16_t i = 0; i < config->shard_count && i < monitor->shard_count; i++) {
        if (!config->shards[i].is_removed) {
            want_of_shard(monitor, i, &wanted);
        }
    }
    if (is_same(before, before_count, &wanted)) {
        return;
    }
    struct config *next = config_with_discovered(config, wanted.list, wanted.count);
    tell_changes(monitor, before, before_count, next);
    monitor_publish_config(monitor, next);
    monitor_follow_servers(monitor);
}

// ---- taking in

static bool is_member(const struct monitor *monitor, uint32_t server_id)
{
    const struct config *config = monitor_config(monitor);
    for (uint16_t i = 0; i < monitor->server_count && i < config->server_count; i++) {
        const struct watched *watched = &monitor->servers[i];
        if (watched->probe != NULL && watched->seen.has_facts &&
            watched->seen.facts.server_id == server_id) {
            return true;
        }
    }
    return false;
}

// All have said what they are called, and there is room for one more.
static bool may_take_in(const struct monitor *monitor, uint16_t shard)
{
    const struct config *config = monitor_config(monitor);
    uint16_t primary = monitor->shards[shard].primary;
    size_t taken_in = 0;
    if (!config->shards[shard].discovers || primary == NO_SERVER ||
        monitor->servers[primary].seen.facts.is_in_group || config->server_count == SERVERS_MAX) {
        return false;
    }
    for (uint16_t i = 0; i < monitor->server_count && i < config->server_count; i++) {
        if (monitor->servers[i].probe != NULL && !monitor->servers[i].seen.has_facts) {
            return false;
        }
        taken_in += config->servers[i].is_discovered && !config->servers[i].is_removed &&
                    config->servers[i].shard == shard;
    }
    return taken_in < TAKEN_IN_MAX;
}

// "9=10.0.0.9:3306,": the entries that are nobody's. The one behind the last that was looked at,
// else the first.
struct stranger {
    uint16_t source;
    uint32_t server_id;
    struct slice host, port;
};

static bool read_entry(struct slice *rest, struct stranger *stranger)
{
    const uint8_t *end = memchr(rest->ptr, ',', rest->len);
    uint64_t id = 0;
    if (end == NULL) {
        return false;
    }
    struct slice entry = slice_of(rest->ptr, (size_t)(end - rest->ptr));
    *rest = slice_part(*rest, entry.len + 1, rest->len);
    const uint8_t *sign = memchr(entry.ptr, '=', entry.len);
    const uint8_t *colon = memrchr(entry.ptr, ':', entry.len);
    if (sign == NULL || colon == NULL || colon < sign ||
        !slice_to_uint64(slice_of(entry.ptr, (size_t)(sign - entry.ptr)), &id) || id > UINT32_MAX) {
        return false;
    }
    stranger->server_id = (uint32_t)id;
    stranger->host = slice_of(sign + 1, (size_t)(colon - sign - 1));
    stranger->port = slice_of(colon + 1, entry.len - (size_t)(colon + 1 - entry.ptr));
    return true;
}

static bool find_stranger(const struct monitor *monitor, uint16_t shard, struct stranger *next)
{
    const struct shard_config *members = &monitor_config(monitor)->shards[shard];
    uint32_t last = monitor->shards[shard].scouted;
    bool is_any = false;
    for (uint16_t i = 0; i < members->server_count; i++) {
        const struct watched *watched = &monitor->servers[members->servers[i]];
        bool is_asked =
            watched->seen.is_up && (watched->role == ROLE_PRIMARY || watched->role == ROLE_REPLICA);
        struct slice rest = slice_of_string(is_asked ? watched->seen.facts.listed : "");
        struct stranger here = {.source = members->servers[i]};
        while (read_entry(&rest, &here)) {
            bool is_later = here.server_id > last;
            bool is_nearer =
                !is_any || (is_later && next->server_id <= last) ||
                (is_later == (next->server_id > last) && here.server_id < next->server_id);
            if (!is_member(monitor, here.server_id) && is_nearer) {
                *next = here;
                is_any = true;
            }
        }
    }
    return is_any;
}

static void begin_action(struct monitor *monitor, uint16_t shard, enum action_kind kind,
                         const char *address)
{
    struct guarded *guarded = &monitor->shards[shard];
    struct shard_opinion wanted = {
        .subject = guarded->primary, .primary = guarded->primary, .epoch = guarded->epoch};
    snprintf(guarded->peer, sizeof guarded->peer, "%s", address);
    monitor_start_action(monitor, shard, kind, &wanted);
}

static void on_scout(struct message *message, void *receiver)
{
    struct monitor *monitor = receiver;
    struct scout_report *report = CONTAINER_OF(message, struct scout_report, message);
    struct guarded *guarded = &monitor->shards[report->shard];
    if (!monitor->is_stopping) {
        uint64_t now_us = loop_now_us(monitor->host->loop);
        char why[sizeof report->why + sizeof report->address + 40];
        scout_join(guarded->scout);
        guarded->scout = NULL;
        guarded->scout_next_us = now_us + LOOK_US;
        snprintf(why, sizeof why, "server_id %u%s%s%s is not taken in: %s", report->server_id,
                 report->address[0] != '\0' ? " (" : "", report->address,
                 report->address[0] != '\0' ? ")" : "", report->why);
        if (report->why[0] == '\0' && guarded->action == NULL && guarded->primary != NO_SERVER &&
            may_take_in(monitor, report->shard)) {
            begin_action(monitor, report->shard, ACTION_ADOPT, report->address);
        } else if (report->why[0] != '\0' && told_is_news(&guarded->unfit, why, now_us)) {
            monitor_say(monitor, "shard %s: %s",
                        monitor_config(monitor)->shards[report->shard].name, why);
        }
    }
    memory_free(report);
}

static void look_for_strangers(struct monitor *monitor, uint16_t shard)
{
    struct guarded *guarded = &monitor->shards[shard];
    struct stranger stranger;
    if (guarded->scout != NULL || guarded->action != NULL ||
        loop_now_us(monitor->host->loop) < guarded->scout_next_us || !may_take_in(monitor, shard) ||
        !find_stranger(monitor, shard, &stranger)) {
        return;
    }
    const struct watched *source = &monitor->servers[stranger.source];
    struct scout_setup setup = {.source = source->setup.endpoint,
                                .source_id = source->seen.facts.server_id,
                                .server_id = stranger.server_id,
                                .shard = shard,
                                .mailbox = monitor->mailbox,
                                .deliver = on_scout};
    snprintf(setup.host, sizeof setup.host, "%.*s", (int)stranger.host.len,
             (const char *)stranger.host.ptr);
    snprintf(setup.port, sizeof setup.port, "%.*s", (int)stranger.port.len,
             (const char *)stranger.port.ptr);
    guarded->scouted = stranger.server_id;
    guarded->scout = scout_start(&setup);
}

// ---- letting go

static bool is_listed(const struct monitor *monitor, uint16_t primary, uint32_t server_id)
{
    struct slice rest = slice_of_string(monitor->servers[primary].seen.facts.listed);
    struct stranger entry;
    while (read_entry(&rest, &entry)) {
        if (entry.server_id == server_id) {
            return true;
        }
    }
    return false;
}

static bool is_gone(const struct monitor *monitor, uint16_t shard, const struct watched *watched)
{
    uint16_t primary = monitor->shards[shard].primary;
    bool replicates = watched->seen.is_up && watched->role == ROLE_REPLICA &&
                      watched->seen.facts.receiving == RECEIVING_YES;
    return !replicates && primary != NO_SERVER &&
           !is_listed(monitor, primary, watched->seen.facts.server_id);
}

// Does the primary go on without it, so that others have all that it acknowledged?
static bool is_spared(const struct monitor *monitor, uint16_t shard)
{
    const struct observation *seen = &monitor->servers[monitor->shards[shard].primary].seen;
    bool is_best_effort =
        monitor_config(monitor)->shards[shard].durability == DURABILITY_BEST_EFFORT;
    return seen->is_up && seen->seen_us >= seen->valid_from_us &&
           (is_best_effort || seen->facts.is_beat_written);
}

static void look_for_gone(struct monitor *monitor, uint16_t shard)
{
    const struct config *config = monitor_config(monitor);
    const struct shard_config *members = &config->shards[shard];
    uint64_t now_us = loop_now_us(monitor->host->loop);
    for (uint16_t i = 0; i < members->server_count; i++) {
        const struct server_config *server = &config->servers[members->servers[i]];
        struct watched *watched = &monitor->servers[server->id];
        if (!server->is_discovered || !is_gone(monitor, shard, watched)) {
            watched->gone_since_us = 0;
            continue;
        }
        if (watched->gone_since_us == 0) {
            watched->gone_since_us = now_us;
        }
        if (now_us - watched->gone_since_us > GONE_US && members->discovers &&
            monitor->shards[shard].action == NULL && is_spared(monitor, shard) &&
            now_us >= monitor->shards[shard].retry_us) {
            begin_action(monitor, shard, ACTION_LET_GO, server->address_text);
            return;
        }
    }
}

// ---- the whole

void monitor_watch_discovered(struct monitor *monitor)
{
    if (monitor->is_stopping) {
        return;
    }
    follow_tables(monitor);
    for (uint16_t i = 0; i < monitor->shard_count; i++) {
        if (!monitor_config(monitor)->shards[i].is_removed) {
            look_for_strangers(monitor, i);
            look_for_gone(monitor, i);
        }
    }
}

void monitor_stop_discovery(struct monitor *monitor)
{
    for (uint16_t i = 0; i < monitor->shard_count; i++) {
        if (monitor->shards[i].scout != NULL) {
            scout_join(monitor->shards[i].scout);
            monitor->shards[i].scout = NULL;
        }
    }
}
