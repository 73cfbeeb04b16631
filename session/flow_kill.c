// KILL, as a session asks for it. The victim may belong to any worker, or to another waybill, so
// the order goes out (errand.h) and the flow waits for what came of it.
//
// Whoever kills himself is answered at once, as by a server.

#include "session/flow_kill.h"

#include <stdio.h>
#include <stdlib.h>

#include "protocol/error_table.h"
#include "protocol/reply.h"
#include "router/value.h"
#include "session/aftermath.h"
#include "session/command.h"
#include "session/errand.h"
#include "session/flow_single.h"
#include "session/kill.h"
#include "session/query.h"
#include "session/text_ask.h"

enum { ER_SUBQUERIES = 1970 };

// ---- the answer

static void answer_user(struct session *session, const struct errand *order,
                        const struct errand_result *outcome)
{
    const struct user_config *own = session_user(session);
    bool is_self = kill_is_meant(order, own);
    struct error error;
    if (outcome->denied > 0) {
        error_set(&error, ER_KILL_DENIED, "HY000", "Operation KILL USER failed for %s@%s",
                  order->user, order->host[0] != '\0' ? order->host : "%");
        flow_fail(session->flow, &error);
        return;
    }
    struct ok_packet ok = {.affected_rows = outcome->killed + outcome->committing + is_self};
    session->wants_close |= is_self && !order->is_query;
    aftermath_note_ok(session);
    session->aftermath.row_count = (int64_t)ok.affected_rows;
    session_write_ok(session, &ok);
    flow_finish(session->flow);
}

static void answer_one(struct session *session, const struct errand *order,
                       const struct errand_result *outcome)
{
    struct error error;
    uint32_t victim = order->victim;
    if (outcome->killed > 0) {
        aftermath_note_ok(session);
        session_write_ok(session, &(struct ok_packet){0});
        flow_finish(session->flow);
        return;
    }
    if (error_is_set(&outcome->problem)) {
        error = outcome->problem;
    } else if (outcome->denied > 0) {
        error_fill(&error, ER_KILL_DENIED, victim);
    } else if (outcome->committing > 0) {
        error_fill(&error, ER_NOT_SUPPORTED_YET,
                   "KILL QUERY of a session that runs COMMIT or ROLLBACK: it would not be known "
                   "what became of it");
    } else {
        error_fill(&error, ER_NO_SUCH_THREAD, (unsigned long long)victim);
    }
    flow_fail(session->flow, &error);
}

static void on_drained(struct flow *flow)
{
    (void)flow; // of an answer before this one
}

static const struct flow_kind kill_kind = {.name = "killing", .on_drained = on_drained};

void kill_answered(struct session *session, const struct errand *errand,
                   const struct errand_result *result)
{
    if (errand->is_user) {
        answer_user(session, errand, result);
    } else {
        answer_one(session, errand, result);
    }
}

// ---- the question

static void copy_name(char *to, size_t max, struct slice name)
{
    bool is_short = name.len < max; // nobody has a longer one
    struct slice text = is_short ? name : slice_of_string("?");
    if (text.len > 0) {
        memcpy(to, text.ptr, text.len);
    }
    to[text.len] = '\0';
}

static void ask(struct session *session, struct request *request, const struct errand *order)
{
    struct flow *flow = arena_alloc(&session->arena, sizeof *flow);
    flow_begin(flow, &kill_kind, session, request);
    errand_start(session, order);
}

static void kill_self(struct session *session, bool is_query)
{
    struct error error;
    bool is_told = !is_query && session->sessions->snapshot->is_mariadb;
    error_fill(&error, is_told ? ER_CONNECTION_KILLED : ER_QUERY_INTERRUPTED);
    session->wants_close |= !is_query;
    command_error(session, &error);
}

static void kill_id(struct session *session, struct request *request, uint64_t id, bool is_query)
{
    if (id == session->id) {
        kill_self(session, is_query);
    } else if (id > UINT32_MAX) {
        struct error error;
        error_fill(&error, ER_NO_SUCH_THREAD, (unsigned long long)id);
        command_error(session, &error);
    } else {
        struct errand order = {.is_query = is_query, .victim = (uint32_t)id};
        ask(session, request, &order);
    }
}

static void kill_user(struct session *session, struct request *request, bool is_query)
{
    const struct statement *statement = request->statement;
    const struct user_config *own = session_user(session);
    struct errand order = {.is_query = is_query, .is_user = true};
    if (statement->name_schema.len == 0) { // CURRENT_USER
        copy_name(order.user, sizeof order.user, slice_of_string(own->name));
        copy_name(order.host, sizeof order.host,
                  slice_of_string(own->from[0] != '\0' ? own->from : "%"));
    } else {
        copy_name(order.user, sizeof order.user, statement->name_schema);
        copy_name(order.host, sizeof order.host, statement->kill_host);
    }
    ask(session, request, &order);
}

// ---- the number

static uint64_t round_number(const char *digits)
{
    double number = strtod(digits, NULL);
    if (number >= 1e18 || number <= -1e18) { // nobody's id
        return UINT64_MAX;
    }
    return number < 0 ? (uint64_t)(int64_t)(number - 0.5) : (uint64_t)(number + 0.5);
}

