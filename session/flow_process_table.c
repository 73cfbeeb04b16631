// What it needs, in this order, so that the list is fresh:
//
//     COLUMNS   the server where the statement goes is asked for the table's columns: they are not
//               the same in all versions
//     LISTING   the list of sessions comes from the workers; then the statement goes on

#include "protocol/packet.h"
#include "router/plan.h"
#include "session/errand.h"
#include "session/flow_single.h"
#include "session/gather.h"
#include "session/process_table.h"

struct flow_process_table {
    struct flow flow; // first
    struct gather gather;
    uint32_t column_count;
    struct column columns[PROCESS_TABLE_COLUMNS_MAX]; // borrow from the gathered answer
    void (*then)(struct session *session, struct request *request);
};

static struct flow_process_table *flow_of(struct flow *flow)
{
    return CONTAINER_OF(flow, struct flow_process_table, flow);
}

static bool read_columns(struct flow_process_table *table)
{
    const struct gather *gather = &table->gather;
    uint64_t capabilities = table->flow.session->capabilities;
    struct answer answer;
    answer_start(&answer, ANSWER_QUERY, capabilities);
    size_t at = 0;
    while (at + PACKET_HEADER_BYTES <= gather->len) {
        size_t len = packet_payload_bytes(gather->bytes + at);
        if (at + PACKET_HEADER_BYTES + len > gather->len) {
            return false;
        }
        struct slice payload = slice_of(gather->bytes + at + PACKET_HEADER_BYTES, len);
        if (answer_packet(&answer, payload) == PART_COLUMN) {
            if (table->column_count == PROCESS_TABLE_COLUMNS_MAX ||
                !column_read(payload, &table->columns[table->column_count++], capabilities)) {
                return false;
            }
        }
        at += PACKET_HEADER_BYTES + len;
    }
    return table->column_count > 0;
}

static void on_answer(struct flow *flow, struct leg *leg, const uint8_t *bytes, size_t len,
                      const struct answer *last)
{
    (void)leg;
    struct flow_process_table *table = flow_of(flow);
    struct session *session = flow->session;
    struct error error;
    gather_add(&table->gather, &session->arena, bytes, len);
    if (last == NULL) {
        return;
    }
    if (last->is_error) {
        gather_error(&table->gather, &error);
        flow_fail(flow, &error);
    } else if (!read_columns(table)) {
        error_set(&error, 1105, "HY000", "the server's list of processes can't be read");
        flow_fail(flow, &error);
    } else {
        struct errand errand = {.kind = ERRAND_TABLE, .is_full = true};
        errand_start(session, &errand);
    }
}

static void on_failed(struct flow *flow, struct leg *leg, const struct error *error)
{
    (void)leg;
    flow_fail(flow, error);
}

static void on_drained(struct flow *flow)
{
    (void)flow; // of an answer before this one
}

static const struct flow_kind process_table_kind = {
    .name = "listing", .on_answer = on_answer, .on_failed = on_failed, .on_drained = on_drained};

void process_table_answered(struct session *session, const struct errand_result *result)
{
    struct flow_process_table *table = flow_of(session->flow);
    struct request *request = table->flow.request;
    struct error error;
    if (!process_table_write(session, request, table->columns, table->column_count,
                             text_slice(&result->list), &error)) {
        flow_fail(&table->flow, &error);
        return;
    }
    session->flow = NULL; // this flow is over, the command is not
    table->then(session, request);
}

void process_table_ask(struct session *session, struct request *request,
                       void (*then)(struct session *session, struct request *request))
{
    struct flow_process_table *table = arena_alloc(&session->arena, sizeof *table);
    table->then = then;
    struct leg_command command = {
        .shard = request->plan->targets[0].shard,
        .access = request->plan->access,
        .kind = ANSWER_QUERY,
        .packet = flow_frame_query(&session->arena,
                                   slice_of_string("SELECT * FROM information_schema.PROCESSLIST "
                                                   "LIMIT 0")),
        .is_outside = true,
        .state = request->state,
    };
    flow_begin(&table->flow, &process_table_kind, session, request);
    (void)leg_start(&table->flow, &command);
}
