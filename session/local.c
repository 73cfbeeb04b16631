// Statements about the statement before them (SHOW WARNINGS, FOUND_ROWS(), ROW_COUNT(),
// @@warning_count) and about the session itself (CONNECTION_ID(), LAST_INSERT_ID()).
//
// Servers keep such things by connection, and the client's next statement may run on another one.
// So the session notes what OK packets tell it and answers from that; where there is more to know
// (the text of warnings, SQL_CALC_FOUND_ROWS) the backend was kept until now and is asked. What
// nobody knows any more is refused, never guessed.

#include "session/local.h"

#include <stdio.h>

#include "protocol/column.h"
#include "protocol/row_text.h"
#include "session/aftermath.h"
#include "session/command.h"
#include "session/flow_single.h"
#include "session/query.h"

enum { DIAGNOSTIC_FACTS = FACT_FOUND_ROWS | FACT_ROW_COUNT | FACT_DIAGNOSTICS };

// ---- result sets made here

static void write_column(struct session *session, const struct column *column)
{
    struct text payload;
    text_init(&payload);
    column_write(&payload, column, session->capabilities);
    session_write_payload(session, text_slice(&payload));
    text_done(&payload);
}

static void write_columns(struct session *session, const struct column *columns, uint8_t count)
{
    session_write_payload(session, slice_of(&count, 1));
    for (uint8_t i = 0; i < count; i++) {
        write_column(session, &columns[i]);
    }
    if ((session->capabilities & CAP_DEPRECATE_EOF) == 0) {
        session_write_rows_end(session, 0, 0);
    }
}

enum number_kind {
    NUMBER_FUNCTION, // ROW_COUNT()
    NUMBER_VARIABLE, // @@warning_count
    NUMBER_ID,       // CONNECTION_ID()
};

static struct column number_column(const struct session *session, enum number_kind kind)
{
    struct column column = column_int64("");
    column.length = 21;
    switch (kind) {
    case NUMBER_FUNCTION:
        column.flags |= COLUMN_NOT_NULL;
        break;
    case NUMBER_VARIABLE:
        column.flags |= COLUMN_UNSIGNED;
        break;
    case NUMBER_ID:
        column.flags |= COLUMN_NOT_NULL | COLUMN_UNSIGNED;
        column.length = 10;
        if (session->sessions->snapshot->is_mariadb) {
            column.type = TYPE_LONG;
        }
        break;
    }
    return column;
}

static void answer_number(struct session *session, enum number_kind kind, struct slice name,
                          uint64_t value)
{
    struct column column = number_column(session, kind);
    column.name = name;
    write_columns(session, &column, 1);
    char digits[32];
    int len = kind == NUMBER_FUNCTION
                  ? snprintf(digits, sizeof digits, "%lld", (long long)value)
                  : snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);
    struct text payload;
    text_init(&payload);
    row_text_add(&payload, slice_of(digits, (size_t)len));
    session_write_payload(session, text_slice(&payload));
    text_done(&payload);
    session_write_rows_end(session, 0, 0);
    struct aftermath *aftermath = &session->aftermath;
    aftermath->row_count = -1; // this was a result set, of one row
    aftermath->found_rows = 1;
    aftermath->has_found_rows = aftermath->is_found_lost = false;
    aftermath->is_found_old = true;
    aftermath->is_behind = true;
    request_finish(session);
}

// ---- the list of warnings and errors

// Nothing stands in it. The columns depend on the connection's collation, so a server writes them.
static void ask_for_empty(struct session *session, struct request *request)
{
    struct slice sql =
        arena_format(&session->arena, "SHOW %.*s LIMIT 0", (int)request->statement->name.len,
                     (const char *)request->statement->name.ptr);
    struct leg_command command = {
        .shard = query_any_shard(session),
        .access = ACCESS_REPLICA,
        .kind = ANSWER_QUERY,
        .packet = flow_frame_query(&session->arena, sql),
        .is_outside = true,
    };
    request->keeps_aftermath = true;
    session->aftermath.row_count = -1;
    session->aftermath.is_behind = true;
    flow_single_relay(session, request, &command);
}

static void ask_kept(struct session *session, struct request *request)
{
    struct leg_command command = {
        .shard = session->aftermath.shard,
        .access = ACCESS_REPLICA,
        .kind = ANSWER_QUERY,
        .packet = request->raw,
        .is_outside = true,
        .wants_keep = true,
    };
    flow_single_relay(session, request, &command);
}

static void refuse_forgotten(struct session *session)
{
    const struct aftermath before = session->aftermath;
    command_refuse(session, "this question about the statement before it: it ran on several "
                            "servers, or its connection has been given back (after 5 s, or because "
                            "others waited for it); ask right after the "
                            "statement, or in the same transaction");
    session->aftermath = before;
}

// ---- one function, alone: SELECT ROW_COUNT()

