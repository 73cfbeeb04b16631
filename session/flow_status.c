// SHOW STATUS. Some rows are about the connection over which they are asked: whether it has TLS,
// and which. The server means the one that it has with waybill, the client its own; so the answer
// is put together, and these rows get the client's values.
//
//     gathering --bytes--> gathering --the last--> its packets, some rows anew --> client

#include "session/flow_status.h"

#include "protocol/bytes.h"
#include "protocol/error_table.h"
#include "protocol/packet.h"
#include "session/aftermath.h"
#include "session/cursor_aside.h"
#include "session/flow_single.h"
#include "session/gather.h"
#include "session/insert_id.h"
#include "session/own_status.h"

enum {
    STATUS_ANSWER_MAX = 4 * 1024 * 1024, // a server's is 50 KiB
    BINARY_ROW_HEADER = 2,               // a zero, and the bits of NULLs of two columns
};

struct flow_status {
    struct flow flow;
    struct gather gather;
    uint16_t shard;
};

static struct flow_status *flow_status_of(struct flow *flow)
{
    return CONTAINER_OF(flow, struct flow_status, flow);
}

// A row as the client gets it.
static void add_row(const struct flow_status *status, struct text *out, struct slice row)
{
    const struct request *request = status->flow.request;
    size_t header = request->execute != NULL ? BINARY_ROW_HEADER : 0;
    struct reader reader = reader_of(row);
    struct slice begin = read_bytes(&reader, header);
    struct slice name = read_lenenc_bytes(&reader);
    char number[OWN_STATUS_NUMBER_BYTES];
    const char *value = reader.is_bad ? NULL : own_status_value(status->flow.session, name, number);
    if (value == NULL) {
        text_add_slice(out, row);
        return;
    }
    text_add_slice(out, begin);
    write_lenenc_bytes(out, name);
    write_lenenc_bytes(out, slice_of_string(value));
}

// ---- the answer

static void write_answer(struct flow_status *status)
{
    struct session *session = status->flow.session;
    struct answer answer;
    answer_start(&answer, status->flow.request->execute != NULL ? ANSWER_EXECUTE : ANSWER_QUERY,
                 session->capabilities);
    struct text all, payload;
    text_init(&all);
    text_init(&payload);
    size_t at = 0;
    while (at + PACKET_HEADER_BYTES <= status->gather.len) {
        size_t len = packet_payload_bytes(status->gather.bytes + at);
        struct slice packet = slice_of(status->gather.bytes + at + PACKET_HEADER_BYTES, len);
        payload.len = 0;
        if (answer_packet(&answer, packet) == PART_ROW) {
            add_row(status, &payload, packet);
        } else {
            text_add_slice(&payload, packet);
        }
        packet_append(&all, text_slice(&payload), &status->flow.request->sequence);
        at += PACKET_HEADER_BYTES + len;
    }
    (void)session_write(session, all.ptr, all.len);
    text_done(&all);
    text_done(&payload);
}

static void on_answer(struct flow *flow, struct leg *leg, const uint8_t *bytes, size_t len,
                      const struct answer *last)
{
    struct flow_status *status = flow_status_of(flow);
    struct session *session = flow->session;
    (void)leg;
    if (status->gather.len + len > STATUS_ANSWER_MAX) {
        struct error error;
        error_fill(&error, ER_UNKNOWN, "the server's status is too long");
        flow_fail(flow, &error);
        return;
    }
    gather_add(&status->gather, &session->arena, bytes, len);
    if (last == NULL) {
        return;
    }
    aftermath_note(session, last, status->shard);
    (void)insert_id_note(session, last, status->shard);
    if (last->is_error) {
        counter_add(&session->sessions->counters.errors_sent, 1);
    }
    write_answer(status);
    flow_finish(flow);
}

static void on_failed(struct flow *flow, struct leg *leg, const struct error *error)
{
    (void)leg;
    flow_fail(flow, error);
}

static const struct flow_kind flow_status_kind = {
    .name = "gathering",
    .on_answer = on_answer,
    .on_failed = on_failed,
};

bool flow_status_is_for(const struct statement *statement)
{
    return statement->kind == STATEMENT_SHOW && slice_is_nocase(statement->name, "STATUS");
}

void flow_status_start(struct session *session, struct request *request)
{
    struct flow_status *status = arena_alloc(&session->arena, sizeof *status);
    if (request->execute != NULL) {
        cursor_put_aside(session, request);
        request->execute->cursor_flags = 0; // on the server
    }
    struct leg_command command = leg_command_of(request, &request->plan->targets[0]);
    status->shard = command.shard;
    command.may_linger = true;
    command.wants_keep = aftermath_lingers_on(session) == command.shard;
    flow_begin(&status->flow, &flow_status_kind, session, request);
    (void)leg_start(&status->flow, &command);
}
