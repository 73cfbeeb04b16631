// The table of metrics. A row says what a figure is called, what it means and where it comes from:
// a counter of the workers (summed up), an array of counters by server or shard, what the monitor
// knows of a server or shard, a figure of the pools, or the histogram of latencies.
//
// metrics_read() walks the table and hands every sample on; the page and SHOW STATUS are readers.

#include "admin/metrics.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/memory.h"
#include "protocol/capability.h"

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_SUMMARY };
enum metric_source {
    FROM_COUNTER,         // `offset` in session_counters: one counter
    FROM_SERVER_COUNTERS, // ... an array by server
    FROM_SHARD_COUNTERS,  // ... an array by shard
    FROM_LATENCY,         // ... a histogram
    FROM_SERVER,          // `of_server`
    FROM_SHARD,           // `of_shard`
    FROM_POOL,            // `of_pool`
    FROM_PROCESS,         // `of_process`
};

struct metric {
    const char *name;
    enum metric_type type;
    enum metric_source source;
    const char *help;
    size_t offset;
    // NaN: no sample
    double (*of_server)(const struct metrics_view *view, uint16_t server);
    double (*of_shard)(const struct metrics_view *view, uint16_t shard);
    double (*of_pool)(const struct pool_figures *pool);
    double (*of_process)(const struct metrics_view *view);
};

static const char *const type_names[] = {"counter", "gauge", "summary"};

// ---- where figures come from

static double server_is_up(const struct metrics_view *view, uint16_t server)
{
    return view->snapshot->servers[server].is_up;
}

static double server_is_primary(const struct metrics_view *view, uint16_t server)
{
    return view->snapshot->servers[server].role == ROLE_PRIMARY;
}

static double server_is_fit(const struct metrics_view *view, uint16_t server)
{
    return snapshot_is_fit(view->snapshot, server, loop_now_us(view->host->loop), 0);
}

static double server_lag(const struct metrics_view *view, uint16_t server)
{
    const struct server_state *state = &view->snapshot->servers[server];
    bool is_known = state->is_lag_known && state->role == ROLE_REPLICA;
    return is_known ? (double)state->lag_us / 1e6 : __builtin_nan("");
}

static double server_probe(const struct metrics_view *view, uint16_t server)
{
    const struct server_state *state = &view->snapshot->servers[server];
    return state->is_up ? (double)state->probe_us / 1e6 : __builtin_nan("");
}

static double shard_has_primary(const struct metrics_view *view, uint16_t shard)
{
    return view->snapshot->shards[shard].primary != NO_SERVER;
}

static double shard_is_failing_over(const struct metrics_view *view, uint16_t shard)
{
    return view->snapshot->shards[shard].is_failing_over;
}

static double shard_is_durable(const struct metrics_view *view, uint16_t shard)
{
    const struct shard_state *state = &view->snapshot->shards[shard];
    return state->primary != NO_SERVER && view->snapshot->servers[state->primary].is_waiting &&
           state->weakness[0] == '\0';
}

static double shard_epoch(const struct metrics_view *view, uint16_t shard)
{
    return (double)view->snapshot->shards[shard].epoch;
}

#define POOL_FIGURE(member)                                                                        \
    static double pool_##member(const struct pool_figures *pool)                                   \
    {                                                                                              \
        return (double)pool->member;                                                               \
    }
POOL_FIGURE(idle)
POOL_FIGURE(lent)
POOL_FIGURE(connecting)
POOL_FIGURE(waiting)
POOL_FIGURE(taken)
POOL_FIGURE(opened)
POOL_FIGURE(failed)
POOL_FIGURE(closed)
POOL_FIGURE(resets)
POOL_FIGURE(synced)

static double process_workers(const struct metrics_view *view)
{
    return view->host->worker_count(view->host->owner);
}

static double process_snapshot(const struct metrics_view *view)
{
    return (double)view->snapshot->version;
}

static double process_started(const struct metrics_view *view)
{
    return (double)view->host->started_wall_ms(view->host->owner) / 1000;
}

