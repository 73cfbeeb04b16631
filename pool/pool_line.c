// Who gets a connection. Waiters stand in one line for each server, in the order of their coming:
//
//     pool_wait -> line -> on_ready    a connection was given back, or a new one has logged in
//                       -> on_failed   its time is over (slot_expire), or there is nothing to wait
//                       for
//               -> refused, crowded -> on_failed, after the turn
//
// All of it happens in slot_serve, after the turn, never inside a call of a user. Each callback may
// take, give, wait or cancel, so nothing that was looked at before a callback is trusted after it.
//
// A connection serves one account and capability class. It goes to the first waiter of its own
// kind, although others may stand before him, since a new log-in costs much more than a hand-over;
// but a line whose first waiter has stood for FAIR_US is owed the next connection that comes back:
// it is closed to make room (slot_is_owed_elsewhere).

#include "pool/pool_impl.h"

#include <assert.h>
#include <stdio.h>

#include "protocol/error_table.h"

enum {
    FAIR_US = 50000,
    IDLE_LOOK_MAX = 16,   // idle connections that pool_take looks at
    OPENING_AT_ONCE = 32, // log-ins under way to one server; more would only slow each other down
};

static struct pool_waiter *waiter_of(struct node *node)
{
    return CONTAINER_OF(node, struct pool_waiter, node);
}

static void leave_line(struct slot *slot, struct pool_waiter *waiter)
{
    if (waiter->line == &slot->line) {
        waiter->pool->waiting--;
    } else {
        waiter->pool->outside--;
    }
    list_remove(waiter->line, &waiter->node);
    waiter->line = NULL;
}

static void stand_in(struct slot *slot, struct pool_waiter *waiter, struct list *line)
{
    waiter->line = line;
    list_push_back(line, &waiter->node);
    if (line == &slot->line) {
        waiter->pool->waiting++;
    } else {
        waiter->pool->outside++;
    }
}

// A connection that has a database can't be brought back to none.
static bool suits(const struct backend *backend, const struct pool_want *want)
{
    return !want->needs_no_database || backend->session.database.len == 0;
}

struct backend *pool_pick_idle(const struct pool *pool, const struct pool_want *want, size_t look)
{
    struct backend *best = NULL;
    LIST_FOR_EACH (&pool->idle, node) {
        struct backend *backend = CONTAINER_OF(node, struct backend, node);
        if (look-- == 0) {
            break;
        }
        if (!suits(backend, want)) {
            continue;
        }
        if (want->state == NULL || state_equal(&backend->session, want->state)) {
            return backend;
        }
        if (best == NULL) {
            best = backend;
        }
    }
    return best;
}

struct backend *pool_take(struct pools *pools, const struct pool_want *want,
                          struct backend_user *user)
{
    struct slot *slot = pools->slots[want->server];
    struct pool *pool = slot == NULL ? NULL : slot_find_pool(slot, want);
    // Whoever waits was here before.
    if (pool == NULL || pool->waiting + pool->kills > 0) {
        return NULL;
    }
    struct pool_want all = *want;
    all.needs_no_database =
        want->needs_no_database || (want->state != NULL && want->state->database.len == 0);
    struct backend *backend = pool_pick_idle(pool, &all, IDLE_LOOK_MAX);
    if (backend != NULL) {
        backend_lend(backend, user);
    }
    return backend;
}

void pool_wait(struct pools *pools, const struct pool_want *want, struct pool_waiter *waiter)
{
    struct slot *slot = pools_slot(pools, want->server);
    struct pool *pool = slot_need_pool(slot, want);
    const struct settings *settings = pools_settings(pools);
    struct error error;
    assert(waiter->line == NULL);
    waiter->want = *want;
    waiter->want.needs_no_database =
        want->needs_no_database || (want->state != NULL && want->state->database.len == 0);
    waiter->want.state = NULL;
    waiter->pool = pool;
    waiter->deadline_us = pools_now_us(pools) + (uint64_t)settings->pool_wait_ms * 1000;
    if (pool_is_refused(pool, &error)) {
        stand_in(slot, waiter, &slot->refused);
    } else if (slot->line.count >= (size_t)settings->pool_wait_max) {
        stand_in(slot, waiter, &slot->crowded);
    } else {
        stand_in(slot, waiter, &slot->line);
    }
    slot_serve_later(slot);
    pools_watch(pools);
}

