// A round: one command to several backends, all answers, then one step further. Nearly everything
// that concerns a transaction on several shards is a row of rounds.
//
//     round_start -> (a leg for each participant) -> on_answer | on_failed for each -> then
//
// It waits for all, also after an error: a backend whose answer is still to come can't be used.

#include "session/round.h"

#include <assert.h>

#include "session/aftermath.h"
#include "session/flow_single.h"
#include "session/gather.h"
#include "session/transaction.h"
#include "session/track.h"

struct round {
    struct flow flow;
    struct round_order order;
    struct round_result result;
    uint32_t left;          // answers to come
    bool has_warnings;      // that the client is told of: those of one participant
    struct gather *gathers; // by leg_command.tag; in the arena
};

static struct round *round_of(struct flow *flow)
{
    return CONTAINER_OF(flow, struct round, flow);
}

static void one_less(struct round *round)
{
    assert(round->left > 0);
    if (--round->left > 0) {
        return;
    }
    struct session *session = round->flow.session;
    struct round_result result = round->result;
    session->flow = NULL;
    round->order.then(session, session->request, &result);
}

static void note_failure(struct round *round, const struct error *error)
{
    if (round->result.error.code == 0) {
        round->result.error = *error;
    }
    round->result.failed++;
}

// At the end of a transaction it matters only where something was written.
static bool may_fail(const struct round *round, const struct leg *leg)
{
    return round->order.is_end && !leg->has_written;
}

// The client gets one OK for all of them.
static void note_changes(const struct round *round, const struct leg *leg,
                         const struct answer *last)
{
    struct ok_packet ok;
    if ((last->status & STATUS_SESSION_CHANGED) != 0 && !last->is_error &&
        ok_read(gather_payload(&round->gathers[leg->command.tag]), &ok)) {
        track_gather(round->flow.session, leg->shard, ok.changes);
    }
}

static void on_answer(struct flow *flow, struct leg *leg, const uint8_t *bytes, size_t len,
                      const struct answer *last)
{
    struct round *round = round_of(flow);
    struct gather *gather = &round->gathers[leg->command.tag];
    gather_add(gather, &flow->session->arena, bytes, len);
    if (last == NULL) {
        return;
    }
    if (last->is_error && !may_fail(round, leg)) {
        struct error error;
        gather_error(gather, &error);
        note_failure(round, &error);
    } else {
        round->result.answered++;
        round->result.written += leg->has_written;
        if (round->has_warnings && last->warnings > 0) {
            round->result.warnings = last->warnings;
            round->result.shard = leg->command.shard;
        }
        note_changes(round, leg, last);
    }
    one_less(round);
}

static void on_failed(struct flow *flow, struct leg *leg, const struct error *error)
{
    struct round *round = round_of(flow);
    if (may_fail(round, leg)) {
        round->result.answered++; // nothing of it could be lost
        flow->session->transaction.is_lost = false;
    } else {
        note_failure(round, error);
    }
    one_less(round);
}

static void on_drained(struct flow *flow)
{
    (void)flow; // writes nothing itself
}

static const struct flow_kind round_kind = {
    .name = "transaction",
    .on_answer = on_answer,
    .on_failed = on_failed,
    .on_drained = on_drained,
};

void round_start(struct session *session, struct request *request, const struct round_order *order)
{
    struct round *round = arena_alloc(&session->arena, sizeof *round);
    round->order = *order;
    round->gathers = arena_alloc(&session->arena, session->legs.count * sizeof *round->gathers);
    struct slice packet = flow_frame_query(&session->arena, order->sql);
    round->has_warnings =
        (!order->is_end && order->takes == NULL) || transaction_participants(session) == 1;
    flow_begin(&round->flow, &round_kind, session, request);
    LIST_FOR_EACH (&session->legs, node) {
        struct leg *leg = CONTAINER_OF(node, struct leg, node);
        if (!leg->is_participant || (order->takes != NULL && !order->takes(leg))) {
            continue;
        }
        struct leg_command command = {
            .is_stateless = order->takes != NULL,
            .shard = leg->shard,
            .access = order->is_end && leg->has_written ? ACCESS_WRITE : ACCESS_PRIMARY,
            .kind = ANSWER_QUERY,
            .packet = packet,
            .is_own = order->is_end,
            // SHOW WARNINGS may still ask for what the statement before had to say.
            .wants_keep = order->is_end && aftermath_needs(session, leg),
            .may_linger = round->has_warnings,
            .tag = round->left++,
        };
        (void)leg_start(&round->flow, &command);
    }
    assert(round->left > 0);
}
