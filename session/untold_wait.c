#include "session/untold_wait.h"

#include "base/memory.h"
#include "protocol/packet.h"
#include "session/leg_impl.h"

enum { HEARD_MAX = 4 << 20 }; // of XA RECOVER; more is not looked through

struct untold {
    struct node node; // in sessions->untold
    struct session *session;
    uint16_t shard;
    struct text gtrid;       // owned; without quotes
    bool is_waiting;         // for a connection
    struct backend *backend; // lent by the pool, asked; NULL
    struct backend_user user;
    struct pool_waiter waiter;
    struct text packet, heard; // owned
};

static struct pools *pools_of(const struct untold *untold)
{
    return untold->session->sessions->host.pools;
}

static void forget(struct untold *untold)
{
    list_remove(&untold->session->sessions->untold, &untold->node);
    text_done(&untold->gtrid);
    text_done(&untold->packet);
    text_done(&untold->heard);
    memory_free(untold);
}

// What waits for it goes on, and reads no replica that is older.
static void end(struct untold *untold)
{
    struct session *session = untold->session;
    uint16_t shard = untold->shard;
    forget(untold);
    leg_note_written(session, shard);
    struct leg *leg = leg_held_on(session, shard);
    if (leg != NULL) {
        leg_leave_list(leg);
        leg_acquire(leg);
    }
}

static bool has_heard_of_it(const struct untold *untold)
{
    return untold->heard.len >= HEARD_MAX || memmem(untold->heard.ptr, untold->heard.len,
                                                    untold->gtrid.ptr, untold->gtrid.len) != NULL;
}

static void on_bytes(struct backend_user *user, struct backend *backend, const uint8_t *bytes,
                     size_t len)
{
    struct untold *untold = CONTAINER_OF(user, struct untold, user);
    struct answer answer = *backend_answer(backend);
    if (untold->heard.len < HEARD_MAX) {
        text_add(&untold->heard, bytes, len);
    }
    if (!answer.is_done) {
        return;
    }
    untold->backend = NULL;
    pool_give(pools_of(untold), backend);
    if (!answer.is_error && !has_heard_of_it(untold)) {
        end(untold);
    }
}

static void on_lost(struct backend_user *user, struct backend *backend, const struct error *error,
                    bool was_sent)
{
    (void)backend, (void)error, (void)was_sent;
    CONTAINER_OF(user, struct untold, user)->backend = NULL;
}

static void ask(struct untold *untold)
{
    uint8_t sequence = 0;
    untold->heard.len = untold->packet.len = 0;
    size_t place = packet_begin(&untold->packet);
    text_add(&untold->packet, (const uint8_t[]){COM_QUERY}, 1);
    text_add_string(&untold->packet, "XA RECOVER");
    packet_end(&untold->packet, place, &sequence);
    struct backend_command order = {.kind = ANSWER_QUERY, .packet = text_slice(&untold->packet)};
    backend_start(untold->backend, &order);
}

static void on_ready(struct pool_waiter *waiter, struct backend *backend)
{
    struct untold *untold = CONTAINER_OF(waiter, struct untold, waiter);
    untold->is_waiting = false;
    untold->backend = backend;
    ask(untold);
}

static void on_failed(struct pool_waiter *waiter, const struct error *error)
{
    (void)error; // at a later tick
    CONTAINER_OF(waiter, struct untold, waiter)->is_waiting = false;
}

static void start(struct untold *untold)
{
    const struct session *session = untold->session;
    struct pool_want want = {
        .server = session->sessions->snapshot->shards[untold->shard].primary,
        .account = session->account,
        .capabilities = session->capabilities,
        .client = {.address = &session->peer, .attributes = text_slice(&session->attributes)},
    };
    if (want.server == NO_SERVER) {
        return;
    }
    untold->backend = pool_take(pools_of(untold), &want, &untold->user);
    if (untold->backend != NULL) {
        ask(untold);
        return;
    }
    untold->is_waiting = true;
    pool_wait(pools_of(untold), &want, &untold->waiter);
}

void untold_note(struct session *session, uint16_t shard, struct slice gtrid)
{
    struct untold *untold = memory_new(sizeof *untold);
    untold->session = session;
    untold->shard = shard;
    untold->user = (struct backend_user){.on_bytes = on_bytes, .on_lost = on_lost};
    untold->waiter =
        (struct pool_waiter){.on_ready = on_ready, .on_failed = on_failed, .user = &untold->user};
    text_add_slice(&untold->gtrid, slice_part(gtrid, 1, gtrid.len - 1));
    list_push_back(&session->sessions->untold, &untold->node);
}

bool untold_is_on(const struct session *session, uint16_t shard)
{
    LIST_FOR_EACH (&session->sessions->untold, node) {
        const struct untold *untold = CONTAINER_OF(node, struct untold, node);
        if (untold->session == session && untold->shard == shard) {
            return true;
        }
    }
    return false;
}

void untold_tick(struct sessions *sessions)
{
    LIST_FOR_EACH (&sessions->untold, node) {
        struct untold *untold = CONTAINER_OF(node, struct untold, node);
        if (untold->backend == NULL && !untold->is_waiting &&
            leg_held_on(untold->session, untold->shard) != NULL) {
            start(untold);
        }
    }
}

void untold_forget_session(struct session *session)
{
    LIST_FOR_EACH_SAFE (&session->sessions->untold, node) {
        struct untold *untold = CONTAINER_OF(node, struct untold, node);
        if (untold->session != session) {
            continue;
        }
        if (untold->is_waiting) {
            pool_cancel(pools_of(untold), &untold->waiter);
        } else if (untold->backend != NULL) {
            pool_close(pools_of(untold), untold->backend);
        }
        forget(untold);
    }
}
