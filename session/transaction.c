// The client's transaction over its shards.
//
// BEGIN is answered here and remembered; each shard is opened when its first statement goes there,
// with BEGIN (and the savepoints so far) ahead of it in the same write. The backends that are in
// the transaction are the session's legs with is_participant.
//
//     client:   BEGIN        UPDATE (s1)        SELECT (s2)          COMMIT
//     s1:                    BEGIN; UPDATE                           COMMIT
//     s2:                                       BEGIN; SELECT        COMMIT
//
// Several shards that are written commit as one (branch.h), or each by itself with distributed =
// best_effort; with refuse a write on a second one is refused, and the transaction lives on. When a
// participant is lost, or a server rolls its part back, the rest is rolled back too, and the client
// gets 1213 (40001), on which applications try again.

#include "session/transaction.h"

#include <stdio.h>

#include "protocol/error_table.h"
#include "router/sql_literal.h"
#include "session/aftermath.h"
#include "session/branch.h"
#include "session/characteristics.h"
#include "session/flow_commit.h"
#include "session/flow_moment.h"
#include "session/flow_snapshot.h"
#include "session/round.h"
#include "session/track.h"
#include "session/untold.h"

enum { ER_OPTION_PREVENTS = 1290 };

uint32_t transaction_participants(const struct session *session)
{
    uint32_t count = 0;
    LIST_FOR_EACH (&session->legs, node) {
        count += CONTAINER_OF(node, struct leg, node)->is_participant;
    }
    return count;
}

bool session_in_transaction(const struct session *session)
{
    return session->transaction.is_open || session->transaction.is_broken ||
           (!list_is_empty(&session->legs) && transaction_participants(session) > 0);
}

bool transaction_is_seen(const struct session *session)
{
    LIST_FOR_EACH (&session->legs, node) {
        const struct leg *leg = CONTAINER_OF(node, struct leg, node);
        if (leg->is_participant && (!leg->has_lasting || backend_in_transaction(leg->backend))) {
            return true;
        }
    }
    return session->transaction.is_open || session->transaction.is_broken;
}

void transaction_done(struct session *session)
{
    struct transaction *transaction = &session->transaction;
    text_done(&transaction->begin);
    text_done(&transaction->once);
    text_done(&transaction->points);
    text_done(&transaction->written);
}

// The state of no transaction; the participants are dealt with by the caller.
static void forget(struct session *session)
{
    transaction_done(session);
    session->transaction = (struct transaction){
        .first_shard = NO_SHARD, .writer_shard = NO_SHARD, .decider = NO_SHARD};
}

void transaction_tidy(struct session *session)
{
    const struct transaction *transaction = &session->transaction;
    // With autocommit off a savepoint may stand before the first statement.
    bool has_points = transaction->points.len > 0 && !session->carried.is_autocommit_off;
    bool has_any = transaction->first_shard != NO_SHARD || has_points ||
                   transaction->decider != NO_SHARD || transaction->is_once_used ||
                   transaction->begin.len > 0 || transaction->written.len > 0;
    if (has_any && !session_in_transaction(session)) {
        forget(session);
    }
}

void transaction_abandon(struct session *session)
{
    legs_release_participants(session);
    forget(session);
}

bool transaction_settle(struct session *session)
{
    if (!session->transaction.is_lost) {
        return false;
    }
    transaction_abandon(session);
    counter_add(&session->sessions->counters.transactions_rolled_back, 1);
    return true;
}

void transaction_note_broken(struct session *session)
{
    struct transaction *transaction = &session->transaction;
    if (transaction->is_lost) {
        transaction->is_lost = false;
        transaction->is_broken = true;
        legs_release_participants(session);
    }
}

// ---- savepoints: names in session->transaction.points, each ended by a NUL

static struct slice point_sql(struct arena *arena, const char *verb, struct slice name)
{
    struct text sql;
    text_init(&sql);
    text_add_string(&sql, verb);
    sql_add_name(&sql, name);
    struct slice copy = arena_copy(arena, text_slice(&sql));
    text_done(&sql);
    return copy;
}

static struct slice point_at(const struct text *points, size_t offset)
{
    return slice_of_string((const char *)points->ptr + offset);
}

// The offset of the name, or points.len.
static size_t find_point(const struct text *points, struct slice name)
{
    size_t offset = 0;
    while (offset < points->len) {
        struct slice point = point_at(points, offset);
        if (slice_equal_nocase(point, name)) {
            return offset;
        }
        offset += point.len + 1;
    }
    return points->len;
}

