// A statement of the client: parsed, then run by what it is.
//
//     COM_QUERY text --parse--> SET, USE           variables.c
//                               BEGIN, COMMIT, ... transaction.c
//                               SHOW WARNINGS, ... local.c
//                               all else           the router's plan --> one target: flow_single
//                                                                  +---> several:    flow_scatter
//
// What is refused of it: query_allowed.c, and the router.

#include "session/query.h"

#include "protocol/error_table.h"
#include "session/aftermath.h"
#include "session/branch.h"
#include "session/bulk.h"
#include "session/command.h"
#include "session/declare.h"
#include "session/explain_route.h"
#include "session/flow_catalog.h"
#include "session/flow_columns.h"
#include "session/flow_ddl.h"
#include "session/flow_fit.h"
#include "session/flow_gather.h"
#include "session/flow_infile.h"
#include "session/flow_kill.h"
#include "session/flow_page.h"
#include "session/flow_processlist.h"
#include "session/flow_recall.h"
#include "session/flow_scatter.h"
#include "session/flow_single.h"
#include "session/flow_status.h"
#include "session/flow_unknown.h"
#include "session/index_ask.h"
#include "session/index_claim.h"
#include "session/index_enter.h"
#include "session/insert_id.h"
#include "session/local.h"
#include "session/multi.h"
#include "session/own_names.h"
#include "session/own_status.h"
#include "session/process_table.h"
#include "session/row_id_wait.h"
#include "session/scatter_guard.h"
#include "session/step_kinds.h"
#include "session/table_locks.h"
#include "session/text_native.h"
#include "session/text_statement.h"
#include "session/transaction.h"
#include "session/variables.h"

uint32_t session_sql_mode(const struct session *session)
{
    return session->is_sql_mode_own ? session->sql_mode : session->sessions->sql_mode;
}

uint16_t query_any_shard(const struct session *session)
{
    if (session->pin != NULL) {
        return session->pin->shard;
    }
    if (session->transaction.first_shard != NO_SHARD) {
        return session->transaction.first_shard;
    }
    return session_config(session)->default_shard;
}

// A server takes blanks and semicolons off the end of a text.
static size_t end_of_text(struct slice sql)
{
    static const char blanks[] = " \t\n\v\f\r;";
    size_t len = sql.len;
    while (len > 0 && memchr(blanks, sql.ptr[len - 1], sizeof blanks - 1) != NULL) {
        len--;
    }
    return len;
}

// In MariaDB's other grammar blocks begin with other words: where semicolons are inside of a
// statement and where behind it, is for the server to say. (That mode is taken where there is one
// shard only.)
static enum parse_result read_as_oracle(struct statement *statement)
{
    bool may_be_block = statement->kind == STATEMENT_UNKNOWN || statement->kind == STATEMENT_DDL ||
                        statement->kind == STATEMENT_BEGIN;
    if (!may_be_block) {
        return PARSE_MULTIPLE;
    }
    statement->kind = STATEMENT_UNKNOWN;
    statement->rest = 0;
    return PARSE_OK;
}

struct parse_options query_parse_options(const struct session *session)
{
    const struct snapshot *snapshot = session->sessions->snapshot;
    const struct reading *reading = session->request->reading;
    return (struct parse_options){
        .sql_mode = reading != NULL ? reading->sql_mode : session_sql_mode(session),
        .charset = reading != NULL ? reading->charset : session->charset,
        .is_mariadb = snapshot->is_mariadb,
        .server_version = snapshot->server_version,
    };
}

bool query_parse(struct session *session, struct request *request, struct slice sql,
                 bool may_be_several)
{
    sql.len = end_of_text(sql);
    struct parse_options options = query_parse_options(session);
    struct error error;
    enum parse_result result = parse_statement(&session->arena, sql, &options, &request->statement);
    if ((options.sql_mode & SQL_ORACLE) != 0 && result == PARSE_MULTIPLE) {
        result = read_as_oracle(request->statement);
    }
    switch (result) {
    case PARSE_OK:
        return true;
    case PARSE_MULTIPLE:
        if (!may_be_several) { // a server says where the second one begins
            error_fill(&error, ER_PARSE, "(several statements in one text)");
            flow_unknown_start(session, request, &error);
        }
        return may_be_several;
    case PARSE_TOO_DEEP:
        if (config_only_shard(session_config(session)) != NO_SHARD) {
            return true; // STATEMENT_UNKNOWN: for the server to say
        }
        error_fill(&error, ER_TOO_LARGE, "the statement is nested too deeply");
        command_error(session, &error);
        return false;
    }
    return false;
}

