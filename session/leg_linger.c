// Backends that stay with a session for what they know of its last statement (SHOW WARNINGS,
// FOUND_ROWS()): until its next command, LINGER_MS at most, and as long as nobody waits for a
// connection. Then what they know is fetched, and they go.

#include "session/aftermath.h"
#include "session/flow_recall.h"
#include "session/leg_impl.h"

// It was kept for SHOW WARNINGS, maybe for cursors too.
void leg_stop_lingering(struct leg *leg)
{
    if (leg->session->aftermath.shard == leg->shard) {
        aftermath_lose(leg->session);
    }
    leg_leave_list(leg);
    leg->is_lingering = false;
    leg_let_go(leg);
}

void legs_release_lingering(struct session *session)
{
    LIST_FOR_EACH_SAFE (&session->legs, node) {
        struct leg *leg = CONTAINER_OF(node, struct leg, node);
        if (leg->state == LEG_KEPT && leg->is_lingering) {
            leg_stop_lingering(leg);
        }
    }
}

// What a backend lingers for is fetched first, if there is anything.
static bool end_lingering(struct leg *leg)
{
    struct session *session = leg->session;
    if (!recall_is_due(session) || session->aftermath.shard != leg->shard) {
        leg_stop_lingering(leg);
        return true;
    }
    return recall_start_idle(session);
}

void leg_yield_lingering(struct session *session)
{
    LIST_FOR_EACH_SAFE (&session->legs, node) {
        struct leg *leg = CONTAINER_OF(node, struct leg, node);
        if (leg->is_lingering && pool_has_line(leg_pools(leg), leg->server)) {
            (void)end_lingering(leg);
            return; // there is one at most
        }
    }
}

// Better an idle session's, which can be asked before it goes; then one of the same account, which
// needs no new connection.
static int worth(const struct leg *lingering, const struct session *session)
{
    const struct session *owner = lingering->session;
    uint64_t differs = (owner->capabilities ^ session->capabilities) & CAP_CLASS;
    bool is_alike = owner->account == session->account && differs == 0;
    return (owner->flow == NULL ? 2 : 0) + (is_alike ? 1 : 0);
}

void leg_reclaim_lingering(const struct leg *leg)
{
    struct leg *found = NULL;
    LIST_FOR_EACH (&leg->session->sessions->lingering, node) {
        struct leg *other = CONTAINER_OF(node, struct leg, list_node);
        if (other->server == leg->server && other->cursors == 0 &&
            (found == NULL || worth(other, leg->session) > worth(found, leg->session))) {
            found = other;
        }
    }
    if (found != NULL && !end_lingering(found)) {
        leg_stop_lingering(found); // two that wait for each other would wait for long
    }
}

void legs_end_lingering(struct sessions *sessions)
{
    uint64_t now_us = loop_now_us(sessions->host.loop);
    LIST_FOR_EACH_SAFE (&sessions->lingering, node) {
        struct leg *leg = CONTAINER_OF(node, struct leg, list_node);
        if (now_us < leg->since_us + (uint64_t)LINGER_MS * 1000) {
            return;
        }
        (void)end_lingering(leg); // of a busy session: at the next tick
    }
}
