// A worker's pools: making and ending them, giving back, new snapshots, and the tick that watches
// deadlines.
//
// One timer serves all deadlines (TICK_MS): a timer for each connection would cost the heap of the
// loop two moves a query, and a deadline that is a tenth of a second late hurts nobody. It runs
// only while there is something to watch.

#include "pool/pool.h"

#include <assert.h>
#include <stdio.h>

#include "base/log.h"
#include "base/memory.h"
#include "pool/pool_impl.h"
#include "protocol/error_table.h"

enum { BACKENDS_KEPT = 64 };

static void on_tick(struct timer *timer);

void pools_sweep(struct pools *pools)
{
    struct node *node;
    while ((node = list_pop_front(&pools->closed)) != NULL) {
        backend_free(CONTAINER_OF(node, struct backend, node));
    }
}

static void sweep(struct later *later)
{
    pools_sweep(CONTAINER_OF(later, struct pools, sweep));
}

struct pools *pools_new(const struct pools_host *host, const struct snapshot *snapshot)
{
    struct pools *pools = memory_new(sizeof *pools);
    pools->host = *host;
    pools->snapshot = snapshot;
    pools->sweep.on_later = sweep;
    list_init(&pools->closed);
    slab_init(&pools->backends, "backend", sizeof(struct backend), BACKENDS_KEPT);
    timer_init(&pools->tick, host->loop, on_tick);
    return pools;
}

struct slot *pools_slot(struct pools *pools, uint16_t server)
{
    struct slot *slot = pools->slots[server];
    if (slot == NULL) {
        slot = memory_new(sizeof *slot);
        slot->pools = pools;
        slot->server = server;
        slot->serve.on_later = slot_serve;
        list_init(&slot->pools_list);
        list_init(&slot->line);
        list_init(&slot->refused);
        list_init(&slot->crowded);
        list_init(&slot->kills);
        pools->slots[server] = slot;
    }
    return slot;
}

static void close_all(struct list *backends)
{
    struct node *node;
    while ((node = list_first(backends)) != NULL) {
        backend_close(CONTAINER_OF(node, struct backend, node));
    }
}

static void free_slot(struct slot *slot)
{
    assert(slot->line.count + slot->refused.count + slot->crowded.count == 0);
    slot_drop_kills(slot);
    loop_cancel_later(slot->pools->host.loop, &slot->serve);
    struct node *node;
    while ((node = list_first(&slot->pools_list)) != NULL) {
        struct pool *pool = CONTAINER_OF(node, struct pool, node);
        assert(list_is_empty(&pool->lent));
        close_all(&pool->pending);
        close_all(&pool->idle);
        list_remove(&slot->pools_list, node);
        // Its closed backends look back at it until they are freed.
        pools_sweep(slot->pools);
        memory_free(pool);
    }
    tls_memory_done(&slot->tls_memory);
    memory_free(slot);
}

void pools_free(struct pools *pools)
{
    timer_stop(&pools->tick);
    pools_sweep(pools);
    for (size_t i = 0; i < SERVERS_MAX; i++) {
        if (pools->slots[i] != NULL) {
            free_slot(pools->slots[i]);
        }
    }
    loop_cancel_later(pools->host.loop, &pools->sweep);
    slab_done(&pools->backends);
    pools_wipe_secrets(pools);
    memory_free(pools);
}

// ---- giving back

void pool_close(struct pools *pools, struct backend *backend)
{
    (void)pools;
    struct slot *slot = backend->pool->slot;
    backend_close(backend);
    slot_serve_later(slot);
}

// Can it serve somebody else?
static bool is_worth_keeping(const struct backend *backend)
{
    const struct pool *pool = backend->pool;
    const struct slot *slot = pool->slot;
    return backend->state == BACKEND_LENT && !backend->is_broken && !backend->was_killed &&
           backend->lost == NULL && !backend_in_transaction(backend) &&
           backend->generation == pool->generation && !slot_is_down(slot) &&
           slot->connections <= slot_quota(slot) &&
           (!backend->is_dirty || backend_can_reset(backend)) &&
           !slot_is_owed_elsewhere(slot, pool);
}

void pool_give(struct pools *pools, struct backend *backend)
{
    struct slot *slot = backend->pool->slot;
    if (!is_worth_keeping(backend)) {
        pool_close(pools, backend);
        return;
    }
    if (backend->is_paused) {
        backend_resume(backend);
    }
    if (backend->is_dirty) {
        backend_reset(backend);
    } else {
        backend->user = NULL;
        backend_enter(backend, BACKEND_IDLE);
    }
    slot_serve_later(slot);
}

// ---- new snapshots