static void add_point(struct text *points, struct slice name)
{
    size_t offset = find_point(points, name);
    if (offset < points->len) { // the older one of that name is replaced
        size_t end = offset + point_at(points, offset).len + 1;
        memmove(points->ptr + offset, points->ptr + end, points->len - end);
        points->len -= end - offset;
    }
    text_add_slice(points, name);
    text_add(points, "", 1);
}

static uint32_t count_points(const struct text *points)
{
    uint32_t count = 0;
    for (size_t i = 0; i < points->len; i++) {
        count += points->ptr[i] == '\0';
    }
    return count;
}

uint32_t transaction_ahead(struct leg *leg, bool is_branch, struct slice **ahead, uint32_t extra)
{
    struct session *session = leg->session;
    const struct transaction *transaction = &session->transaction;
    uint32_t points = count_points(&transaction->points);
    uint32_t max = (transaction->once.len > 0 ? 1u : 0u) +
                   (transaction->is_open || is_branch ? 1u : 0u) + points;
    if (max == 0) {
        return 0;
    }
    struct slice *out = arena_alloc(&session->arena, (max + extra) * sizeof *out);
    uint32_t count = 0;
    if (transaction->once.len > 0) {
        out[count++] = text_slice(&transaction->once);
    }
    if (is_branch) {
        out[count++] = branch_sql(leg, "XA START");
    } else if (transaction->is_open) {
        out[count++] = text_slice(&transaction->begin);
    }
    size_t offset = 0;
    while (offset < transaction->points.len) {
        struct slice point = point_at(&transaction->points, offset);
        out[count++] = point_sql(&session->arena, "SAVEPOINT ", point);
        offset += point.len + 1;
    }
    *ahead = out;
    return count;
}

// ---- one writing shard

// A reload, or a server that is looked at anew, can change the mode in the middle. What began
// plainly stays plain: its shards would commit each by itself. *why: when not.
static bool may_write_several(const struct session *session, const char **why)
{
    const struct transaction *transaction = &session->transaction;
    enum distributed mode = branch_mode(session, why);
    if (mode == DISTRIBUTED_ATOMIC && transaction->decider != NO_SHARD && !transaction->is_atomic) {
        *why = "and it began when its commit was to be that of one shard";
        return false;
    }
    return mode != DISTRIBUTED_REFUSE;
}

bool transaction_may_write(const struct session *session, const struct plan *plan,
                           struct error *error)
{
    uint16_t writer = session->transaction.writer_shard;
    const char *why = NULL;
    if (plan->access != ACCESS_WRITE || plan->is_beside || !session_in_transaction(session) ||
        may_write_several(session, &why)) {
        return true;
    }
    const struct shard_config *shards = session_config(session)->shards;
    char text[400];
    for (uint16_t i = 0; i < plan->target_count; i++) {
        uint16_t shard = plan->targets[i].shard;
        if (writer == NO_SHARD) {
            writer = shard;
        }
        if (shard != writer) {
            snprintf(text, sizeof text,
                     "this transaction writes to shard '%s', and the statement to shard '%s', %s. "
                     "Commit first",
                     shards[writer].name, shards[shard].name, why);
            error_fill(error, ER_CROSS_SHARD_WRITE, text);
            return false;
        }
    }
    return true;
}

// ---- statements

static void answer_ok(struct session *session)
{
    aftermath_note_ok(session);
    session_write_ok(session, &(struct ok_packet){0});
    request_finish(session);
}

static void answer_error(struct session *session, const struct error *error)
{
    aftermath_note_error(session, error);
    session_write_error(session, error);
    request_finish(session);
}

void transaction_tell_broken(struct session *session, struct request *request)
{
    transaction_abandon(session);
    counter_add(&session->sessions->counters.transactions_rolled_back, 1);
    if (request->statement != NULL && request->statement->kind == STATEMENT_ROLLBACK) {
        answer_ok(session);
        return;
    }
    struct error error;
    error_fill(&error, ER_LOCK_DEADLOCK,
               "the transaction is rolled back: the connection to one of its servers was lost");
    answer_error(session, &error);
}

// `access`: a literal, what BEGIN itself says of it; NULL.
static void begin(struct session *session, struct slice text, const char *access, bool is_snapshot)
{
    struct transaction *transaction = &session->transaction;
    struct text once = transaction->once; // SET TRANSACTION is about this one
    struct characteristics asked = transaction->asked;
    text_init(&transaction->once);
    forget(session);
    transaction->once = once;
    transaction->asked = asked;
    transaction->is_open = true;
    transaction->is_snapshot = is_snapshot;
    transaction->access = access;
    transaction->is_read_only = characteristics_is_read_only(session);
    text_add_slice(&transaction->begin, text);
    track_note_begin(session);
    counter_add(&session->sessions->counters.transactions_begun, 1);
}

