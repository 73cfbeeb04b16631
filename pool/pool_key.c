// Which pool a connection belongs to: one for each account and capability class, and for servers
// that are told the client's address (PROXY protocol) one for each such address, since the server
// then takes the connection for that client's own.

#include "pool/pool_impl.h"

#include "base/memory.h"

static struct client_ip ip_for(const struct slot *slot, const struct pool_want *want)
{
    bool is_told = slot_has_config(slot) && slot_config(slot)->link.proxy != SERVER_PROXY_OFF;
    return client_ip_of(is_told ? want->client.address : NULL);
}

static struct pool *find(const struct slot *slot, const struct pool_want *want,
                         const struct client_ip *ip)
{
    LIST_FOR_EACH (&slot->pools_list, node) {
        struct pool *pool = CONTAINER_OF(node, struct pool, node);
        if (pool->account == want->account &&
            pool->capabilities == (want->capabilities & CAP_CLASS) &&
            memcmp(&pool->ip, ip, sizeof *ip) == 0) {
            return pool;
        }
    }
    return NULL;
}

static struct pool *need(struct slot *slot, const struct pool_want *want,
                         const struct client_ip *ip)
{
    struct pool *pool = find(slot, want, ip);
    if (pool == NULL) {
        pool = memory_new(sizeof *pool);
        pool->slot = slot;
        pool->account = want->account;
        pool->capabilities = want->capabilities & CAP_CLASS;
        pool->ip = *ip;
        list_init(&pool->pending);
        list_init(&pool->idle);
        list_init(&pool->lent);
        list_push_back(&slot->pools_list, &pool->node);
    }
    return pool;
}

struct pool *slot_find_pool(const struct slot *slot, const struct pool_want *want)
{
    struct client_ip ip = ip_for(slot, want);
    return find(slot, want, &ip);
}

struct pool *slot_need_pool(struct slot *slot, const struct pool_want *want)
{
    struct client_ip ip = ip_for(slot, want);
    return need(slot, want, &ip);
}

static bool is_left(const struct pool *pool)
{
    return pool->ip.is_known && pool->waiting + pool->outside + pool->kills == 0 &&
           pool->pending.count + pool->idle.count + pool->lent.count == 0 &&
           !backoff_is_on(&pool->backoff, pools_now_us(pool->slot->pools));
}

// What it has done stays in the figures.
static void hand_down_figures(const struct pool *pool)
{
    struct pool_want want = {.account = pool->account, .capabilities = pool->capabilities};
    struct client_ip nobody = {0};
    struct pool *heir = need(pool->slot, &want, &nobody);
    heir->taken += pool->taken;
    heir->opened += pool->opened;
    heir->failed += pool->failed;
    heir->closed += pool->closed;
    heir->resets += pool->resets;
    heir->synced += pool->synced;
}

void slot_drop_left_pools(struct slot *slot)
{
    LIST_FOR_EACH_SAFE (&slot->pools_list, node) {
        struct pool *pool = CONTAINER_OF(node, struct pool, node);
        if (is_left(pool)) {
            hand_down_figures(pool);
            pools_sweep(slot->pools); // closed backends look back at it until they are freed
            list_remove(&slot->pools_list, node);
            memory_free(pool);
        }
    }
}