void pool_cancel(struct pools *pools, struct pool_waiter *waiter)
{
    if (waiter->line != NULL) {
        leave_line(pools->slots[waiter->want.server], waiter);
    }
}

bool pool_has_room(const struct pools *pools, uint16_t server)
{
    const struct slot *slot = pools->slots[server];
    return slot == NULL || slot->connections < slot_quota(slot);
}

bool pool_has_line(const struct pools *pools, uint16_t server)
{
    const struct slot *slot = pools->slots[server];
    return slot != NULL && slot->line.count > 0;
}

// ---- failing

static void fail(struct slot *slot, struct pool_waiter *waiter, const struct error *error)
{
    leave_line(slot, waiter);
    waiter->on_failed(waiter, error);
}

static void error_crowded(const struct slot *slot, struct error *error)
{
    char text[200];
    const struct settings *settings = pools_settings(slot->pools);
    snprintf(text, sizeof text,
             "too many statements wait for a connection to server '%s' (pool_wait_max = %d)",
             slot_config(slot)->name, (int)settings->pool_wait_max);
    error_fill(error, ER_POOL_FULL, text);
}

static void error_expired(const struct slot *slot, struct error *error)
{
    char text[200];
    const struct settings *settings = pools_settings(slot->pools);
    snprintf(text, sizeof text,
             "no connection to server '%s' became free within %d ms (pool_wait_ms); all %u of this "
             "worker are in use",
             slot_config(slot)->name, (int)settings->pool_wait_ms, slot_quota(slot));
    error_fill(error, ER_POOL_FULL, text);
}

// Those that were not let into the line: as many as stand there now, since a callback may wait
// again.
static void fail_outside(struct slot *slot)
{
    struct error error;
    for (size_t left = slot->refused.count; left > 0 && slot->refused.count > 0; left--) {
        struct pool_waiter *waiter = waiter_of(list_first(&slot->refused));
        if (pool_is_refused(waiter->pool, &error)) {
            fail(slot, waiter, &error);
        } else { // it works again meanwhile
            leave_line(slot, waiter);
            stand_in(slot, waiter, &slot->line);
        }
    }
    error_crowded(slot, &error);
    for (size_t left = slot->crowded.count; left > 0 && slot->crowded.count > 0; left--) {
        fail(slot, waiter_of(list_first(&slot->crowded)), &error);
    }
}

static struct pool_waiter *first_refused(const struct slot *slot, struct error *error)
{
    LIST_FOR_EACH (&slot->line, node) {
        if (pool_is_refused(waiter_of(node)->pool, error)) {
            return waiter_of(node);
        }
    }
    return NULL;
}

// Those in line that have nothing to wait for any more.
static void fail_refused(struct slot *slot)
{
    struct error error;
    struct pool_waiter *waiter;
    while ((waiter = first_refused(slot, &error)) != NULL) {
        fail(slot, waiter, &error);
    }
}

void slot_expire(struct slot *slot)
{
    uint64_t now_us = pools_now_us(slot->pools);
    // In order of coming, so in order of deadlines, as long as pool_wait_ms is not changed.
    while (slot->line.count > 0) {
        struct pool_waiter *waiter = waiter_of(list_first(&slot->line));
        if (waiter->deadline_us > now_us) {
            return;
        }
        struct error error;
        error_expired(slot, &error);
        fail(slot, waiter, &error);
    }
}

// ---- serving

// The first waiter for whom something lies ready; *backend is it.
static struct pool_waiter *first_served(const struct slot *slot, struct backend **backend)
{
    LIST_FOR_EACH (&slot->line, node) {
        struct pool_waiter *waiter = waiter_of(node);
        *backend = pool_pick_idle(waiter->pool, &waiter->want, SIZE_MAX);
        if (*backend != NULL) {
            return waiter;
        }
    }
    return NULL;
}

