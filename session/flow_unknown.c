// What waybill can't read is mostly a mistake, and the client should be told what a server would
// say about it. So the text is prepared on one server, and never executed:
//
//     an error             the server's error is the answer, as to COM_QUERY
//     it can be prepared   right SQL that waybill doesn't know: the refusal is the answer
//
// Errors that only say something about this one server, or about preparing, are no answer either.
// The prepared statement stays among its connection's and is closed in its turn.

#include "session/flow_unknown.h"

#include "protocol/packet.h"
#include "session/aftermath.h"
#include "session/gather.h"
#include "session/query.h"

enum {
    SERVER_NO_SUCH_TABLE = 1146,     // here; it may be on another shard
    SERVER_UNSUPPORTED_PS = 1295,    // this command is not supported in the prepared protocol
    SERVER_TOO_MANY_PREPARED = 1461, // max_prepared_stmt_count
    ERROR_BYTES_MAX = 16 * 1024,     // more is no ERR packet
};

struct flow_unknown {
    struct flow flow;
    struct error refusal;
    struct gather gather; // of the answer, as long as it may be an error
    uint16_t shard;
};

static struct flow_unknown *unknown_of(struct flow *flow)
{
    return CONTAINER_OF(flow, struct flow_unknown, flow);
}

// Would a plain server say the same?
static bool is_answer(const struct flow_unknown *unknown, const struct answer *last)
{
    switch (last->error_code) {
    case SERVER_NO_SUCH_TABLE:
    case SERVER_TOO_MANY_PREPARED:
        return false;
    case SERVER_UNSUPPORTED_PS:
        return unknown->flow.request->command == COM_STMT_PREPARE;
    default:
        return last->is_error;
    }
}

static void on_answer(struct flow *flow, struct leg *leg, const uint8_t *bytes, size_t len,
                      const struct answer *last)
{
    struct flow_unknown *unknown = unknown_of(flow);
    struct session *session = flow->session;
    (void)leg;
    if (unknown->gather.len + len <= ERROR_BYTES_MAX) {
        gather_add(&unknown->gather, &session->arena, bytes, len);
    }
    if (last == NULL) {
        return;
    }
    if (is_answer(unknown, last)) {
        aftermath_note_refused(session, unknown->shard);
        counter_add(&session->sessions->counters.errors_sent, 1);
        session_write_payload(session, gather_payload(&unknown->gather));
    } else {
        legs_release_lingering(session);
        aftermath_note_error(session, &unknown->refusal);
        counter_add(&session->sessions->counters.queries_refused, 1);
        session_write_error(session, &unknown->refusal);
    }
    flow_finish(flow);
}

static void on_failed(struct flow *flow, struct leg *leg, const struct error *error)
{
    (void)leg;
    flow_fail(flow, error);
}

// Nothing is written before the answer is whole.
static void on_drained(struct flow *flow)
{
    (void)flow;
}

static const struct flow_kind flow_unknown_kind = {
    .name = "asking for the error",
    .on_answer = on_answer,
    .on_failed = on_failed,
    .on_drained = on_drained,
};

// The client's packet as COM_STMT_PREPARE.
static struct slice frame_prepare(struct arena *arena, const struct request *request)
{
    uint8_t *bytes = arena_alloc(arena, request->raw.len);
    memcpy(bytes, request->raw.ptr, request->raw.len);
    bytes[PACKET_HEADER_BYTES] = COM_STMT_PREPARE;
    return slice_of(bytes, request->raw.len);
}

void flow_unknown_start(struct session *session, struct request *request,
                        const struct error *refusal)
{
    struct flow_unknown *unknown = arena_alloc(&session->arena, sizeof *unknown);
    unknown->refusal = *refusal;
    unknown->shard = query_any_shard(session);
    struct leg_command command = {
        .shard = unknown->shard,
        .access = ACCESS_REPLICA,
        .kind = ANSWER_PREPARE,
        .packet = frame_prepare(&session->arena, request),
        .is_outside = true,
        .may_linger = true, // SHOW WARNINGS after the server's error
    };
    flow_begin(&unknown->flow, &flow_unknown_kind, session, request);
    (void)leg_start(&unknown->flow, &command);
}
