// SHOW commands whose answers are in the snapshot: what is configured, and what the monitor knows.

#include "admin/command.h"

#include <time.h>

#include "cluster/distributed.h"
#include "cluster/key.h"
#include "cluster/row_id.h"
#include "router/sharding.h"

enum { LISTED_SHOWN = 50 };

static const char *role_name(enum server_role role)
{
    switch (role) {
    case ROLE_UNKNOWN:
        return "unknown";
    case ROLE_PRIMARY:
        return "primary";
    case ROLE_REPLICA:
        return "replica";
    case ROLE_DETACHED:
        return "detached";
    }
    return "?";
}

static const char *server_name(const struct config *config, uint16_t server)
{
    return server < config->server_count ? config->servers[server].name : "";
}

// ---- shards

static const char *durability_name(enum durability_promise durability)
{
    return durability == DURABILITY_SEMI_SYNC ? "semi_sync" : "best_effort";
}

static void show_shard(struct command_run *run, const struct shard_config *shard)
{
    const struct config *config = run->snapshot->config;
    const struct shard_state *state = &run->snapshot->shards[shard->id];
    uint64_t now_us = loop_now_us(run->host->loop);
    int64_t replicas = 0, fit = 0, buckets = 0;
    for (uint16_t i = 0; i < shard->server_count; i++) {
        uint16_t server = shard->servers[i];
        replicas += run->snapshot->servers[server].role == ROLE_REPLICA;
        fit += snapshot_is_fit(run->snapshot, server, now_us, 0);
    }
    for (size_t i = 0; i < BUCKET_COUNT; i++) {
        buckets += config->bucket_shard[i] == shard->id;
    }
    const char *condition = state->is_failing_over        ? "failing over"
                            : state->primary == NO_SERVER ? "no primary"
                                                          : "ok";
    grid_text(&run->grid, shard->name);
    grid_text(&run->grid, condition);
    grid_text(&run->grid, server_name(config, state->primary));
    grid_number(&run->grid, replicas);
    grid_number(&run->grid, fit);
    grid_number(&run->grid, buckets);
    grid_number(&run->grid, (int64_t)state->epoch);
    grid_text(&run->grid, state->primary == NO_SERVER                         ? ""
                          : run->snapshot->servers[state->primary].is_waiting ? "semi_sync"
                                                                              : "none");
    struct text names;
    text_init(&names);
    for (uint16_t i = 0; i < shard->server_count; i++) {
        text_add_format(&names, "%s%s", i > 0 ? ", " : "", server_name(config, shard->servers[i]));
    }
    grid_slice(&run->grid, text_slice(&names));
    text_done(&names);
    grid_text(&run->grid, durability_name(shard->durability));
    grid_text(&run->grid, state->weakness);
    grid_end_row(&run->grid);
}

void admin_show_shards(struct command_run *run)
{
    const struct config *config = run->snapshot->config;
    grid_column(&run->grid, "shard");
    grid_column(&run->grid, "state");
    grid_column(&run->grid, "primary");
    grid_number_column(&run->grid, "replicas");
    grid_number_column(&run->grid, "fit_replicas");
    grid_number_column(&run->grid, "buckets");
    grid_number_column(&run->grid, "epoch");
    grid_column(&run->grid, "durability");
    grid_column(&run->grid, "servers");
    grid_column(&run->grid, "promise");
    grid_column(&run->grid, "weakness");
    for (uint16_t i = 0; i < config->shard_count; i++) {
        if (!config->shards[i].is_removed) {
            show_shard(run, &config->shards[i]);
        }
    }
}

// ---- servers

static void show_server_state(struct command_run *run, uint16_t id)
{
    const struct snapshot *snapshot = run->snapshot;
    const struct server_state *state = &snapshot->servers[id];
    struct grid *grid = &run->grid;
    uint64_t reads = 0, writes = 0;
    for (uint16_t i = 0; i < run->host->worker_count(run->host->owner); i++) {
        const struct session_counters *counters = run->host->counters(run->host->owner, i);
        reads += counter_get(&counters->server_reads[id]);
        writes += counter_get(&counters->server_writes[id]);
    }
    grid_text(grid, role_name(state->role));
    grid_text(grid, state->is_maintained   ? (state->is_up ? "maintained" : "maintained, down")
                    : !state->is_up        ? "down"
                    : state->is_incomplete ? "being cloned"
                                           : "up");
    if (state->is_lag_known && state->role == ROLE_REPLICA) {
        grid_number(grid, state->lag_us / 1000);
    } else {
        grid_null(grid);
    }
    grid_yes_no(grid, snapshot_is_fit(snapshot, id, loop_now_us(run->host->loop), 0));
    grid_number(grid, (int64_t)reads);
    grid_number(grid, (int64_t)writes);
    grid_yes_no(grid, state->is_read_only);
    grid_text(grid, server_name(snapshot->config, state->source));
    grid_yes_no(grid, state->is_receiving);
    grid_yes_no(grid, state->is_applying);
    grid_yes_no(grid, state->has_semi_sync);
    grid_format(grid, "%u.%03u", state->probe_us / 1000, state->probe_us % 1000);
    grid_text(grid, state->version_text);
    grid_text(grid, state->gtid);
    grid_text(grid, state->problem);
}

