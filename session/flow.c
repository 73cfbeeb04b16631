// How a command begins and ends for the session. Whatever a flow was, its end is one function, so
// that nothing of a command outlives it but what is meant to: transaction, pin, aftermath.

#include "session/flow.h"

#include <assert.h>

#include "base/log.h"
#include "base/memory.h"
#include "protocol/error_table.h"
#include "session/aftermath.h"
#include "session/answer_marks.h"
#include "session/client_io.h"
#include "session/command.h"
#include "session/cursor_aside.h"
#include "session/multi.h"
#include "session/steps.h"
#include "session/transaction.h"

// What session->elsewhere has.
enum { OF_DATABASE, OF_COMMAND, OF_APART, OF_STEP, ELSEWHERE_STATES };

static void forget_elsewhere(struct session *session)
{
    if (session->elsewhere != NULL) {
        for (size_t i = 0; i < ELSEWHERE_STATES; i++) {
            state_done(&session->elsewhere[i]);
        }
        memory_free(session->elsewhere);
        session->elsewhere = NULL;
    }
}

static void need_elsewhere(struct session *session)
{
    if (session->elsewhere == NULL) {
        session->elsewhere = memory_new(ELSEWHERE_STATES * sizeof *session->elsewhere);
        for (size_t i = 0; i < ELSEWHERE_STATES; i++) {
            state_init(&session->elsewhere[i]);
        }
    }
}

const struct session_state *session_elsewhere(struct session *session, struct slice database)
{
    need_elsewhere(session);
    struct session_state *there = &session->elsewhere[OF_DATABASE];
    state_copy(there, &session->carried);
    state_set_database(there, database);
    return there;
}

struct session_state *session_state_copy(struct session *session)
{
    need_elsewhere(session);
    struct session_state *copy =
        &session->elsewhere[session->request->is_step ? OF_STEP : OF_COMMAND];
    state_copy(copy, session_state_now(session));
    return copy;
}

const struct session_state *session_state_apart(struct session *session)
{
    need_elsewhere(session);
    struct session_state *apart = &session->elsewhere[OF_APART];
    state_copy(apart, session_state_now(session));
    state_drop_variable(apart, slice_of_string("autocommit"));
    return apart;
}

void flow_begin(struct flow *flow, const struct flow_kind *kind, struct session *session,
                struct request *request)
{
    assert(session->flow == NULL);
    flow->kind = kind;
    flow->session = session;
    flow->request = request;
    session->flow = flow;
    session->request = request;
    if (session->stage != SESSION_RUNNING) {
        session_enter(session, SESSION_RUNNING);
    }
}

// No leg runs a command of this flow any more.
static void stop_legs(struct session *session)
{
    LIST_FOR_EACH_SAFE (&session->legs, node) {
        struct leg *leg = CONTAINER_OF(node, struct leg, node);
        if (leg->state != LEG_KEPT) {
            leg_stop(leg);
        }
    }
}

static void log_slow(const struct session *session, uint64_t took_us)
{
    int64_t limit_ms = session_config(session)->settings.slow_query_ms;
    const struct request *request = session->request;
    if (limit_ms > 0 && took_us >= (uint64_t)limit_ms * 1000 && request->statement != NULL) {
        struct slice text = request->statement->text;
        log_notice("session %u: slow query, %llu ms: %.*s", session->id,
                   (unsigned long long)(took_us / 1000), (int)(text.len < 500 ? text.len : 500),
                   (const char *)text.ptr);
    }
}

// Whoever drops the database that is his own has none.
static void note_dropped_database(struct session *session)
{
    const struct statement *statement = session->request->statement;
    if (statement == NULL || statement->kind != STATEMENT_DDL || statement->ddl == NULL ||
        statement->ddl->kind != DDL_DROP_DATABASE || session->aftermath.is_error) {
        return;
    }
    if (slice_equal_nocase(statement->ddl->database, text_slice(&session->carried.database))) {
        state_set_database(&session->carried, slice_of(NULL, 0));
    }
}

