// FOUND_ROWS() without SQL_CALC_FOUND_ROWS, as MariaDB 10.11 counts (tried on a server): a SELECT
// leaves the rows that it gave, and those that OFFSET passed over; a statement that reads no rows
// leaves the old figure. UNION, an OFFSET behind the last row, subqueries of other statements and
// errors while rows are read leave what only that server knows.

#include "session/found_rows.h"

#include "protocol/error_table.h"

enum found { FOUND_GIVEN, FOUND_KEPT, FOUND_UNKNOWN };

// Is the figure of this SELECT another one than that of the rows that it gives?
static bool is_select_hidden(const struct query *query)
{
    return query == NULL || query->next != NULL || query->nested != NULL ||
           query->is_parenthesized || query->is_values || query->has_into || query->has_limit_expr;
}

static enum found found_by_select(const struct query *query, uint64_t *passed, uint64_t rows)
{
    if (is_select_hidden(query)) {
        return FOUND_UNKNOWN;
    }
    if (query->offset == NULL) {
        return FOUND_GIVEN;
    }
    bool is_number =
        query->offset->kind == EXPR_INTEGER && slice_to_uint64(query->offset->value, passed);
    return is_number && (rows > 0 || *passed == 0) ? FOUND_GIVEN : FOUND_UNKNOWN;
}

// INSERT ... SELECT, CREATE TABLE ... SELECT: the rows of the SELECT are counted.
static bool has_select(const struct statement *statement)
{
    const struct ddl_part *ddl = statement->ddl;
    return (statement->insert != NULL && statement->insert->select != NULL) ||
           (ddl != NULL && ddl->kind == DDL_CREATE_TABLE && ddl->select != NULL);
}

bool found_rows_is_hidden(const struct statement *statement)
{
    return (statement->kind == STATEMENT_SELECT && is_select_hidden(statement->query)) ||
           has_select(statement);
}

bool found_rows_is_passed(const struct statement *statement, const struct answer *answer)
{
    return statement->kind == STATEMENT_SELECT && statement->query != NULL &&
           statement->query->offset != NULL && answer->row_count == 0;
}

bool found_rows_is_replaced(const struct statement *statement)
{
    return statement->kind == STATEMENT_SELECT || has_select(statement) ||
           (statement->kind == STATEMENT_SHOW && found_rows_is_of_tables(statement->name));
}

bool found_rows_is_of_tables(struct slice name)
{
    static const char *const rows[] = {
        "TABLES", "DATABASES",         "SCHEMAS",   "COLUMNS", "INDEX",        "VARIABLES",
        "STATUS", "SESSION VARIABLES", "COLLATION", "ENGINES", "TABLE STATUS", "GLOBAL VARIABLES"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (slice_is_nocase(name, rows[i])) {
            return true;
        }
    }
    return false;
}

// Other SHOWs that servers answer from information_schema, and those that leave the old figure.
// Of one that is not named here only its server knows.
static enum found found_by_show(struct slice name)
{
    static const char *const given[] = {"TRIGGERS",         "PLUGINS",     "FUNCTION STATUS",
                                        "PROCEDURE STATUS", "OPEN TABLES", "EVENTS",
                                        "CHARACTER SET",    "CHARSET"};
    static const char *const kept[] = {"GRANTS",       "PROCESSLIST",      "MASTER STATUS",
                                       "SLAVE STATUS", "BINLOG STATUS",    "PRIVILEGES",
                                       "PROFILES",     "ENGINE ",          "SLAVE HOSTS",
                                       "CREATE ",      "ALL SLAVES STATUS"};
    if (found_rows_is_of_tables(name)) {
        return FOUND_GIVEN;
    }
    for (size_t i = 0; i < sizeof given / sizeof given[0]; i++) {
        if (slice_is_nocase(name, given[i])) {
            return FOUND_GIVEN;
        }
    }
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        size_t len = strlen(kept[i]);
        bool is_beginning = kept[i][len - 1] == ' ' && name.len > len;
        if (slice_is_nocase(is_beginning ? slice_part(name, 0, len) : name, kept[i])) {
            return FOUND_KEPT;
        }
    }
    return FOUND_UNKNOWN;
}