void admin_show_servers(struct command_run *run)
{
    static const char *const names[] = {
        "server", "shard",     "address",  "weight",    "max_connections", "role",
        "state",  "lag_ms",    "fit",      "reads",     "writes",          "read_only",
        "source", "receiving", "applying", "semi_sync", "probe_ms",        "version",
        "gtid",   "problem",   "zone",     "discovered"};
    static const char numbers[] = "   nn  n nn           ";
    const struct config *config = run->snapshot->config;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (numbers[i] == 'n' ? grid_number_column : grid_column)(&run->grid, names[i]);
    }
    for (uint16_t i = 0; i < config->server_count; i++) {
        const struct server_config *server = &config->servers[i];
        if (server->is_removed) {
            continue;
        }
        grid_text(&run->grid, server->name);
        grid_text(&run->grid, config->shards[server->shard].name);
        grid_text(&run->grid, server->address_text);
        grid_number(&run->grid, server->weight);
        grid_number(&run->grid, server->max_connections);
        show_server_state(run, i);
        grid_text(&run->grid, server->zone);
        grid_yes_no(&run->grid, server->is_discovered);
        grid_end_row(&run->grid);
    }
}

// Those that were taken in, as a file would have them.
void admin_show_discovered(struct command_run *run)
{
    const struct config *config = run->snapshot->config;
    struct grid *grid = &run->grid;
    grid_column(grid, "server");
    grid_column(grid, "shard");
    grid_column(grid, "sections");
    for (uint16_t i = 0; i < config->server_count; i++) {
        const struct server_config *server = &config->servers[i];
        if (server->is_removed || !server->is_discovered) {
            continue;
        }
        const struct shard_config *shard = &config->shards[server->shard];
        struct text sections;
        text_init(&sections);
        text_add_format(&sections,
                        "[server %s]\naddress = %s\n\n[shard %s]\nservers = ", server->name,
                        server->address_text, shard->name);
        for (uint16_t j = 0; j < shard->server_count; j++) {
            const struct server_config *member = &config->servers[shard->servers[j]];
            if (!member->is_discovered || member == server) {
                text_add_format(&sections, "%s%s", j > 0 ? ", " : "", member->name);
            }
        }
        text_add_string(&sections, "\n");
        grid_text(grid, server->name);
        grid_text(grid, shard->name);
        grid_slice(grid, text_slice(&sections));
        grid_end_row(grid);
        text_done(&sections);
    }
}

// ---- tables

static void print_end(const struct table_config *table, int64_t end, struct text *out)
{
    if (table->method == METHOD_DATE) {
        text_add_string(out, key_day_of(end).text);
    } else {
        text_add_format(out, "%lld", (long long)end);
    }
}

static void print_ranges(const struct config *config, const struct table_config *table,
                         struct text *out)
{
    for (uint32_t i = 0; i < table->range_count; i++) {
        const struct key_range *range = &table->ranges[i];
        text_add_string(out, i > 0 ? ", " : "");
        if (range->low != INT64_MIN) {
            print_end(table, range->low, out);
        }
        text_add_string(out, "..");
        if (range->high != INT64_MAX) {
            print_end(table, range->high, out);
        }
        text_add_format(out, ":%s", config->shards[range->shard].name);
    }
}

static void print_list(const struct config *config, const struct table_config *table,
                       struct text *out)
{
    for (uint32_t i = 0; i < table->listed_count && i < LISTED_SHOWN; i++) {
        const struct key_listed *listed = &table->listed[i];
        text_add_format(out, "%s%.*s:%s", i > 0 ? ", " : "", (int)listed->key.len,
                        (const char *)listed->key.ptr, config->shards[listed->shard].name);
    }
    if (table->listed_count > LISTED_SHOWN) {
        text_add_format(out, ", ... (%u keys)", table->listed_count);
    }
}

