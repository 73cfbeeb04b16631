// Statements about the statement before them (SHOW WARNINGS, FOUND_ROWS(), ROW_COUNT(),
// @@warning_count) and about the session itself (CONNECTION_ID()).
//
// Servers keep such things by connection, and the client's next statement may run on another one.
// So the session notes what OK packets tell it and answers from that; where there is more to know
// (the text of warnings, SQL_CALC_FOUND_ROWS) the backend was kept until now:
//
//     the backend can answer as it is asked     it does
//     ... or not (in a SET, an INSERT)          what it knows is fetched first: flow_recall.c
//     known here, and nothing else is asked     answered here: local_answer.c, flow_warnings.c
//     known here, in other expressions          the values are put into the text: substitute.c
//
// What nobody knows any more is refused, never guessed.

#include "session/local.h"

#include "protocol/error_table.h"
#include "session/aftermath.h"
#include "session/cursor_aside.h"
#include "session/command.h"
#include "session/flow_recall.h"
#include "session/flow_single.h"
#include "session/flow_warnings.h"
#include "session/get_diagnostics.h"
#include "session/local_answer.h"
#include "session/query.h"
#include "session/substitute.h"
#include "session/warning_list.h"

// Leaves the aftermath as it was: the client may ask in another way.
static void refuse_forgotten(struct session *session)
{
    struct error error;
    error_fill(&error, ER_NOT_SUPPORTED_YET,
               "this question about the statement before it, since nobody knows the answer any "
               "more (its server was lost, or only that server could have told it): ask right "
               "after the statement, or in the same transaction");
    counter_add(&session->sessions->counters.queries_refused, 1);
    session_write_error(session, &error);
    request_finish(session);
}

// EXECUTE as text: the values are not in the text that a backend would be sent.
static bool has_hidden_values(const struct request *request)
{
    return request->text != NULL && request->statement->param_count > 0;
}

// PREPARE, where it is one, changes nothing of what the backend knows.
static void ask_kept(struct session *session, struct request *request)
{
    struct leg_command command = {
        .shard = session->aftermath.shard,
        .access = ACCESS_REPLICA,
        .kind = ANSWER_QUERY,
        .packet = request->raw,
        .is_outside = true,
        .wants_keep = true,
        .is_there = true,
    };
    if (request->execute != NULL) {
        struct execute *execute = arena_alloc(&session->arena, sizeof *execute);
        *execute = *request->execute;
        execute->cursor_flags = 0; // on the server
        cursor_put_aside(session, request);
        execute->has_types = true;
        command.kind = ANSWER_EXECUTE;
        command.prepare_sql = request->statement->text;
        command.execute = execute;
    }
    flow_single_relay(session, request, &command);
}

// ---- nothing but numbers that are known here

static bool is_call(const struct expr *expr, const char *name)
{
    return expr->kind == EXPR_FUNCTION && expr->child_count == 0 && expr->schema.len == 0 &&
           slice_is_nocase(expr->name, name);
}

static bool is_variable(const struct expr *expr, const char *name)
{
    return expr->kind == EXPR_SYSTEM_VARIABLE && slice_is_nocase(expr->name, name);
}

// False: it is no such number, or not known here.
static bool find_number(const struct session *session, const struct expr *expr,
                        struct local_number *number)
{
    const struct aftermath *aftermath = &session->aftermath;
    const struct warning_list *list = session->warnings;
    bool is_errors = is_variable(expr, "error_count");
    if (is_call(expr, "CONNECTION_ID")) {
        number->kind = NUMBER_ID;
        number->value = session->id;
    } else if (is_variable(expr, "pseudo_thread_id") && session->pin == NULL) {
        number->kind = NUMBER_VARIABLE; // whoever sets it is bound to a server
        number->value = session->id;
    } else if (is_call(expr, "ROW_COUNT")) {
        number->kind = NUMBER_FUNCTION;
        number->value = (uint64_t)aftermath->row_count;
    } else if (is_call(expr, "FOUND_ROWS") && !aftermath->has_found_rows &&
               !aftermath->is_found_lost) {
        number->kind = NUMBER_FUNCTION;
        number->value = aftermath->found_rows;
    } else if ((is_errors || is_variable(expr, "warning_count")) &&
               (list != NULL || aftermath_is_empty(session))) {
        number->kind = NUMBER_VARIABLE;
        number->value = list == NULL ? 0 : is_errors ? list->errors : list->total;
    } else {
        return false;
    }
    return true;
}

bool local_is_of_items_only(const struct statement *statement)
{
    const struct query *query = statement->query;
    return statement->kind == STATEMENT_SELECT && statement->set == NULL && query != NULL &&
           query->item_count <= LOCAL_NUMBERS_MAX && query->tables == NULL && query->next == NULL &&
           query->nested == NULL && query->where == NULL && query->group_by == NULL &&
           query->having == NULL && query->order_by == NULL && query->limit == NULL &&
           !query->has_limit_expr && !query->has_into && !query->has_with;
}

