// What comes back to a leg: its answer, or that the backend is lost; and who keeps the backend
// then.
//
// What may be run again, and what the client is told when not:
//
//     lost before the command was sent     chosen anew, or held while the shard has no primary
//     a read, nothing delivered yet        run on another server, READ_TRIES_MAX times
//     in a transaction                     1213: it is rolled back on all shards
//     COMMIT, or a write by itself         9007: nobody knows whether it was done
//     a routine in a transaction           9007: it may have committed
//     on a pinned backend                  the error, then the connection ends: what was set is
//                                          lost

#include <assert.h>
#include <stdio.h>

#include "base/log.h"
#include "base/memory.h"
#include "protocol/error_table.h"
#include "session/cursor.h"
#include "session/deadlock.h"
#include "session/leg_impl.h"
#include "session/transaction.h"

enum {
    ER_LOCK_TABLE_FULL = 1206,
    ER_OPTION_PREVENTS = 1290,
    ER_READ_ONLY_TRANSACTION = 1792,
};

// ---- lost

static void lose_kept(struct leg *leg)
{
    struct session *session = leg->session;
    struct sessions *sessions = session->sessions;
    bool is_bound = leg_is_bound(leg);
    bool is_participant = leg->is_participant;
    leg_detach(leg);
    leg_free(sessions, leg);
    if (session->transaction.is_ending) {
        return; // its flow misses it
    }
    session->transaction.is_lost |= is_participant;
    transaction_note_broken(session);
    if (is_bound) {
        session->wants_close = true;
        if (session->flow == NULL) {
            log_notice("session %u: closed, the server to which it was bound is lost", session->id);
            session_end(session, NULL);
        }
    }
}

static bool may_run_again(const struct leg *leg, const struct error *error, bool was_sent)
{
    if (leg->is_participant || leg_is_bound(leg) || leg->has_delivered || leg->command.is_there ||
        error->code == ER_QUERY_TIMEOUT) {
        return false;
    }
    return !was_sent || (leg->command.access == ACCESS_REPLICA && !leg->is_joining);
}

// Of an account that it does not know a MariaDB server asks by a plugin chosen at random: the
// refusal is one or the other.
static bool is_account_unknown(const struct error *error)
{
    enum { DENIED_WITHOUT_PASSWORD = 1698 };
    return error->code == ER_ACCESS_DENIED || error->code == DENIED_WITHOUT_PASSWORD;
}

bool leg_is_account_late(const struct leg *leg, const struct error *error)
{
    const struct user_config *user = session_user(leg->session);
    return is_account_unknown(error) && user != NULL && user->is_from_servers &&
           leg->command.access == ACCESS_REPLICA &&
           leg->session->sessions->snapshot->shards[leg->shard].primary != leg->server;
}

// DDL does that first, and a routine can do it by itself, in the middle of the transaction.
bool leg_may_have_committed(const struct leg *leg)
{
    const struct statement *statement = leg->session->request->statement;
    return statement != NULL && !leg->command.is_outside &&
           (statement->kind == STATEMENT_CALL || (statement->facts & FACT_ENDS_TRANSACTION) != 0);
}

static void explain_loss(const struct leg *leg, const struct error *why, bool was_sent,
                         struct error *error)
{
    char text[300];
    bool is_in = leg->is_participant || leg->is_joining;
    bool lacked_file = leg->command.takes_file && !leg->is_file_over; // then it rolls back
    if (leg->command.is_own && leg->has_written && was_sent) {
        snprintf(text, sizeof text,
                 "the connection was lost during COMMIT: whether the transaction was committed is "
                 "not known; look before you repeat it (%.150s)",
                 why->text);
        error_fill(error, ER_OUTCOME_UNKNOWN, text);
    } else if (is_in && !(was_sent && leg_may_have_committed(leg))) {
        snprintf(text, sizeof text, "the transaction is rolled back: %.200s", why->text);
        error_fill(error, ER_LOCK_DEADLOCK, text);
    } else if (was_sent && !lacked_file && (is_in || leg->command.access == ACCESS_WRITE)) {
        snprintf(text, sizeof text,
                 "the connection was lost after the statement was sent: whether it was done is not "
                 "known; look before you repeat it (%.150s)",
                 why->text);
        error_fill(error, ER_OUTCOME_UNKNOWN, text);
    } else {
        *error = *why;
    }
}

