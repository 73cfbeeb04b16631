// What a statement leaves for SHOW WARNINGS, ROW_COUNT(), FOUND_ROWS() and the like, as servers do
// it (sql_parse.cc of MariaDB, measured with 10.11):
//
//     the list       cleared by a statement that uses a table, or that brings a message itself;
//                    SELECT 1, SET, USE, BEGIN ... leave the old one
//     ROW_COUNT()    of every statement; -1 after rows and errors
//     FOUND_ROWS()   found_rows.c
//
// The list itself is on one backend, which stays with the session for it: session->aftermath.shard
// says on which shard. When that leg goes, a list that was not empty is lost, and asking for it is
// refused.

#include "session/aftermath.h"
#include "session/found_rows.h"

// ---- the list

static bool query_has_tables(const struct query *query)
{
    for (; query != NULL; query = query->next) {
        if (query->tables != NULL) {
            return true;
        }
    }
    return false;
}

static bool has_tables(const struct statement *statement)
{
    if (statement->tables != NULL || query_has_tables(statement->query)) {
        return true;
    }
    for (uint32_t i = 0; i < statement->subquery_count; i++) {
        if (query_has_tables(statement->subqueries[i])) {
            return true;
        }
    }
    return false;
}

enum aftermath_list aftermath_list_of(const struct request *request)
{
    const struct statement *statement = request->statement;
    uint32_t unclear = (uint32_t)FACT_UNKNOWN_FUNCTION | FACT_NEEDS_PRIMARY | FACT_ROUTINE;
    if (statement == NULL) {
        return request->command == COM_INIT_DB ? LIST_KEPT : LIST_UNCLEAR;
    }
    if (has_tables(statement)) {
        return LIST_CLEARED;
    }
    switch ((int)statement->kind) {
    case STATEMENT_SELECT:
    case STATEMENT_DIAGNOSTICS:
    case STATEMENT_DO:
    case STATEMENT_SET:
    case STATEMENT_USE:
    case STATEMENT_BEGIN:
    case STATEMENT_COMMIT:
    case STATEMENT_ROLLBACK:
    case STATEMENT_SAVEPOINT:
    case STATEMENT_ROLLBACK_TO:
    case STATEMENT_RELEASE:
        return (statement->facts & unclear) != 0 ? LIST_UNCLEAR : LIST_KEPT;
    default:
        return LIST_UNCLEAR;
    }
}

static bool has_list(const struct aftermath *aftermath)
{
    return aftermath->warnings > 0 || aftermath->is_error;
}

bool aftermath_is_empty(const struct session *session)
{
    const struct aftermath *aftermath = &session->aftermath;
    return !has_list(aftermath) && !aftermath->is_lost && !aftermath->is_unclear;
}

// ---- who has it

struct leg *aftermath_leg(const struct session *session)
{
    LIST_FOR_EACH (&session->legs, node) {
        struct leg *leg = CONTAINER_OF(node, struct leg, node);
        if (leg->shard == session->aftermath.shard && leg->state == LEG_KEPT &&
            !leg_is_for_cursors(leg)) {
            return leg;
        }
    }
    return NULL;
}

uint16_t aftermath_lingers_on(const struct session *session)
{
    const struct leg *leg = aftermath_leg(session);
    return leg != NULL && leg->is_lingering ? leg->shard : NO_SHARD;
}

void aftermath_lose(struct session *session)
{
    struct aftermath *aftermath = &session->aftermath;
    aftermath->is_lost |= has_list(aftermath) || aftermath->is_unclear;
    aftermath->is_unclear = false;
    aftermath->is_found_lost |= aftermath->has_found_rows;
    aftermath->has_found_rows = false;
    aftermath->is_found_old = true;
    aftermath->shard = NO_SHARD;
}

// ---- noting

// The old list stays where it is. What a backend elsewhere would have to say is not looked at.
static void keep_list(struct aftermath *next, const struct aftermath *old)
{
    next->warnings = old->warnings;
    next->is_error = old->is_error;
    next->is_lost = old->is_lost;
    next->is_unclear = old->is_unclear;
    bool is_elsewhere = old->shard != next->shard;
    if (is_elsewhere && next->has_found_rows) {
        next->is_lost |= has_list(old) || old->is_unclear;
        next->is_unclear = false;
    } else if (has_list(old) || old->is_unclear) {
        next->shard = old->shard;
        next->is_behind = is_elsewhere;
    }
}

void aftermath_note(struct session *session, const struct answer *answer, uint16_t shard)
{
    const struct request *request = session->request;
    const struct aftermath old = session->aftermath;
    uint32_t facts = request->statement != NULL ? request->statement->facts : 0;
    bool is_plain = !answer->is_error && !answer->has_rows;
    struct aftermath next = {
        .warnings = answer->warnings,
        .is_error = answer->is_error,
        .is_unclear = (facts & FACT_ROUTINE) != 0,
        .row_count = is_plain ? (int64_t)answer->affected_rows : -1,
        .shard = shard,
    };
    found_rows_note(session, &next, answer);
    enum aftermath_list list = aftermath_list_of(request);
    if (!answer->is_error && answer->warnings == 0 && list == LIST_KEPT) {
        keep_list(&next, &old);
    } else if (!answer->is_error && answer->warnings == 0 && list == LIST_UNCLEAR) {
        next.is_lost = old.is_lost || has_list(&old);
    }
    session->aftermath = next;
    if (next.shard != NO_SHARD && aftermath_leg(session) == NULL) {
        aftermath_lose(session); // the backend was not kept: others wait for it
    }
}

void aftermath_note_ok(struct session *session)
{
    struct aftermath *aftermath = &session->aftermath;
    aftermath->row_count = 0;
    aftermath->is_behind = true;
    if (aftermath_leg(session) == NULL) {
        aftermath_lose(session);
    }
}

void aftermath_note_error(struct session *session)
{
    struct aftermath *aftermath = &session->aftermath;
    aftermath_lose(session);
    aftermath->warnings = 0;
    aftermath->is_error = aftermath->is_lost = aftermath->is_behind = true;
    aftermath->row_count = -1;
}

void aftermath_note_prepared(struct session *session)
{
    struct aftermath *aftermath = &session->aftermath;
    aftermath_lose(session);
    if (aftermath_list_of(session->request) == LIST_CLEARED) {
        aftermath->warnings = 0;
        aftermath->is_error = aftermath->is_lost = false;
    }
}
