// A statement that writes to several shards is done on all of them or on none. Outside of a
// transaction it is one by itself; in one, what it has done is undone by a savepoint:
//
//     autocommit   BEGIN | XA START, statement, then COMMIT as flow_commit.c does it
//     in BEGIN     SAVEPOINT, statement, and where another shard has failed ROLLBACK TO SAVEPOINT
//
// A statement that is run in steps (steps.h) has a savepoint of its own in the client's
// transaction, ahead of its first step on each shard; those of the steps stand behind it.

#include "session/branch.h"
#include "session/flow_commit.h"
#include "session/transaction.h"

void transaction_begin_statement(struct session *session)
{
    struct transaction *transaction = &session->transaction;
    legs_forget_points(session);
    if (branch_mode(session, NULL) == DISTRIBUTED_ATOMIC) {
        transaction->is_statement = transaction_begin_own(session) || transaction->is_statement;
    }
}

bool transaction_wants_point(const struct session *session)
{
    bool is_in = session_in_transaction(session) || session->carried.is_autocommit_off;
    return is_in && !session->transaction.is_statement &&
           branch_mode(session, NULL) == DISTRIBUTED_ATOMIC;
}

static bool has_point(const struct leg *leg)
{
    return leg->has_point;
}

static bool has_steps_point(const struct leg *leg)
{
    return leg->has_steps_point;
}

static bool is_any(const struct session *session, bool (*takes)(const struct leg *leg))
{
    LIST_FOR_EACH (&session->legs, node) {
        const struct leg *leg = CONTAINER_OF(node, struct leg, node);
        if (leg->is_participant && takes(leg)) {
            return true;
        }
    }
    return false;
}

static void after_statement(struct session *session, struct request *request,
                            const struct round_result *result)
{
    struct round_result copy = *result;
    transaction_abandon(session);
    request->then_ended(session, request, &copy);
}

// Where the savepoint can't be gone back to, the whole of it is lost.
static void after_undone(struct session *session, struct request *request,
                         const struct round_result *result)
{
    struct round_result copy = *result;
    session->transaction.is_lost |= result->failed > 0;
    legs_forget_points(session);
    request->then_ended(session, request, &copy);
}

void transaction_end_statement(struct session *session, struct request *request, bool is_failed,
                               void (*then)(struct session *session, struct request *request,
                                            const struct round_result *result))
{
    const struct round_result nothing = {.answered = 0};
    request->then_ended = then;
    if (session->transaction.is_statement && transaction_participants(session) > 0) {
        transaction_end_them(session, request, !is_failed, after_statement);
    } else if (session->transaction.is_statement) {
        after_statement(session, request, &nothing);
    } else if (is_failed && !session->transaction.is_lost && is_any(session, has_point)) {
        struct round_order order = {
            .sql = slice_of_string("ROLLBACK TO SAVEPOINT " BRANCH_POINT),
            .takes = has_point,
            .then = after_undone,
        };
        round_start(session, request, &order);
    } else {
        then(session, request, &nothing);
    }
}

void transaction_undo_steps(struct session *session, struct request *request,
                            void (*then)(struct session *session, struct request *request,
                                         const struct round_result *result))
{
    const struct round_result nothing = {.answered = 0};
    request->then_ended = then;
    if (session->transaction.is_lost || !is_any(session, has_steps_point)) {
        then(session, request, &nothing);
        return;
    }
    struct round_order order = {
        .sql = slice_of_string("ROLLBACK TO SAVEPOINT " STEPS_POINT),
        .takes = has_steps_point,
        .then = after_undone,
    };
    round_start(session, request, &order);
}
