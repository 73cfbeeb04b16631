// Prepared statements of the binary protocol.
//
// PREPARE is run on one server for its answer (the client wants the columns and the number of
// parameters); the session remembers the text under an id of its own, which replaces the server's
// in the first packet. EXECUTE reads the parameters, is routed by their values, and is prepared
// again wherever it runs if that backend has not done so before.
//
//     HEAD      the first packet comes together, until the id can be replaced in it
//     RELAYING  the rest is relayed as it comes
//
// Statements that the session answers itself (BEGIN, SET, ...) have no parameters and no columns:
// they are prepared here, and executed as if they had come as text.

#include "session/flow_prepare.h"

#include "protocol/error_table.h"
#include "protocol/packet.h"
#include "session/aftermath.h"
#include "session/command.h"
#include "session/flow_recall.h"
#include "session/gather.h"
#include "session/prepared.h"
#include "session/step_literal.h"
#include "session/query.h"
#include "session/transaction.h"

enum { ID_AT = PACKET_HEADER_BYTES + 1, HEAD_BYTES = ID_AT + 4 };

enum prepare_step { PREPARE_HEAD, PREPARE_RELAYING };

struct flow_prepare {
    struct flow flow;
    enum prepare_step step;
    struct leg *leg;
    uint16_t shard;
    struct gather head;
};

static struct flow_prepare *prepare_of(struct flow *flow)
{
    return CONTAINER_OF(flow, struct flow_prepare, flow);
}

// ---- PREPARE

// The id that the statement is going to have.
static void put_id(struct flow_prepare *prepare)
{
    uint32_t id = prepare->flow.session->next_prepared_id;
    if (prepare->head.bytes[PACKET_HEADER_BYTES] != 0) {
        return; // an error
    }
    for (int i = 0; i < 4; i++) {
        prepare->head.bytes[ID_AT + i] = (uint8_t)(id >> (8 * i));
    }
}

static bool relay(struct flow_prepare *prepare, const uint8_t *bytes, size_t len, bool is_last)
{
    struct session *session = prepare->flow.session;
    if (prepare->step == PREPARE_RELAYING) {
        return session_write(session, bytes, len);
    }
    gather_add(&prepare->head, &session->arena, bytes, len);
    if (prepare->head.len < HEAD_BYTES && !is_last) {
        return false;
    }
    prepare->step = PREPARE_RELAYING;
    if (prepare->head.len >= HEAD_BYTES) {
        put_id(prepare);
    }
    return session_write(session, prepare->head.bytes, prepare->head.len);
}

static void on_answer(struct flow *flow, struct leg *leg, const uint8_t *bytes, size_t len,
                      const struct answer *last)
{
    struct flow_prepare *prepare = prepare_of(flow);
    struct session *session = flow->session;
    bool is_full = relay(prepare, bytes, len, last != NULL);
    if (last == NULL) {
        if (is_full) {
            leg_pause(leg);
        }
        return;
    }
    if (!last->is_error) {
        aftermath_note_prepared(session, last->warnings, prepare->shard);
        (void)prepared_add(session, flow->request->statement->text, last->param_count);
    } else {
        aftermath_note_refused(session, prepare->shard);
        counter_add(&session->sessions->counters.errors_sent, 1);
    }
    flow_finish(flow);
}

static void on_failed(struct flow *flow, struct leg *leg, const struct error *error)
{
    (void)leg;
    flow_fail(flow, error);
}

static void on_drained(struct flow *flow)
{
    leg_resume(prepare_of(flow)->leg);
}

static const struct flow_kind flow_prepare_kind = {
    .name = "preparing",
    .on_answer = on_answer,
    .on_failed = on_failed,
    .on_drained = on_drained,
};

static void prepare_here(struct session *session, struct request *request)
{
    struct prepared_statement *prepared = prepared_add(session, request->statement->text, 0);
    struct prepared answer = {.statement_id = prepared_id(prepared)};
    struct text payload;
    text_init(&payload);
    prepared_write(&payload, &answer);
    session_write_payload(session, text_slice(&payload));
    text_done(&payload);
    request_finish(session);
}

enum plan_access prepare_access(const struct plan *plan)
{
    return plan->access == ACCESS_WRITE ? ACCESS_PRIMARY : plan->access;
}

// START TRANSACTION READ WRITE in a session that is READ ONLY, and no server knows of it yet: a
// server takes a write in it, and would refuse it at PREPARE anywhere else.
static bool is_read_write_by_itself(const struct session *session, uint16_t shard)
{
    const struct session_state *state = &session->carried;
    return (state_find_variable(state, slice_of_string("tx_read_only")).ptr != NULL ||
            state_find_variable(state, slice_of_string("transaction_read_only")).ptr != NULL) &&
           session->transaction.is_open && !session->transaction.is_read_only &&
           !leg_in_transaction(session, shard);
}

static void prepare_on(struct session *session, struct request *request, uint16_t shard,
                       enum plan_access access)
{
    struct flow_prepare *prepare = arena_alloc(&session->arena, sizeof *prepare);
    uint16_t kept = aftermath_lingers_on(session); // PREPARE leaves what it knows as it is
    struct leg_command command = {
        .shard = session->pin != NULL ? session->pin->shard
                 : kept != NO_SHARD   ? kept
                                      : shard,
        .wants_keep = kept != NO_SHARD,
        .access = access,
        .kind = ANSWER_PREPARE,
        .packet = request->raw,
        .is_outside = true,
        .may_linger = true, // SHOW WARNINGS
    };
    prepare->shard = command.shard;
    if (is_read_write_by_itself(session, command.shard)) {
        struct session_state *state = session_state_copy(session);
        state_drop_variable(state, slice_of_string("tx_read_only"));
        state_drop_variable(state, slice_of_string("transaction_read_only"));
        command.state = state;
    }
    flow_begin(&prepare->flow, &flow_prepare_kind, session, request);
    prepare->leg = leg_start(&prepare->flow, &command);
}