// Where its rows are, as the configuration would say it.
static void print_place(const struct config *config, const struct table_config *table,
                        struct text *out)
{
    if (table->type == TABLE_REFERENCE) {
        text_add_string(out, "every shard");
        return;
    }
    if (table->type == TABLE_UNSHARDED) {
        text_add_string(out, config->shards[table->home].name);
        return;
    }
    switch (table->method) {
    case METHOD_BUCKET:
        text_add_string(out, "by bucket");
        return;
    case METHOD_RANGE:
    case METHOD_DATE:
        print_ranges(config, table, out);
        return;
    case METHOD_LIST:
        print_list(config, table, out);
        return;
    case METHOD_MODULO:
        for (uint32_t i = 0; i < table->modulo; i++) {
            text_add_format(out, "%s%s", i > 0 ? ", " : "",
                            config->shards[table->modulo_shards[i]].name);
        }
        return;
    }
}

static void show_table(struct command_run *run, const struct table_config *table)
{
    static const char *const types[] = {"sharded", "reference", "unsharded"};
    static const char *const key_types[] = {"integer", "string", "binary", "date"};
    const struct config *config = run->snapshot->config;
    const struct table_config *with = &config->tables[table->with];
    bool is_sharded = table->type == TABLE_SHARDED;
    grid_format(&run->grid, "%s.%s", table->schema, table->name);
    grid_text(&run->grid, types[table->type]);
    grid_text(&run->grid, is_sharded ? sharding_method_name(table) : "");
    grid_text(&run->grid, table->key != NULL ? table->key : "");
    grid_text(&run->grid, is_sharded ? key_types[table->key_type] : "");
    grid_text(&run->grid, table->id_column != NULL ? table->id_column : "");
    grid_yes_no(&run->grid, table->makes_ids);
    grid_text(&run->grid, table->row_ids != NULL ? table->row_ids->column : "");
    if (with != table) {
        grid_format(&run->grid, "%s.%s", with->schema, with->name);
    } else {
        grid_text(&run->grid, "");
    }
    struct text place;
    text_init(&place);
    print_place(config, table, &place);
    grid_slice(&run->grid, text_slice(&place));
    text_done(&place);
    grid_text(&run->grid, table->declared == 0 ? "file"
                          : table->is_closed   ? "being declared or dropped"
                                               : "declared");
    grid_end_row(&run->grid);
}

void admin_show_tables(struct command_run *run)
{
    static const char *const names[] = {"table",     "type",   "method", "key",   "key_type", "id",
                                        "makes_ids", "row_id", "with",   "where", "source"};
    const struct config *config = run->snapshot->config;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        grid_column(&run->grid, names[i]);
    }
    for (uint16_t i = 0; i < config->table_count; i++) {
        show_table(run, &config->tables[i]);
    }
}

// As they would stand in the file, a row for each line.
void admin_show_declared(struct command_run *run)
{
    const struct config *config = run->snapshot->config;
    grid_column(&run->grid, "section");
    for (uint16_t i = 0; i < config->table_count; i++) {
        const struct table_config *table = &config->tables[i];
        struct slice rest = slice_of_string(table->declared > 0 ? table->declared_words : "");
        if (table->declared > 0) {
            grid_format(&run->grid, "[table %s.%s]", table->schema, table->name);
            grid_end_row(&run->grid);
        }
        while (rest.len > 0) {
            const uint8_t *end = memchr(rest.ptr, '\n', rest.len);
            size_t len = end != NULL ? (size_t)(end - rest.ptr) : rest.len;
            grid_slice(&run->grid, slice_part(rest, 0, len));
            grid_end_row(&run->grid);
            rest = slice_part(rest, len + (end != NULL), rest.len);
        }
    }
}

// ---- the rest of the configuration

static const char *account_state(const struct user_config *user)
{
    if (user->unusable != NULL) {
        return user->unusable;
    }
    if (user->is_locked) {
        return "locked";
    }
    return user->is_expired ? "expired" : "ok";
}

// By what it can be proved; which of them is asked for, depends on the client.
static void show_plugins(struct command_run *run, const struct user_config *user)
{
    bool has_sha2 = user->has_sha2 || user->sha2_crypt.len > 0;
    const char *const names[] = {user->has_native ? "mysql_native_password" : NULL,
                                 has_sha2 ? "caching_sha2_password" : NULL,
                                 user->has_ed25519 ? "client_ed25519" : NULL};
    struct text text;
    text_init(&text);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i] != NULL) {
            text_add_format(&text, "%s%s", text.len > 0 ? ", " : "", names[i]);
        }
    }
    grid_format(&run->grid, "%.*s", (int)text.len, text.len > 0 ? (const char *)text.ptr : "");
    text_done(&text);
}