void leg_on_lost(struct backend_user *user, struct backend *backend, const struct error *why,
                 bool was_sent)
{
    (void)backend;
    struct leg *leg = CONTAINER_OF(user, struct leg, user);
    struct session *session = leg->session;
    leg->backend = NULL;
    if (leg->state == LEG_KEPT) {
        lose_kept(leg);
        return;
    }
    assert(leg->state == LEG_RUNNING);
    if (leg->cursors > 0) {
        cursors_lose(leg);
    }
    if (may_run_again(leg, why, was_sent)) {
        if (was_sent) {
            counter_add(&session->sessions->counters.retries, 1);
        }
        leg_acquire_again(leg);
        return;
    }
    struct error error;
    leg->was_sent = was_sent;
    explain_loss(leg, why, was_sent, &error);
    session->transaction.is_lost |= leg->is_participant || leg->is_joining;
    session->wants_close |= leg_is_bound(leg);
    leg_fail(leg, &error);
}

// ---- the answer

// What workers know of tables (fit.h) may not be so any more.
static void note_table_change(const struct session *session, const struct statement *statement)
{
    const struct ddl_part *ddl = statement != NULL ? statement->ddl : NULL;
    bool is_kept = ddl != NULL && (ddl->is_temporary || ddl->kind == DDL_TRUNCATE);
    bool is_change = statement != NULL && !is_kept &&
                     (statement->kind == STATEMENT_DDL || statement->kind == STATEMENT_UNKNOWN);
    if (is_change) {
        atomic_fetch_add_explicit(session->sessions->host.table_changes, 1, memory_order_release);
    }
}

void leg_note_written(struct session *session, uint16_t shard)
{
    if (session->written_us == NULL) {
        session->written_us = memory_new(SHARDS_MAX * sizeof *session->written_us);
    }
    session->written_us[shard] = session_now_us(session);
}

static void note_written(const struct leg *leg)
{
    struct session *session = leg->session;
    const struct statement *statement = session->request->statement;
    leg_note_written(session, leg->shard);
    bool may_be_ddl = statement == NULL || statement->kind == STATEMENT_DDL ||
                      statement->kind == STATEMENT_CALL || statement->kind == STATEMENT_UNKNOWN;
    session->ddl_us = may_be_ddl ? session_now_us(session) : session->ddl_us;
    note_table_change(session, statement);
}

// With autocommit off a write to a table without transactions (MyISAM) begins none. But the server
// remembers it until COMMIT or ROLLBACK, for the warning at the latter: so long it is the client's.
static void note_lasting(struct leg *leg, const struct answer *answer)
{
    const struct session *session = leg->session;
    const struct statement *statement = session->request->statement;
    bool has_ended = statement != NULL && (statement->facts & FACT_ENDS_TRANSACTION) != 0;
    bool has_done = answer->affected_rows > 0 || answer->has_rows || answer->is_error;
    if (leg->command.is_outside) {
        return;
    }
    if (leg->command.is_own || has_ended) {
        leg->has_lasting &= answer->is_error;
    } else if (leg->command.access == ACCESS_WRITE && session->carried.is_autocommit_off) {
        leg->has_lasting |= has_done && !backend_in_transaction(leg->backend);
    }
}

// Is the backend in the client's transaction now?
static bool is_in_transaction(const struct leg *leg, const struct answer *answer)
{
    const struct session *session = leg->session;
    if (leg->branch != BRANCH_NONE) {
        return true; // until XA itself has ended it
    }
    if (leg->command.has_own_transaction) {
        return false;
    }
    if (answer->is_error && leg->is_participant) {
        return true; // an ERR has no status; the client's ROLLBACK will make it clear
    }
    if (answer->is_error && leg->is_joining) {
        // The OK to BEGIN had one, if it came to that: what failed may have been the USE before it.
        return backend_in_transaction(leg->backend);
    }
    if (answer->is_error && session->carried.is_autocommit_off && !leg->command.is_outside) {
        return true; // it may hold locks
    }
    return backend_in_transaction(leg->backend) || leg->has_lasting;
}

