// Servers, shards and the bucket map.
//
// Ids are places in the arrays, and a name keeps its place over reloads: a name that is gone leaves
// a gap, a new name goes to the end, a name that comes back gets its old place.

#include "cluster/config_impl.h"

#include <stdio.h>

enum { NOBODY = 0xffff, PORT_MAX = 65535 };

static const char *const promote_words[] = {"allow", "prefer", "never", NULL};
static const char *const durability_words[] = {"semi_sync", "best_effort", NULL};

static const char *const discover_words[] = {"off", "on", NULL};
enum { DISCOVER_ON = 1 };

// The places of the removed ones are taken over; sections get the place of their name.
// `name_at(before, place)` is the running config's name.
struct place_rule {
    enum section_kind kind;
    size_t before_count;
    size_t max;
    const char *(*name_at)(const struct config *before, size_t place);
};

static size_t give_places(struct build *build, const struct place_rule *rule)
{
    size_t count = rule->before_count;
    struct section *section = NULL;
    while ((section = build_next(build, rule->kind, section)) != NULL) {
        size_t place = 0;
        while (place < rule->before_count &&
               strcmp(rule->name_at(build->before, place), section->name) != 0) {
            place++;
        }
        place = place < rule->before_count ? place : count++;
        if (place >= rule->max) {
            build_error(build, section->line, "there can be %zu %ss%s", rule->max,
                        section_kind_name(rule->kind),
                        rule->before_count > 0 ? " (the removed ones count until a restart)" : "");
            return rule->max; // enough to go on; this config is thrown away
        }
        section->id = (uint16_t)place;
    }
    return count;
}

// ---- servers

static const char *server_name_at(const struct config *before, size_t place)
{
    return before->servers[place].name;
}

static void build_address(struct build *build, const struct section *section,
                          struct server_config *server)
{
    const struct entry *entry = section_find(section, "address");
    if (entry == NULL) {
        build_error(build, section->line, "[server %s] has no address", section->name);
        return;
    }
    const char *text = build_keep(build, entry->value);
    char why[256] = "a server is reached by host:port, since other servers must reach it too";
    if (text[0] == '/' || !address_parse(&server->address, text, why, sizeof why)) {
        build_error(build, entry->line, "address: %s", why);
        return;
    }
    // address_parse saw that there is a host, a colon and a port behind it.
    const char *colon = strrchr(text, ':');
    int64_t port = 0;
    struct slice host = slice_of(text, (size_t)(colon - text));
    if (!slice_to_int64(slice_of_string(colon + 1), &port) || port < 1 || port > PORT_MAX) {
        build_error(build, entry->line, "address: the port is between 1 and %d", PORT_MAX);
        return;
    }
    if (host.ptr[0] == '[') {
        host = slice_part(host, 1, host.len - 1);
    }
    server->address_text = text;
    server->host = build_keep(build, host);
    server->port = (uint16_t)port;
}

static void check_same_address(struct build *build, const struct section *section)
{
    const struct entry *mine = section_find(section, "address");
    const struct section *other = NULL;
    while (mine != NULL && (other = build_next(build, SECTION_SERVER, other)) != section) {
        const struct entry *theirs = section_find(other, "address");
        if (theirs != NULL && slice_equal_nocase(mine->value, theirs->value)) {
            build_error(build, mine->line, "server '%s' has the address of server '%s' (line %d)",
                        section->name, other->name, theirs->line);
            return;
        }
    }
}

static void keep_removed_servers(struct build *build)
{
    for (size_t i = 0; build->before != NULL && i < build->before->server_count; i++) {
        const struct server_config *old = &build->before->servers[i];
        struct server_config *server = &build->config->servers[i];
        *server = *old;
        server->is_removed = true;
        server->link = (struct server_link){0};
        server->name = build_keep(build, slice_of_string(old->name));
        server->address_text = build_keep(build, slice_of_string(old->address_text));
        server->host = build_keep(build, slice_of_string(old->host));
        server->zone = "";
    }
}

void build_servers(struct build *build)
{
    struct config *config = build->config;
    struct place_rule rule = {.kind = SECTION_SERVER,
                              .before_count = build->before ? build->before->server_count : 0,
                              .max = SERVERS_MAX,
                              .name_at = server_name_at};
    config->server_count = (uint16_t)give_places(build, &rule);
    config->servers = arena_alloc(&config->arena, sizeof *config->servers * config->server_count);
    keep_removed_servers(build);
    const struct section *section = NULL;
    while ((section = build_next(build, SECTION_SERVER, section)) != NULL) {
        struct server_config *server = &config->servers[section->id];
        *server = (struct server_config){.id = section->id, .shard = NOBODY};
        server->name = build_keep(build, slice_of_string(section->name));
        server->address_text = server->host = "";
        build_address(build, section, server);
        check_same_address(build, section);
        server->promote =
            (enum promote)section_choice(build, section, "promote", promote_words, PROMOTE_ALLOW);
        server->zone = section_text(build, section, "zone", "");
        server->is_near =
            server->zone[0] != '\0' && strcmp(server->zone, config->settings.zone) == 0;
        server->weight = (uint32_t)section_integer(build, section, "weight",
                                                   (struct integer_limits){100, 0, 1000000});
        server->max_connections = (uint32_t)section_integer(
            build, section, "max_connections",
            (struct integer_limits){config->settings.pool_max, 1, 100000});
        build_link(build, section, &server->link);
    }
}

// ---- shards

static const char *shard_name_at(const struct config *before, size_t place)
{
    return before->shards[place].name;
}