void admin_show_users(struct command_run *run)
{
    const struct config *config = run->snapshot->config;
    grid_column(&run->grid, "user");
    grid_column(&run->grid, "from");
    grid_column(&run->grid, "source");
    grid_column(&run->grid, "state");
    grid_column(&run->grid, "server_user");
    grid_column(&run->grid, "default_schema");
    grid_column(&run->grid, "distributed");
    grid_column(&run->grid, "reads");
    grid_number_column(&run->grid, "max_connections");
    grid_column(&run->grid, "plugins");
    for (uint16_t i = 0; i < config->user_count; i++) {
        const struct user_config *user = &config->users[i];
        if (user->is_removed) {
            continue;
        }
        grid_text(&run->grid, user->name);
        grid_text(&run->grid, user->from);
        grid_text(&run->grid, user->is_from_servers ? "servers" : "file");
        grid_text(&run->grid, account_state(user));
        grid_text(&run->grid, user->server_user);
        grid_text(&run->grid, user->default_schema);
        grid_text(&run->grid, distributed_words()[user->distributed]);
        grid_text(&run->grid, user->reads_from_replicas ? "replica" : "primary");
        grid_number(&run->grid, user->max_connections);
        show_plugins(run, user);
        grid_end_row(&run->grid);
    }
}

void admin_show_buckets(struct command_run *run)
{
    const struct config *config = run->snapshot->config;
    grid_column(&run->grid, "shard");
    grid_number_column(&run->grid, "first");
    grid_number_column(&run->grid, "last");
    grid_number_column(&run->grid, "buckets");
    for (int first = 0; first < BUCKET_COUNT;) {
        uint16_t shard = config->bucket_shard[first];
        int last = first;
        while (last + 1 < BUCKET_COUNT && config->bucket_shard[last + 1] == shard) {
            last++;
        }
        grid_text(&run->grid, shard < config->shard_count ? config->shards[shard].name : "(none)");
        grid_number(&run->grid, first);
        grid_number(&run->grid, last);
        grid_number(&run->grid, last - first + 1);
        grid_end_row(&run->grid);
        first = last + 1;
    }
}

void admin_show_settings(struct command_run *run)
{
    size_t count = 0;
    const struct setting *settings = setting_table(&count);
    grid_column(&run->grid, "setting");
    grid_column(&run->grid, "value");
    grid_column(&run->grid, "default");
    grid_column(&run->grid, "needs_restart");
    grid_column(&run->grid, "help");
    for (size_t i = 0; i < count; i++) {
        struct text value;
        text_init(&value);
        setting_print(&settings[i], &run->snapshot->config->settings, &value);
        grid_text(&run->grid, settings[i].name);
        grid_slice(&run->grid, text_slice(&value));
        grid_text(&run->grid, settings[i].default_text);
        grid_yes_no(&run->grid, !settings[i].is_reloadable);
        grid_text(&run->grid, settings[i].help);
        grid_end_row(&run->grid);
        text_done(&value);
    }
}

// ---- what happened

static void print_time(struct grid *grid, uint64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm parts;
    char text[32] = "?";
    if (gmtime_r(&seconds, &parts) != NULL) {
        strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
    }
    grid_format(grid, "%s.%03u", text, (unsigned)(wall_ms % 1000));
}

void admin_show_events(struct command_run *run)
{
    const struct monitor *monitor = run->host->monitor(run->host->owner);
    grid_column(&run->grid, "time_utc");
    grid_column(&run->grid, "event");
    if (monitor == NULL) {
        return; // it has not started yet
    }
    struct monitor_event *events = arena_alloc(run->arena, sizeof *events * MONITOR_EVENTS_MAX);
    size_t count = monitor_events(monitor, events, MONITOR_EVENTS_MAX);
    for (size_t i = 0; i < count; i++) {
        print_time(&run->grid, events[i].wall_ms);
        grid_text(&run->grid, events[i].text);
        grid_end_row(&run->grid);
    }
}

void admin_show_version(struct command_run *run)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t now_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    uint64_t started_ms = run->host->started_wall_ms(run->host->owner);
    grid_column(&run->grid, "version");
    grid_column(&run->grid, "servers");
    grid_column(&run->grid, "configuration");
    grid_column(&run->grid, "started_utc");
    grid_number_column(&run->grid, "uptime_s");
    grid_number_column(&run->grid, "workers");
    grid_number_column(&run->grid, "snapshot");
    grid_text(&run->grid, WAYBILL_VERSION);
    grid_text(&run->grid, run->snapshot->version_text);
    grid_text(&run->grid, run->snapshot->config->path);
    print_time(&run->grid, started_ms);
    grid_number(&run->grid, now_ms > started_ms ? (int64_t)((now_ms - started_ms) / 1000) : 0);
    grid_number(&run->grid, run->host->worker_count(run->host->owner));
    grid_number(&run->grid, (int64_t)run->snapshot->version);
    grid_end_row(&run->grid);
}