static bool has_idle(const struct slot *slot)
{
    LIST_FOR_EACH (&slot->pools_list, node) {
        if (!list_is_empty(&CONTAINER_OF(node, struct pool, node)->idle)) {
            return true;
        }
    }
    return false;
}

static void hand_out(struct slot *slot)
{
    struct backend *backend = NULL;
    struct pool_waiter *waiter;
    while (has_idle(slot) && (waiter = first_served(slot, &backend)) != NULL) {
        leave_line(slot, waiter);
        backend_lend(backend, waiter->user);
        waiter->on_ready(waiter, backend);
    }
}

// Closes the idle connection that was unused for longest, of whatever pool. After hand_out nobody
// wants an idle one.
static bool make_room(struct slot *slot)
{
    struct backend *oldest = NULL;
    LIST_FOR_EACH (&slot->pools_list, node) {
        struct pool *pool = CONTAINER_OF(node, struct pool, node);
        if (list_is_empty(&pool->idle)) {
            continue;
        }
        struct backend *last = CONTAINER_OF(pool->idle.head.prev, struct backend, node);
        if (oldest == NULL || last->active_us < oldest->active_us) {
            oldest = last;
        }
    }
    if (oldest != NULL) {
        backend_close(oldest);
    }
    return oldest != NULL;
}

static size_t count_pending(const struct slot *slot)
{
    size_t count = 0;
    LIST_FOR_EACH (&slot->pools_list, node) {
        count += CONTAINER_OF(node, struct pool, node)->pending.count;
    }
    return count;
}

static bool may_open(const struct slot *slot, const struct pool *pool)
{
    uint64_t now_us = pools_now_us(slot->pools);
    if (slot_is_down(slot) || backoff_is_on(&slot->backoff, now_us) ||
        backoff_is_on(&pool->backoff, now_us)) {
        return false;
    }
    // After a refusal one attempt has to succeed before there are more.
    bool is_on_probation = slot->backoff.pause_ms > 0 || pool->backoff.pause_ms > 0;
    return count_pending(slot) < (is_on_probation ? 1 : OPENING_AT_ONCE);
}

// One more connection of this kind; false when none can be had now.
static bool open_one(struct slot *slot, const struct pool_waiter *waiter)
{
    struct pool *pool = waiter->pool;
    if (!may_open(slot, pool) || (slot->connections >= slot_quota(slot) && !make_room(slot))) {
        return false;
    }
    struct error error;
    if (backend_open(pool, &waiter->want.client, &error) == NULL) {
        pool_note_refusal(pool, &error);
        slot_serve_later(slot);
        return false;
    }
    return true;
}

// A connection on its way for each waiter, as far as the limit goes; the first in line comes first.
// No callbacks.
static void open_more(struct slot *slot)
{
    LIST_FOR_EACH (&slot->pools_list, node) {
        struct pool *pool = CONTAINER_OF(node, struct pool, node);
        pool->expected = (uint32_t)pool->pending.count;
    }
    LIST_FOR_EACH (&slot->line, node) {
        struct pool *pool = waiter_of(node)->pool;
        if (pool->expected > 0) {
            pool->expected--;
        } else if (!open_one(slot, waiter_of(node))) {
            break;
        }
    }
}

void slot_serve(struct later *later)
{
    struct slot *slot = CONTAINER_OF(later, struct slot, serve);
    slot_serve_kills(slot);
    fail_outside(slot);
    hand_out(slot);
    fail_refused(slot);
    open_more(slot);
}

void slot_serve_later(struct slot *slot)
{
    if (slot->line.count + slot->refused.count + slot->crowded.count + slot->kills.count > 0) {
        loop_do_later(slot->pools->host.loop, &slot->serve);
    }
}

bool slot_is_owed_elsewhere(const struct slot *slot, const struct pool *pool)
{
    if (list_is_empty(&slot->line) || slot->connections < slot_quota(slot)) {
        return false;
    }
    const struct pool_waiter *first = waiter_of(list_first(&slot->line));
    uint64_t wait_us = (uint64_t)pools_settings(slot->pools)->pool_wait_ms * 1000;
    uint64_t began_us = first->deadline_us - wait_us;
    return first->pool != pool && began_us + FAIR_US < pools_now_us(slot->pools);
}