// ---- routing

struct route_request query_route_request(const struct session *session,
                                         const struct request *request)
{
    const char *why = NULL;
    enum distributed mode = branch_mode(session, &why);
    bool is_bound = session->pin != NULL || session->transaction.first_shard != NO_SHARD;
    return (struct route_request){
        .statement = request->statement,
        .config = session_config(session),
        .database = text_slice(&session_state_now(session)->database),
        .params = request->params,
        .is_prepared = request->command != COM_QUERY || request->is_preparing,
        .is_strict = (session_sql_mode(session) & SQL_STRICT) != 0,
        .has_no_escapes = (query_parse_options(session).sql_mode & SQL_NO_BACKSLASH_ESCAPES) != 0,
        .columns = request->columns,
        .may_look_up = request->may_look_up,
        .index_answers = request->index_answers,
        .distributed = mode,
        .why_not_several = why,
        .allows_key_change = session_user(session)->allow_key_change,
        .scatter = session_user(session)->scatter,
        .in_transaction = session_in_transaction(session) || session->carried.is_autocommit_off,
        .may_gather = gather_is_possible(session),
        .must_gather = request->must_gather,
        .wants_sort_keys = request->wants_sort_keys,
        .is_step = request->is_step,
        .is_pinned = session->pin != NULL,
        .last_shard = is_bound ? query_any_shard(session) : NO_SHARD,
        .ids = &session->sessions->order_ids,
        .now_us = session_now_us(session),
        .keeps_zero = (session_sql_mode(session) & SQL_NO_AUTO_VALUE_ON_ZERO) != 0,
        .now_ms = (uint64_t)((int64_t)(session_now_us(session) / 1000) +
                             session->sessions->wall_ahead_ms),
        .last_insert_id = session->last_insert_id,
        .is_behind = declare_is_behind(session),
    };
}

bool query_plan(struct session *session, struct request *request, struct error *error)
{
    struct route_request route = query_route_request(session, request);
    if (request->bulk != NULL) {
        return bulk_plan(session, request, &route, error);
    }
    if (request->statement->kind == STATEMENT_DDL || request->statement->hint.len > 0) {
        return declare_plan(session, request, &route, error);
    }
    return plan_make(&session->arena, &route, &request->plan, error);
}

void query_refuse(struct session *session, struct request *request, const struct error *error)
{
    bool is_unread = request->statement->kind == STATEMENT_UNKNOWN && error->code == ER_PARSE;
    if (is_unread && request->execute == NULL) {
        flow_unknown_start(session, request, error);
        return;
    }
    counter_add(&session->sessions->counters.queries_refused, 1);
    scatter_guard_note_refusal(session, error);
    command_error(session, error);
}

// SELECT 1 leaves the list of warnings as it is: the backend that has it answers it, and stays.
static void stay_with_list(struct session *session, struct request *request)
{
    struct plan *plan = request->plan;
    uint16_t shard = aftermath_lingers_on(session);
    if (shard != NO_SHARD && plan->target_count == 1 && plan->gather == NULL &&
        plan->targets[0].sql.ptr == NULL && session->pin == NULL &&
        session->transaction.first_shard == NO_SHARD && request->statement->hint.len == 0 &&
        request->pin_reason == NULL && aftermath_list_of(request) == LIST_KEPT) {
        plan->targets[0].shard = shard;
    }
}