// After an error too: a routine (CALL, EXECUTE, a function) may have written before it failed. A
// plain statement that fails has done nothing.
static bool may_have_written(const struct leg *leg, const struct answer *answer)
{
    const struct statement *statement = leg->session->request->statement;
    bool is_plain = statement != NULL && (statement->facts & FACT_UNKNOWN_FUNCTION) == 0 &&
                    (statement->kind == STATEMENT_INSERT || statement->kind == STATEMENT_REPLACE ||
                     statement->kind == STATEMENT_UPDATE || statement->kind == STATEMENT_DELETE);
    return leg->command.access == ACCESS_WRITE && !(answer->is_error && is_plain);
}

static void settle_transaction(struct leg *leg, const struct answer *answer)
{
    struct session *session = leg->session;
    struct transaction *transaction = &session->transaction;
    bool was_in = leg->is_participant || leg->is_joining;
    if (answer->is_error && !leg->is_participant && !backend_in_transaction(leg->backend)) {
        leg->branch = BRANCH_NONE; // it did not come to XA START
    }
    if (leg->command.wants_point) {
        leg->has_point = !answer->is_error;
    }
    if (leg->is_point_of_steps_ahead) {
        leg->has_steps_point = !answer->is_error;
    }
    note_lasting(leg, answer);
    leg->is_participant = is_in_transaction(leg, answer);
    bool is_rolled_back =
        answer->error_code == ER_LOCK_DEADLOCK || answer->error_code == ER_LOCK_TABLE_FULL;
    if (answer->is_error && is_rolled_back &&
        (transaction_participants(session) > 1 || leg->branch != BRANCH_NONE)) {
        transaction->is_lost = true; // that server has rolled back its part
    }
    if (was_in && !leg->is_participant && !leg->command.is_own && !answer->is_error) {
        transaction->is_open = false; // the statement has ended it
    }
    if (may_have_written(leg, answer)) {
        leg->has_written |= leg->is_participant;
        if (leg->is_participant && transaction->writer_shard == NO_SHARD) {
            transaction->writer_shard = leg->shard;
        }
        note_written(leg);
    }
    if (leg->is_participant && transaction->first_shard == NO_SHARD) {
        transaction->first_shard = leg->shard;
    }
}

// Was a statement outside of BEGIN a transaction by itself? Not without tables, and not when it was
// refused before it came to them.
static bool has_been_transaction(const struct session *session, const struct answer *answer)
{
    const struct statement *statement = session->request->statement;
    bool has_tables = statement != NULL && statement->kind != STATEMENT_SHOW &&
                      (statement->tables != NULL || (statement->facts & FACT_SUBQUERY) != 0 ||
                       (statement->query != NULL && statement->query->tables != NULL));
    bool is_refused = answer->is_error &&
                      (answer->error_code == ER_PARSE || answer->error_code == ER_NO_SUCH_TABLE ||
                       answer->error_code == ER_READ_ONLY_TRANSACTION);
    return has_tables && !is_refused;
}

// A server's connection that drops its own database is in none.
static void note_dropped_database(struct leg *leg, const struct answer *answer)
{
    const struct statement *statement = leg->session->request->statement;
    const struct ddl_part *ddl = statement != NULL ? statement->ddl : NULL;
    if (answer->is_error || ddl == NULL || ddl->kind != DDL_DROP_DATABASE) {
        return;
    }
    struct session_state *state = backend_state(leg->backend);
    if (slice_equal_nocase(ddl->database, text_slice(&state->database))) {
        state_set_database(state, slice_of(NULL, 0));
    }
}

