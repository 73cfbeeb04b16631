// See steps.h. A step is a request of its own (request->is_step): what it writes for the client is
// kept as bytes here, and its end (request_finish) comes back as steps_go_on. The client's request
// waits in the arena meanwhile.

#include "session/steps.h"

#include <assert.h>

#include "base/memory.h"
#include "protocol/answer.h"
#include "protocol/error_table.h"
#include "protocol/packet.h"
#include "session/aftermath.h"
#include "session/flow_single.h"
#include "session/query.h"
#include "session/round.h"
#include "session/select_limit.h"
#include "session/transaction.h"
#include "session/untold.h"

struct steps {
    struct session *session; // back-pointer
    struct request *request; // the client's; in the arena
    void *state;
    steps_then then;
    struct text caught; // owned; packets of the running step's answer
    size_t max_bytes;
    bool is_too_large;
    bool has_transaction; // its own, that the client doesn't see
    bool wants_points;    // ... or what it has done is undone in the client's
    size_t at;            // in `caught`: the next row for steps_next_row
    uint64_t rows_left;   // ... and how many there are from there on
    struct ok_packet ok;  // for the client
    struct error error;   // likewise; code 0: none
    bool has_rows;        // for the client: those that are caught
};

struct steps *steps_start(struct session *session, struct request *request, void *state)
{
    assert(session->steps == NULL && !request->is_step);
    struct steps *steps = memory_new(sizeof *steps);
    *steps = (struct steps){.session = session, .request = request, .state = state};
    text_init(&steps->caught);
    session->steps = steps;
    return steps;
}

struct session *steps_session(const struct steps *steps)
{
    return steps->session;
}

struct request *steps_request(const struct steps *steps)
{
    return steps->request;
}

void *steps_state(const struct steps *steps)
{
    return steps->state;
}

void steps_begin_transaction(struct steps *steps)
{
    steps->has_transaction = transaction_begin_own(steps->session) || steps->has_transaction;
    steps->wants_points = !steps->has_transaction;
}

bool steps_want_points(const struct session *session)
{
    return session->steps != NULL && session->steps->wants_points;
}

void steps_done(struct session *session)
{
    if (session->steps != NULL) {
        legs_forget_steps_points(session);
        text_done(&session->steps->caught);
        memory_free(session->steps);
        session->steps = NULL;
    }
}

// ---- a step

void steps_catch(struct session *session, const struct iovec *parts, int count)
{
    struct steps *steps = session->steps;
    for (int i = 0; i < count && !steps->is_too_large; i++) {
        if (steps->caught.len + parts[i].iov_len > steps->max_bytes) {
            steps->is_too_large = true;
            return;
        }
        text_add(&steps->caught, parts[i].iov_base, parts[i].iov_len);
    }
}

struct request *steps_new_request(struct steps *steps, struct slice sql, size_t max_bytes,
                                  steps_then then)
{
    struct session *session = steps->session;
    struct request *request = arena_alloc(&session->arena, sizeof *request);
    request->session = session;
    request->command = COM_QUERY;
    request->sequence = 1;
    request->began_us = session_now_us(session);
    request->is_step = true;
    request->reading = steps->request->reading;
    request->state = steps->request->state;
    steps->then = then;
    steps->max_bytes = max_bytes;
    steps->is_too_large = false;
    steps->caught.len = 0;
    session->request = request;
    if (!query_parse(session, request, sql, false)) {
        return NULL; // the answer is on its way
    }
    request->raw = flow_frame_query(&session->arena, request->statement->text);
    return request;
}

struct session_state *steps_raw_state(struct session *session)
{
    struct session_state *state = session_state_copy(session);
    state_set_variable(state, slice_of_string("character_set_results"), slice_of_string("NULL"));
    state_set_variable(state, slice_of_string("sql_select_limit"),
                       slice_of_string(SELECT_LIMIT_NONE));
    return state;
}

void steps_run(struct steps *steps, struct slice sql, bool raw_results, size_t max_bytes,
               steps_then then)
{
    struct request *request = steps_new_request(steps, sql, max_bytes, then);
    if (request == NULL) {
        return;
    }
    if (raw_results) {
        request->state = steps_raw_state(steps->session);
    }
    query_run_statement(steps->session, request);
}

void steps_run_planned(struct steps *steps, struct request *request)
{
    struct error error;
    if (query_is_allowed(steps->session, request, &error)) {
        query_run_plan(steps->session, request);
    } else {
        query_refuse(steps->session, request, &error);
    }
}

// ---- its answer

// The packet at `at`, which must be whole; false at the end, or when it isn't.
static bool next_packet(const struct text *bytes, size_t *at, struct slice *payload)
{
    if (*at + PACKET_HEADER_BYTES > bytes->len) {
        return false;
    }
    size_t len = packet_payload_bytes(bytes->ptr + *at);
    if (len == PACKET_PAYLOAD_MAX || *at + PACKET_HEADER_BYTES + len > bytes->len) {
        return false;
    }
    *payload = slice_of(bytes->ptr + *at + PACKET_HEADER_BYTES, len);
    *at += PACKET_HEADER_BYTES + len;
    return true;
}

static void take_end(struct steps *steps, const struct answer *answer, struct slice payload,
                     struct step_answer *out)
{
    struct arena *arena = &steps->session->arena;
    if (out->has_rows || !ok_read(payload, &out->ok)) {
        out->ok = (struct ok_packet){.status = answer->status, .warnings = answer->warnings};
    }
    out->ok.message = arena_copy(arena, out->ok.message);
    out->ok.changes = slice_of(NULL, 0);
}