static void begin_now(struct session *session, struct request *request)
{
    const struct statement *statement = request->statement;
    const char *access = statement->is_read_write_transaction ? "READ WRITE" : NULL;
    access = statement->is_read_only_transaction ? "READ ONLY" : access;
    begin(session, statement->text, access, statement->is_consistent_snapshot);
    uint16_t only = config_only_shard(session_config(session));
    if (statement->is_consistent_snapshot && only != NO_SHARD) {
        flow_snapshot_start(session, request, only);
    } else if (statement->is_consistent_snapshot && flow_moment_is_possible(session)) {
        flow_moment_start(session, request);
    } else {
        answer_ok(session);
    }
}

// AND CHAIN: with the characteristics of the one before, but for its snapshot.
static void chain(struct session *session, const struct transaction *old)
{
    struct transaction *transaction = &session->transaction;
    if (old->is_open || old->first_shard != NO_SHARD) {
        text_add_slice(&transaction->once, text_slice(&old->once));
        transaction->asked = old->asked;
    }
    bool is_plain = old->begin.len == 0 || old->is_snapshot;
    struct slice text = is_plain ? slice_of_string("START TRANSACTION") : text_slice(&old->begin);
    if (is_plain && old->access != NULL) {
        text = arena_format(&session->arena, "START TRANSACTION %s", old->access);
    }
    begin(session, text, old->access, false);
}

// `result`: NULL when nobody took part. Tables without transactions can't be rolled back: a server
// warns of that.
static void answer_after(struct session *session, const struct round_result *result)
{
    if (result != NULL && result->left > 0) {
        untold_answer(session, result->left);
        request_finish(session);
        return;
    }
    if (result == NULL || result->warnings == 0) {
        answer_ok(session);
        return;
    }
    struct answer answer = {.warnings = result->warnings};
    aftermath_note(session, &answer, result->shard);
    session_write_ok(session, &(struct ok_packet){.warnings = result->warnings});
    request_finish(session);
}

// After COMMIT or ROLLBACK has been answered everywhere. `result`: NULL when nobody took part.
static void end_now(struct session *session, struct request *request,
                    const struct round_result *result)
{
    const struct statement *statement = request->statement;
    bool is_commit = statement->kind == STATEMENT_COMMIT;
    struct transaction old = session->transaction;
    text_init(&session->transaction.begin);
    text_init(&session->transaction.once);
    transaction_abandon(session);
    counter_add(is_commit ? &session->sessions->counters.transactions_committed
                          : &session->sessions->counters.transactions_rolled_back,
                1);
    if (statement->is_transaction_chain) {
        chain(session, &old);
    }
    text_done(&old.begin);
    text_done(&old.once);
    session->wants_close |= statement->is_transaction_release;
    answer_after(session, result);
}

// Some shards have committed and others have not: possible with best_effort only.
static void explain_partial(const struct round_result *result, struct error *error)
{
    char text[400];
    snprintf(
        text, sizeof text,
        "the transaction was committed on %u of its shards and not on %u (best_effort): %.200s",
        result->answered, result->failed, result->error.text);
    error_fill(error, ER_OUTCOME_UNKNOWN, text);
}

// False: the client was told the error.
static bool is_ended(struct session *session, const struct round_result *result, bool is_commit)
{
    if (result->failed == 0 || !is_commit) {
        session->transaction.is_lost = false; // a lost connection is rolled back, too
        return true;
    }
    struct error error = result->error;
    if (result->written > 0) {
        explain_partial(result, &error);
    } else if (error.code == ER_OPTION_PREVENTS) { // the primary was replaced meanwhile
        error_fill(&error, ER_LOCK_DEADLOCK, result->error.text);
    }
    transaction_abandon(session);
    answer_error(session, &error);
    return false;
}

static void after_end(struct session *session, struct request *request,
                      const struct round_result *result)
{
    if (is_ended(session, result, request->statement->kind == STATEMENT_COMMIT)) {
        end_now(session, request, result);
    }
}

void transaction_end_them(struct session *session, struct request *request, bool is_commit,
                          void (*then)(struct session *session, struct request *request,
                                       const struct round_result *result))
{
    if (flow_commit_is_needed(session, is_commit)) {
        flow_commit_start(session, request, is_commit, then);
        return;
    }
    struct round_order order = {
        .sql = slice_of_string(is_commit ? "COMMIT" : "ROLLBACK"),
        .is_end = true,
        .then = then,
    };
    round_start(session, request, &order);
}

static void end(struct session *session, struct request *request)
{
    if (transaction_participants(session) == 0) {
        end_now(session, request, NULL);
        return;
    }
    transaction_end_them(session, request, request->statement->kind == STATEMENT_COMMIT, after_end);
}

