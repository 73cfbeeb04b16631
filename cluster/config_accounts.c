// The servers' accounts in a configuration. It has users of its own and shares all the rest with
// the one that was read from the file, which lives as long.

#include <assert.h>

#include "base/memory.h"
#include "cluster/account.h"
#include "cluster/config_impl.h"

static const struct user_config *find_profile(const struct config *config, const char *name)
{
    for (uint16_t i = 0; i < config->profile_count; i++) {
        if (strcmp(config->profiles[i].name, name) == 0) {
            return &config->profiles[i];
        }
    }
    return NULL;
}

void profile_apply(const struct config *config, struct user_config *user)
{
    const struct user_config *profile = find_profile(config, user->name);
    user->server_user = user->name;
    user->server_password = user->has_empty_password ? "" : NULL;
    user->default_schema = "";
    user->distributed = DISTRIBUTED_ATOMIC;
    user->commit_token = false;
    user->allow_key_change = false;
    user->waits_for_decision = false;
    user->scatter = GUARD_ALLOW;
    user->reads_from_replicas = true;
    profile = profile != NULL ? profile : find_profile(config, "*");
    if (profile == NULL) {
        return;
    }
    if (profile->server_user != NULL) {
        user->server_user = profile->server_user;
        user->server_password = NULL;
    }
    if (profile->server_password != NULL) {
        user->server_password = profile->server_password;
    }
    if (profile->max_connections > 0) {
        user->max_connections = profile->max_connections;
    }
    user->default_schema = profile->default_schema;
    user->distributed = profile->distributed;
    user->commit_token = profile->commit_token;
    user->allow_key_change = profile->allow_key_change;
    user->waits_for_decision = profile->waits_for_decision;
    user->scatter = profile->scatter;
    user->reads_from_replicas = profile->reads_from_replicas;
    user->sees_all_sessions |= profile->sees_all_sessions;
    user->kills_all_sessions |= profile->kills_all_sessions;
}

// Of the file, not of the servers.
static bool has_section(const struct config *file, const char *name)
{
    const struct user_config *user = config_find_user(file, slice_of_string(name));
    return user != NULL && !user->is_from_servers;
}

static void add_accounts(struct roll *roll, const struct config *file,
                         const struct account_list *accounts)
{
    struct config *next = roll->config;
    for (size_t i = 0; i < accounts->count; i++) {
        const struct user_config *account = &accounts->users[i];
        struct user_config *user =
            has_section(file, account->name) ? NULL : roll_copy(roll, account);
        if (user != NULL) {
            profile_apply(file, user);
            next->wants_rsa_key |= user->sha2_crypt.len > 0;
        }
    }
}

// (They could be built with the same file before, so they can be now.)
void config_keep_declared(struct config *next, const struct config *running)
{
    struct text errors;
    text_init(&errors);
    bool is_built =
        running->declared_number == 0 ||
        config_add_declared(next, running->declared_number, running->declared_rows, &errors);
    assert(is_built);
    (void)is_built;
    text_done(&errors);
}

// With the servers that it has, those in no section, too.
static struct config *begin_sharing(struct config *running)
{
    struct config *file = running->file != NULL ? running->file : running;
    struct discovered list[SERVERS_MAX];
    struct config *next = memory_new(sizeof *next);
    *next = *file;
    arena_init(&next->arena, NULL);
    next->use_count = 0;
    next->file = file;
    file->use_count++;
    size_t count = config_discovered(running, list, SERVERS_MAX);
    if (count > 0 || running->servers != file->servers) {
        config_take_servers(next, running, list, count);
    }
    return next;
}

struct config *config_derive(struct config *running)
{
    struct config *next = begin_sharing(running);
    next->accounts_digest = running->accounts_digest;
    next->wants_rsa_key = running->wants_rsa_key;
    struct roll roll;
    roll_begin(&roll, next, running, 0);
    for (uint16_t i = 0; i < running->user_count; i++) {
        if (!running->users[i].is_removed) {
            (void)roll_copy(&roll, &running->users[i]); // it has its place
        }
    }
    roll_end(&roll);
    return next;
}

struct config *config_with_accounts(struct config *running, const struct account_list *accounts)
{
    if (running->accounts_digest == accounts->digest) {
        return NULL;
    }
    struct config *file = running->file != NULL ? running->file : running;
    struct config *next = begin_sharing(running);
    next->accounts_digest = accounts->digest;
    struct roll roll;
    roll_begin(&roll, next, running, running->user_count + accounts->count);
    for (uint16_t i = 0; i < file->user_count; i++) {
        const struct user_config *user = &file->users[i];
        if (!user->is_removed && !user->is_from_servers) {
            (void)roll_copy(&roll, user); // it has its place
        }
    }
    add_accounts(&roll, file, accounts);
    roll_end(&roll);
    for (uint16_t i = 0; i < next->user_count; i++) {
        struct user_config *user = &next->users[i];
        user->privileges = account_list_privileges(accounts, user->server_user);
    }
    config_keep_declared(next, running);
    return next;
}