// False: a packet that can't be read.
static bool take_packet(struct steps *steps, struct answer *answer, struct slice payload,
                        struct step_answer *out)
{
    struct arena *arena = &steps->session->arena;
    struct column column;
    switch ((int)answer_packet(answer, payload)) {
    case PART_COLUMN_COUNT:
        out->has_rows = true;
        out->columns = arena_alloc(arena, answer->column_count * sizeof *out->columns);
        return true;
    case PART_COLUMN:
        if (out->columns == NULL || out->column_count == answer->column_count ||
            !column_read(payload, &column, steps->session->capabilities)) {
            return false;
        }
        column.name = arena_copy(arena, column.name);
        out->columns[out->column_count++] = column;
        return true;
    case PART_COLUMNS_END:
        return true;
    case PART_ROW:
        out->row_count++;
        return true;
    case PART_ROWS_END:
    case PART_OK:
        take_end(steps, answer, payload, out);
        return true;
    case PART_ERROR:
        return error_read(payload, &out->error);
    default:
        return false;
    }
}

static void read_answer(struct steps *steps, struct step_answer *out)
{
    struct answer answer;
    struct slice payload;
    size_t at = 0;
    *out = (struct step_answer){.has_rows = false};
    if (steps->is_too_large) {
        error_fill(&out->error, ER_TOO_LARGE,
                   "the statement needs more rows in between than gather_max_bytes allows: add "
                   "conditions, or do it in parts");
        return;
    }
    answer_start(&answer, ANSWER_QUERY, steps->session->capabilities);
    while (next_packet(&steps->caught, &at, &payload)) {
        if (!take_packet(steps, &answer, payload, out)) {
            break;
        }
        if (out->row_count == 0) { // the rows begin behind the columns, and their EOF if any
            steps->at = at;
        }
    }
    steps->rows_left = out->row_count;
    if (!answer.is_done || at != steps->caught.len) {
        error_fill(&out->error, ER_MALFORMED_PACKET);
    }
}

bool steps_next_row(struct steps *steps, struct field *fields, uint32_t count)
{
    struct slice payload;
    if (steps->rows_left == 0) {
        return false;
    }
    steps->rows_left--;
    return next_packet(&steps->caught, &steps->at, &payload) &&
           row_text_read(payload, fields, count);
}

void steps_go_on(struct session *session)
{
    struct steps *steps = session->steps;
    struct step_answer answer;
    session->request = steps->request;
    session->is_answer_between_rows = false;
    steps->at = 0;
    read_answer(steps, &answer);
    steps->then(steps, &answer);
}

// ---- the end

static void write_rows(struct steps *steps)
{
    struct session *session = steps->session;
    struct answer answer;
    struct slice payload;
    size_t at = 0;
    bool is_eof_wanted = (session->capabilities & CAP_DEPRECATE_EOF) == 0;
    answer_start(&answer, ANSWER_QUERY, session->capabilities);
    while (next_packet(&steps->caught, &at, &payload)) {
        switch ((int)answer_packet(&answer, payload)) {
        case PART_COLUMNS_END:
            if (is_eof_wanted) {
                session_write_rows_end(session, 0, 0);
            }
            break;
        case PART_ROWS_END:
            break;
        default:
            session_write_payload(session, payload);
            break;
        }
    }
    session_write_rows_end(session, steps->ok.warnings, 0);
}

static void tell(struct session *session, struct request *request)
{
    struct steps *steps = session->steps;
    if (steps->error.code != 0) {
        aftermath_note_error(session, &steps->error);
        session_write_error(session, &steps->error);
        steps_done(session);
        request_finish(session);
        return;
    }
    if (request->left > 0) {
        struct aftermath aftermath = session->aftermath;
        steps->ok.warnings = aftermath.warnings = 1;
        aftermath.shard = NO_SHARD;
        aftermath_note_merged(session, &aftermath, untold_list(request->left));
    }
    if (steps->has_rows) {
        write_rows(steps);
    } else {
        session_write_ok(session, &steps->ok);
    }
    steps_done(session);
    request_finish(session);
}

// Where the savepoint can't be gone back to, the client's transaction is lost.
static void tell_undone(struct session *session, struct request *request,
                        const struct round_result *result)
{
    struct error *error = &session->steps->error;
    char why[sizeof error->text];
    if (result->failed > 0 && error->code != ER_LOCK_DEADLOCK) {
        memcpy(why, error->text, sizeof why);
        error_fill(error, ER_LOCK_DEADLOCK, why);
    }
    tell(session, request);
}

void steps_end(struct steps *steps, const struct ok_packet *ok)
{
    steps->ok = *ok;
    steps->ok.status = 0; // the session's
    if (steps->has_transaction) {
        transaction_commit_then(steps->session, steps->request, tell);
    } else {
        tell(steps->session, steps->request);
    }
}

void steps_end_rows(struct steps *steps, uint16_t warnings)
{
    struct ok_packet ok = {.warnings = warnings};
    steps->has_rows = true;
    steps_end(steps, &ok);
}

void steps_fail(struct steps *steps, const struct error *error)
{
    steps->error = *error;
    if (steps->has_transaction) {
        transaction_rollback_then(steps->session, steps->request, tell);
    } else {
        transaction_undo_steps(steps->session, steps->request, tell_undone);
    }
}

void steps_end_as(struct steps *steps, const struct step_answer *answer)
{
    if (answer->error.code != 0) {
        steps_fail(steps, &answer->error);
    } else if (answer->has_rows) {
        steps_end_rows(steps, answer->ok.warnings);
    } else {
        steps_end(steps, &answer->ok);
    }
}
