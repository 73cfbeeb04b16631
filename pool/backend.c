// A backend: one connection to a server.
//
//     CONNECTING -> LOGIN -> IDLE <-> LENT <-> RUNNING
//          |          |      ^ |        |         |
//          |          |      | |        v         |
//          |          |  RESETTING <- (given back dirty)
//          v          v      v v        v         v
//     CLOSED: out of everything, freed after the turn
//
//     -> CONNECTING [backend_open]            CONNECTING -> LOGIN [backend_connected]
//     LOGIN -> IDLE [backend_connect_feed]                IDLE -> LENT [backend_lend]
//     LENT -> RUNNING [backend_start]         RUNNING -> LENT [backend_sync: the answer is whole]
//     LENT -> IDLE [pool_give]                LENT -> RESETTING [backend_reset]
//     RESETTING -> IDLE [on_reset]            any -> CLOSED [backend_close]
//
// What holds:
//     CONNECTING, LOGIN, RESETTING   in pool->pending, nobody's, with a deadline
//     IDLE                           in pool->idle, nobody's, clean, no transaction; bytes are the
//     end of it LENT, RUNNING                  in pool->lent, has a user CLOSED in pools->closed,
//     no descriptor
//
// A user's callback never runs inside a call of the user: what breaks there is told from the loop
// (`loss`).

#include "pool/pool_impl.h"

#include <assert.h>
#include <errno.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/sock.h"
#include "protocol/error_table.h"
#include "protocol/packet.h"

enum { OUT_KEEP_BYTES = 4096 }; // an idle backend holds no more

static struct pools *pools_of(const struct backend *backend)
{
    return backend->pool->slot->pools;
}

static uint64_t now_us(const struct backend *backend)
{
    return pools_now_us(pools_of(backend));
}

// ---- states

static const char *state_name(enum backend_state state)
{
    static const char *const names[] = {
        [BACKEND_CONNECTING] = "connecting",
        [BACKEND_LOGIN] = "login",
        [BACKEND_RESETTING] = "resetting",
        [BACKEND_IDLE] = "idle",
        [BACKEND_LENT] = "lent",
        [BACKEND_RUNNING] = "running",
        [BACKEND_CLOSED] = "closed",
    };
    return names[state];
}

static struct list *list_of(const struct backend *backend, enum backend_state state)
{
    switch (state) {
    case BACKEND_CONNECTING:
    case BACKEND_LOGIN:
    case BACKEND_RESETTING:
        return &backend->pool->pending;
    case BACKEND_IDLE:
        return &backend->pool->idle;
    case BACKEND_LENT:
    case BACKEND_RUNNING:
        return &backend->pool->lent;
    case BACKEND_CLOSED:
        break;
    }
    return &pools_of(backend)->closed;
}

void backend_check(const struct backend *backend)
{
    bool is_lent = backend->state == BACKEND_LENT || backend->state == BACKEND_RUNNING;
    assert(node_is_linked(&backend->node));
    assert(is_lent == (backend->user != NULL));
    assert((backend->stream.fd >= 0) == (backend->state != BACKEND_CLOSED));
    assert((backend->login != NULL) ==
           (backend->state == BACKEND_CONNECTING || backend->state == BACKEND_LOGIN));
    assert(backend->state != BACKEND_IDLE || (!backend->is_dirty && !backend->is_broken));
    (void)is_lent;
}

static void place(struct backend *backend, enum backend_state state)
{
    backend->state = state;
    backend->active_us = now_us(backend);
    if (state == BACKEND_IDLE) {
        list_push_front(list_of(backend, state), &backend->node);
    } else {
        list_push_back(list_of(backend, state), &backend->node);
    }
}

void backend_enter(struct backend *backend, enum backend_state state)
{
    log_debug("backend %u of server %u: %s -> %s", backend->connection_id,
              backend->pool->slot->server, state_name(backend->state), state_name(state));
    list_remove(list_of(backend, backend->state), &backend->node);
    place(backend, state);
    backend_check(backend);
}

// ---- sending

bool backend_has_unsent(const struct backend *backend)
{
    return backend->sent_bytes < backend->out.len + backend->packet.len;
}