#define COUNTER(name, kind, member, help)                                                          \
    {                                                                                              \
        name, kind, FROM_COUNTER, help, .offset = offsetof(struct session_counters, member)        \
    }

// clang-format off
static const struct metric table[] = {
    {"waybill_workers", METRIC_GAUGE, FROM_PROCESS, "Threads that serve clients.", .of_process = process_workers},
    {"waybill_snapshot_version", METRIC_GAUGE, FROM_PROCESS, "Changes of the cluster seen so far.", .of_process = process_snapshot},
    {"waybill_start_time_seconds", METRIC_GAUGE, FROM_PROCESS, "When this process started, Unix time.", .of_process = process_started},
    COUNTER("waybill_clients_connected", METRIC_GAUGE, clients_connected, "Clients that are connected."),
    COUNTER("waybill_clients_accepted_total", METRIC_COUNTER, clients_accepted, "Clients that came."),
    COUNTER("waybill_clients_refused_total", METRIC_COUNTER, clients_refused, "Clients refused because there were max_clients."),
    COUNTER("waybill_logins_failed_total", METRIC_COUNTER, logins_failed, "Log-ins with a wrong user or password."),
    COUNTER("waybill_queries_total", METRIC_COUNTER, queries, "Commands that were routed."),
    COUNTER("waybill_queries_one_shard_total", METRIC_COUNTER, queries_one_shard, "... of them to one shard."),
    COUNTER("waybill_queries_many_shards_total", METRIC_COUNTER, queries_many_shards, "... of them to several shards."),
    COUNTER("waybill_queries_gathered_total", METRIC_COUNTER, queries_gathered, "... of them for which rows of several shards were brought to one server."),
    COUNTER("waybill_scatter_warned_total", METRIC_COUNTER, scatter_warned, "Statements over several shards that were run with a guard's warning (9031)."),
    COUNTER("waybill_scatter_denied_total", METRIC_COUNTER, scatter_denied, "... that a guard refused, or ended at max_result_rows (9030)."),
    COUNTER("waybill_rows_gathered_total", METRIC_COUNTER, rows_gathered, "Rows that were brought there, with the server's own."),
    COUNTER("waybill_index_questions_total", METRIC_COUNTER, index_questions, "Statements for which global indexes were asked first."),
    COUNTER("waybill_index_entries_total", METRIC_COUNTER, index_entries, "Values that were entered into global indexes."),
    COUNTER("waybill_queries_refused_total", METRIC_COUNTER, queries_refused, "... of them refused with a reason."),
    COUNTER("waybill_queries_held_total", METRIC_COUNTER, queries_held, "... of them that waited for a shard without a primary."),
    COUNTER("waybill_reads_replica_total", METRIC_COUNTER, reads_replica, "Reads sent to replicas."),
    COUNTER("waybill_reads_primary_total", METRIC_COUNTER, reads_primary, "Reads sent to primaries."),
    COUNTER("waybill_writes_total", METRIC_COUNTER, writes, "Writes."),
    COUNTER("waybill_transactions_begun_total", METRIC_COUNTER, transactions_begun, "Transactions begun."),
    COUNTER("waybill_transactions_committed_total", METRIC_COUNTER, transactions_committed, "Transactions committed."),
    COUNTER("waybill_transactions_rolled_back_total", METRIC_COUNTER, transactions_rolled_back, "Transactions rolled back, also by a lost server."),
    COUNTER("waybill_deadlocks_total", METRIC_COUNTER, deadlocks, "... of them since they were in a deadlock over several shards."),
    COUNTER("waybill_retries_total", METRIC_COUNTER, retries, "Reads run again on another server."),
    COUNTER("waybill_bytes_from_clients_total", METRIC_COUNTER, bytes_from_clients, "Bytes received from clients."),
    COUNTER("waybill_bytes_to_clients_total", METRIC_COUNTER, bytes_to_clients, "Bytes sent to clients."),
    COUNTER("waybill_errors_sent_total", METRIC_COUNTER, errors_sent, "Errors that waybill itself gave to clients."),
    {"waybill_query_seconds", METRIC_SUMMARY, FROM_LATENCY, "Time of a query, from its last byte in to its last byte out, since start.",
     .offset = offsetof(struct session_counters, latency_us)},
    {"waybill_server_reads_total", METRIC_COUNTER, FROM_SERVER_COUNTERS, "Reads sent to the server.",
     .offset = offsetof(struct session_counters, server_reads)},
    {"waybill_server_writes_total", METRIC_COUNTER, FROM_SERVER_COUNTERS, "Writes sent to the server.",
     .offset = offsetof(struct session_counters, server_writes)},
    {"waybill_shard_statements_total", METRIC_COUNTER, FROM_SHARD_COUNTERS, "Statements sent to the shard.",
     .offset = offsetof(struct session_counters, shard_statements)},
    {"waybill_server_up", METRIC_GAUGE, FROM_SERVER, "1: the server answers.", .of_server = server_is_up},
    {"waybill_server_primary", METRIC_GAUGE, FROM_SERVER, "1: it is its shard's primary.", .of_server = server_is_primary},
    {"waybill_server_fit", METRIC_GAUGE, FROM_SERVER, "1: a replica that is fresh enough for reads.", .of_server = server_is_fit},
    {"waybill_server_lag_seconds", METRIC_GAUGE, FROM_SERVER, "How far the replica is behind its primary.", .of_server = server_lag},
    {"waybill_server_probe_seconds", METRIC_GAUGE, FROM_SERVER, "Round trip of the last probe.", .of_server = server_probe},
    {"waybill_shard_primary", METRIC_GAUGE, FROM_SHARD, "1: the shard has a primary.", .of_shard = shard_has_primary},
    {"waybill_shard_failing_over", METRIC_GAUGE, FROM_SHARD, "1: a promotion is running.", .of_shard = shard_is_failing_over},
    {"waybill_shard_durable", METRIC_GAUGE, FROM_SHARD, "1: an acknowledged write outlives the primary: it waits for a replica, and all servers' settings keep that.", .of_shard = shard_is_durable},
    {"waybill_shard_epoch", METRIC_GAUGE, FROM_SHARD, "Of the newest promotion.", .of_shard = shard_epoch},
    {"waybill_pool_idle", METRIC_GAUGE, FROM_POOL, "Connections to the server that nobody uses.", .of_pool = pool_idle},
    {"waybill_pool_lent", METRIC_GAUGE, FROM_POOL, "Connections to the server in use.", .of_pool = pool_lent},
    {"waybill_pool_connecting", METRIC_GAUGE, FROM_POOL, "Connections being made.", .of_pool = pool_connecting},
    {"waybill_pool_waiting", METRIC_GAUGE, FROM_POOL, "Statements that wait for a connection.", .of_pool = pool_waiting},
    {"waybill_pool_taken_total", METRIC_COUNTER, FROM_POOL, "Times a connection was lent.", .of_pool = pool_taken},
    {"waybill_pool_opened_total", METRIC_COUNTER, FROM_POOL, "Connections opened.", .of_pool = pool_opened},
    {"waybill_pool_failed_total", METRIC_COUNTER, FROM_POOL, "Connections that could not be opened.", .of_pool = pool_failed},
    {"waybill_pool_closed_total", METRIC_COUNTER, FROM_POOL, "Connections closed.", .of_pool = pool_closed},
    {"waybill_pool_resets_total", METRIC_COUNTER, FROM_POOL, "Connections reset before the next user.", .of_pool = pool_resets},
    {"waybill_pool_synced_total", METRIC_COUNTER, FROM_POOL, "Times a connection was made like the session.", .of_pool = pool_synced},
};
// clang-format on

