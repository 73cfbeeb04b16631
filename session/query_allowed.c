// What a session may not run: for the statement's kind, for what binds the session to one server,
// and for what several shards can't do together. Questions only; they are asked before anything is
// sent, and by EXPLAIN ROUTE.
//
// What a backend can't be made to have by constants (temporary tables, locks, variables set at run
// time) binds the session to that backend: it is *pinned*, and statements for other shards are
// refused from then on, with the reason.

#include <stdio.h>

#include "protocol/error_table.h"
#include "session/insert_id.h"
#include "session/query.h"
#include "session/select_limit.h"
#include "session/table_locks.h"
#include "session/transaction.h"
#include "session/variables.h"

// ---- pins

const char *query_pin_reason(const struct session *session, const struct statement *statement)
{
    static const struct {
        uint32_t fact;
        const char *reason;
    } reasons[] = {
        {FACT_TEMPORARY_TABLE, "it has temporary tables"},
        {FACT_TABLE_LOCK, "it has locked tables"},
        {FACT_NAMED_LOCK, "it has used GET_LOCK or BACKUP"},
        {FACT_SETS_USER_VARIABLE, "a statement has set a user variable"},
        {FACT_HANDLER, "it has used HANDLER"},
        {FACT_XA, "it has used XA"},
        {FACT_ROUTINE, "it has called a procedure, which may have set variables"},
    };
    if (statement->kind == STATEMENT_UNKNOWN) {
        return "it has run a statement that waybill can't read, which may have set anything";
    }
    // (With several shards it was set on one of them, and is no reason to stay there.)
    if (statement->kind == STATEMENT_ADMIN && slice_is_nocase(statement->name, "PASSWORD") &&
        config_only_shard(session_config(session)) != NO_SHARD) {
        return "it has set a password, and waybill only knows the one with which it has logged in";
    }
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if ((statement->facts & reasons[i].fact) != 0) {
            return reasons[i].reason;
        }
    }
    return NULL;
}

bool query_is_within_pin(const struct session *session, uint16_t shard, struct error *error)
{
    const struct shard_config *shards = session_config(session)->shards;
    char text[300];
    if (session->pin == NULL || session->pin->shard == shard) {
        return true;
    }
    snprintf(text, sizeof text,
             "this session is bound to its server on shard '%s' because %s; the statement needs "
             "shard '%s'. Use another connection for it, or reset this one (COM_RESET_CONNECTION)",
             shards[session->pin->shard].name, session->pin_reason, shards[shard].name);
    error_fill(error, ER_PINNED, text);
    return false;
}

// The session is bound to one server: does the plan stay there?
static bool is_within_pin(const struct session *session, const struct request *request,
                          struct error *error)
{
    const struct plan *plan = request->plan;
    char text[300];
    if (!table_locks_allow(session, request, error)) {
        return false;
    }
    if (plan->merge == MERGE_UNION && request->statement->kind == STATEMENT_SHOW) {
        return true; // names of all shards, whatever this session has set on one of them
    }
    if (session->pin != NULL) {
        for (uint16_t i = 0; i < plan->target_count; i++) {
            if (!query_is_within_pin(session, plan->targets[i].shard, error)) {
                return false;
            }
        }
    } else if (request->pin_reason != NULL && plan->target_count > 1 &&
               request->statement->kind != STATEMENT_LOCK) {
        snprintf(text, sizeof text,
                 "a statement like this binds the session to one server, but it concerns %u "
                 "shards; name a shard key",
                 plan->target_count);
        error_fill(error, ER_PINNED, text);
        return false;
    }
    return true;
}

// What SET STATEMENT may set for a statement on several shards: what changes no rows.
static bool may_be_set_everywhere(struct slice name)
{
    static const char *const names[] = {
        "max_statement_time",       "max_execution_time",   "lock_wait_timeout",
        "innodb_lock_wait_timeout", "sort_buffer_size",     "join_buffer_size",
        "read_buffer_size",         "read_rnd_buffer_size", "tmp_table_size",
        "max_heap_table_size",      "optimizer_switch",     "optimizer_search_depth",
        "long_query_time",          "slow_query_log",       "query_cache_type",
        "net_write_timeout",        "foreign_key_checks",   "unique_checks"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (slice_is_nocase(name, names[i])) {
            return true;
        }
    }
    return false;
}

// Settings that each server would apply to its own part of the rows, and values that only one could
// have set.
static bool may_scatter(const struct statement *statement, struct error *error)
{
    if (insert_id_is_set_by(statement)) {
        error_fill(error, ER_CROSS_SHARD,
                   "LAST_INSERT_ID(expression) in a statement for several shards would have a "
                   "value on each: limit it to one shard");
        return false;
    }
    for (const struct set_item *item = statement->set; item != NULL; item = item->next) {
        if (!may_be_set_everywhere(item->name)) {
            error_fill(error, ER_CROSS_SHARD,
                       "the statement concerns several shards, and what SET STATEMENT sets may "
                       "change how their rows fit together: use SET");
            return false;
        }
    }
    return true;
}

bool query_is_allowed(const struct session *session, const struct request *request,
                      struct error *error)
{
    return is_within_pin(session, request, error) &&
           transaction_may_write(session, request->plan, error) &&
           (request->plan->target_count == 1 || (may_scatter(request->statement, error) &&
                                                 select_limit_apply(session, request, error)));
}

// ---- statements that commit

bool query_is_only_participant(const struct session *session, const struct plan *plan)
{
    uint16_t shard = session->transaction.first_shard;
    uint32_t count = transaction_participants(session);
    if (config_only_shard(session_config(session)) != NO_SHARD) {
        return true; // also inside of XA, where the server allows none of it
    }
    return plan->target_count == 1 &&
           (count == 0 || (count == 1 && plan->targets[0].shard == shard));
}

bool query_may_commit_before(const struct session *session, const struct request *request,
                             struct error *error)
{
    bool is_fine = is_within_pin(session, request, error) &&
                   (request->plan->target_count == 1 || may_scatter(request->statement, error));
    if (!is_fine) {
        return false;
    }
    if (!query_is_only_participant(session, request->plan) &&
        transaction_participants(session) > 0) {
        error_fill(error, ER_CROSS_SHARD,
                   "a statement like this commits the transaction implicitly: COMMIT or ROLLBACK "
                   "first");
        return false;
    }
    return true;
}

// ---- by kind

// These are run as the text that they are.
static bool is_read_otherwise(const struct request *request)
{
    enum statement_kind kind = request->statement->kind;
    return request->reading != NULL && request->reading->is_grammar_other &&
           query_is_local_kind(kind) && kind != STATEMENT_BEGIN && kind != STATEMENT_COMMIT &&
           kind != STATEMENT_ROLLBACK;
}

bool query_kind_is_allowed(const struct session *session, const struct request *request,
                           struct error *error)
{
    const struct statement *statement = request->statement;
    enum statement_kind kind = statement->kind;
    bool has_settings = statement->set != NULL && kind != STATEMENT_SET;
    const char *refusal = NULL;
    if (has_settings && (query_is_local_kind(kind) || kind == STATEMENT_KILL)) {
        refusal = "SET STATEMENT ... FOR a statement that waybill itself runs";
    } else if (is_read_otherwise(request)) {
        refusal = "executing SET, USE or SAVEPOINT that was prepared in another sql_mode or "
                  "character set: prepare it again";
    } else if (kind == STATEMENT_SET) {
        return variables_may_set(session, statement, error);
    }
    if (refusal != NULL) {
        error_fill(error, ER_NOT_SUPPORTED_YET, refusal);
    }
    return refusal == NULL;
}