void backend_clear_out(struct backend *backend)
{
    backend->out.len = 0;
    backend->packet = slice_of(NULL, 0);
    backend->sent_bytes = 0;
    if (backend->out.capacity > OUT_KEEP_BYTES) {
        text_done(&backend->out);
    }
}

static void watch_what_matters(struct backend *backend)
{
    unsigned events = backend->is_paused ? 0 : WATCH_READ;
    bool has_unsent = backend_has_unsent(backend) && backend->kill == NULL;
    stream_watch(&backend->stream, events | (has_unsent ? WATCH_WRITE : 0));
}

static void lost_because(const struct backend *backend, const char *why, struct error *error)
{
    const char *name = slot_config(backend->pool->slot)->name;
    error_fill(error, backend->login != NULL ? ER_CONNECT_SERVER : ER_SERVER_LOST, name, why);
}

bool backend_send(struct backend *backend, struct error *error)
{
    while (backend_has_unsent(backend) && backend->kill == NULL) {
        struct iovec parts[2];
        int count = 0;
        size_t from = backend->sent_bytes;
        if (from < backend->out.len) {
            parts[count].iov_base = backend->out.ptr + from;
            parts[count++].iov_len = backend->out.len - from;
            from = backend->out.len;
        }
        size_t at = from - backend->out.len;
        if (at < backend->packet.len) {
            // iovec has no const; sending only reads.
            parts[count].iov_base = (void *)(uintptr_t)(backend->packet.ptr + at);
            parts[count++].iov_len = backend->packet.len - at;
        }
        size_t put = 0;
        enum io outcome = stream_write(&backend->stream, parts, count, &put);
        backend->sent_bytes += put;
        if (outcome == IO_AGAIN) {
            break;
        }
        if (outcome != IO_DONE) {
            lost_because(backend, stream_problem(&backend->stream), error);
            return false;
        }
    }
    watch_what_matters(backend);
    return true;
}

// ---- opening and closing

static void on_ready(struct stream *stream, unsigned events);
static void on_loss(struct later *later);

struct backend *backend_open(struct pool *pool, const struct pool_client *client,
                             struct error *error)
{
    struct slot *slot = pool->slot;
    struct pools *pools = slot->pools;
    struct password password;
    if (!pools_password(pools, pool->account, &password, error)) {
        return NULL;
    }
    int fd = sock_connect(&slot_config(slot)->address);
    if (fd < 0) {
        error_fill(error, ER_CONNECT_SERVER, slot_config(slot)->name, strerror(errno));
        return NULL;
    }
    struct backend *backend = slab_take(&pools->backends);
    backend->pool = pool;
    backend->generation = pool->generation;
    backend->loss.on_later = on_loss;
    stream_init(&backend->stream, pools->host.loop, fd, on_ready);
    stream_watch(&backend->stream, WATCH_WRITE);
    state_init(&backend->session);
    statements_init(&backend->statements);
    text_init(&backend->out);
    text_init(&backend->closing);
    text_init(&backend->failure);
    text_init(&backend->ahead_changes);
    backend_connect_begin(backend, client);
    place(backend, BACKEND_CONNECTING);
    backend->deadline_us =
        backend->active_us + (uint64_t)pools_settings(pools)->connect_timeout_ms * 1000;
    slot->connections++;
    backend_check(backend);
    return backend;
}

// Servers count a connection that ends without it as aborted, and log it.
static void say_goodbye(struct backend *backend)
{
    static uint8_t quit[] = {1, 0, 0, 0, COM_QUIT};
    struct iovec part = {.iov_base = quit, .iov_len = sizeof quit};
    size_t put = 0;
    enum io outcome = stream_write(&backend->stream, &part, 1, &put);
    (void)outcome; // it is closed in any case
}

void backend_close(struct backend *backend)
{
    struct pools *pools = pools_of(backend);
    assert(backend->state != BACKEND_CLOSED);
    bool is_quiet = backend->state == BACKEND_IDLE || backend->state == BACKEND_LENT;
    if (is_quiet && !backend->is_broken && backend->lost == NULL) {
        say_goodbye(backend);
    }
    if (backend->kill != NULL) {
        pool_kill_note_close(backend);
    }
    stream_close(&backend->stream);
    loop_cancel_later(pools->host.loop, &backend->loss);
    backend_forget_login(backend);
    backend->user = NULL;
    backend->pool->slot->connections--;
    backend->pool->closed++;
    backend_enter(backend, BACKEND_CLOSED);
    loop_do_later(pools->host.loop, &pools->sweep);
}