static bool answer_numbers(struct session *session, const struct statement *statement)
{
    struct local_number numbers[LOCAL_NUMBERS_MAX];
    uint8_t count = 0;
    if (!local_is_of_items_only(statement)) {
        return false;
    }
    for (const struct select_item *item = statement->query->items; item != NULL;
         item = item->next) {
        struct local_number *number = &numbers[count++];
        if (!find_number(session, item->expr, number)) {
            return false;
        }
        number->name = item->alias.len > 0
                           ? item->alias
                           : slice_part(statement->text, item->span.begin, item->span.end);
    }
    local_answer_numbers(session, numbers, count);
    return true;
}

// ---- SHOW WARNINGS, SHOW ERRORS, SHOW COUNT(*) ...

static void answer_count(struct session *session, bool is_errors)
{
    const struct warning_list *list = session->warnings;
    struct local_number number = {
        .kind = NUMBER_VARIABLE,
        .name = slice_of_string(is_errors ? "@@session.error_count" : "@@session.warning_count"),
        .value = list == NULL ? 0
                 : is_errors  ? list->errors
                              : list->total,
    };
    local_answer_numbers(session, &number, 1);
}

// In the character set in which the client gets messages now?
static bool is_readable(const struct session *session)
{
    const struct warning_list *list = session->warnings;
    return list == NULL || list->is_ascii || list->charset == aftermath_charset(session);
}

static void run_show(struct session *session, struct request *request)
{
    struct slice name = request->statement->name;
    bool is_errors = slice_is_nocase(name, "COUNT ERRORS");
    bool is_count = is_errors || slice_is_nocase(name, "COUNT WARNINGS");
    bool is_here = session->warnings != NULL || aftermath_is_empty(session);
    if (is_here && is_count) {
        answer_count(session, is_errors);
    } else if (is_here && is_readable(session)) {
        flow_warnings_start(session, request);
    } else if (is_here || session->aftermath.is_lost || aftermath_leg(session) == NULL) {
        refuse_forgotten(session);
    } else if (has_hidden_values(request)) {
        recall_start(session, request, query_run_statement);
    } else {
        request->keeps_aftermath = !is_count;
        session->aftermath.row_count = -1;
        ask_kept(session, request);
    }
}

// ---- all

// Can the kept backend answer it as one server would?
static bool kept_knows(const struct session *session, const struct request *request)
{
    const struct aftermath *aftermath = &session->aftermath;
    uint32_t facts = request->statement->facts;
    bool asks_list = (facts & FACT_DIAGNOSTICS) != 0;
    bool asks_counts = (facts & ((uint32_t)FACT_ROW_COUNT | FACT_FOUND_ROWS)) != 0;
    bool has_list =
        !aftermath->is_lost && session->warnings == NULL && !aftermath_is_empty(session);
    uint32_t id_facts = (uint32_t)FACT_LAST_INSERT_ID | FACT_INSERT_ID_SET;
    return (facts & id_facts) == 0 && aftermath_leg(session) != NULL && !(asks_list && !has_list) &&
           !(asks_counts && aftermath->is_behind) &&
           !((facts & FACT_FOUND_ROWS) != 0 && aftermath->is_found_old) &&
           aftermath_list_of(request) == LIST_KEPT &&
           request->statement->kind == STATEMENT_SELECT && (facts & PIN_FACTS) == 0 &&
           !has_hidden_values(request);
}

// True: it is answered. False: request->statement can be run as any other.
static bool run_asking(struct session *session, struct request *request)
{
    if (kept_knows(session, request)) {
        ask_kept(session, request);
    } else if (recall_is_due(session)) {
        recall_start(session, request, query_run_statement);
    } else if (substitute_values(session, request)) {
        return false;
    } else {
        refuse_forgotten(session);
    }
    return true;
}

bool local_run(struct session *session, struct request *request)
{
    const struct statement *statement = request->statement;
    uint32_t asked = statement->facts & (uint32_t)SUBSTITUTE_FACTS;
    if (statement->kind == STATEMENT_DIAGNOSTICS) {
        if (statement->name.len == 0) {
            get_diagnostics_run(session, request);
        } else {
            run_show(session, request);
        }
        return true;
    }
    if ((asked | (statement->facts & FACT_CONNECTION_ID)) != 0 &&
        answer_numbers(session, statement)) {
        return true;
    }
    // A statement that uses tables clears the list before anything is read: servers say 0.
    bool clears = aftermath_list_of(request) == LIST_CLEARED;
    if (asked == 0 || (asked == FACT_DIAGNOSTICS && clears)) {
        return false;
    }
    return run_asking(session, request);
}