enum { TABLE_COUNT = sizeof table / sizeof table[0], LABELS_BYTES = 512 };

// One walk over the table.
struct walk {
    const struct metrics_view *view;
    struct metrics_reader *reader;
    const struct metric *metric;
    const struct pool_figures *pools;
    size_t pool_count;
};

// ---- samples

static void add_sample(struct walk *walk, const char *suffix, const char *labels, double value)
{
    char name[128];
    char number[64];
    if (__builtin_isnan(value)) {
        return;
    }
    snprintf(name, sizeof name, "%s%s", walk->metric->name, suffix);
    snprintf(number, sizeof number, "%.15g", value);
    walk->reader->on_sample(walk->reader, name, labels, number, walk->metric->help);
}

// A label's value with its quotes, backslashes and line ends escaped.
static void add_label(char labels[LABELS_BYTES], const char *name, const char *value)
{
    size_t len = strlen(labels);
    len += (size_t)snprintf(labels + len, LABELS_BYTES - len, "%s%s=\"", len > 0 ? "," : "", name);
    for (; *value != '\0' && len + 4 < LABELS_BYTES; value++) {
        if (*value == '"' || *value == '\\' || *value == '\n') {
            labels[len++] = '\\';
        }
        labels[len++] = *value == '\n' ? 'n' : *value;
    }
    labels[len++] = '"';
    labels[len] = '\0';
}