static bool is_same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

// Would a connection opened now be another one than before?
static bool has_changed(const struct pool *pool, const struct config *before,
                        const struct config *now)
{
    uint16_t server = pool->slot->server;
    if (before == now) {
        return false;
    }
    if (server >= now->server_count || pool->account >= now->user_count ||
        now->servers[server].is_removed || now->users[pool->account].is_removed) {
        return true;
    }
    const struct user_config *old = &before->users[pool->account];
    const struct user_config *new = &now->users[pool->account];
    return old->generation != new->generation || old->privileges != new->privileges ||
           !is_same_text(old->server_user, new->server_user) ||
           !is_same_text(old->server_password, new->server_password) ||
           !is_same_text(before->servers[server].address_text, now->servers[server].address_text) ||
           !server_link_is_same(&before->servers[server].link, &now->servers[server].link);
}

// A server that is down while another has taken its place: no answer of it counts any more, and
// whoever waits for one must not wait for the network to notice.
static bool is_replaced(const struct slot *slot)
{
    const struct snapshot *now = slot->pools->snapshot;
    if (!slot_is_down(slot) || slot->server >= now->config->server_count) {
        return false;
    }
    uint16_t primary = now->shards[slot_config(slot)->shard].primary;
    return primary != NO_SERVER && primary != slot->server;
}

// After the turn: by then everybody has the new snapshot and can choose anew.
static void lose_lent(struct pool *pool)
{
    struct error error;
    error_fill(&error, ER_SERVER_LOST, slot_config(pool->slot)->name,
               "it is down and another server has taken its place");
    LIST_FOR_EACH (&pool->lent, node) {
        backend_fail_later(CONTAINER_OF(node, struct backend, node), &error);
    }
}

void pool_forget_backoff(struct pool *pool)
{
    pool->backoff = (struct backoff){0};
    slot_serve_later(pool->slot);
}

// What was opened until now serves nobody any more.
static void outdate(struct pool *pool)
{
    pool->generation++;
    close_all(&pool->pending);
    close_all(&pool->idle);
}

// What is changed on the primary a replica has a moment later, and what is opened there until then
// is as before: it must be outdated once more.
static void await_replica(struct pool *pool)
{
    const struct snapshot *now = pool->slot->pools->snapshot;
    uint16_t server = pool->slot->server;
    bool is_primary = slot_has_config(pool->slot) &&
                      now->shards[now->config->servers[server].shard].primary == server;
    pool->awaited_us = is_primary ? 0 : pools_now_us(pool->slot->pools);
}

static void renew_pool(struct pool *pool, const struct config *before)
{
    const struct snapshot *now = pool->slot->pools->snapshot;
    if (has_changed(pool, before, now->config)) {
        outdate(pool);
        await_replica(pool);
        pool_forget_backoff(pool);
        pool->slot->backoff = (struct backoff){0};
    } else if (pool->awaited_us > 0 && slot_has_config(pool->slot) &&
               now->servers[pool->slot->server].applied_us > pool->awaited_us) {
        outdate(pool);
        pool->awaited_us = 0;
    } else if (slot_is_down(pool->slot)) {
        close_all(&pool->pending);
        close_all(&pool->idle);
    }
    if (is_replaced(pool->slot)) {
        lose_lent(pool);
    }
}

void pools_set_snapshot(struct pools *pools, const struct snapshot *snapshot)
{
    const struct snapshot *before = pools->snapshot;
    pools->snapshot = snapshot;
    pools_drop_secrets(pools);
    for (size_t i = 0; i < SERVERS_MAX; i++) {
        struct slot *slot = pools->slots[i];
        if (slot == NULL) {
            continue;
        }
        // What a server has accepted may be refused by the one that it has become.
        memset(slot->accepted, 0, before->config == snapshot->config ? 0 : sizeof slot->accepted);
        LIST_FOR_EACH (&slot->pools_list, node) {
            renew_pool(CONTAINER_OF(node, struct pool, node), before->config);
        }
        slot_serve_later(slot);
    }
}

void pools_outdate(struct pools *pools, uint16_t shard)
{
    for (size_t i = 0; i < SERVERS_MAX; i++) {
        struct slot *slot = pools->slots[i];
        if (slot == NULL || !slot_has_config(slot) || slot_config(slot)->shard != shard) {
            continue;
        }
        LIST_FOR_EACH (&slot->pools_list, node) {
            struct pool *pool = CONTAINER_OF(node, struct pool, node);
            outdate(pool);
            await_replica(pool);
        }
        slot_serve_later(slot);
    }
}

// ---- the tick