static void run_plan(struct session *session, struct request *request)
{
    struct session_counters *counters = &session->sessions->counters;
    const struct statement *statement = request->statement;
    struct error error;
    if (declare_forbids(session, request, &error)) { // it may have waited since it was planned
        query_refuse(session, request, &error);
        return;
    }
    if (request->plan->page != NULL && flow_page_is_possible(session, request)) {
        flow_page_start(session, request, run_plan);
        return;
    }
    if (index_claim_ahead(session, request, run_plan)) {
        return;
    }
    scatter_guard_note(session, request);
    if (request->plan->gather != NULL) {
        flow_gather_start(session, request);
        return;
    }
    bool is_one = request->plan->target_count == 1 && request->plan->warnings == NULL &&
                  request->declares == NULL;
    counter_add(is_one ? &counters->queries_one_shard : &counters->queries_many_shards, 1);
    if (statement->load != NULL && statement->load->is_local) {
        flow_infile_start(session, request);
    } else if (is_one && flow_status_is_for(statement)) {
        flow_status_start(session, request);
    } else if (is_one) {
        flow_single_start(session, request);
    } else if (statement->kind == STATEMENT_LOCK) {
        table_locks_take(session, request);
    } else if (flow_ddl_is_for(request)) {
        flow_ddl_start(session, request);
    } else if (!index_enter_ahead(session, request, run_plan)) {
        flow_scatter_start(session, request);
    }
}

void query_run_plan(struct session *session, struct request *request)
{
    struct error error;
    switch (fit_look(session, request, &error)) {
    case FIT_FINE:
        run_plan(session, request);
        break;
    case FIT_REFUSED:
        query_refuse(session, request, &error);
        break;
    case FIT_ASKS:
        fit_ask(session, request, run_plan);
        break;
    }
}

// May a name without a schema be one of the server's own tables?
static bool is_in_system_schema(const struct session *session)
{
    struct slice database = text_slice(&session_state_now(session)->database);
    return database.len == strlen("information_schema") &&
           slice_is_nocase(database, "information_schema");
}

static void route(struct session *session, struct request *request)
{
    struct error error;
    request->may_look_up = index_may_be_asked(session, request);
    if (!query_plan(session, request, &error)) {
        query_refuse(session, request, &error);
        return;
    }
    if (request->plan->index_wishes != NULL) {
        index_ask(session, request, route);
        return;
    }
    if (request->plan->wants_columns) {
        columns_ask(session, request, route);
        return;
    }
    if (request->plan->row_id_wish.ids != NULL) {
        row_id_wait_start(session, request, route);
        return;
    }
    if (!table_locks_allow(session, request, &error)) {
        query_refuse(session, request, &error);
        return;
    }
    if (request->plan->steps != STEPS_NONE) {
        step_kinds_start(session, request);
        return;
    }
    if (request->plan->split == NULL && !query_is_allowed(session, request, &error)) {
        query_refuse(session, request, &error); // a split asks shard by shard
        return;
    }
    if (request->plan->catalog != NULL) {
        catalog_ask(session, request, query_run_plan);
        return;
    }
    stay_with_list(session, request);
    if ((request->statement->facts & FACT_SYSTEM_SCHEMA) != 0 || is_in_system_schema(session)) {
        own_status_rewrite(session, request);
        if (process_table_is_for(session, request)) {
            process_table_ask(session, request, query_run_plan);
            return;
        }
    }
    query_run_plan(session, request);
}

// Merged once more, by the servers' sort keys?
static bool sort_by_keys(struct session *session, struct request *request)
{
    struct error error;
    if (request->wants_sort_keys || request->plan->merge != MERGE_SORT) {
        return false;
    }
    request->wants_sort_keys = true;
    request->edited = NULL;
    if (!query_plan(session, request, &error) || !request->plan->has_sort_keys) {
        return false;
    }
    query_run_plan(session, request);
    return true;
}

void query_gather(struct session *session, struct request *request, const struct error *refusal)
{
    struct error error = {.code = 0};
    if (sort_by_keys(session, request)) {
        return;
    }
    request->must_gather = true;
    request->edited = NULL;
    if (query_plan(session, request, &error) && request->plan->gather != NULL) {
        flow_gather_start(session, request);
        return;
    }
    query_refuse(session, request, error.code != 0 ? &error : refusal);
}

void query_route(struct session *session, struct request *request)
{
    request->is_counted = true;
    request->pin_reason = query_pin_reason(session, request->statement);
    counter_add(&session->sessions->counters.queries, 1);
    route(session, request);
}

