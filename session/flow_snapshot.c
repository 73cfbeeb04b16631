// What a snapshot is of is decided when it is taken. So where there is one shard the server begins
// the transaction when the client does, not with the first statement. Several shards:
// flow_moment.c.
//
//     START TRANSACTION WITH CONSISTENT SNAPSHOT   |   DO 0   -> OK

#include "session/flow_snapshot.h"

#include "session/aftermath.h"
#include "session/flow_single.h"
#include "session/gather.h"
#include "session/transaction.h"

struct flow_snapshot {
    struct flow flow;
    struct gather gather;
};

static void on_answer(struct flow *flow, struct leg *leg, const uint8_t *bytes, size_t len,
                      const struct answer *last)
{
    struct flow_snapshot *snapshot = CONTAINER_OF(flow, struct flow_snapshot, flow);
    struct session *session = flow->session;
    (void)leg;
    gather_add(&snapshot->gather, &session->arena, bytes, len);
    if (last == NULL) {
        return;
    }
    if (last->is_error) {
        struct error error;
        gather_error(&snapshot->gather, &error);
        transaction_abandon(session);
        flow_fail(flow, &error);
        return;
    }
    aftermath_note_ok(session);
    session_write_ok(session, &(struct ok_packet){0});
    flow_finish(flow);
}

static void on_failed(struct flow *flow, struct leg *leg, const struct error *error)
{
    (void)leg;
    transaction_abandon(flow->session);
    flow_fail(flow, error);
}

static void on_drained(struct flow *flow)
{
    (void)flow; // of an answer before this one
}

static const struct flow_kind flow_snapshot_kind = {
    .name = "taking a snapshot",
    .on_answer = on_answer,
    .on_failed = on_failed,
    .on_drained = on_drained,
};

void flow_snapshot_start(struct session *session, struct request *request, uint16_t shard)
{
    struct flow_snapshot *snapshot = arena_alloc(&session->arena, sizeof *snapshot);
    struct leg_command command = {
        .shard = shard,
        .access = ACCESS_PRIMARY,
        .kind = ANSWER_QUERY,
        .packet = flow_frame_query(&session->arena, slice_of_string("DO 0")),
        .wants_keep = aftermath_lingers_on(session) == shard, // SHOW WARNINGS
    };
    flow_begin(&snapshot->flow, &flow_snapshot_kind, session, request);
    (void)leg_start(&snapshot->flow, &command);
}