static void report_unknown_server(struct build *build, const struct entry *entry, struct slice name)
{
    struct near_miss near = {.wanted = name};
    const struct section *section = NULL;
    while ((section = build_next(build, SECTION_SERVER, section)) != NULL) {
        near_miss_consider(&near, section->name);
    }
    build_error(build, entry->line, "there is no server '%.*s'%s", (int)name.len,
                (const char *)name.ptr, near_miss_text(build, &near));
}

static void build_shard_servers(struct build *build, const struct section *section,
                                struct shard_config *shard)
{
    struct config *config = build->config;
    const struct entry *entry = section_find(section, "servers");
    if (entry == NULL || entry->value.len == 0) {
        build_error(build, entry != NULL ? entry->line : section->line, "[shard %s] has no servers",
                    section->name);
        return;
    }
    shard->servers = arena_alloc(&config->arena, sizeof *shard->servers * config->server_count);
    struct slice rest = entry->value;
    struct slice name;
    while (list_next(&rest, ',', &name)) {
        const struct section *found = build_find(build, SECTION_SERVER, name);
        if (found == NULL) {
            report_unknown_server(build, entry, name);
            continue;
        }
        struct server_config *server = &config->servers[found->id];
        if (server->shard != NOBODY) {
            build_error(build, entry->line, "server '%s' is in shard '%s' already", server->name,
                        config->shards[server->shard].name);
            continue;
        }
        server->shard = shard->id;
        shard->servers[shard->server_count++] = server->id;
    }
}

// One part of `buckets`: "7" or "0-2047".
static bool read_bucket_range(struct slice item, int64_t *first, int64_t *last)
{
    struct slice rest = item;
    struct slice low;
    struct slice high;
    if (!list_next(&rest, '-', &low)) {
        return false;
    }
    high = memchr(item.ptr, '-', item.len) != NULL ? slice_trim(rest) : low;
    return slice_to_int64(low, first) && slice_to_int64(high, last) && *first >= 0 &&
           *first <= *last && *last < BUCKET_COUNT;
}

// Gives the buckets to the shard; a run of them that another one has is one mistake.
static void give_buckets(struct build *build, int line, const struct shard_config *shard,
                         int64_t first, int64_t last)
{
    uint16_t *owners = build->config->bucket_shard;
    for (int64_t i = first; i <= last; i++) {
        uint16_t owner = owners[i];
        if (owner == NOBODY) {
            owners[i] = shard->id;
            continue;
        }
        int64_t run = i;
        while (i < last && owners[i + 1] == owner) {
            i++;
        }
        if (run == i) {
            build_error(build, line, "bucket %lld is given to shard '%s' already", (long long)run,
                        build->config->shards[owner].name);
        } else {
            build_error(build, line, "buckets %lld-%lld are given to shard '%s' already",
                        (long long)run, (long long)i, build->config->shards[owner].name);
        }
    }
}

static void build_shard_buckets(struct build *build, const struct section *section,
                                const struct shard_config *shard)
{
    const struct entry *entry = section_find(section, "buckets");
    if (entry == NULL) {
        return;
    }
    struct slice rest = entry->value;
    struct slice item;
    while (list_next(&rest, ',', &item)) {
        int64_t first = 0;
        int64_t last = 0;
        if (read_bucket_range(item, &first, &last)) {
            give_buckets(build, entry->line, shard, first, last);
        } else {
            build_error(build, entry->line,
                        "buckets are numbers between 0 and %d, like 0-2047, not '%.*s'",
                        BUCKET_COUNT - 1, (int)item.len, (const char *)item.ptr);
        }
    }
}

static void keep_removed_shards(struct build *build)
{
    for (size_t i = 0; build->before != NULL && i < build->before->shard_count; i++) {
        const struct shard_config *old = &build->before->shards[i];
        build->config->shards[i] = (struct shard_config){
            .id = old->id,
            .is_removed = true,
            .name = build_keep(build, slice_of_string(old->name)),
        };
    }
}

static void check_homeless(struct build *build)
{
    const struct section *section = NULL;
    while ((section = build_next(build, SECTION_SERVER, section)) != NULL) {
        if (build->config->servers[section->id].shard == NOBODY) {
            build_error(build, section->line,
                        "server '%s' is in no shard: name it in the servers of one", section->name);
        }
    }
}

void build_shards(struct build *build)
{
    struct config *config = build->config;
    struct place_rule rule = {.kind = SECTION_SHARD,
                              .before_count = build->before ? build->before->shard_count : 0,
                              .max = SHARDS_MAX,
                              .name_at = shard_name_at};
    config->shard_count = (uint16_t)give_places(build, &rule);
    config->shards = arena_alloc(&config->arena, sizeof *config->shards * config->shard_count);
    for (size_t i = 0; i < BUCKET_COUNT; i++) {
        config->bucket_shard[i] = NOBODY;
    }
    keep_removed_shards(build);
    const struct section *section = NULL;
    while ((section = build_next(build, SECTION_SHARD, section)) != NULL) {
        struct shard_config *shard = &config->shards[section->id];
        *shard = (struct shard_config){.id = section->id};
        shard->name = build_keep(build, slice_of_string(section->name));
        shard->durability = (enum durability_promise)section_choice(
            build, section, "durability", durability_words, DURABILITY_SEMI_SYNC);
        shard->discovers =
            section_choice(build, section, "discover", discover_words,
                           config->settings.discover ? DISCOVER_ON : 0) == DISCOVER_ON;
        build_shard_servers(build, section, shard);
        build_shard_buckets(build, section, shard);
    }
    check_homeless(build);
}