// As a server makes a whole number of it. False: an expression.
static bool read_number(struct session *session, const struct request *request, uint64_t *id)
{
    const struct expr *expr = request->statement->kill_id;
    bool is_own_id = expr->kind == EXPR_FUNCTION && expr->child_count == 0 &&
                     expr->schema.len == 0 && slice_is_nocase(expr->name, "CONNECTION_ID");
    if (is_own_id) {
        *id = session->id;
        return true;
    }
    struct route_request route = {
        .statement = request->statement,
        .config = session_config(session),
        .params = request->execute != NULL ? request->execute->params : NULL,
        .last_insert_id = session->last_insert_id,
    };
    struct value value = value_of_expr(&session->arena, &route, expr);
    struct slice text =
        arena_format(&session->arena, "%.*s", (int)value.bytes.len, (const char *)value.bytes.ptr);
    switch (value.kind) {
    case VALUE_NULL:
        *id = 0;
        return true;
    case VALUE_INTEGER:
    case VALUE_BOOL:
        *id = strtoull((const char *)text.ptr, NULL, 10);
        break;
    case VALUE_DECIMAL:
    case VALUE_STRING:
        *id = round_number((const char *)text.ptr);
        break;
    case VALUE_UNKNOWN:
    case VALUE_DEFAULT:
    case VALUE_DATE:
        return false;
    }
    if (value.is_negative) {
        *id = 0 - *id;
    }
    return true;
}

// A server has said what the expression comes to.
static void on_number(struct session *session, struct request *request, struct text_ask *ask)
{
    char digits[32];
    snprintf(digits, sizeof digits, "%.*s", (int)ask->sql.len, (const char *)ask->sql.ptr);
    uint64_t id = digits[0] == '-' ? (uint64_t)strtoll(digits, NULL, 10)
                                   : strtoull(digits, NULL, 10); // "NULL": 0
    kill_id(session, request, id, request->statement->name.ptr[0] == 'Q');
}

// What a LASTVAL reads is a table, too.
static bool reads_tables(const struct statement *statement)
{
    for (uint32_t i = 0; i < statement->subquery_count; i++) {
        if (statement->subqueries[i]->tables != NULL) {
            return true;
        }
    }
    uint32_t last_value = (uint32_t)FACT_NEEDS_PRIMARY | FACT_CONNECTION_ID;
    return statement->tables != NULL || (statement->facts & last_value) == last_value;
}

// KILL 1 + 2: as text_ask does it with the text of a PREPARE.
static void ask_number(struct session *session, struct request *request)
{
    const struct statement *statement = request->statement;
    const struct span span = statement->kill_id->span;
    if (reads_tables(statement)) {
        struct error error;
        error_set(&error, ER_SUBQUERIES, "42000",
                  "KILL does not support subqueries or stored functions");
        command_error(session, &error);
        return;
    }
    if ((statement->facts & TEXT_ASK_NO_FACTS) != 0 || statement->param_count > 0) {
        command_refuse(session, "KILL with such an expression: give the connection's id");
        return;
    }
    struct slice inner = slice_part(statement->text, span.begin, span.end);
    struct statement *outer = arena_alloc(&session->arena, sizeof *outer);
    struct prepare_part *part = arena_alloc(&session->arena, sizeof *part);
    struct expr *expr = arena_alloc(&session->arena, sizeof *expr);
    struct text_ask *ask = arena_alloc(&session->arena, sizeof *ask);
    outer->text = arena_format(&session->arena, "CAST((%.*s) AS SIGNED)", (int)inner.len,
                               (const char *)inner.ptr);
    outer->facts = statement->facts & ~(uint32_t)FACT_SUBQUERY; // without a table: a value
    outer->prepare = part;
    expr->kind = EXPR_FUNCTION;
    expr->span = (struct span){.begin = 0, .end = (uint32_t)outer->text.len};
    part->text = expr;
    ask->outer = outer;
    ask->then = on_number;
    text_ask_start(session, request, ask);
}

// The ids of statements are a server's: where there is only one, it does it.
static void kill_statement(struct session *session, struct request *request)
{
    struct leg_command command = {
        .shard = query_any_shard(session),
        .access = ACCESS_PRIMARY,
        .kind = ANSWER_QUERY,
        .packet = flow_frame_query(&session->arena, request->statement->text),
        .is_outside = true,
    };
    flow_single_relay(session, request, &command);
}

void kill_run(struct session *session, struct request *request)
{
    struct slice what = request->statement->name;
    bool is_query = what.ptr[0] == 'Q';
    uint64_t id = 0;
    if (slice_is_nocase(what, "QUERY ID") && config_is_one_server(session_config(session))) {
        kill_statement(session, request);
    } else if (slice_is_nocase(what, "QUERY ID")) {
        command_refuse(session, "KILL QUERY ID: its statements have no numbers; KILL QUERY takes "
                                "the id of the connection");
    } else if (request->statement->kill_id == NULL) {
        kill_user(session, request, is_query);
    } else if (!read_number(session, request, &id)) {
        ask_number(session, request);
    } else {
        kill_id(session, request, id, is_query);
    }
}

void kill_run_command(struct session *session, struct request *request)
{
    kill_id(session, request, command_number(request, 4), false);
}
