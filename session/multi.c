// Several statements in one COM_QUERY: "INSERT ...; SELECT ...; COMMIT". Each is read when the one
// before it is over (SET sql_mode changes how the rest is read), and run as if it had come alone;
// the answers become one, as a server would give it:
//
//     statement 1   OK, with SERVER_MORE_RESULTS   sequence 1
//     statement 2   rows, EOF with it              2 3 4 5
//     statement 3   OK                             6           the end
//
// After an error nothing more is run. What an answer needs of its place among the others (the flag,
// the sequence numbers) is put into it on its way to the client: answer_marks.c, renumber.c.
//
// A loop starts the statements, so that many that are answered at once need no deep stack; a client
// that does not take its answers is waited for between two of them (flow "waiting for the client").

#include "session/multi.h"

#include "base/memory.h"
#include "session/answer_marks.h"
#include "session/flow_single.h"
#include "session/query.h"

struct multi {
    struct flow wait; // between two statements, while the client is slow
    struct text sql;  // owned; all statements
    size_t at;        // of the running one
    size_t next;      // of the one behind it; 0: it is the last
    uint8_t sequence; // of the running one's first packet
    bool is_looping;  // run_ready is on the stack
    bool is_ready;    // the next statement may begin
};

// ---- one after the other

// Reads the statement at multi->at; multi->next is where the one behind it is.
static bool read_one(struct multi *multi, struct session *session, struct request *request)
{
    struct slice rest = slice_part(text_slice(&multi->sql), multi->at, multi->sql.len);
    multi->next = 0;
    if (!query_parse(session, request, rest, true)) {
        return false;
    }
    struct statement *statement = request->statement;
    if (statement->rest == 0 || statement->rest >= rest.len || statement->kind == STATEMENT_EMPTY) {
        return true;
    }
    multi->next = multi->at + statement->rest;
    statement->text = slice_part(rest, 0, statement->rest - 1);
    return true;
}

static void run_one(struct multi *multi, struct session *session)
{
    struct request *request = arena_alloc(&session->arena, sizeof *request);
    request->session = session;
    request->command = COM_QUERY;
    request->sequence = multi->sequence;
    request->began_us = session_now_us(session);
    session->request = request;
    if (!read_one(multi, session, request)) {
        return; // the client was told
    }
    if (multi->next > 0) {
        answer_marks_add(session, ANSWER_QUERY, STATUS_MORE_RESULTS);
    }
    request->raw = flow_frame_query(&session->arena, request->statement->text);
    query_run_statement(session, request);
}

static void on_answer(struct flow *flow, struct leg *leg, const uint8_t *bytes, size_t len,
                      const struct answer *last)
{
    (void)flow, (void)leg, (void)bytes, (void)len, (void)last; // it has no legs
}

static void on_failed(struct flow *flow, struct leg *leg, const struct error *error)
{
    (void)flow, (void)leg, (void)error;
}

static void run_ready(struct multi *multi, struct session *session);

static void on_drained(struct flow *flow)
{
    struct session *session = flow->session;
    session->flow = NULL;
    session->request = NULL;
    arena_clear(&session->arena);
    session->multi->is_ready = true;
    run_ready(session->multi, session);
}

static const struct flow_kind wait_kind = {
    .name = "waiting for the client",
    .on_answer = on_answer,
    .on_failed = on_failed,
    .on_drained = on_drained,
};

static void wait_for_client(struct multi *multi, struct session *session)
{
    struct request *request = arena_alloc(&session->arena, sizeof *request);
    request->session = session;
    request->command = COM_QUERY;
    request->sequence = multi->sequence;
    flow_begin(&multi->wait, &wait_kind, session, request);
}

static void free_multi(struct multi *multi)
{
    text_done(&multi->sql);
    memory_free(multi);
}

// Begins statements until one has to wait for something.
static void run_ready(struct multi *multi, struct session *session)
{
    multi->is_looping = true;
    while (multi->is_ready) {
        multi->is_ready = false;
        if (session->is_output_full) {
            wait_for_client(multi, session);
        } else {
            run_one(multi, session);
        }
    }
    multi->is_looping = false;
    if (session->multi != multi) { // its end was reached in the loop
        free_multi(multi);
    }
}

void multi_note_answer(struct session *session)
{
    struct multi *multi = session->multi;
    const struct answer_marks *marks = session->request->marks;
    if (multi == NULL || multi->next == 0) {
        return;
    }
    bool is_fine = marks->answer.is_done && !marks->answer.is_error && !marks->answer.is_bad;
    multi->sequence = marks->answer.next_sequence;
    if (!is_fine || session->is_client_gone) {
        multi->next = 0;
    }
}

bool multi_goes_on(struct session *session)
{
    struct multi *multi = session->multi;
    if (multi == NULL || multi->next == 0) {
        return false;
    }
    multi->at = multi->next;
    multi->is_ready = true;
    if (!multi->is_looping) {
        run_ready(multi, session);
    }
    return true;
}

void multi_done(struct session *session)
{
    struct multi *multi = session->multi;
    session->multi = NULL;
    if (multi != NULL && !multi->is_looping) {
        free_multi(multi);
    }
}

void multi_run(struct session *session, struct request *request)
{
    struct slice sql = slice_part(request->payload, 1, request->payload.len);
    if (!query_parse(session, request, sql, true)) {
        return;
    }
    uint32_t rest = request->statement->rest;
    if (rest == 0 || rest >= request->statement->text.len ||
        request->statement->kind == STATEMENT_EMPTY) {
        query_run_statement(session, request);
        return;
    }
    struct multi *multi = memory_new(sizeof *multi);
    text_init(&multi->sql);
    text_add_slice(&multi->sql, request->statement->text);
    multi->sequence = request->sequence;
    multi->is_ready = true;
    session->multi = multi;
    session->request = NULL;
    arena_clear(&session->arena);
    text_done(&session->packet);
    run_ready(multi, session);
}