// ---- by kind

bool query_is_local_kind(enum statement_kind kind)
{
    switch ((int)kind) {
    case STATEMENT_SET:
    case STATEMENT_USE:
    case STATEMENT_BEGIN:
    case STATEMENT_COMMIT:
    case STATEMENT_ROLLBACK:
    case STATEMENT_SAVEPOINT:
    case STATEMENT_ROLLBACK_TO:
    case STATEMENT_RELEASE:
        return true;
    default:
        return false;
    }
}

// As the servers: a comment alone is a statement that does nothing, and before a semicolon there
// must be more than that.
static void run_empty(struct session *session, struct request *request)
{
    const struct statement *statement = request->statement;
    struct error error;
    error_fill(&error, ER_EMPTY_QUERY);
    if (end_of_text(statement->text) == 0) {
        command_error(session, &error);
    } else if (statement->rest > 0) {
        flow_unknown_start(session, request, &error);
    } else {
        command_ok(session);
    }
}

// Locked tables were all that bound it: the backend goes back (and is reset).
static void on_unlocked(struct leg *leg, const struct answer *answer)
{
    (void)answer;
    struct session *session = leg->session;
    if (session->pin == leg && session->pin_facts == FACT_TABLE_LOCK) {
        session->pin = NULL;
        session->pin_reason = NULL;
        session->pin_facts = 0;
    }
}

static void answer_unlocked(struct session *session, struct request *request)
{
    (void)request;
    command_ok(session);
}

static void run_unlock(struct session *session, struct request *request)
{
    if (table_locks_are_held(session)) {
        table_locks_release_then(session, request, answer_unlocked);
        return;
    }
    if (session->pin == NULL) {
        command_ok(session); // nothing is locked
        return;
    }
    struct leg_command command = {
        .shard = session->pin->shard,
        .access = ACCESS_PRIMARY,
        .kind = ANSWER_QUERY,
        .packet = flow_frame_query(&session->arena, request->statement->text),
        .on_ok = on_unlocked,
    };
    flow_single_relay(session, request, &command);
}

// The server commits before a statement like this; what is refused must not have done that.
static void run_committing(struct session *session, struct request *request)
{
    struct error error;
    request->pin_reason = query_pin_reason(session, request->statement);
    if (!query_plan(session, request, &error) ||
        !query_may_commit_before(session, request, &error)) {
        query_refuse(session, request, &error);
    } else if (query_is_only_participant(session, request->plan) &&
               !branch_wants_decision(session)) {
        query_route(session, request);
    } else {
        transaction_commit_then(session, request, query_route);
    }
}

// Where there is one shard, EXECUTE is run there with the settings.
static bool may_set_for_execute(const struct session *session, const struct statement *statement)
{
    uint32_t others = (uint32_t)FACT_SETS_USER_VARIABLE | FACT_SUBQUERY | FACT_UNKNOWN_FUNCTION;
    return config_only_shard(session_config(session)) != NO_SHARD &&
           statement->prepare->verb == PREPARE_EXECUTE && (statement->facts & others) == 0 &&
           variables_refusal_for_statement(statement, true) == NULL;
}

static void run_server_statement(struct session *session, struct request *request)
{
    const struct statement *statement = request->statement;
    bool is_only = config_only_shard(session_config(session)) != NO_SHARD;
    const char *refusal = variables_refusal_for_statement(statement, is_only);
    if (refusal != NULL) {
        command_refuse(session, refusal);
    } else if ((statement->facts & FACT_ENDS_TRANSACTION) != 0 && session_in_transaction(session)) {
        run_committing(session, request);
    } else {
        query_route(session, request);
    }
}

// With either a server unlocks all tables first.
static bool unlocks_first(const struct session *session, enum statement_kind kind)
{
    bool is_by_pin = kind == STATEMENT_LOCK && session->pin_facts == FACT_TABLE_LOCK &&
                     config_only_shard(session_config(session)) == NO_SHARD;
    return (kind == STATEMENT_LOCK || kind == STATEMENT_BEGIN) &&
           (is_by_pin || table_locks_are_held(session));
}