// The select item when the statement is a plain SELECT of just one, without anything else.
static const struct select_item *single_item(const struct statement *statement)
{
    const struct query *query = statement->query;
    if (statement->kind != STATEMENT_SELECT || query == NULL || query->item_count != 1 ||
        query->tables != NULL || query->next != NULL || query->nested != NULL ||
        query->where != NULL || query->group_by != NULL || query->having != NULL ||
        query->order_by != NULL || query->limit != NULL || query->has_into || query->has_with) {
        return NULL;
    }
    return query->items;
}

// Without parameters, so that its text says all.
static bool is_plain_text(const struct request *request)
{
    return request->command == COM_QUERY && request->statement->param_count == 0;
}

static bool is_call(const struct expr *expr, const char *name)
{
    return expr->kind == EXPR_FUNCTION && expr->child_count == 0 && expr->schema.len == 0 &&
           slice_is_nocase(expr->name, name);
}

static bool is_variable(const struct expr *expr, const char *name)
{
    return expr->kind == EXPR_SYSTEM_VARIABLE && slice_is_nocase(expr->name, name);
}

static bool run_single(struct session *session, const struct statement *statement)
{
    const struct select_item *item = single_item(statement);
    const struct aftermath *aftermath = &session->aftermath;
    if (item == NULL) {
        return false;
    }
    struct slice name = item->alias.len > 0
                            ? item->alias
                            : slice_part(statement->text, item->span.begin, item->span.end);
    const struct expr *expr = item->expr;
    if (is_call(expr, "CONNECTION_ID")) {
        answer_number(session, NUMBER_ID, name, session->id);
    } else if (is_call(expr, "ROW_COUNT")) {
        answer_number(session, NUMBER_FUNCTION, name, (uint64_t)aftermath->row_count);
    } else if (is_call(expr, "FOUND_ROWS") && !aftermath->has_found_rows &&
               !aftermath->is_found_lost) {
        answer_number(session, NUMBER_FUNCTION, name, aftermath->found_rows);
    } else if ((is_variable(expr, "warning_count") || is_variable(expr, "error_count")) &&
               aftermath_is_empty(session)) {
        answer_number(session, NUMBER_VARIABLE, name, 0);
    } else {
        return false;
    }
    return true;
}

// ---- all

// SHOW WARNINGS, SHOW ERRORS, SHOW COUNT(*) ...
static void run_show(struct session *session, struct request *request)
{
    struct slice name = request->statement->name;
    bool is_count =
        slice_is_nocase(name, "COUNT WARNINGS") || slice_is_nocase(name, "COUNT ERRORS");
    if (!is_plain_text(request)) {
        refuse_forgotten(session);
    } else if (aftermath_is_empty(session) && is_count) {
        bool is_errors = slice_is_nocase(name, "COUNT ERRORS");
        answer_number(
            session, NUMBER_VARIABLE,
            slice_of_string(is_errors ? "@@session.error_count" : "@@session.warning_count"), 0);
    } else if (aftermath_is_empty(session)) {
        ask_for_empty(session, request);
    } else if (aftermath_leg(session) != NULL && !session->aftermath.is_lost) {
        request->keeps_aftermath = !is_count;
        session->aftermath.row_count = -1;
        ask_kept(session, request);
    } else {
        refuse_forgotten(session);
    }
}

// Can the kept backend answer it as one server would?
static bool kept_knows(const struct session *session, const struct request *request)
{
    const struct aftermath *aftermath = &session->aftermath;
    uint32_t facts = request->statement->facts;
    bool asks_list = (facts & FACT_DIAGNOSTICS) != 0;
    bool asks_counts = (facts & ((uint32_t)FACT_ROW_COUNT | FACT_FOUND_ROWS)) != 0;
    return (facts & FACT_LAST_INSERT_ID) == 0 && aftermath_leg(session) != NULL &&
           !(asks_list && aftermath->is_lost) && !(asks_list && aftermath_is_empty(session)) &&
           !(asks_counts && aftermath->is_behind) &&
           !((facts & FACT_FOUND_ROWS) != 0 && aftermath->is_found_old);
}

bool local_run(struct session *session, struct request *request)
{
    const struct statement *statement = request->statement;
    if (statement->kind == STATEMENT_DIAGNOSTICS) {
        if (statement->name.len == 0) { // GET DIAGNOSTICS, SIGNAL
            refuse_forgotten(session);
        } else {
            run_show(session, request);
        }
        return true;
    }
    uint32_t local_facts = (uint32_t)DIAGNOSTIC_FACTS | FACT_CONNECTION_ID;
    if ((statement->facts & local_facts) == 0) {
        return false;
    }
    if (is_plain_text(request) && run_single(session, statement)) {
        return true;
    }
    if ((statement->facts & (uint32_t)DIAGNOSTIC_FACTS) == 0) {
        return false;
    }
    if (kept_knows(session, request) && aftermath_list_of(request) == LIST_KEPT &&
        is_plain_text(request)) {
        ask_kept(session, request);
    } else {
        refuse_forgotten(session);
    }
    return true;
}