// DESCRIBE t shows columns. EXPLAIN of a plain SELECT from tables counts nothing, ANALYZE does, and
// EXPLAIN SELECT 1 sets it to 0.
static enum found found_by_explain(const struct statement *statement)
{
    const struct statement *inner = statement->inner;
    if (inner == NULL) {
        return FOUND_GIVEN;
    }
    bool is_analyze = statement->text.len > 0 && (statement->text.ptr[0] | 32) == 'a';
    bool is_plain = statement->subquery_count == 0 && inner->query != NULL &&
                    inner->query->tables != NULL && !is_select_hidden(inner->query);
    return is_plain && !is_analyze ? FOUND_KEPT : FOUND_UNKNOWN;
}

static bool is_refused_unread(uint16_t error_code)
{
    return error_code == ER_PARSE || error_code == ER_BAD_FIELD || error_code == ER_NO_SUCH_TABLE;
}

static enum found found_by(const struct statement *statement, const struct answer *answer,
                           uint64_t *passed)
{
    uint32_t opaque = (uint32_t)FACT_ROUTINE | FACT_PREPARED_TEXT | FACT_UNKNOWN_FUNCTION;
    if (statement == NULL || (answer->is_error && is_refused_unread(answer->error_code))) {
        return FOUND_KEPT;
    }
    if ((statement->facts & opaque) != 0 || statement->kind == STATEMENT_UNKNOWN) {
        return FOUND_UNKNOWN;
    }
    switch ((int)statement->kind) {
    case STATEMENT_SELECT:
        return answer->is_error || !answer->has_rows || answer->is_cursor_open
                   ? FOUND_UNKNOWN
                   : found_by_select(statement->query, passed, answer->row_count);
    case STATEMENT_SHOW:
        return answer->is_error || answer->is_cursor_open ? FOUND_UNKNOWN
                                                          : found_by_show(statement->name);
    case STATEMENT_EXPLAIN:
        return answer->is_error ? FOUND_UNKNOWN : found_by_explain(statement);
    default:
        return statement->query != NULL || (statement->facts & FACT_SUBQUERY) != 0 ||
                       has_select(statement)
                   ? FOUND_UNKNOWN
                   : FOUND_KEPT;
    }
}

// VALUES (1), (2) leaves the old figure. A SHOW that opens a cursor is a SELECT for the server.
static bool is_counted_select(const struct statement *statement, const struct answer *answer)
{
    const struct query *query = statement->query;
    if (answer->is_cursor_open && statement->kind == STATEMENT_SHOW) {
        return true;
    }
    return statement->kind == STATEMENT_SELECT && query != NULL && !query->is_values &&
           (answer->has_rows || query->has_into);
}

// What is counted in a way that only the server knows: does its backend have the figure for
// certain? A statement that may leave the old one does so only where the old one was.
static bool is_on_backend(const struct session *session, const struct aftermath *old, bool is_there,
                          const struct answer *answer)
{
    const struct statement *statement = session->request->statement;
    bool has_old =
        old->has_found_rows || (!old->is_behind && !old->is_found_old && !old->is_found_lost);
    bool is_counted = !answer->is_error && statement != NULL &&
                      (statement->facts & FACT_PREPARED_TEXT) == 0 &&
                      (is_counted_select(statement, answer) || has_select(statement));
    return is_counted || (is_there && has_old);
}

void found_rows_note(const struct session *session, struct aftermath *next,
                     const struct answer *answer)
{
    const struct request *request = session->request;
    const struct aftermath *old = &session->aftermath;
    uint64_t passed = 0;
    bool is_there = old->shard == next->shard && old->shard != NO_SHARD;
    bool is_calculated = answer->has_rows && !answer->is_error && request->statement != NULL &&
                         (request->statement->facts & FACT_CALC_FOUND_ROWS) != 0;
    next->has_found_rows = next->is_found_lost = next->is_found_old = false;
    next->found_rows = 0;
    if (is_calculated) {
        next->has_found_rows = next->shard != NO_SHARD;
        next->is_found_lost = next->shard == NO_SHARD;
        return;
    }
    switch (found_by(request->statement, answer, &passed)) {
    case FOUND_GIVEN:
        next->found_rows = passed + answer->row_count;
        break;
    case FOUND_KEPT:
        next->found_rows = old->found_rows;
        next->has_found_rows = old->has_found_rows && is_there;
        next->is_found_lost = old->is_found_lost || (old->has_found_rows && !is_there);
        next->is_found_old = !next->has_found_rows; // perhaps on another connection
        break;
    case FOUND_UNKNOWN:
        next->has_found_rows =
            next->shard != NO_SHARD && is_on_backend(session, old, is_there, answer);
        next->is_found_lost = !next->has_found_rows;
        next->is_found_old =
            !answer->has_rows || answer->is_error || request->statement->kind != STATEMENT_SELECT;
        break;
    }
}
