// Finding things in a config by name. Tables are looked up for every statement, so they are sorted;
// the others are looked up when a client logs in or an operator asks.

#include "cluster/config_impl.h"

#include <stdlib.h>

static uint8_t lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + ('a' - 'A')) : byte;
}

int name_compare(struct slice a, struct slice b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    for (size_t i = 0; i < shorter; i++) {
        int difference = lower(a.ptr[i]) - lower(b.ptr[i]);
        if (difference != 0) {
            return difference;
        }
    }
    return a.len < b.len ? -1 : a.len > b.len;
}

struct wanted_table {
    struct slice schema, name;
};

static int compare_wanted(const void *key, const void *member)
{
    const struct wanted_table *wanted = key;
    const struct table_config *table = member;
    int difference = name_compare(wanted->schema, slice_of_string(table->schema));
    return difference != 0 ? difference : name_compare(wanted->name, slice_of_string(table->name));
}

const struct table_config *config_find_table(const struct config *config, struct slice schema,
                                             struct slice name)
{
    struct wanted_table wanted = {schema, name};
    if (config->table_count == 0) {
        return NULL;
    }
    return bsearch(&wanted, config->tables, config->table_count, sizeof *config->tables,
                   compare_wanted);
}

// The arrays differ in type, not in what is looked for.
#define FIND_BY_NAME(array, count, wanted)                                                         \
    do {                                                                                           \
        for (size_t i = 0; i < (count); i++) {                                                     \
            if (!(array)[i].is_removed && slice_equal(wanted, slice_of_string((array)[i].name))) { \
                return &(array)[i];                                                                \
            }                                                                                      \
        }                                                                                          \
        return NULL;                                                                               \
    } while (0)

const struct user_config *config_find_user(const struct config *config, struct slice name)
{
    const struct user_config *user;
    for (uint16_t at = config_first_named(config, name);
         (user = config_named(config, at, name)) != NULL; at++) {
        if (!user->is_removed) {
            return user;
        }
    }
    return NULL;
}

// Of the account's hosts the most specific that the address belongs to; 0: none.
static uint32_t rank_from(const struct user_config *user, const struct address *peer)
{
    uint32_t rank = user->host_count == 0;
    for (uint16_t i = 0; i < user->host_count; i++) {
        const struct host_pattern *host = &user->hosts[i];
        if (host->rank > rank && host_matches(host, peer)) {
            rank = host->rank;
        }
    }
    return rank;
}

// A better one than *best, of those with this name; they are better by it than by their host alone
// if `is_own`.
static void find_better(const struct config *config, struct slice name, bool is_own,
                        const struct address *peer, const struct user_config **best,
                        uint32_t *best_rank)
{
    const struct user_config *user;
    for (uint16_t at = config_first_named(config, name);
         (user = config_named(config, at, name)) != NULL; at++) {
        uint32_t rank = user->is_removed ? 0 : rank_from(user, peer) * 2;
        if (rank > 0 && rank + is_own > *best_rank) {
            *best = user;
            *best_rank = rank + is_own;
        }
    }
}

// As servers do: the most specific host counts, also when it is that of the anonymous account.
const struct user_config *config_find_account(const struct config *config, struct slice name,
                                              const struct address *peer)
{
    const struct user_config *first = config_find_user(config, name);
    const struct user_config *best = NULL;
    uint32_t best_rank = 0;
    find_better(config, name, true, peer, &best, &best_rank);
    if ((first == NULL || first->is_from_servers) && name.len > 0) {
        find_better(config, slice_of(NULL, 0), false, peer, &best, &best_rank);
    }
    return best;
}

const struct user_config *config_decoy_account(const struct config *config, uint64_t number)
{
    for (uint16_t i = 0; i < config->user_count; i++) {
        const struct user_config *user = &config->users[(number + i) % config->user_count];
        if (!user->is_removed && !user->has_empty_password && user->unusable == NULL) {
            return user;
        }
    }
    return NULL;
}

const struct shard_config *config_find_shard(const struct config *config, struct slice name)
{
    FIND_BY_NAME(config->shards, config->shard_count, name);
}

uint16_t config_only_shard(const struct config *config)
{
    uint16_t found = NO_SHARD;
    for (uint16_t i = 0; i < config->shard_count; i++) {
        if (!config->shards[i].is_removed) {
            if (found != NO_SHARD) {
                return NO_SHARD;
            }
            found = i;
        }
    }
    return found;
}

bool config_is_one_server(const struct config *config)
{
    uint16_t shard = config_only_shard(config);
    return shard != NO_SHARD && config->shards[shard].server_count == 1;
}