static const char *member_of(const struct walk *walk, uint16_t worker)
{
    const struct admin_host *host = walk->view->host;
    return (const char *)host->counters(host->owner, worker) + walk->metric->offset;
}

// The sum of the workers' counters at a place of the row's member.
static double sum_of(const struct walk *walk, size_t place)
{
    const struct admin_host *host = walk->view->host;
    uint64_t sum = 0;
    for (uint16_t i = 0; i < host->worker_count(host->owner); i++) {
        sum += counter_get((const struct counter *)(const void *)member_of(walk, i) + place);
    }
    return (double)sum;
}

static void add_latency(struct walk *walk)
{
    static const double fractions[] = {0.5, 0.9, 0.99, 0.999};
    const struct admin_host *host = walk->view->host;
    struct histogram *all = memory_new(sizeof *all);
    for (uint16_t i = 0; i < host->worker_count(host->owner); i++) {
        histogram_merge(all, (const struct histogram *)(const void *)member_of(walk, i));
    }
    for (size_t i = 0; i < sizeof fractions / sizeof fractions[0]; i++) {
        char labels[LABELS_BYTES];
        snprintf(labels, sizeof labels, "quantile=\"%g\"", fractions[i]);
        add_sample(walk, "", labels, (double)histogram_quantile_us(all, fractions[i]) / 1e6);
    }
    add_sample(walk, "_sum", "", (double)counter_get(&all->sum_us) / 1e6);
    add_sample(walk, "_count", "", (double)histogram_count(all));
    memory_free(all);
}

static void add_servers(struct walk *walk)
{
    const struct config *config = walk->view->snapshot->config;
    for (uint16_t i = 0; i < config->server_count; i++) {
        const struct server_config *server = &config->servers[i];
        if (server->is_removed) {
            continue;
        }
        char labels[LABELS_BYTES] = "";
        add_label(labels, "server", server->name);
        add_label(labels, "shard", config->shards[server->shard].name);
        add_sample(walk, "", labels,
                   walk->metric->of_server != NULL ? walk->metric->of_server(walk->view, i)
                                                   : sum_of(walk, i));
    }
}

static void add_shards(struct walk *walk)
{
    const struct config *config = walk->view->snapshot->config;
    for (uint16_t i = 0; i < config->shard_count; i++) {
        if (config->shards[i].is_removed) {
            continue;
        }
        char labels[LABELS_BYTES] = "";
        add_label(labels, "shard", config->shards[i].name);
        add_sample(walk, "", labels,
                   walk->metric->of_shard != NULL ? walk->metric->of_shard(walk->view, i)
                                                  : sum_of(walk, i));
    }
}

static void add_pools(struct walk *walk)
{
    const struct config *config = walk->view->snapshot->config;
    for (size_t i = 0; i < walk->pool_count; i++) {
        const struct pool_figures *pool = &walk->pools[i];
        char labels[LABELS_BYTES] = "";
        char kind[CAPABILITY_CLASS_BYTES];
        if (pool->server >= config->server_count || pool->account >= config->user_count) {
            continue;
        }
        capability_print_class(pool->capabilities, kind);
        add_label(labels, "server", config->servers[pool->server].name);
        add_label(labels, "user", config->users[pool->account].name);
        add_label(labels, "kind", kind);
        add_sample(walk, "", labels, walk->metric->of_pool(pool));
    }
}

