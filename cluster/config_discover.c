// Servers that are in no section: replicas that were taken in (discover = on). They are of the
// running configuration only. Another one of the same file has them as they are wanted now, and a
// reload keeps those that the new file has neither as a server nor in a shard that is gone.
//
// Such a server is spoken to as the first one of its shard is. It is never promoted.

#include <stdio.h>

#include "cluster/config_impl.h"

enum { READ_WEIGHT = 100 };

void config_name_discovered(const char *address, char *name, size_t name_bytes)
{
    size_t len = 0;
    for (; *address != '\0' && len + 1 < name_bytes; address++) {
        bool is_plain = strchr(":[]%", *address) == NULL;
        if (is_plain || *address == ':') {
            name[len++] = is_plain ? *address : '-';
        }
    }
    name[len] = '\0';
}

static const struct server_config *first_of(const struct config *config,
                                            const struct shard_config *shard)
{
    for (uint16_t i = 0; i < shard->server_count; i++) {
        if (!config->servers[shard->servers[i]].is_discovered) {
            return &config->servers[shard->servers[i]];
        }
    }
    return NULL;
}

// A numeric address, so that nothing is looked up. False: it is none that could be used.
static bool take_address(struct arena *arena, const char *text, struct server_config *server)
{
    char why[160];
    const char *colon = strrchr(text, ':');
    uint64_t port = 0;
    if (colon == NULL || !slice_to_uint64(slice_of_string(colon + 1), &port) || port == 0 ||
        strspn(text, "0123456789abcdefABCDEF.:[]") != strlen(text) ||
        !address_parse(&server->address, text, why, sizeof why)) {
        return false;
    }
    struct slice host = slice_of(text, (size_t)(colon - text));
    host = host.len > 2 && host.ptr[0] == '[' ? slice_part(host, 1, host.len - 1) : host;
    server->address_text = (const char *)arena_format(arena, "%s", text).ptr;
    server->host =
        (const char *)arena_format(arena, "%.*s", (int)host.len, (const char *)host.ptr).ptr;
    server->port = (uint16_t)port;
    return true;
}

// Is it a server of the file, by its address, or has its name?
static bool is_taken(const struct config *config, const struct server_config *wanted)
{
    for (uint16_t i = 0; i < config->server_count; i++) {
        const struct server_config *server = &config->servers[i];
        if (!server->is_removed &&
            (strcmp(server->name, wanted->name) == 0 ||
             (server->port == wanted->port && strcmp(server->host, wanted->host) == 0))) {
            return true;
        }
    }
    return false;
}

static uint16_t place_of(const struct config *config, const char *name)
{
    uint16_t place = 0;
    while (place < config->server_count && strcmp(config->servers[place].name, name) != 0) {
        place++;
    }
    return place;
}

// There is room in the arrays. True: it is in now.
static bool add_server(struct config *config, const struct discovered *wanted)
{
    struct shard_config *shard = &config->shards[wanted->shard];
    const struct server_config *like = first_of(config, shard);
    char name[64];
    config_name_discovered(wanted->address, name, sizeof name);
    struct server_config server = {.shard = wanted->shard,
                                   .is_discovered = true,
                                   .name = name,
                                   .weight = READ_WEIGHT,
                                   .promote = PROMOTE_NEVER,
                                   .zone = ""};
    if (like == NULL || !take_address(&config->arena, wanted->address, &server) ||
        is_taken(config, &server)) {
        return false;
    }
    server.id = place_of(config, name);
    if (server.id >= SERVERS_MAX) {
        return false;
    }
    config->server_count = (uint16_t)(config->server_count + (server.id == config->server_count));
    server.name = (const char *)arena_format(&config->arena, "%s", name).ptr;
    server.max_connections = (uint32_t)config->settings.pool_max;
    server.link = like->link; // the context of its TLS is counted by that one
    config->servers[server.id] = server;
    shard->servers[shard->server_count++] = server.id;
    return true;
}

size_t config_discovered(const struct config *config, struct discovered *list, size_t max)
{
    size_t count = 0;
    for (uint16_t i = 0; i < config->server_count && count < max; i++) {
        const struct server_config *server = &config->servers[i];
        if (server->is_discovered && !server->is_removed) {
            list[count++] =
                (struct discovered){.shard = server->shard, .address = server->address_text};
        }
    }
    return count;
}

// ---- a reload

void build_discovered(struct build *build)
{
    const struct config *before = build->before;
    struct config *config = build->config;
    struct discovered list[SERVERS_MAX];
    size_t count = before != NULL && build->error_count == 0
                       ? config_discovered(before, list, SERVERS_MAX)
                       : 0; // (else it is thrown away)
    for (size_t i = 0; i < count; i++) {
        if (!config->shards[list[i].shard].is_removed) {
            bool is_kept = add_server(config, &list[i]);
            (void)is_kept; // or the file has it
        }
    }
}

// ---- another configuration of the same file

// Arrays of its own, with room for `more`; without the discovered ones.
static void copy_servers(struct config *next, const struct config *running, size_t more)
{
    size_t room = running->server_count + more;
    struct arena *arena = &next->arena;
    struct server_config *servers = arena_alloc(arena, sizeof *servers * room);
    for (uint16_t i = 0; i < running->server_count; i++) {
        servers[i] = running->servers[i];
        if (servers[i].is_discovered || running != next->file) { // (texts of a shorter life)
            servers[i].name = (const char *)arena_format(arena, "%s", servers[i].name).ptr;
            servers[i].host = (const char *)arena_format(arena, "%s", servers[i].host).ptr;
            servers[i].address_text =
                (const char *)arena_format(arena, "%s", servers[i].address_text).ptr;
        }
        servers[i].is_removed |= servers[i].is_discovered;
    }
    struct shard_config *shards = arena_alloc(arena, sizeof *shards * next->shard_count);
    for (uint16_t i = 0; i < next->shard_count; i++) {
        shards[i] = next->shards[i];
        shards[i].servers = arena_alloc(arena, sizeof *shards[i].servers * room);
        shards[i].server_count = 0;
        for (uint16_t j = 0; j < next->shards[i].server_count; j++) {
            uint16_t id = next->shards[i].servers[j];
            if (!servers[id].is_discovered) {
                shards[i].servers[shards[i].server_count++] = id;
            }
        }
    }
    next->servers = servers;
    next->server_count = running->server_count;
    next->shards = shards;
}

void config_take_servers(struct config *next, const struct config *running,
                         const struct discovered *list, size_t count)
{
    copy_servers(next, running, count);
    for (size_t i = 0; i < count; i++) {
        bool is_added = add_server(next, &list[i]);
        (void)is_added; // or it is a server of the file
    }
}

struct config *config_with_discovered(struct config *running, const struct discovered *list,
                                      size_t count)
{
    struct config *next = config_derive(running);
    config_take_servers(next, running, list, count);
    config_keep_declared(next, running);
    return next;
}