static void prepare_there(struct session *session, struct request *request)
{
    struct error error;
    if (!query_plan(session, request, &error)) {
        query_refuse(session, request, &error);
        return;
    }
    prepare_on(session, request, request->plan->targets[0].shard, prepare_access(request->plan));
}

// The backend that has the list of warnings knows what PREPARE makes of it.
static bool goes_to_the_list(const struct session *session, const struct request *request)
{
    return (session->pin != NULL && aftermath_leg(session) == session->pin) ||
           aftermath_goes_with(session, request);
}

// Its text was read.
static void prepare_read(struct session *session, struct request *request)
{
    const struct statement *statement = request->statement;
    enum aftermath_list list = aftermath_list_of(request);
    bool goes_there = list == LIST_UNCLEAR && goes_to_the_list(session, request);
    if (list == LIST_UNCLEAR && !goes_there && recall_is_due(session)) {
        recall_start(session, request, prepare_read);
        return;
    }
    if (list != LIST_KEPT && !goes_there) {
        legs_release_lingering(session);
    }
    if ((statement->facts & FACT_WAYBILL) != 0) {
        command_refuse(session,
                       "waybill's own variables and functions as prepared statements: send "
                       "them as text");
    } else if (statement->kind == STATEMENT_PREPARE) {
        struct error error;
        error_fill(&error, ER_UNSUPPORTED_PS);
        command_error(session, &error);
    } else if (!query_is_local_kind(statement->kind)) {
        prepare_there(session, request);
    } else if (statement->param_count > 0) {
        prepare_on(session, request, query_any_shard(session), ACCESS_REPLICA);
    } else {
        prepare_here(session, request);
    }
}

void prepare_run(struct session *session, struct request *request)
{
    session->last_prepared_id = 0;
    uint32_t max = (uint32_t)session_config(session)->settings.max_prepared;
    if (prepared_count(session) >= max) {
        struct error error;
        error_fill(&error, ER_TOO_MANY_STATEMENTS, max);
        command_error(session, &error);
        return;
    }
    struct slice sql = slice_part(request->payload, 1, request->payload.len);
    if (query_parse(session, request, sql, false)) {
        prepare_read(session, request);
    }
}

// ---- EXECUTE

// SET is remembered as the text that it was: with its values.
static bool put_params_in(struct session *session, struct request *request)
{
    struct error error;
    struct slice sql;
    if (!query_is_local_kind(request->statement->kind) || request->statement->param_count == 0) {
        return true;
    }
    if (!step_literal_text(session, request, &sql, &error)) {
        command_error(session, &error);
        return false;
    }
    return query_parse(session, request, sql, false);
}

void prepare_execute(struct session *session, struct request *request)
{
    static const struct binary_value no_params[1]; // not NULL: that would ask for a plan to prepare
    struct reader reader = reader_of(request->payload);
    (void)read_u8(&reader);
    uint32_t id = read_u32(&reader);
    struct prepared_statement *prepared = prepared_of_client(session, id);
    struct error error;
    if (reader.is_bad) {
        error_fill(&error, ER_MALFORMED_PACKET);
        command_error(session, &error);
        return;
    }
    if (prepared == NULL) {
        prepared_tell_unknown(session, id, "mysqld_stmt_execute");
        return;
    }
    struct execute *execute = arena_alloc(&session->arena, sizeof *execute);
    if (!prepared_read_execute(&session->arena, prepared, request->payload, execute, &error)) {
        command_error(session, &error);
        return;
    }
    cursor_end(prepared);
    request->prepared = prepared;
    request->execute = execute;
    request->params = execute->params != NULL ? execute->params : no_params;
    const char *why = prepared_find_world(prepared, session, request);
    if (why != NULL) {
        command_refuse(session, why);
    } else if (query_parse(session, request, prepared_sql(prepared), false) &&
               put_params_in(session, request)) {
        query_run_statement(session, request);
    }
}

// ---- the rest

// These two have no answer, not even an error.
void prepare_long_data(struct session *session, struct request *request)
{
    struct reader reader = reader_of(request->payload);
    (void)read_u8(&reader);
    uint32_t id = read_u32(&reader);
    uint16_t param = read_u16(&reader);
    struct slice bytes = read_rest(&reader);
    struct prepared_statement *prepared = prepared_of_client(session, id);
    if (!reader.is_bad && prepared != NULL) {
        prepared_add_long(prepared, param, bytes,
                          (size_t)session_config(session)->settings.max_packet_bytes);
    }
    request_finish(session);
}

void prepare_close(struct session *session, struct request *request)
{
    struct reader reader = reader_of(request->payload);
    (void)read_u8(&reader);
    uint32_t id = read_u32(&reader);
    struct prepared_statement *prepared = prepared_of_client(session, id);
    if (!reader.is_bad && prepared != NULL) {
        prepared_remove(session, prepared);
    }
    request_finish(session);
}

void prepare_reset(struct session *session, struct request *request)
{
    uint32_t id = command_number(request, 4);
    struct prepared_statement *prepared = prepared_of_client(session, id);
    if (prepared == NULL) {
        prepared_tell_unknown(session, id, "mysqld_stmt_reset");
        return;
    }
    prepared_clear_long(prepared);
    cursor_end(prepared);
    command_ok(session);
}