void backend_free(struct backend *backend)
{
    assert(backend->state == BACKEND_CLOSED);
    state_done(&backend->session);
    statements_clear(&backend->statements);
    text_done(&backend->out);
    text_done(&backend->closing);
    text_done(&backend->failure);
    text_done(&backend->ahead_changes);
    memory_free(backend->lost);
    slab_give(&pools_of(backend)->backends, backend);
}

void backend_fail(struct backend *backend, const struct error *error)
{
    enum backend_state before = backend->state;
    struct backend_user *user = backend->user;
    struct pool *pool = backend->pool;
    bool was_sent = before == BACKEND_RUNNING && !backend->run.is_held_back &&
                    (backend->run.is_asked || backend->sent_bytes > backend->run.ahead_bytes);
    struct error why = *error; // it may be the backend's own
    backend->is_broken = true;
    backend_close(backend);
    switch (before) {
    case BACKEND_CONNECTING:
    case BACKEND_LOGIN:
        pool_note_refusal(pool, &why);
        break;
    case BACKEND_LENT:
    case BACKEND_RUNNING:
        slot_note_trouble(pool->slot, &why);
        user->on_lost(user, backend, &why, was_sent);
        break;
    case BACKEND_IDLE: // servers end what is idle for long
    case BACKEND_RESETTING:
    case BACKEND_CLOSED:
        break;
    }
    slot_serve_later(pool->slot);
}

static void on_loss(struct later *later)
{
    struct backend *backend = CONTAINER_OF(later, struct backend, loss);
    backend_fail(backend, backend->lost);
}

void backend_fail_later(struct backend *backend, const struct error *error)
{
    if (backend->lost == NULL) {
        backend->lost = memory_new(sizeof *backend->lost);
        *backend->lost = *error;
        loop_do_later(pools_of(backend)->host.loop, &backend->loss);
    }
}

// ---- events

void backend_become_idle(struct backend *backend)
{
    backend_clear_out(backend);
    backend_enter(backend, BACKEND_IDLE);
    watch_what_matters(backend);
    slot_serve_later(backend->pool->slot);
}

static void on_reset(struct backend *backend, const uint8_t *bytes, size_t len)
{
    size_t eaten = answer_feed(&backend->answer, bytes, len);
    if (eaten < len || backend->answer.is_bad || backend->answer.is_error) {
        backend_close(backend);
        slot_serve_later(backend->pool->slot);
        return;
    }
    if (backend->answer.is_done) {
        backend->status = backend->answer.status;
        backend->is_dirty = false;
        backend_become_idle(backend);
    }
}

static void on_bytes(struct backend *backend, const uint8_t *bytes, size_t len)
{
    struct error error = {0};
    switch (backend->state) {
    case BACKEND_LOGIN:
        backend_connect_feed(backend, bytes, len);
        break;
    case BACKEND_RESETTING:
        on_reset(backend, bytes, len);
        break;
    case BACKEND_RUNNING:
        if (!backend_sync_feed(backend, bytes, len, &error)) {
            backend_fail(backend, &error);
        }
        break;
    case BACKEND_IDLE:
    case BACKEND_LENT: // a server speaks unasked only to say that it ends the connection
        error_fill(&error, ER_SERVER_LOST, slot_config(backend->pool->slot)->name,
                   "it ended the connection");
        backend_fail(backend, &error);
        break;
    case BACKEND_CONNECTING:
    case BACKEND_CLOSED:
        break;
    }
}

static void on_readable(struct backend *backend)
{
    struct pools *pools = pools_of(backend);
    struct error error = {0};
    size_t got = 0;
    enum io outcome =
        stream_read(&backend->stream, pools->host.scratch, pools->host.scratch_bytes, &got);
    switch (outcome) {
    case IO_DONE:
        backend->active_us = now_us(backend);
        on_bytes(backend, pools->host.scratch, got);
        return;
    case IO_AGAIN:
        return;
    case IO_CLOSED:
        lost_because(backend,
                     backend_connect_is_shaking_hands(backend)
                         ? "it closed the connection in the TLS handshake"
                         : "it closed the connection",
                     &error);
        break;
    case IO_ERROR:
        lost_because(backend, stream_problem(&backend->stream), &error);
        break;
    }
    backend_fail(backend, &error);
}

