// FOUND_ROWS() without SQL_CALC_FOUND_ROWS, as MariaDB 10.11 counts (tried on a server): a SELECT
// leaves the rows that it gave, and those that OFFSET passed over; a statement that reads no rows
// leaves the old figure. UNION, an OFFSET behind the last row, subqueries of other statements and
// errors while rows are read leave what only that server knows.

#include "session/found_rows.h"

#include "protocol/error_table.h"

enum found { FOUND_GIVEN, FOUND_KEPT, FOUND_UNKNOWN };

static enum found found_by_select(const struct query *query, uint64_t *passed, uint64_t rows)
{
    if (query == NULL || query->next != NULL || query->nested != NULL || query->is_parenthesized ||
        query->is_values || query->has_into || query->has_limit_expr) {
        return FOUND_UNKNOWN;
    }
    if (query->offset == NULL) {
        return FOUND_GIVEN;
    }
    bool is_number =
        query->offset->kind == EXPR_INTEGER && slice_to_uint64(query->offset->value, passed);
    return is_number && (rows > 0 || *passed == 0) ? FOUND_GIVEN : FOUND_UNKNOWN;
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
        return !answer->is_error && found_rows_is_of_tables(statement->name) ? FOUND_GIVEN
                                                                             : FOUND_UNKNOWN;
    case STATEMENT_EXPLAIN:
        return statement->inner != NULL ? FOUND_KEPT : FOUND_GIVEN; // DESCRIBE shows columns
    default:
        return statement->query != NULL || (statement->facts & FACT_SUBQUERY) != 0 ||
                       (statement->insert != NULL && statement->insert->select != NULL)
                   ? FOUND_UNKNOWN
                   : FOUND_KEPT;
    }
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
        next->is_found_lost = true;
        next->is_found_old =
            !answer->has_rows || answer->is_error || request->statement->kind != STATEMENT_SELECT;
        break;
    }
}