// True: the backend stays with the session.
static bool settle(struct leg *leg, const struct answer *answer)
{
    struct session *session = leg->session;
    const struct leg_command *command = &leg->command;
    if (!answer->is_error && command->on_ok != NULL) {
        command->on_ok(leg, answer);
    }
    // SET TRANSACTION went ahead; a statement that begins no transaction leaves it to the next one.
    bool has_once = !command->is_outside && !command->is_own && !leg->is_participant &&
                    session->transaction.once.len > 0;
    settle_transaction(leg, answer);
    note_dropped_database(leg, answer);
    if (has_once && !leg->is_participant) {
        backend_mark_dirty(leg->backend);
        session->transaction.is_once_used |= has_been_transaction(session, answer);
    }
    bool was_read = !answer->is_error || answer->error_code != ER_PARSE; // else nothing was run
    if (command->pin_reason != NULL && was_read) {
        backend_mark_dirty(leg->backend);
        session->pin = leg;
        session->pin_reason = command->pin_reason;
        session->pin_facts |= command->pin_facts;
    }
    bool has_diagnostics = answer->is_error || answer->warnings > 0;
    leg->is_lingering = !leg->is_participant && !leg_is_bound(leg) &&
                        (command->wants_keep || (command->may_linger && has_diagnostics));
    leg->is_held = command->wants_hold;
    leg->flow = NULL;
    leg->is_joining = false;
    leg->ahead_count = 0;
    if (leg->is_participant || leg_is_bound(leg) || leg->is_lingering || leg->cursors > 0 ||
        leg->is_held) {
        leg_leave_list(leg); // it may have lingered before
        leg_enter(leg, LEG_KEPT);
        if (leg->is_lingering) {
            list_push_back(&session->sessions->lingering, &leg->list_node);
        }
        return true;
    }
    leg_detach(leg);
    if (command->has_own_transaction) {
        backend_leave_reading(leg->backend);
    }
    pool_give(leg_pools(leg), leg->backend);
    leg->backend = NULL;
    return false;
}

// The server is no primary any more (or not yet): nothing was done. 1290 has other reasons too.
static bool is_read_only_refusal(const struct leg *leg, const struct answer *answer,
                                 const uint8_t *bytes, size_t len)
{
    static const char why[] = "--read-only";
    return answer->is_done && answer->is_error && answer->error_code == ER_OPTION_PREVENTS &&
           leg->command.access == ACCESS_WRITE && !leg->has_delivered && !leg->is_participant &&
           !leg_is_bound(leg) && memmem(bytes, len, why, sizeof why - 1) != NULL;
}

// A KILL that meets a commit which waits for a replica makes the server answer OK without one.
static bool is_unsure(const struct leg *leg, const struct answer *answer)
{
    const struct snapshot *snapshot = leg->session->sessions->snapshot;
    return answer->is_done && backend_was_killed(leg->backend) && !answer->is_error &&
           !leg->has_delivered && leg->command.access == ACCESS_WRITE &&
           !backend_in_transaction(leg->backend) && snapshot->servers[leg->server].has_semi_sync;
}

static void end_unsure(struct leg *leg, const struct answer *answer)
{
    struct sessions *sessions = leg->session->sessions;
    struct flow *flow = leg->flow;
    struct error error;
    struct answer last = *answer;
    leg->was_sent = true;
    error_fill(&error, ER_OUTCOME_UNKNOWN,
               "the statement was killed while it was committing: whether a replica has it is not "
               "known; look before you repeat it");
    bool is_kept = settle(leg, &last);
    flow->kind->on_failed(flow, leg, &error);
    if (!is_kept) {
        leg_free(sessions, leg);
    }
}

void leg_on_bytes(struct backend_user *user, struct backend *backend, const uint8_t *bytes,
                  size_t len)
{
    struct leg *leg = CONTAINER_OF(user, struct leg, user);
    struct sessions *sessions = leg->session->sessions;
    struct flow *flow = leg->flow;
    const struct answer *answer = backend_answer(backend);
    assert(leg->state == LEG_RUNNING && flow != NULL);
    if (is_read_only_refusal(leg, answer, bytes, len)) {
        if (leg->cursors > 0) {
            backend_mark_dirty(backend);
            cursors_lose(leg);
        }
        pool_give(leg_pools(leg), backend);
        leg_hold(leg);
        return;
    }
    if (is_unsure(leg, answer)) {
        end_unsure(leg, answer);
        return;
    }
    leg->has_delivered = true;
    if (!answer->is_done) {
        flow->kind->on_answer(flow, leg, bytes, len, NULL);
        return;
    }
    struct answer last = *answer; // the backend goes to somebody else before the flow looks at it
    deadlock_rewrite(leg, &last, &bytes, &len);
    bool is_kept = settle(leg, &last);
    flow->kind->on_answer(flow, leg, bytes, len, &last);
    if (!is_kept) {
        leg_free(sessions, leg);
    }
}
