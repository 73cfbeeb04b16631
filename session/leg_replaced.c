// A shard has another primary now: a session that holds a connection to the one before (in a
// transaction, or because it is bound to it) must not go on there. What it reads is no more the
// shard's state, and locks that it takes protect nothing. An open transaction ends with 1213; who
// is bound is closed, as when the server is lost. Statements that run end by themselves first.

#include "base/log.h"
#include "session/leg_impl.h"
#include "session/transaction.h"

static bool is_replaced(const struct leg *leg)
{
    const struct snapshot *snapshot = leg->session->sessions->snapshot;
    uint16_t primary = snapshot->shards[leg->shard].primary;
    return leg->state == LEG_KEPT && (leg->is_participant || leg_is_bound(leg)) &&
           primary != NO_SERVER && primary != leg->server;
}

static void leave(struct leg *leg)
{
    leg->session->transaction.is_lost |= leg->is_participant;
    leg_give_up(leg);
}

void legs_leave_replaced(struct session *session)
{
    bool has_left = false;
    LIST_FOR_EACH_SAFE (&session->legs, node) {
        struct leg *leg = CONTAINER_OF(node, struct leg, node);
        if (is_replaced(leg)) {
            leave(leg);
            has_left = true;
        }
    }
    if (has_left) {
        transaction_note_broken(session);
    }
}

static void leave_all(struct sessions *sessions, enum session_stage stage)
{
    LIST_FOR_EACH_SAFE (&sessions->stages[stage], node) {
        struct session *session = CONTAINER_OF(node, struct session, node);
        if (session->flow != NULL || list_is_empty(&session->legs)) {
            continue; // (a flow: when it ends)
        }
        legs_leave_replaced(session);
        if (session->wants_close) {
            log_notice(
                "session %u: closed, the server to which it was bound is no primary any more",
                session->id);
            session_end(session, NULL);
        }
    }
}

void sessions_leave_replaced(struct sessions *sessions)
{
    leave_all(sessions, SESSION_IDLE);
    leave_all(sessions, SESSION_FLUSHING);
}