// Fails one of the list whose time is over; false when there is none. One at a time: a callback may
// change the list.
static bool fail_overdue(struct list *backends, bool (*is_overdue)(const struct backend *),
                         void (*why)(struct backend *, struct error *))
{
    LIST_FOR_EACH (backends, node) {
        struct backend *backend = CONTAINER_OF(node, struct backend, node);
        if (is_overdue(backend)) {
            struct error error;
            why(backend, &error);
            backend_fail(backend, &error);
            return true;
        }
    }
    return false;
}

static bool is_past_deadline(const struct backend *backend)
{
    return backend->deadline_us <= pools_now_us(backend->pool->slot->pools);
}

static void why_past_deadline(struct backend *backend, struct error *error)
{
    const struct slot *slot = backend->pool->slot;
    char text[100];
    snprintf(text, sizeof text, "no answer within %d ms (connect_timeout_ms)",
             (int)pools_settings(slot->pools)->connect_timeout_ms);
    error_fill(error, ER_CONNECT_SERVER, slot_config(slot)->name, text);
}

static bool is_silent(const struct backend *backend)
{
    const struct pools *pools = backend->pool->slot->pools;
    int64_t limit_ms = pools_settings(pools)->query_timeout_ms;
    return limit_ms > 0 && backend->state == BACKEND_RUNNING && !backend->is_paused &&
           !backend_awaits_file(backend) &&
           backend->active_us + (uint64_t)limit_ms * 1000 <= pools_now_us(pools);
}

// The server would go on with it.
static void why_silent(struct backend *backend, struct error *error)
{
    (void)pool_kill(backend->pool->slot->pools, backend);
    log_notice("server %s: connection %u gave no answer in time (query_timeout_ms)",
               slot_config(backend->pool->slot)->name, backend->connection_id);
    error_fill(error, ER_QUERY_TIMEOUT);
}

// The one that was used longest ago is the last.
static void trim_idle(struct pool *pool)
{
    const struct pools *pools = pool->slot->pools;
    uint64_t keep_us = (uint64_t)pools_settings(pools)->pool_idle_ms * 1000;
    while (pool->idle.count > 0) {
        struct backend *last = CONTAINER_OF(pool->idle.head.prev, struct backend, node);
        if (last->active_us + keep_us > pools_now_us(pools)) {
            return;
        }
        backend_close(last);
    }
}

static void tick_slot(struct slot *slot)
{
    slot_expire(slot);
    slot_expire_kills(slot);
    LIST_FOR_EACH (&slot->pools_list, node) {
        struct pool *pool = CONTAINER_OF(node, struct pool, node);
        while (fail_overdue(&pool->pending, is_past_deadline, why_past_deadline)) {
        }
        while (fail_overdue(&pool->lent, is_silent, why_silent)) {
        }
        trim_idle(pool);
    }
    slot_drop_left_pools(slot);
    slot_serve_later(slot); // a pause may be over
}

static void on_tick(struct timer *timer)
{
    struct pools *pools = CONTAINER_OF(timer, struct pools, tick);
    bool has_work = false;
    for (size_t i = 0; i < SERVERS_MAX; i++) {
        struct slot *slot = pools->slots[i];
        if (slot != NULL) {
            tick_slot(slot);
            has_work |= slot->connections > 0 || slot->line.count > 0 || slot->kills.count > 0;
        }
    }
    if (has_work) {
        pools_watch(pools);
    }
}

void pools_watch(struct pools *pools)
{
    if (!timer_is_running(&pools->tick)) {
        timer_start(&pools->tick, TICK_MS);
    }
}

// ---- figures

static struct pool_figures figures_of(const struct pool *pool)
{
    return (struct pool_figures){
        .server = pool->slot->server,
        .account = pool->account,
        .capabilities = pool->capabilities,
        .idle = (uint32_t)pool->idle.count,
        .lent = (uint32_t)pool->lent.count,
        .connecting = (uint32_t)pool->pending.count,
        .waiting = pool->waiting,
        .taken = pool->taken,
        .opened = pool->opened,
        .failed = pool->failed,
        .closed = pool->closed,
        .resets = pool->resets,
        .synced = pool->synced,
    };
}

size_t pools_figures(const struct pools *pools, struct pool_figures *out, size_t max)
{
    size_t count = 0;
    for (size_t i = 0; i < SERVERS_MAX; i++) {
        if (pools->slots[i] == NULL) {
            continue;
        }
        LIST_FOR_EACH (&pools->slots[i]->pools_list, node) {
            if (count < max) {
                out[count] = figures_of(CONTAINER_OF(node, struct pool, node));
            }
            count++;
        }
    }
    return count;
}
