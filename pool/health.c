// What a worker learns about servers by itself, without the monitor: a connection that is refused,
// reset or silent.
//
// A refusal starts a pause in which nothing is tried; it doubles with each further refusal, up to
// 32 times the first one, and is forgotten with the first log-in that works. A server that refuses
// pauses for all accounts; an account that is refused (a wrong password) pauses alone. Every
// refusal is also handed to the monitor as evidence: it is the one to say that a server is down.

#include "pool/pool_impl.h"

#include "base/log.h"
#include "protocol/error_table.h"

enum { PAUSE_FACTOR_MAX = 32 };

bool slot_is_down(const struct slot *slot)
{
    const struct snapshot *snapshot = slot->pools->snapshot;
    if (slot->server >= snapshot->config->server_count || slot_config(slot)->is_removed) {
        return true;
    }
    const struct server_state *state = &snapshot->servers[slot->server];
    return !state->is_up && state->seen_us != 0; // one that was never seen may be tried
}

bool backoff_is_on(const struct backoff *backoff, uint64_t now_us)
{
    return backoff->until_us > now_us;
}

static void backoff_start(struct backoff *backoff, uint64_t now_us, int64_t first_ms,
                          const struct error *error)
{
    int64_t pause_ms = backoff->pause_ms == 0 ? first_ms : (int64_t)backoff->pause_ms * 2;
    if (pause_ms > first_ms * PAUSE_FACTOR_MAX) {
        pause_ms = first_ms * PAUSE_FACTOR_MAX;
    }
    backoff->pause_ms = pause_ms < 1 ? 1 : (uint32_t)pause_ms;
    backoff->until_us = now_us + (uint64_t)backoff->pause_ms * 1000;
    backoff->error = *error;
}

// Refusals that say something about the account, not about the server.
static bool is_of_account(const struct error *error)
{
    return error->code == ER_ACCESS_DENIED || error->code == 1044 || error->code == 1226 ||
           error->code == 1203 || error->code == 1862 || error->code == 1820 ||
           error->code == 1698 || error->code == 4151 || error->code == ER_NO_SERVER_PASSWORD;
}

bool pool_is_refused(const struct pool *pool, struct error *error)
{
    const struct slot *slot = pool->slot;
    uint64_t now_us = pools_now_us(slot->pools);
    if (slot_is_down(slot)) {
        const struct snapshot *snapshot = slot->pools->snapshot;
        bool is_known = slot->server < snapshot->config->server_count;
        error_fill(error, ER_CONNECT_SERVER, is_known ? slot_config(slot)->name : "?",
                   is_known && snapshot->servers[slot->server].problem[0] != '\0'
                       ? snapshot->servers[slot->server].problem
                       : "it is down");
        return true;
    }
    // Whoever has a connection will give it back: there is something to wait for.
    if (pool->pending.count + pool->idle.count + pool->lent.count > 0) {
        return false;
    }
    if (backoff_is_on(&slot->backoff, now_us)) {
        *error = slot->backoff.error;
        return true;
    }
    if (backoff_is_on(&pool->backoff, now_us)) {
        *error = pool->backoff.error;
        return true;
    }
    return false;
}

void pool_note_refusal(struct pool *pool, const struct error *error)
{
    struct slot *slot = pool->slot;
    struct pools *pools = slot->pools;
    uint64_t now_us = pools_now_us(pools);
    bool is_accounts = is_of_account(error);
    struct backoff *backoff = is_accounts ? &pool->backoff : &slot->backoff;
    pool->failed++;
    // Said once for each time that a server goes away, not for each attempt.
    enum log_level level = backoff->pause_ms == 0 ? LOG_WARNING : LOG_DEBUG;
    log_write(level, "server %s: no connection: %s", slot_config(slot)->name, error->text);
    backoff_start(backoff, now_us, pools_settings(pools)->backoff_ms, error);
    // The servers' own account may be another one by now.
    bool is_news = !is_accounts || pools->snapshot->config->users[pool->account].is_from_servers;
    if (is_news && pools->host.on_server_trouble != NULL) {
        pools->host.on_server_trouble(pools->host.owner, slot->server, error);
    }
}

void pool_note_success(struct pool *pool)
{
    struct slot *slot = pool->slot;
    if (slot->backoff.pause_ms != 0) {
        log_notice("server %s: connections work again", slot_config(slot)->name);
    }
    pool->backoff.until_us = slot->backoff.until_us = 0;
    pool->backoff.pause_ms = slot->backoff.pause_ms = 0;
}

void slot_note_trouble(struct slot *slot, const struct error *error)
{
    struct pools *pools = slot->pools;
    if (pools->host.on_server_trouble != NULL) {
        pools->host.on_server_trouble(pools->host.owner, slot->server, error);
    }
}
