// SWITCHOVER SHARD shard [TO server], FAILOVER SHARD shard, MAINTAIN SERVER server, RESUME SERVER
// server, CLONE SERVER server FROM server: names are looked up here, all else is the monitor's.

#include "admin/command.h"
#include "protocol/error_table.h"

static struct monitor *monitor_of(const struct command_run *run)
{
    return run->host->monitor(run->host->owner);
}

static uint16_t find_member(const struct config *config, const struct shard_config *members,
                            struct slice name)
{
    for (uint16_t i = 0; i < members->server_count; i++) {
        uint16_t server = members->servers[i];
        if (slice_equal_nocase(name, slice_of_string(config->servers[server].name))) {
            return server;
        }
    }
    return NO_SERVER;
}

// NULL with run->error.
static const struct shard_config *find_shard(struct command_run *run, struct slice name)
{
    const struct shard_config *shard = config_find_shard(run->snapshot->config, name);
    if (shard == NULL) {
        error_set(&run->error, ER_UNKNOWN, "HY000", "there is no shard '%.*s' (SHOW SHARDS)",
                  (int)name.len, (const char *)name.ptr);
    }
    return shard;
}

void admin_failover(struct command_run *run)
{
    struct slice rest = run->arguments;
    struct slice name = admin_command_next_word(&rest);
    if (name.len == 0 || rest.len > 0) {
        error_set(&run->error, ER_PARSE, "42000", "FAILOVER SHARD shard");
        return;
    }
    const struct shard_config *shard = find_shard(run, name);
    if (shard != NULL) {
        bool is_begun = monitor_failover(monitor_of(run), shard->id, &run->wish, &run->error);
        (void)is_begun; // or the error is set
    }
}

void admin_switchover(struct command_run *run)
{
    const struct config *config = run->snapshot->config;
    struct slice rest = run->arguments;
    struct slice shard_name = admin_command_next_word(&rest);
    struct slice to_word = admin_command_next_word(&rest);
    struct slice server_name = admin_command_next_word(&rest);
    if (shard_name.len == 0 || rest.len > 0 ||
        (to_word.len > 0 && (!slice_is_nocase(to_word, "TO") || server_name.len == 0))) {
        error_set(&run->error, ER_PARSE, "42000", "SWITCHOVER SHARD shard [TO server]");
        return;
    }
    const struct shard_config *shard = find_shard(run, shard_name);
    if (shard == NULL) {
        return;
    }
    uint16_t to = server_name.len > 0 ? find_member(config, shard, server_name) : NO_SERVER;
    if (server_name.len > 0 && to == NO_SERVER) {
        error_set(&run->error, ER_UNKNOWN, "HY000",
                  "shard '%s' has no server '%.*s' (SHOW SERVERS)", shard->name,
                  (int)server_name.len, (const char *)server_name.ptr);
        return;
    }
    bool is_begun = monitor_switchover(monitor_of(run), shard->id, to, &run->wish, &run->error);
    (void)is_begun; // or the error is set
}

// NO_SERVER with run->error.
static uint16_t find_server_named(struct command_run *run, struct slice name)
{
    const struct config *config = run->snapshot->config;
    for (uint16_t i = 0; name.len > 0 && i < config->server_count; i++) {
        if (!config->servers[i].is_removed &&
            slice_equal_nocase(name, slice_of_string(config->servers[i].name))) {
            return i;
        }
    }
    error_set(&run->error, ER_UNKNOWN, "HY000", "there is no server '%.*s' (SHOW SERVERS)",
              (int)name.len, (const char *)name.ptr);
    return NO_SERVER;
}

static uint16_t find_server(struct command_run *run)
{
    struct slice rest = run->arguments;
    struct slice name = admin_command_next_word(&rest);
    return find_server_named(run, rest.len == 0 ? name : run->arguments);
}

void admin_maintain(struct command_run *run)
{
    uint16_t server = find_server(run);
    if (server != NO_SERVER) {
        bool is_begun = monitor_maintain(monitor_of(run), server, &run->wish, &run->error);
        (void)is_begun; // or the error is set
    }
}

void admin_resume(struct command_run *run)
{
    uint16_t server = find_server(run);
    if (server != NO_SERVER) {
        bool is_begun = monitor_resume(monitor_of(run), server, &run->wish, &run->error);
        (void)is_begun; // or the error is set
    }
}

void admin_clone(struct command_run *run)
{
    const struct config *config = run->snapshot->config;
    struct slice rest = run->arguments;
    struct slice name = admin_command_next_word(&rest);
    struct slice from_word = admin_command_next_word(&rest);
    struct slice from_name = admin_command_next_word(&rest);
    if (from_name.len == 0 || rest.len > 0 || !slice_is_nocase(from_word, "FROM")) {
        error_set(&run->error, ER_PARSE, "42000", "CLONE SERVER server FROM server");
        return;
    }
    uint16_t server = find_server_named(run, name);
    uint16_t from = server != NO_SERVER ? find_server_named(run, from_name) : NO_SERVER;
    if (from == NO_SERVER) {
        return;
    }
    if (config->servers[server].shard != config->servers[from].shard) {
        error_set(&run->error, ER_UNKNOWN, "HY000", "they are not of the same shard");
        return;
    }
    bool is_begun = monitor_clone(monitor_of(run), server, from, &run->wish, &run->error);
    (void)is_begun; // or the error is set
}
