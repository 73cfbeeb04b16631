// The statement behind EXPLAIN ROUTE is read by itself, planned as the session would plan it now
// (a server is asked for the columns, where the plan wants them), and asked what the session's own
// state has against it. The answer is a table of steps,
//
//     step | shard | access | detail
//
// or, as JSON, one row with one column.

#include "session/explain_route.h"

#include "protocol/column.h"
#include "protocol/error_table.h"
#include "protocol/row_text.h"
#include "router/explain.h"
#include "session/aftermath.h"
#include "session/command.h"
#include "session/declare.h"
#include "session/flow_columns.h"
#include "session/index_ask.h"
#include "session/query.h"
#include "session/transaction.h"

static const char *const columns[] = {"step", "shard", "access", "detail"};
enum { COLUMN_COUNT = sizeof columns / sizeof columns[0] };

// ---- the answer

static void write_columns(struct session *session, const char *const *names, uint8_t count)
{
    session_write_payload(session, slice_of(&count, 1));
    for (uint8_t i = 0; i < count; i++) {
        struct column column = column_string(names[i]);
        struct text payload;
        text_init(&payload);
        column_write(&payload, &column, session->capabilities);
        session_write_payload(session, text_slice(&payload));
        text_done(&payload);
    }
    if ((session->capabilities & CAP_DEPRECATE_EOF) == 0) {
        session_write_rows_end(session, 0, 0);
    }
}

static void write_row(struct session *session, const struct slice *fields, uint32_t count)
{
    struct text row;
    text_init(&row);
    for (uint32_t i = 0; i < count; i++) {
        row_text_add(&row, fields[i]);
    }
    session_write_payload(session, text_slice(&row));
    text_done(&row);
}

static void write_table(struct session *session, const struct explanation *explanation)
{
    write_columns(session, columns, COLUMN_COUNT);
    for (const struct explain_step *step = explanation->first; step != NULL; step = step->next) {
        struct slice fields[COLUMN_COUNT] = {
            slice_of_string(explain_kind_name(step->kind)),
            slice_of_string(step->shard != NULL ? step->shard : ""),
            slice_of_string(step->access != NULL ? step->access : ""),
            step->detail,
        };
        write_row(session, fields, COLUMN_COUNT);
    }
}

static void write_json(struct session *session, const struct explanation *explanation)
{
    static const char *const name = "EXPLAIN ROUTE";
    struct slice json = explain_json(&session->arena, explanation);
    write_columns(session, &name, 1);
    write_row(session, &json, 1);
}

// ---- the statement

// False: the client was told why not.
static bool read_statement(struct session *session, const struct statement *outer,
                           struct statement **statement)
{
    struct slice sql = slice_part(outer->text, outer->routed.begin, outer->routed.end);
    struct parse_options options = query_parse_options(session);
    struct error error;
    if (parse_statement(&session->arena, sql, &options, statement) == PARSE_OK) {
        if ((*statement)->hint.len == 0) {
            (*statement)->hint = outer->hint;
        }
        return true;
    }
    error_fill(&error, ER_TOO_LARGE, "EXPLAIN ROUTE takes one statement, not too deeply nested");
    command_error(session, &error);
    return false;
}

// Its own statements need no plan; a split asks shard by shard.
static bool is_allowed(const struct session *session, const struct request *asked,
                       struct error *error)
{
    bool commits = (asked->statement->facts & FACT_ENDS_TRANSACTION) != 0;
    if (!query_kind_is_allowed(session, asked, error)) {
        return false;
    }
    if (asked->plan == NULL || asked->plan->wants_columns || asked->plan->index_wishes != NULL ||
        asked->plan->split != NULL) {
        return true;
    }
    return commits && session_in_transaction(session)
               ? query_may_commit_before(session, asked, error)
               : query_is_allowed(session, asked, error);
}

// What the session has against a statement that the router finds right.
static void look_at_session(struct session *session, struct request *asked,
                            struct explanation *explanation)
{
    struct error error;
    asked->plan = NULL;
    if (explanation->plan != NULL) { // the session may change its LIMIT
        asked->plan = arena_alloc(&session->arena, sizeof *asked->plan);
        *asked->plan = *explanation->plan;
    }
    asked->pin_reason = query_pin_reason(session, asked->statement);
    if (explanation->error.code == 0 && !is_allowed(session, asked, &error)) {
        explain_refuse(&session->arena, explanation, &error);
    }
}

struct routed {
    struct request asked;          // with the statement that is explained
    struct request *request;       // the client's
    const struct statement *outer; // EXPLAIN ROUTE
};

static void explain(struct session *session, struct request *asked)
{
    struct routed *routed = CONTAINER_OF(asked, struct routed, asked);
    asked->may_look_up = index_may_be_asked(session, asked);
    struct route_request route = query_route_request(session, asked);
    route.is_prepared = asked->statement->param_count > 0;
    struct error error;
    struct config *look = NULL;
    bool is_declared = declare_look(session, asked, &route, &look, &error);
    struct explanation *explanation = explain_statement(&session->arena, &route);
    if (!is_declared) {
        explain_refuse(&session->arena, explanation, &error);
    }
    look_at_session(session, asked, explanation);
    config_end_look(look);
    if (asked->plan != NULL && asked->plan->index_wishes != NULL) {
        index_ask(session, asked, explain);
        return;
    }
    if (asked->plan != NULL && asked->plan->wants_columns && asked->columns == NULL) {
        columns_ask(session, asked, explain);
        return;
    }
    session->request = routed->request;
    if (routed->outer->is_routed_json) {
        write_json(session, explanation);
    } else {
        write_table(session, explanation);
    }
    session_write_rows_end(session, 0, 0);
    aftermath_note_ok(session);
    session->aftermath.row_count = -1;
    request_finish(session);
}

void explain_route_run(struct session *session, struct request *request)
{
    struct routed *routed = arena_alloc(&session->arena, sizeof *routed);
    routed->asked = *request;
    routed->request = request;
    routed->outer = request->statement;
    if (request->command != COM_QUERY || request->text != NULL) {
        command_refuse(session, "EXPLAIN ROUTE as a prepared statement: send it as text");
    } else if (read_statement(session, routed->outer, &routed->asked.statement)) {
        explain(session, &routed->asked);
    }
}
