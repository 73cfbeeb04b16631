// Snapshots: what is known at one moment, frozen. A config is shared by all snapshots that were
// made since it was read, and goes with the last of them. Both counts are kept by the control
// thread alone: it makes snapshots, and workers send them back to it to be freed.

#include "cluster/snapshot.h"

#include <assert.h>

#include "base/memory.h"
#include "cluster/decision.h"

static const struct server_state unknown_server = {.role = ROLE_UNKNOWN, .source = NO_SERVER};
static const struct shard_state unknown_shard = {.primary = NO_SERVER};

static struct snapshot *new_for(struct config *config)
{
    struct snapshot *snapshot = memory_new(sizeof *snapshot);
    snapshot->config = config;
    config->use_count++;
    snapshot->servers = memory_new(sizeof *snapshot->servers * config->server_count);
    snapshot->shards = memory_new(sizeof *snapshot->shards * config->shard_count);
    for (size_t i = 0; i < config->server_count; i++) {
        snapshot->servers[i] = unknown_server;
    }
    for (size_t i = 0; i < config->shard_count; i++) {
        snapshot->shards[i] = unknown_shard;
    }
    return snapshot;
}

struct snapshot *snapshot_new(struct config *config)
{
    struct snapshot *snapshot = new_for(config);
    snapshot->version = 1;
    snapshot->unknown_until_us = config->settings.declared_tables ? 0 : UINT64_MAX;
    return snapshot;
}

// What is known of a server counts on as long as it is the same server in the same shard.
static bool is_same_server(const struct server_config *before, const struct server_config *now)
{
    return !before->is_removed && !now->is_removed && before->shard == now->shard &&
           strcmp(before->address_text, now->address_text) == 0;
}

static void keep_states(struct snapshot *to, const struct snapshot *from)
{
    const struct config *before = from->config;
    const struct config *now = to->config;
    for (size_t i = 0; i < before->server_count && i < now->server_count; i++) {
        if (before == now || is_same_server(&before->servers[i], &now->servers[i])) {
            to->servers[i] = from->servers[i];
        }
    }
    for (size_t i = 0; i < before->shard_count && i < now->shard_count; i++) {
        if (now->shards[i].is_removed) {
            continue;
        }
        to->shards[i] = from->shards[i];
        uint16_t primary = to->shards[i].primary;
        if (before != now && primary != NO_SERVER &&
            !is_same_server(&before->servers[primary], &now->servers[primary])) {
            to->shards[i].primary = NO_SERVER;
        }
    }
}

struct snapshot *snapshot_copy(const struct snapshot *from, struct config *config)
{
    struct snapshot *copy = new_for(config != NULL ? config : from->config);
    copy->version = from->version + 1;
    keep_states(copy, from);
    memcpy(copy->sql_mode, from->sql_mode, sizeof copy->sql_mode);
    memcpy(copy->tracks_transactions, from->tracks_transactions, sizeof copy->tracks_transactions);
    memcpy(copy->version_text, from->version_text, sizeof copy->version_text);
    copy->default_collation_id = from->default_collation_id;
    copy->is_mariadb = from->is_mariadb;
    copy->server_version = from->server_version;
    copy->lacking = from->lacking;
    copy->accounts_us = from->accounts_us;
    copy->unknown_until_us = from->unknown_until_us;
    return copy;
}

void snapshot_free(struct snapshot *snapshot)
{
    if (snapshot == NULL) {
        return;
    }
    struct config *config = snapshot->config;
    assert(config->use_count > 0);
    if (--config->use_count == 0) {
        config_free(config);
    }
    memory_free(snapshot->servers);
    memory_free(snapshot->shards);
    memory_free(snapshot);
}

bool snapshot_is_fit(const struct snapshot *snapshot, uint16_t server, uint64_t now_us,
                     uint64_t written_us)
{
    assert(server < snapshot->config->server_count);
    const struct server_state *state = &snapshot->servers[server];
    if (snapshot->config->servers[server].is_removed || state->role != ROLE_REPLICA ||
        !state->is_up || !state->is_applying || !state->is_lag_known || state->is_maintained ||
        state->is_incomplete) {
        return false;
    }
    // Since it was last seen it may have applied nothing, so that time counts as lag too.
    uint64_t unseen_us = now_us > state->seen_us ? now_us - state->seen_us : 0;
    uint64_t lag_us = state->lag_us > 0 ? (uint64_t)state->lag_us : 0;
    if (lag_us + unseen_us > (uint64_t)snapshot->config->settings.max_lag_ms * 1000) {
        return false;
    }
    return written_us == 0 || state->applied_us > written_us;
}

bool snapshot_may_gather(const struct snapshot *snapshot)
{
    enum { MARIADB_MIN = 100201 };
    return snapshot->config->settings.gather && snapshot->is_mariadb &&
           snapshot->server_version >= MARIADB_MIN;
}

// MySQL's prepared branches don't outlive their connection (5.6), or were not tried; MariaDB's do
// since 10.5.
bool snapshot_may_decide(const struct snapshot *snapshot, const char **why)
{
    const struct config *config = snapshot->config;
    if (!snapshot->is_mariadb || snapshot->server_version < 100500) {
        *why = "which can't be done atomically on servers that are not MariaDB 10.5 or later";
        return false;
    }
    for (uint16_t i = 0; i < config->shard_count; i++) {
        if (strlen(config->shards[i].name) > DECISION_SHARD_BYTES_MAX) {
            *why = "which can't be done atomically where the name of a shard is longer than 24 "
                   "characters";
            return false;
        }
    }
    return true;
}
