// What a statement leaves for SHOW WARNINGS, ROW_COUNT(), FOUND_ROWS() and the like, as servers do
// it (sql_parse.cc of MariaDB, measured with 10.11):
//
//     the list       cleared by a statement that uses a table, or that brings a message itself;
//                    SELECT 1, SET, USE, BEGIN ... leave the old one
//     ROW_COUNT()    of every statement; -1 after rows and errors
//     FOUND_ROWS()   found_rows.c
//
// The list itself is in one of these places:
//
//     nowhere          it is empty
//     on a backend     which stays with the session for it: session->aftermath.shard says on which
//                      shard
//     session->warnings
//                      errors that waybill gave itself, what several shards had to say together,
//                      and what was fetched from a backend before it went (flow_recall.c)
//
// When a backend goes without that, a list that was not empty is lost, and asking for it is
// refused.

#include "session/aftermath.h"

#include "base/hash.h"
#include "session/found_rows.h"
#include "session/warning_list.h"

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

// SELECT @x := 5, SELECT 5 INTO @x: needs the primary for its variables only.
static bool only_sets_variables(const struct statement *statement)
{
    uint32_t others = (uint32_t)FACT_WRITES | FACT_LOCKS_ROWS | FACT_NAMED_LOCK | FACT_OUTFILE |
                      FACT_UNKNOWN_FUNCTION | FACT_ROUTINE | FACT_CONNECTION_ID |
                      FACT_INSERT_ID_SET;
    return (statement->facts & FACT_SETS_USER_VARIABLE) != 0 && (statement->facts & others) == 0;
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
    case STATEMENT_SHOW:
        return found_rows_is_of_tables(statement->name) ? LIST_CLEARED : LIST_UNCLEAR;
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
        return (statement->facts & unclear) != 0 && !only_sets_variables(statement) ? LIST_UNCLEAR
                                                                                    : LIST_KEPT;
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

static void forget_list(struct session *session)
{
    warning_list_free(session->warnings);
    session->warnings = NULL;
}

uint64_t aftermath_charset(const struct session *session)
{
    static const char *const names[] = {"names", "character_set_results"};
    struct text all;
    text_init(&all);
    write_u16(&all, session->login_collation);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        write_lenenc_bytes(&all, state_find_variable(&session->carried, slice_of_string(names[i])));
    }
    uint64_t number = hash_bytes(all.ptr, all.len);
    text_done(&all);
    return number;
}

void aftermath_keep_list(struct session *session, struct warning_list *list)
{
    struct aftermath *aftermath = &session->aftermath;
    forget_list(session);
    aftermath->is_lost = aftermath->is_unclear = false;
    aftermath->warnings = (uint16_t)(list->total < UINT16_MAX ? list->total : UINT16_MAX);
    aftermath->is_error = list->errors > 0;
    if (list->count == 0 && list->total == 0) {
        warning_list_free(list);
        return;
    }
    list->charset = aftermath_charset(session);
    session->warnings = list;
}

// ---- who has it

struct leg *aftermath_leg(const struct session *session)
{
    return leg_kept_on(session, session->aftermath.shard);
}

bool aftermath_needs(const struct session *session, const struct leg *leg)
{
    const struct aftermath *aftermath = &session->aftermath;
    bool is_list_there = has_list(aftermath) && session->warnings == NULL && !aftermath->is_lost;
    return (is_list_there || aftermath->has_found_rows) && leg == aftermath_leg(session);
}

uint16_t aftermath_lingers_on(const struct session *session)
{
    const struct leg *leg = aftermath_leg(session);
    return leg != NULL && leg->is_lingering ? leg->shard : NO_SHARD;
}

bool aftermath_goes_with(const struct session *session, const struct request *request)
{
    const struct statement *statement = request->statement;
    const struct snapshot *snapshot = session->sessions->snapshot;
    uint16_t shard = aftermath_lingers_on(session);
    if (shard == NO_SHARD || config_only_shard(session_config(session)) == NO_SHARD ||
        aftermath_leg(session)->server != snapshot->shards[shard].primary) {
        return false;
    }
    bool has_figure = session->aftermath.has_found_rows && !found_rows_is_replaced(statement);
    return has_figure || aftermath_list_of(request) == LIST_UNCLEAR;
}

void aftermath_lose(struct session *session)
{
    struct aftermath *aftermath = &session->aftermath;
    aftermath->is_lost |=
        (has_list(aftermath) && session->warnings == NULL) || aftermath->is_unclear;
    aftermath->is_unclear = false;
    aftermath->is_found_lost |= aftermath->has_found_rows;
    aftermath->has_found_rows = false;
    aftermath->is_found_old = true;
    aftermath->shard = NO_SHARD;
}

// ---- noting