static void after_commit(struct session *session, struct request *request,
                         const struct round_result *result)
{
    if (!is_ended(session, result, true)) {
        return;
    }
    request->left = result->left;
    transaction_abandon(session);
    counter_add(&session->sessions->counters.transactions_committed, 1);
    request->then(session, request);
}

void transaction_commit_then(struct session *session, struct request *request,
                             void (*then)(struct session *session, struct request *request))
{
    if (transaction_participants(session) == 0) {
        if (session->transaction.is_open) {
            transaction_abandon(session);
        }
        then(session, request);
        return;
    }
    request->then = then;
    transaction_end_them(session, request, true, after_commit);
}

bool transaction_begin_own(struct session *session)
{
    struct transaction *transaction = &session->transaction;
    if (session_in_transaction(session) || session->carried.is_autocommit_off) {
        return false;
    }
    transaction->is_open = true;
    transaction->is_read_only = characteristics_is_read_only(session);
    text_add_string(&transaction->begin, "START TRANSACTION");
    return true;
}

static void after_rollback(struct session *session, struct request *request,
                           const struct round_result *result)
{
    (void)result; // a lost connection is rolled back, too
    session->transaction.is_lost = false;
    transaction_abandon(session);
    request->then(session, request);
}

void transaction_rollback_then(struct session *session, struct request *request,
                               void (*then)(struct session *session, struct request *request))
{
    if (transaction_participants(session) == 0) {
        transaction_abandon(session);
        then(session, request);
        return;
    }
    request->then = then;
    transaction_end_them(session, request, false, after_rollback);
}

static void note_point(struct session *session, const struct statement *statement)
{
    struct text *points = &session->transaction.points;
    size_t offset = find_point(points, statement->name);
    if (statement->kind == STATEMENT_SAVEPOINT) {
        add_point(points, statement->name);
    } else if (offset < points->len) {
        // Going back to one forgets those after it; releasing one forgets it as well.
        bool is_kept = statement->kind == STATEMENT_ROLLBACK_TO;
        points->len = offset + (is_kept ? statement->name.len + 1 : 0);
    }
}

static void after_point(struct session *session, struct request *request,
                        const struct round_result *result)
{
    struct error error = result->error;
    if (result->failed > 0) {
        (void)transaction_settle(session);
        answer_error(session, &error);
        return;
    }
    note_point(session, request->statement);
    answer_after(session, result);
}

static void run_point(struct session *session, struct request *request, const char *verb)
{
    const struct statement *statement = request->statement;
    const struct text *points = &session->transaction.points;
    if (statement->kind != STATEMENT_SAVEPOINT &&
        find_point(points, statement->name) == points->len) {
        struct error error;
        error_set(&error, 1305, "42000", "SAVEPOINT %.*s does not exist", (int)statement->name.len,
                  (const char *)statement->name.ptr);
        answer_error(session, &error);
    } else if (transaction_participants(session) > 0) {
        struct round_order order = {.sql = point_sql(&session->arena, verb, statement->name),
                                    .then = after_point};
        round_start(session, request, &order);
    } else {
        // Without a transaction a savepoint is gone with its own statement.
        if (session->transaction.is_open || session->carried.is_autocommit_off) {
            note_point(session, statement);
        }
        answer_ok(session);
    }
}

void transaction_run(struct session *session, struct request *request)
{
    enum statement_kind kind = request->statement->kind;
    if (kind == STATEMENT_BEGIN) {
        transaction_commit_then(session, request, begin_now);
    } else if (kind == STATEMENT_SAVEPOINT) {
        run_point(session, request, "SAVEPOINT ");
    } else if (kind == STATEMENT_ROLLBACK_TO) {
        run_point(session, request, "ROLLBACK TO SAVEPOINT ");
    } else if (kind == STATEMENT_RELEASE) {
        run_point(session, request, "RELEASE SAVEPOINT ");
    } else {
        end(session, request);
    }
}

void transaction_forget_once(struct session *session, struct slice variable)
{
    struct transaction *transaction = &session->transaction;
    if (transaction->once.len > 0 && !session_in_transaction(session)) {
        characteristics_forget(&transaction->asked, variable);
        transaction->once.len = 0;
        characteristics_print_sql(&transaction->once, &transaction->asked);
    }
}

void transaction_set_once(struct session *session, struct request *request)
{
    struct error error;
    if (session_in_transaction(session)) {
        error_fill(&error, ER_CANT_CHANGE_TRANSACTION);
        answer_error(session, &error);
        return;
    }
    struct transaction *transaction = &session->transaction;
    characteristics_note(&transaction->asked, request->statement->set);
    transaction->once.len = 0;
    characteristics_print_sql(&transaction->once, &transaction->asked);
    track_note_once(session);
    answer_ok(session);
}
