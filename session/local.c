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
#include "session/command.h"
#include "session/flow_single.h"

enum {
    DIAGNOSTIC_FACTS = FACT_FOUND_ROWS | FACT_ROW_COUNT | FACT_DIAGNOSTICS,
    COLLATION_BINARY = 63,
};

// ---- result sets made here

static void write_column(struct session *session, const struct column *column)
{
    struct text payload;
    text_init(&payload);
    column_write(&payload, column);
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

static void answer_number(struct session *session, struct slice name, uint64_t value,
                          bool is_negative)
{
    struct column column = column_int64("");
    column.name = name;
    column.flags |= COLUMN_NOT_NULL;
    write_columns(session, &column, 1);
    char digits[32];
    int len = is_negative ? snprintf(digits, sizeof digits, "%lld", (long long)value)
                          : snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);
    struct text payload;
    text_init(&payload);
    row_text_add(&payload, slice_of(digits, (size_t)len));
    session_write_payload(session, text_slice(&payload));
    text_done(&payload);
    session_write_rows_end(session, 0, 0);
    session->aftermath.row_count = -1; // this was a result set, of one row
    session->aftermath.found_rows = 1;
    session->aftermath.has_found_rows = false;
    request_finish(session);
}

static void answer_no_warnings(struct session *session)
{
    struct column columns[3] = {column_string("Level"), column_int64("Code"),
                                column_string("Message")};
    columns[0].length = 7 * 4;
    columns[1].type = TYPE_LONG;
    columns[1].length = 4;
    columns[1].flags |= COLUMN_UNSIGNED | COLUMN_NOT_NULL;
    columns[2].length = 512 * 4;
    write_columns(session, columns, 3);
    session_write_rows_end(session, 0, 0);
    request_finish(session);
}

// ---- the kept backend

static bool has_kept(const struct session *session)
{
    LIST_FOR_EACH (&session->legs, node) {
        const struct leg *leg = CONTAINER_OF(node, struct leg, node);
        if (leg->shard == session->aftermath.shard) {
            return true;
        }
    }
    return false;
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
    request->keeps_aftermath = true;
    flow_single_relay(session, request, &command);
}

static void refuse_forgotten(struct session *session)
{
    const struct aftermath before = session->aftermath;
    command_refuse(session, "this question about the statement before it: it ran on several "
                            "servers, or its connection has been given back; ask right after the "
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
        answer_number(session, name, session->id, false);
    } else if (is_call(expr, "ROW_COUNT")) {
        int64_t count = aftermath->row_count;
        answer_number(session, name, (uint64_t)count, count < 0);
    } else if (is_call(expr, "FOUND_ROWS") && !aftermath->has_found_rows) {
        uint64_t count = aftermath->found_rows;
        answer_number(session, name, count, false);
    } else if (is_variable(expr, "warning_count") && !aftermath->is_error) {
        answer_number(session, name, aftermath->warnings, false);
    } else if (is_variable(expr, "error_count") && !aftermath->is_error &&
               aftermath->warnings == 0) {
        answer_number(session, name, 0, false);
    } else {
        return false;
    }
    return true;
}

// ---- all

// SHOW WARNINGS or SHOW ERRORS, maybe with a LIMIT.
static bool is_show_list(const struct statement *statement)
{
    static const char *const lists[] = {"WARNINGS", "ERRORS"};
    struct slice text = statement->text;
    size_t at = 0;
    while (at < text.len && text.ptr[at] <= ' ') {
        at++;
    }
    if (text.len - at < 5 || !slice_is_nocase(slice_part(text, at, at + 4), "SHOW")) {
        return false;
    }
    at += 4;
    while (at < text.len && text.ptr[at] <= ' ') {
        at++;
    }
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        size_t len = strlen(lists[i]);
        if (text.len - at >= len && slice_is_nocase(slice_part(text, at, at + len), lists[i])) {
            return true;
        }
    }
    return false;
}

static bool run_diagnostics(struct session *session, struct request *request)
{
    const struct aftermath *aftermath = &session->aftermath;
    bool is_show = is_show_list(request->statement);
    if (has_kept(session) && request->command == COM_QUERY &&
        (request->statement->facts & FACT_SETS_USER_VARIABLE) == 0) {
        ask_kept(session, request);
    } else if (is_show && request->command == COM_QUERY && aftermath->warnings == 0 &&
               !aftermath->is_error) {
        answer_no_warnings(session);
    } else {
        refuse_forgotten(session);
    }
    return true;
}

bool local_run(struct session *session, struct request *request)
{
    const struct statement *statement = request->statement;
    if (statement->kind == STATEMENT_DIAGNOSTICS) {
        return run_diagnostics(session, request);
    }
    uint32_t local_facts = (uint32_t)DIAGNOSTIC_FACTS | FACT_CONNECTION_ID;
    if ((statement->facts & local_facts) == 0) {
        return false;
    }
    if (request->command == COM_QUERY && run_single(session, statement)) {
        return true;
    }
    if ((statement->facts & (uint32_t)DIAGNOSTIC_FACTS) == 0) {
        return false;
    }
    if (has_kept(session) && statement->query != NULL && statement->tables == NULL &&
        request->command == COM_QUERY) {
        ask_kept(session, request);
    } else {
        refuse_forgotten(session);
    }
    return true;
}