void request_finish(struct session *session)
{
    assert(session->flow == NULL);
    struct sessions *sessions = session->sessions;
    uint64_t took_us = session_now_us(session) - session->request->began_us;
    if (session->request->is_counted) {
        histogram_add(&sessions->counters.latency_us, took_us);
        log_slow(session, took_us);
    }
    note_dropped_database(session);
    (void)transaction_settle(session);
    if (session->request->is_step) {
        steps_go_on(session);
        return;
    }
    steps_done(session); // their COMMIT may have failed
    transaction_tidy(session);
    multi_note_answer(session);
    forget_elsewhere(session);
    session->request = NULL;
    arena_clear(&session->arena);
    if (session->packet.ptr != NULL) {
        text_done(&session->packet);
    }
    session->is_answer_begun = false;
    session->is_answer_between_rows = false;
    session->takes_input = false;
    session->is_input_held = false;
    legs_leave_replaced(session);
    struct error removed;
    bool is_removed = session_is_removed(session, &removed);
    if (!session->wants_close && !is_removed && multi_goes_on(session)) {
        return;
    }
    multi_done(session);
    if (session->wants_close || is_removed ||
        (sessions->is_draining && !session_in_transaction(session))) {
        session_end(session, is_removed ? &removed : NULL);
        return;
    }
    if (session->output.size_bytes > 0) {
        session_enter(session, SESSION_FLUSHING);
    } else {
        client_io_rest(session);
        session_check(session);
    }
    if (!list_is_empty(&session->legs)) {
        leg_yield_lingering(session);
    }
    if (session->input.len > 0) {
        loop_do_later(sessions->host.loop, &session->later);
    }
}

void flow_finish(struct flow *flow)
{
    struct session *session = flow->session;
    assert(session->flow == flow);
    session->flow = NULL;
    request_finish(session);
}

void flow_suspend(struct flow *flow)
{
    struct session *session = flow->session;
    assert(session->flow == flow && flow->request->suspended == NULL);
    session->flow = NULL;
    flow->request->suspended = flow;
}

struct flow *flow_resume(struct session *session)
{
    struct flow *flow = session->request->suspended;
    assert(session->flow == NULL && flow != NULL);
    session->flow = flow;
    session->request->suspended = NULL;
    return flow;
}

void flow_fail(struct flow *flow, const struct error *error)
{
    struct session *session = flow->session;
    struct error lost;
    bool is_statement = session->transaction.is_statement; // then the error says it all
    stop_legs(session);
    if (is_statement) {
        transaction_abandon(session);
    } else if (transaction_settle(session) && error->code != ER_LOCK_DEADLOCK &&
               error->code != ER_OUTCOME_UNKNOWN) {
        // The client must know that its transaction is gone, whatever took it.
        error_fill(&lost, ER_LOCK_DEADLOCK, error->text);
        error = &lost;
    }
    aftermath_note_error(session, error);
    cursor_aside_drop(session->request);
    if (!session->is_answer_begun || session->is_answer_between_rows) {
        answer_marks_drop_part(session);
        session_write_error(session, error);
    } else {
        log_notice("session %u: closed in the middle of an answer: %s", session->id, error->text);
        session->wants_close = true;
    }
    flow_finish(flow);
}

void session_drop_flow(struct session *session)
{
    struct flow *flow = session->flow;
    stop_legs(session);
    session->flow = NULL;
    session->takes_input = false;
    steps_done(session);
    if (flow != NULL && flow->kind->on_abort != NULL) {
        flow->kind->on_abort(flow);
    }
    struct flow *suspended = session->request != NULL ? session->request->suspended : NULL;
    if (suspended != NULL && suspended->kind->on_abort != NULL) {
        suspended->kind->on_abort(suspended);
    }
    forget_elsewhere(session);
    session->request = NULL;
    arena_clear(&session->arena);
}