// A hint sends it to that shard's server, which shows its own.
static bool is_processlist(const struct statement *statement)
{
    return statement->kind == STATEMENT_SHOW && statement->hint.len == 0 &&
           slice_is_nocase(statement->name, "PROCESSLIST");
}

bool query_is_bound_by_xa(const struct session *session)
{
    return (session->pin_facts & FACT_XA) != 0 && session->pin != NULL;
}

static bool is_about_xa(const struct session *session, enum statement_kind kind)
{
    return kind != STATEMENT_SET && kind != STATEMENT_USE && query_is_local_kind(kind) &&
           query_is_bound_by_xa(session);
}

static void run_by_kind(struct session *session, struct request *request);

static void run_unlocked(struct session *session, struct request *request)
{
    run_by_kind(session, request);
}

static void run_by_kind(struct session *session, struct request *request)
{
    enum statement_kind kind = request->statement->kind;
    struct error error;
    if (is_about_xa(session, kind)) {
        bool is_only = config_only_shard(session_config(session)) != NO_SHARD;
        request->statement->kind = kind = is_only ? STATEMENT_UNKNOWN : STATEMENT_XA;
    }
    if (!query_kind_is_allowed(session, request, &error)) {
        query_refuse(session, request, &error);
    } else if (unlocks_first(session, kind)) {
        table_locks_release_then(session, request, run_unlocked);
    } else if (kind == STATEMENT_SET) {
        variables_set(session, request);
    } else if (kind == STATEMENT_USE) {
        variables_use(session, request, request->statement->name);
    } else if (query_is_local_kind(kind)) {
        transaction_run(session, request);
    } else if (kind == STATEMENT_EMPTY) {
        run_empty(session, request);
    } else if (is_processlist(request->statement)) {
        processlist_run(session, request);
    } else if (kind == STATEMENT_KILL) {
        kill_run(session, request);
    } else if (kind == STATEMENT_UNLOCK) {
        run_unlock(session, request);
    } else if (request->statement->routed.end > 0) {
        explain_route_run(session, request);
    } else {
        run_server_statement(session, request);
    }
}

void query_run_statement(struct session *session, struct request *request)
{
    if (session->transaction.is_broken) {
        transaction_tell_broken(session, request);
    } else if (request->statement->kind == STATEMENT_PREPARE && request->statement->set != NULL &&
               !may_set_for_execute(session, request->statement)) {
        if (config_only_shard(session_config(session)) != NO_SHARD) {
            request->statement->kind = STATEMENT_UNKNOWN; // for the server, which is bound by it
            run_by_kind(session, request);
            return;
        }
        command_refuse(session, "SET STATEMENT ... FOR EXECUTE: set it in the statement itself");
    } else if (request->statement->kind == STATEMENT_PREPARE &&
               text_native_is_for(session, request)) {
        request->statement->kind = STATEMENT_UNKNOWN;
        run_by_kind(session, request);
    } else if (text_native_is_due(session, request)) {
        text_native_move(session, request, query_run_statement);
    } else if (request->statement->kind == STATEMENT_PREPARE && recall_is_due(session)) {
        recall_start(session, request, query_run_statement); // what it needs is asked of servers
    } else if (request->statement->kind == STATEMENT_PREPARE) {
        text_statement_run(session, request);
    } else if (insert_id_must_ask(session, request->statement)) {
        insert_id_ask(session, request, query_run_statement);
    } else if ((request->statement->facts & FACT_WAYBILL) != 0) {
        own_names_run(session, request);
    } else if (!local_run(session, request)) {
        if (aftermath_list_of(request) != LIST_KEPT && !aftermath_goes_with(session, request)) {
            legs_release_lingering(session);
        }
        run_by_kind(session, request);
    }
}

void query_run_text(struct session *session, struct request *request)
{
    struct slice sql = slice_part(request->payload, 1, request->payload.len);
    if ((session->capabilities & CAP_MULTI_STATEMENTS) != 0) {
        multi_run(session, request);
    } else if (query_parse(session, request, sql, false)) {
        query_run_statement(session, request);
    }
}
