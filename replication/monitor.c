// The control thread's side of the control plane. Probes and actions run on threads of their own;
// here their messages come in, are judged, and become snapshots:
//
//     probe (a thread for each server) --probe_result--> observe_result --> monitor_judge
//     action (one for each shard)      --action_report-> (events)      -->  |  opinion on the shard
//                                                                           |-> starts an action
//                                                                           `-> new snapshot
//
// The monitor has a mailbox of its own, so that after monitor_stop no message can find it gone.

#include "replication/monitor_impl.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>

#include "base/log.h"
#include "base/memory.h"
#include "protocol/error_table.h"
#include "replication/monitor_endpoint.h"

enum {
    POKE_US = 50000, // not more often by passive evidence
    TICK_MS = 50,
    VACANT_MS = 100
};

const struct config *monitor_config(const struct monitor *monitor)
{
    return monitor->host->current(monitor->host->owner)->config;
}

// ---- events

void monitor_say(struct monitor *monitor, const char *format, ...)
{
    struct monitor_event *event = &monitor->events[monitor->event_count++ % MONITOR_EVENTS_MAX];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    event->wall_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    va_list args;
    va_start(args, format);
    vsnprintf(event->text, sizeof event->text, format, args);
    va_end(args);
    log_notice("%s", event->text);
}

size_t monitor_events(const struct monitor *monitor, struct monitor_event *out, size_t max)
{
    size_t there =
        monitor->event_count < MONITOR_EVENTS_MAX ? monitor->event_count : MONITOR_EVENTS_MAX;
    size_t count = there < max ? there : max;
    for (size_t i = 0; i < count; i++) {
        out[i] = monitor->events[(monitor->event_count - count + i) % MONITOR_EVENTS_MAX];
    }
    return count;
}

// ---- probes

void monitor_order(struct monitor *monitor, uint16_t server, bool is_now, uint64_t expect_us)
{
    const struct config *config = monitor_config(monitor);
    struct watched *watched = &monitor->servers[server];
    if (watched->probe == NULL) {
        return;
    }
    uint16_t shard = config->servers[server].shard;
    bool is_primary = monitor->shards[shard].primary == server;
    uint32_t probe_ms = (uint32_t)config->settings.probe_ms;
    if (monitor->shards[shard].primary == NO_SERVER && probe_ms > VACANT_MS) {
        probe_ms = VACANT_MS; // somebody may be opened, here or by another proxy
    }
    // Replicas are asked when their primary has written; by themselves only when it hasn't for
    // long.
    watched->order =
        (struct probe_order){.probe_ms = is_primary ? probe_ms : probe_ms * 3 / 2,
                             .failover_after_ms = (uint32_t)config->settings.failover_after_ms,
                             .is_primary = is_primary,
                             .takes_kills = is_primary && shard == config->default_shard,
                             .makes_ids = monitor->makes_ids,
                             .ids_from_ms = monitor->ids_from_ms,
                             .is_now = is_now,
                             .expect_us = expect_us};
    monitor_fill_declared(monitor, server, &watched->order.declared);
    probe_tell(watched->probe, &watched->order);
}

static void poke_replicas(struct monitor *monitor, uint16_t primary, uint64_t beat_us)
{
    const struct config *config = monitor_config(monitor);
    const struct shard_config *shard = &config->shards[config->servers[primary].shard];
    for (uint16_t i = 0; i < shard->server_count; i++) {
        if (shard->servers[i] != primary) {
            monitor_order(monitor, shard->servers[i], true, beat_us);
        }
    }
}

static void on_probe_result(struct message *message, void *receiver)
{
    struct monitor *monitor = receiver;
    struct probe_result *result = CONTAINER_OF(message, struct probe_result, message);
    struct watched *watched =
        result->server < monitor->server_count ? &monitor->servers[result->server] : NULL;
    if (monitor->is_stopping || watched == NULL || watched->probe == NULL ||
        watched->setup.generation != result->generation) {
        declared_set_free(result->declared.set);
        memory_free(result);
        return;
    }
    observe_result(&watched->seen, result);
    if (told_is_news(&watched->missing, result->facts.missing, loop_now_us(monitor->host->loop))) {
        monitor_say(monitor, "server %s: %s: without it no promotion", watched->setup.endpoint.name,
                    result->facts.missing);
    }
    if (result->failure == DB_FINE && result->facts.is_beat_written) {
        poke_replicas(monitor, result->server, result->facts.applied_us);
    }
    monitor_look_for_kills(monitor, result->facts.kill_requests);
    monitor_take_ids(monitor, result->server, &result->facts.ids);
    monitor_judge(monitor, monitor_config(monitor)->servers[result->server].shard);
    monitor_take_declared(monitor, result->server, &result->declared);
    monitor_publish_figures(monitor);
    declared_set_free(result->declared.set);
    memory_free(result);
}