// The old list stays where it is. What a backend elsewhere would have to say is not looked at.
static void keep_list(const struct session *session, struct aftermath *next,
                      const struct aftermath *old)
{
    next->warnings = old->warnings;
    next->is_error = old->is_error;
    next->is_lost = old->is_lost;
    next->is_unclear = old->is_unclear;
    if (session->warnings != NULL) {
        return; // in memory
    }
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
    bool has_message = answer->is_error || answer->warnings > 0;
    if (!has_message && list == LIST_KEPT) {
        keep_list(session, &next, &old);
    } else {
        bool is_unclear = !has_message && list == LIST_UNCLEAR;
        // The backend that has the old list has run this, too: it knows which one it has now.
        bool is_there =
            old.shard == shard && shard != NO_SHARD && session->warnings == NULL && !old.is_behind;
        bool has_old = has_list(&old) || old.is_unclear;
        next.is_lost = is_unclear && (old.is_lost || (has_old && !is_there));
        next.is_unclear |= is_unclear && has_old && is_there;
        forget_list(session);
    }
    session->aftermath = next;
    if (next.shard != NO_SHARD && aftermath_leg(session) == NULL) {
        aftermath_lose(session); // the backend was not kept: others wait for it
    }
}

void aftermath_note_question(struct session *session)
{
    struct aftermath *aftermath = &session->aftermath;
    aftermath->is_found_lost |= aftermath->has_found_rows;
    aftermath->has_found_rows = false;
    aftermath->is_behind = aftermath->is_found_old = true;
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

void aftermath_note_error(struct session *session, const struct error *error)
{
    struct aftermath *aftermath = &session->aftermath;
    struct request *request = session->request;
    struct warning_list *list = request->told != NULL ? request->told : warning_list_new();
    request->told = NULL;
    struct warning row = {
        .level = LEVEL_ERROR,
        .code = error->code,
        .message = slice_of_string(error->text),
    };
    memcpy(row.sqlstate, error->sqlstate, sizeof row.sqlstate);
    (void)!warning_list_add(list, &row); // a list that is so full stays as it is
    aftermath_lose(session);
    aftermath_keep_list(session, list);
    aftermath->is_behind = true;
    aftermath->row_count = -1;
}

void aftermath_note_refused(struct session *session, uint16_t shard)
{
    struct aftermath *aftermath = &session->aftermath;
    aftermath_lose(session); // FOUND_ROWS() too, if it is not known here
    forget_list(session);
    aftermath->warnings = 0;
    aftermath->is_error = true;
    aftermath->is_lost = aftermath->is_behind = false;
    aftermath->row_count = -1;
    aftermath->shard = shard;
    if (aftermath_leg(session) == NULL) {
        aftermath_lose(session);
    }
}

// Syntax that is deprecated, for example: the list is the server's, as after any other statement.
static void note_prepared_warnings(struct session *session, uint16_t warnings, uint16_t shard)
{
    struct aftermath *aftermath = &session->aftermath;
    aftermath_lose(session); // FOUND_ROWS() too, if it is not known here
    forget_list(session);
    aftermath->warnings = warnings;
    aftermath->is_error = aftermath->is_lost = false;
    aftermath->is_behind = true;
    aftermath->shard = shard;
    if (aftermath_leg(session) == NULL) {
        aftermath_lose(session);
    }
}

void aftermath_note_prepared(struct session *session, uint16_t warnings, uint16_t shard)
{
    struct aftermath *aftermath = &session->aftermath;
    if (warnings > 0) {
        note_prepared_warnings(session, warnings, shard);
        return;
    }
    enum aftermath_list list = aftermath_list_of(session->request);
    if (aftermath_leg(session) == NULL) {
        aftermath_lose(session);
    }
    if (list == LIST_CLEARED) {
        forget_list(session);
        aftermath->warnings = 0;
        aftermath->is_error = aftermath->is_lost = aftermath->is_unclear = false;
    } else if (list == LIST_UNCLEAR) {
        bool has_old = has_list(aftermath) || aftermath->is_unclear;
        bool is_there = aftermath->shard == shard && shard != NO_SHARD &&
                        session->warnings == NULL && !aftermath->is_behind;
        aftermath->is_lost |= has_old && !is_there;
        aftermath->is_unclear = has_old && is_there;
        forget_list(session);
    }
}

void aftermath_note_merged(struct session *session, const struct aftermath *aftermath,
                           struct warning_list *list)
{
    struct aftermath next = *aftermath;
    struct answer answer = {.has_rows = aftermath->row_count < 0,
                            .row_count = aftermath->found_rows};
    found_rows_note(session, &next, &answer);
    if (aftermath->has_found_rows) { // it is known for certain
        next.found_rows = aftermath->found_rows;
        next.has_found_rows = next.is_found_lost = next.is_found_old = false;
    }
    next.is_lost = list == NULL && next.warnings > 0;
    forget_list(session);
    session->aftermath = next;
    if (list != NULL) {
        aftermath_keep_list(session, list);
        session->aftermath.warnings = next.warnings;
    }
}

void aftermath_done(struct session *session)
{
    forget_list(session);
    session->aftermath = (struct aftermath){.shard = NO_SHARD};
}
