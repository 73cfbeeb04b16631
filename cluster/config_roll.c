// The accounts' places. An account is its place and the place's generation: pools, secrets and
// counters are found by the place, and whoever holds on to one over a new configuration compares
// the generation. So a place can be given away: servers on which accounts are made and dropped all
// day would else use up ACCOUNTS_MAX. Only a gap that was there before is given away, so that every
// worker has seen it as one.

#include "cluster/config_impl.h"

#include <stdlib.h>

void roll_begin(struct roll *roll, struct config *config, const struct config *before, size_t more)
{
    uint16_t count = before != NULL ? before->user_count : 0;
    size_t room = count + more < ACCOUNTS_MAX ? count + more : ACCOUNTS_MAX;
    *roll = (struct roll){.config = config, .before = before, .room = room};
    config->users = arena_alloc(&config->arena, sizeof *config->users * room);
    config->user_count = count;
    for (uint16_t i = 0; i < count; i++) {
        const struct user_config *old = &before->users[i];
        struct user_config *user = &config->users[i];
        *user = (struct user_config){.id = i,
                                     .is_removed = true,
                                     .generation = old->generation,
                                     .privileges = old->privileges,
                                     .default_schema = ""};
        user->name = (const char *)arena_format(&config->arena, "%s", old->name).ptr;
        user->from = (const char *)arena_format(&config->arena, "%s", old->from).ptr;
        user->require_subject = user->require_issuer = user->require_cipher = "";
        user->server_user = user->name;
    }
}

// ---- by name

static int compare_names(const struct user_config *a, const struct user_config *b)
{
    int difference = strcmp(a->name, b->name);
    return difference != 0 ? difference : (a->id > b->id) - (a->id < b->id);
}

struct named { // what qsort can carry
    const struct user_config *user;
};

static int compare_named(const void *a, const void *b)
{
    return compare_names(((const struct named *)a)->user, ((const struct named *)b)->user);
}

void roll_end(struct roll *roll)
{
    struct config *config = roll->config;
    struct named *sorted = arena_alloc(&config->arena, sizeof *sorted * config->user_count);
    config->users_by_name =
        arena_alloc(&config->arena, sizeof *config->users_by_name * config->user_count);
    for (uint16_t i = 0; i < config->user_count; i++) {
        sorted[i].user = &config->users[i];
    }
    if (config->user_count > 0) {
        qsort(sorted, config->user_count, sizeof *sorted, compare_named);
    }
    for (uint16_t i = 0; i < config->user_count; i++) {
        config->users_by_name[i] = sorted[i].user->id;
    }
}

// As strcmp does it.
static int compare_slices(struct slice a, struct slice b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    int difference = shorter > 0 ? memcmp(a.ptr, b.ptr, shorter) : 0;
    return difference != 0 ? difference : (a.len > b.len) - (a.len < b.len);
}

uint16_t config_first_named(const struct config *config, struct slice name)
{
    uint16_t low = 0, high = config->user_count;
    while (low < high) {
        uint16_t middle = (uint16_t)(low + (high - low) / 2);
        struct slice here = slice_of_string(config->users[config->users_by_name[middle]].name);
        if (compare_slices(here, name) < 0) {
            low = (uint16_t)(middle + 1);
        } else {
            high = middle;
        }
    }
    return low;
}

const struct user_config *config_named(const struct config *config, uint16_t place,
                                       struct slice name)
{
    if (place >= config->user_count) {
        return NULL;
    }
    const struct user_config *user = &config->users[config->users_by_name[place]];
    return slice_equal(slice_of_string(user->name), name) ? user : NULL;
}

// ---- adding

// His own from before, unless somebody has got it meanwhile.
static struct user_config *find_old(struct roll *roll, const char *name, const char *from)
{
    const struct config *before = roll->before;
    struct slice wanted = slice_of_string(name);
    uint16_t at = before != NULL ? config_first_named(before, wanted) : 0;
    const struct user_config *old = NULL;
    while (before != NULL && (old = config_named(before, at++, wanted)) != NULL) {
        struct user_config *user = &roll->config->users[old->id];
        if (strcmp(old->from, from) == 0 && user->is_removed) {
            return user;
        }
    }
    return NULL;
}

static struct user_config *find_gap(struct roll *roll)
{
    uint16_t count = roll->before != NULL ? roll->before->user_count : 0;
    for (; roll->next_gap < count; roll->next_gap++) {
        struct user_config *user = &roll->config->users[roll->next_gap];
        if (roll->before->users[roll->next_gap].is_removed && user->is_removed) {
            user->generation++;
            user->privileges = 0;
            return user;
        }
    }
    if (roll->config->user_count == roll->room) {
        return NULL;
    }
    uint16_t id = roll->config->user_count++;
    roll->config->users[id].id = id;
    return &roll->config->users[id];
}

struct user_config *roll_add(struct roll *roll, const char *name, const char *from)
{
    struct user_config *user = find_old(roll, name, from);
    if (user == NULL && (user = find_gap(roll)) == NULL) {
        return NULL;
    }
    *user = (struct user_config){.id = user->id,
                                 .generation = user->generation,
                                 .privileges = user->privileges,
                                 .name = name,
                                 .from = from,
                                 .server_user = name,
                                 .default_schema = "",
                                 .reads_from_replicas = true};
    user->require_subject = user->require_issuer = user->require_cipher = "";
    return user;
}

// ---- copying

static const char *keep(struct arena *arena, const char *text)
{
    return text != NULL ? (const char *)arena_format(arena, "%s", text).ptr : NULL;
}

static void copy_hosts(struct arena *arena, const struct user_config *from, struct user_config *to)
{
    to->hosts = arena_alloc(arena, sizeof *to->hosts * from->host_count);
    for (uint16_t i = 0; i < from->host_count; i++) {
        struct host_pattern *host = &to->hosts[i];
        *host = from->hosts[i];
        host->text = keep(arena, host->text);
        if (host->address_count > 0) {
            struct slice addresses =
                slice_of(host->addresses, host->address_count * sizeof *host->addresses);
            host->addresses = arena_alloc(arena, addresses.len);
            memcpy(host->addresses, addresses.ptr, addresses.len);
        }
    }
}

struct user_config *roll_copy(struct roll *roll, const struct user_config *user)
{
    struct arena *arena = &roll->config->arena;
    const char *name = keep(arena, user->name);
    struct user_config *copy = roll_add(roll, name, keep(arena, user->from));
    if (copy == NULL) {
        return NULL;
    }
    struct user_config place = *copy;
    *copy = *user;
    copy->id = place.id;
    copy->generation = place.generation;
    copy->name = place.name;
    copy->from = place.from;
    copy_hosts(arena, user, copy);
    copy->sha2_crypt = arena_copy(arena, user->sha2_crypt);
    copy->unusable = keep(arena, user->unusable);
    copy->require_subject = keep(arena, user->require_subject);
    copy->require_issuer = keep(arena, user->require_issuer);
    copy->require_cipher = keep(arena, user->require_cipher);
    copy->server_user = keep(arena, user->server_user);
    copy->server_password = keep(arena, user->server_password);
    copy->default_schema = keep(arena, user->default_schema);
    return copy;
}