static void on_all_sent(struct backend *backend)
{
    if (backend->state == BACKEND_RUNNING) {
        backend_feed_drained(backend);
    } else if (backend->state == BACKEND_LOGIN) {
        backend_connect_drained(backend);
    }
}

static void on_ready(struct stream *stream, unsigned events)
{
    struct backend *backend = CONTAINER_OF(stream, struct backend, stream);
    if (backend->state == BACKEND_CONNECTING) {
        backend_connected(backend);
        return;
    }
    if (events & WATCH_WRITE) {
        struct error error = {0};
        if (!backend_send(backend, &error)) {
            backend_fail(backend, &error);
            return;
        }
        if (!backend_has_unsent(backend)) {
            on_all_sent(backend);
        }
    }
    if ((events & WATCH_READ) != 0 && backend->state != BACKEND_CLOSED) {
        on_readable(backend);
    }
}

// ---- for the pool

void backend_lend(struct backend *backend, struct backend_user *user)
{
    assert(backend->state == BACKEND_IDLE);
    backend->user = user;
    backend->pool->taken++;
    backend_enter(backend, BACKEND_LENT);
}

void backend_hand_over(struct backend *backend, struct backend_user *user)
{
    assert(backend->state == BACKEND_LENT);
    backend->user = user;
}

bool backend_can_reset(const struct backend *backend)
{
    return backend->version >= (backend->is_mariadb ? 100204 : 50703);
}

void backend_reset(struct backend *backend)
{
    static const uint8_t command = COM_RESET_CONNECTION;
    struct error error = {0};
    uint8_t sequence = 0;
    assert(backend->state == BACKEND_LENT);
    backend->user = NULL;
    backend->is_dirty = true;
    backend->pool->resets++;
    // It forgets statements and variables, but stays in its database.
    statements_clear(&backend->statements);
    backend->closing.len = 0;
    struct text database = backend->session.database;
    text_init(&backend->session.database);
    state_done(&backend->session);
    state_set_database(&backend->session, text_slice(&database));
    text_done(&database);
    packet_append(&backend->out, slice_of(&command, 1), &sequence);
    answer_start(&backend->answer, ANSWER_SIMPLE, backend->capabilities);
    backend_enter(backend, BACKEND_RESETTING);
    backend->deadline_us =
        backend->active_us + (uint64_t)pools_settings(pools_of(backend))->connect_timeout_ms * 1000;
    if (!backend_send(backend, &error)) {
        backend_close(backend);
    }
}

// ---- for the user

void backend_start(struct backend *backend, const struct backend_command *command)
{
    struct error error = {0};
    assert(backend->state == BACKEND_LENT);
    if (backend->is_broken) {
        error_fill(&error, ER_SERVER_LOST, slot_config(backend->pool->slot)->name,
                   "it sent more than was asked for");
        backend_fail_later(backend, &error);
        return;
    }
    backend_sync_start(backend, command);
    backend_enter(backend, BACKEND_RUNNING);
    if (!backend_send(backend, &error)) {
        backend_fail_later(backend, &error);
    }
}

const struct answer *backend_answer(const struct backend *backend)
{
    return &backend->answer;
}

void backend_pause(struct backend *backend)
{
    backend->is_paused = true;
    watch_what_matters(backend);
}

void backend_resume(struct backend *backend)
{
    backend->is_paused = false;
    backend->active_us = now_us(backend);
    watch_what_matters(backend);
}

uint16_t backend_account(const struct backend *backend)
{
    return backend->pool->account;
}

uint32_t backend_connection_id(const struct backend *backend)
{
    return backend->connection_id;
}

bool backend_is_idle(const struct backend *backend)
{
    return backend->state != BACKEND_RUNNING;
}

bool backend_in_transaction(const struct backend *backend)
{
    return (backend->status & STATUS_IN_TRANS) != 0;
}

struct session_state *backend_state(struct backend *backend)
{
    return &backend->session;
}

void backend_mark_dirty(struct backend *backend)
{
    backend->is_dirty = true;
}

void backend_leave_reading(struct backend *backend)
{
    backend_mark_dirty(backend);
    backend->status &= (uint16_t)~STATUS_IN_TRANS;
}