static void add_metric(struct walk *walk)
{
    switch (walk->metric->source) {
    case FROM_COUNTER:
        add_sample(walk, "", "", sum_of(walk, 0));
        return;
    case FROM_SERVER_COUNTERS:
    case FROM_SERVER:
        add_servers(walk);
        return;
    case FROM_SHARD_COUNTERS:
    case FROM_SHARD:
        add_shards(walk);
        return;
    case FROM_LATENCY:
        add_latency(walk);
        return;
    case FROM_POOL:
        add_pools(walk);
        return;
    case FROM_PROCESS:
        add_sample(walk, "", "", walk->metric->of_process(walk->view));
        return;
    }
}

// ---- pools

static int compare_pools(const void *left, const void *right)
{
    const struct pool_figures *a = left;
    const struct pool_figures *b = right;
    if (a->server != b->server) {
        return a->server - b->server;
    }
    if (a->account != b->account) {
        return a->account - b->account;
    }
    return a->capabilities < b->capabilities ? -1 : a->capabilities > b->capabilities;
}

static void add_figures(struct pool_figures *into, const struct pool_figures *from)
{
    into->idle += from->idle;
    into->lent += from->lent;
    into->connecting += from->connecting;
    into->waiting += from->waiting;
    into->taken += from->taken;
    into->opened += from->opened;
    into->failed += from->failed;
    into->closed += from->closed;
    into->resets += from->resets;
    into->synced += from->synced;
}

struct pool_figures *metrics_pools(const struct metrics_view *view, struct arena *arena,
                                   size_t *count)
{
    size_t all = 0;
    for (uint16_t i = 0; i < view->report_count; i++) {
        all += view->reports[i]->pool_count;
    }
    struct pool_figures *pools = arena_alloc(arena, sizeof *pools * all);
    all = 0;
    for (uint16_t i = 0; i < view->report_count; i++) {
        for (size_t j = 0; j < view->reports[i]->pool_count; j++) {
            pools[all++] = view->reports[i]->pools[j];
        }
    }
    qsort(pools, all, sizeof *pools, compare_pools);
    *count = 0;
    for (size_t i = 0; i < all; i++) {
        if (*count > 0 && compare_pools(&pools[*count - 1], &pools[i]) == 0) {
            add_figures(&pools[*count - 1], &pools[i]);
        } else {
            pools[(*count)++] = pools[i];
        }
    }
    return pools;
}

// ---- readers

// The page's: HELP and TYPE go ahead of a metric's first sample.
struct page_reader {
    struct metrics_reader reader;
    struct text *out;
};

static void on_page_sample(struct metrics_reader *reader, const char *name, const char *labels,
                           const char *value, const char *help)
{
    (void)help;
    struct page_reader *page = CONTAINER_OF(reader, struct page_reader, reader);
    bool has_labels = labels[0] != '\0';
    text_add_format(page->out, "%s%s%s%s %s\n", name, has_labels ? "{" : "", labels,
                    has_labels ? "}" : "", value);
}

static void walk_table(const struct metrics_view *view, struct metrics_reader *reader,
                       struct text *page)
{
    struct arena arena;
    arena_init(&arena, NULL);
    struct walk walk = {.view = view, .reader = reader};
    walk.pools = metrics_pools(view, &arena, &walk.pool_count);
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        walk.metric = &table[i];
        if (page != NULL) {
            text_add_format(page, "# HELP %s %s\n# TYPE %s %s\n", table[i].name, table[i].help,
                            table[i].name, type_names[table[i].type]);
        }
        add_metric(&walk);
    }
    arena_clear(&arena);
}

void metrics_write(const struct metrics_view *view, struct text *out)
{
    struct page_reader page = {.reader = {on_page_sample}, .out = out};
    walk_table(view, &page.reader, out);
}

void metrics_read(const struct metrics_view *view, struct metrics_reader *reader)
{
    walk_table(view, reader, NULL);
}