static void fill_setup(struct monitor *monitor, const struct config *config, uint16_t server,
                       struct probe_setup *setup)
{
    const struct server_config *wanted = &config->servers[server];
    *setup = (struct probe_setup){.server = server};
    monitor_fill_endpoint(config, server, &setup->endpoint);
    snprintf(setup->shard_name, sizeof setup->shard_name, "%s", config->shards[wanted->shard].name);
    setup->proxy = (uint32_t)config->settings.proxy_id;
    setup->run = monitor->run;
    setup->mailbox = monitor->mailbox;
    setup->deliver = on_probe_result;
    setup->ids_used_ms = monitor->host->ids_used_ms;
    setup->owner = monitor->host->owner;
}

// The thread may be in the middle of a slow question: it is joined when it has ended.
static void retire_probe(struct monitor *monitor, struct watched *watched)
{
    if (watched->probe == NULL) {
        return;
    }
    probe_ask_to_stop(watched->probe, monitor->is_stopping);
    monitor->retired =
        memory_resize(monitor->retired, sizeof(struct probe *) * (monitor->retired_count + 1));
    monitor->retired[monitor->retired_count++] = watched->probe;
    watched->probe = NULL;
}

static void join_retired(struct monitor *monitor)
{
    for (size_t i = monitor->retired_count; i > 0; i--) {
        if (probe_try_join(monitor->retired[i - 1])) {
            monitor->retired[i - 1] = monitor->retired[--monitor->retired_count];
        }
    }
}

static void start_probe(struct monitor *monitor, struct watched *watched,
                        const struct probe_setup *setup)
{
    watched->setup = *setup;
    watched->setup.generation = ++monitor->generation;
    const struct settings *settings = &monitor_config(monitor)->settings;
    struct probe_order first = {.probe_ms = (uint32_t)settings->probe_ms,
                                .failover_after_ms = (uint32_t)settings->failover_after_ms};
    watched->probe = probe_start(&watched->setup, &first);
}

static bool is_same_setup(const struct probe_setup *a, const struct probe_setup *b)
{
    return endpoint_is_same(&a->endpoint, &b->endpoint) &&
           strcmp(a->shard_name, b->shard_name) == 0 && a->proxy == b->proxy;
}

// Makes the watched servers those of the configuration; what has not changed is left alone.
static void follow_config(struct monitor *monitor)
{
    const struct config *config = monitor_config(monitor);
    monitor_declared_follow_config(monitor);
    for (uint16_t i = 0; i < config->server_count; i++) {
        struct watched *watched = &monitor->servers[i];
        if (config->servers[i].is_removed) {
            retire_probe(monitor, watched);
            continue;
        }
        struct probe_setup setup;
        fill_setup(monitor, config, i, &setup);
        if (watched->probe != NULL && is_same_setup(&watched->setup, &setup)) {
            monitor_order(monitor, i, false, 0);
            continue;
        }
        retire_probe(monitor, watched);
        watched->seen = (struct observation){.is_seen = false};
        watched->role = ROLE_UNKNOWN;
        watched->source = NO_SERVER;
        start_probe(monitor, watched, &setup);
    }
}

static void make_room(struct monitor *monitor)
{
    const struct config *config = monitor_config(monitor);
    monitor->servers =
        memory_resize(monitor->servers, sizeof *monitor->servers * config->server_count);
    monitor->shards = memory_resize(monitor->shards, sizeof *monitor->shards * config->shard_count);
    for (; monitor->server_count < config->server_count; monitor->server_count++) {
        monitor->servers[monitor->server_count] =
            (struct watched){.source = NO_SERVER, .role = ROLE_UNKNOWN};
    }
    for (; monitor->shard_count < config->shard_count; monitor->shard_count++) {
        monitor->shards[monitor->shard_count] = (struct guarded){.primary = NO_SERVER,
                                                                 .known = NO_SERVER,
                                                                 .told_server = NO_SERVER,
                                                                 .maintained_next = NO_SERVER,
                                                                 .passed_over = NO_SERVER};
    }
}

