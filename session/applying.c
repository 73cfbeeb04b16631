#include "session/applying.h"

#include <assert.h>
#include <stdio.h>

#include "base/log.h"
#include "base/memory.h"
#include "session/leg_impl.h"
#include "session/untold_wait.h"

struct applying {
    struct node node; // in sessions->applying
    struct sessions *sessions;
    struct session *session; // NULL: it has ended
    uint16_t shard;
    struct backend *backend; // lent by the pool
    struct backend_user user;
    struct text first, packet, gtrid; // owned
    struct slice ahead;               // of `first`
};

static struct applying *applying_of(struct node *node)
{
    return CONTAINER_OF(node, struct applying, node);
}

bool applying_may(const struct leg *leg)
{
    return leg->state == LEG_KEPT && !leg_is_bound(leg) && leg->cursors == 0 && !leg->is_held;
}

bool applying_is_on(const struct session *session, uint16_t shard)
{
    LIST_FOR_EACH (&session->sessions->applying, node) {
        const struct applying *applying = CONTAINER_OF(node, struct applying, node);
        if (applying->session == session && applying->shard == shard) {
            return true;
        }
    }
    return false;
}

// The session's statement for that shard has waited for it.
static void end(struct applying *applying)
{
    struct session *session = applying->session;
    uint16_t shard = applying->shard;
    list_remove(&applying->sessions->applying, &applying->node);
    text_done(&applying->first);
    text_done(&applying->packet);
    text_done(&applying->gtrid);
    memory_free(applying);
    struct leg *leg = session != NULL ? leg_held_on(session, shard) : NULL;
    if (leg != NULL) {
        leg_leave_list(leg);
        leg_acquire(leg);
    }
}

static void fail(struct applying *applying, const char *why)
{
    log_notice("a branch that is committed could not be told: the recovery does it (%s)", why);
    if (applying->session != NULL) {
        untold_note(applying->session, applying->shard, text_slice(&applying->gtrid));
    }
    end(applying);
}

static void on_bytes(struct backend_user *user, struct backend *backend, const uint8_t *bytes,
                     size_t len)
{
    struct applying *applying = CONTAINER_OF(user, struct applying, user);
    struct pools *pools = applying->sessions->host.pools;
    const struct answer *answer = backend_answer(backend);
    (void)bytes;
    (void)len;
    if (!answer->is_done) {
        return;
    }
    if (answer->is_error) {
        char why[40];
        snprintf(why, sizeof why, "error %u", answer->error_code);
        pool_close(pools, backend);
        fail(applying, why);
        return;
    }
    if (applying->session != NULL) {
        leg_note_written(applying->session, applying->shard); // read there from now on
    }
    pool_give(pools, backend);
    end(applying);
}

static void on_lost(struct backend_user *user, struct backend *backend, const struct error *error,
                    bool was_sent)
{
    (void)backend;
    (void)was_sent;
    fail(CONTAINER_OF(user, struct applying, user), error->text);
}

void applying_start(struct leg *leg, const struct leg_command *command, struct slice gtrid)
{
    assert(applying_may(leg));
    struct sessions *sessions = leg->session->sessions;
    struct applying *applying = memory_new(sizeof *applying);
    applying->sessions = sessions;
    applying->session = leg->session;
    applying->shard = leg->shard;
    applying->backend = leg->backend;
    applying->user.on_bytes = on_bytes;
    applying->user.on_lost = on_lost;
    text_add_slice(&applying->first, command->first);
    text_add_slice(&applying->packet, command->packet);
    text_add_slice(&applying->gtrid, gtrid);
    applying->ahead = text_slice(&applying->first);
    list_push_back(&sessions->applying, &applying->node);
    leg_detach(leg);
    leg_free(sessions, leg);
    backend_hand_over(applying->backend, &applying->user);
    struct backend_command order = {
        .ahead = &applying->ahead,
        .ahead_count = applying->first.len > 0 ? 1 : 0,
        .kind = ANSWER_QUERY,
        .packet = text_slice(&applying->packet),
    };
    backend_start(applying->backend, &order);
}

void applying_forget_session(struct session *session)
{
    LIST_FOR_EACH (&session->sessions->applying, node) {
        struct applying *applying = CONTAINER_OF(node, struct applying, node);
        if (applying->session == session) {
            applying->session = NULL;
        }
    }
}

void applying_close_all(struct sessions *sessions)
{
    struct node *node;
    while ((node = list_first(&sessions->applying)) != NULL) {
        struct applying *applying = applying_of(node);
        applying->session = NULL;
        pool_close(sessions->host.pools, applying->backend);
        end(applying);
    }
}