void monitor_follow_servers(struct monitor *monitor)
{
    make_room(monitor);
    follow_config(monitor);
}

void monitor_config_changed(struct monitor *monitor)
{
    monitor_follow_servers(monitor);
    for (uint16_t i = 0; i < monitor->shard_count; i++) {
        monitor->shards[i].retry_us = 0; // what was refused may be allowed now
        monitor_judge(monitor, i);
    }
    monitor_publish_changes(monitor);
    monitor->accounts.next_us = 0; // a section may have hidden some
    monitor->schema.index_next_us = 0;
}

// ---- the door

static void on_tick(struct timer *timer)
{
    struct monitor *monitor = CONTAINER_OF(timer, struct monitor, tick);
    hooks_look(&monitor->hooks, loop_now_us(monitor->host->loop));
    for (uint16_t i = 0; i < monitor->shard_count; i++) {
        monitor_judge(monitor, i);
    }
    join_retired(monitor);
    monitor_watch_discovered(monitor);
    monitor_watch_accounts(monitor);
    monitor_watch_transactions(monitor);
    monitor_watch_row_ids(monitor);
    monitor_watch_indexes(monitor);
    monitor_watch_declared(monitor);
    timer_start(timer, TICK_MS);
}

static void on_publish(struct timer *timer)
{
    monitor_publish_now(CONTAINER_OF(timer, struct monitor, publish));
}

static uint64_t random_run(void)
{
    uint64_t run = 0;
    if (getrandom(&run, sizeof run, 0) != (ssize_t)sizeof run) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        run = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    }
    return run >> 1 | 1; // never 0
}

struct monitor *monitor_start(const struct monitor_host *host)
{
    struct monitor *monitor = memory_new(sizeof *monitor);
    dbconn_start_library();
    etcd_start_library();
    monitor->host = host;
    monitor->mailbox = mailbox_new(host->loop, monitor);
    monitor->run = random_run();
    timer_init(&monitor->tick, host->loop, on_tick);
    timer_init(&monitor->publish, host->loop, on_publish);
    account_list_init(&monitor->accounts.list);
    list_init(&monitor->row_ids.all);
    make_room(monitor);
    follow_config(monitor);
    timer_start(&monitor->tick, TICK_MS);
    return monitor;
}

void monitor_stop(struct monitor *monitor)
{
    monitor->is_stopping = true;
    timer_stop(&monitor->tick);
    timer_stop(&monitor->publish);
    for (uint16_t i = 0; i < monitor->server_count; i++) {
        retire_probe(monitor, &monitor->servers[i]);
    }
    monitor_stop_actions(monitor);
    monitor_stop_accounts(monitor);
    monitor_stop_discovery(monitor);
    monitor_stop_kills(monitor);
    monitor_stop_row_ids(monitor);
    monitor_stop_schema(monitor);
    monitor_stop_transactions(monitor);
    monitor_stop_deadlocks(monitor);
    for (size_t i = 0; i < monitor->retired_count; i++) {
        probe_join(monitor->retired[i]);
    }
    mailbox_free(monitor->mailbox); // the last messages come in, and are only freed
    deadlock_free(monitor->deadlocks.check);
    account_list_done(&monitor->accounts.list);
    memory_free(monitor->transactions.branches);
    memory_free(monitor->retired);
    memory_free(monitor->servers);
    memory_free(monitor->shards);
    memory_free(monitor);
}

void monitor_note_trouble(struct monitor *monitor, uint16_t server, const struct error *error)
{
    if (server >= monitor->server_count) {
        return;
    }
    if (error->code == ER_ACCESS_DENIED) {
        monitor_refresh_accounts(monitor, false); // an answer: the server is well
        return;
    }
    struct watched *watched = &monitor->servers[server];
    uint64_t now_us = loop_now_us(monitor->host->loop);
    if (now_us - watched->poked_us < POKE_US) {
        return;
    }
    watched->poked_us = now_us;
    log_debug("server %s: a worker has trouble: %s", watched->setup.endpoint.name, error->text);
    monitor_order(monitor, server, true, 0);
}

bool monitor_is_settled(const struct monitor *monitor)
{
    for (uint16_t i = 0; i < monitor->server_count; i++) {
        if (monitor->servers[i].probe != NULL && !monitor->servers[i].seen.is_seen) {
            return false;
        }
    }
    return monitor_has_accounts(monitor) && monitor_has_ids(monitor) &&
           monitor_has_declared(monitor);
}
