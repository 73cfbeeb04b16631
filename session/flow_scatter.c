// A statement that goes to several shards: sent to all at once, the answers become one.
//
//                     every source has its first row, its end or its OK
//     (start) --> HEADS -----------------------------------------> ROWS <---> FULL
//                  |  ^                                              |          |
//                  |  +-- lost before the client got a byte:         |          |
//                  |      all again (reads, 3 times)                 |          |
//                  |                                                 |          |
//                  +--> OKs of all, an error ------------------+     |          |
//                                                              v     v          v
//                                                              DRAINING --> (finished)
//
//     from -> to [function]
//     HEADS -> ROWS [begin_rows], HEADS -> HEADS [scatter_start_all], ROWS <-> FULL [flush,
//     on_drained], any -> DRAINING [decide], DRAINING -> finished [finish]
//
// What turns out in HEADS not to be mergeable (ENUM, some collations) is gathered instead. Where
// that may turn out later, as too many groups that are sorted by their values, nothing is sent
// before the end, or before 1 MiB of the answer is there (scatter.holds): until then it is
// gathered, too.
//
//     HEADS     nothing was written to the client: what can't be merged is an ordinary error
//     ROWS      the column definitions were written, or are held; the client takes bytes
//     FULL      as ROWS, the client is slow: no source is read
//     DRAINING  what the client gets in the end is decided: what still comes is read and dropped
//
// Memory: a source that has a row to spare and MERGE_SOURCE_BYTES behind it is not read until that
// is used up, so what is buffered is bounded by the number of shards (and the longest row).
//
// Reads that are no longer needed are cut off: at once after an error, after DRAIN_BYTES_MAX of
// rows beyond a LIMIT. Where that would lose a transaction, and for writes, every answer is
// awaited.

#include <assert.h>

#include "protocol/error_table.h"
#include "session/cursor_aside.h"
#include "session/ddl_run.h"
#include "session/index_enter.h"
#include "session/query.h"
#include "session/round.h"
#include "session/scatter_impl.h"
#include "session/transaction.h"

enum {
    OUT_BYTES = 32 * 1024, // rows are collected up to this before they are written
    TRIES_MAX = 3,
};

static void scatter_check(const struct scatter *scatter)
{
    const struct session *session = scatter->flow.session;
    switch (scatter->state) {
    case SCATTER_HEADS:
        assert(scatter->merge == NULL || scatter->row_count == 0);
        assert(!session->is_answer_begun && scatter->out.len == 0);
        break;
    case SCATTER_ROWS:
    case SCATTER_FULL:
        assert(scatter->merge != NULL);
        break;
    case SCATTER_DRAINING:
        break;
    }
}

static void scatter_enter(struct scatter *scatter, enum scatter_state state)
{
    scatter->state = state;
    scatter_check(scatter);
}

// ---- starting

static const struct flow_kind scatter_kind;

void flow_scatter_start(struct session *session, struct request *request)
{
    struct scatter *scatter = arena_alloc(&session->arena, sizeof *scatter);
    scatter->plan = *request->plan;
    scatter->source_count = scatter->merged_count = request->plan->target_count;
    scatter->failed = NO_SOURCE;
    if (scatter->plan.merge == MERGE_FIRST) {
        scatter->merged_count = 1;
    }
    if (scatter->plan.gather != NULL) {
        scatter->plan.merge = MERGE_ROWS; // of one
    }
    if (scatter->plan.merge != MERGE_SORT && scatter->plan.merge != MERGE_ROWS &&
        scatter->plan.merge != MERGE_GROUP) {
        scatter->plan.offset = 0; // they mean nothing there
        scatter->plan.limit = UINT64_MAX;
    }
    scatter->sources =
        arena_alloc(&session->arena, scatter->source_count * sizeof *scatter->sources);
    scatter->holds = scatter_may_fail_late(&scatter->plan);
    text_init(&scatter->out);
    flow_begin(&scatter->flow, &scatter_kind, session, request);
    scatter->columns.is_sent_raw = scatter_is_sent_raw(session);
    scatter_enter(scatter, SCATTER_HEADS);
    if (scatter->plan.is_write_to_many) {
        transaction_begin_statement(session);
        scatter->wants_point = transaction_wants_point(session);
    }
    scatter_start_all(scatter);
}

static void give_back(struct scatter *scatter)
{
    ddl_run_abandon(scatter->flow.session->sessions, scatter->flow.request->ddl);
    for (uint32_t i = 0; i < scatter->source_count; i++) {
        source_stop(&scatter->sources[i]);
    }
    if (scatter->merge != NULL) {
        merge_stop(scatter->merge);
    }
    if (scatter->group != NULL) {
        merge_group_stop(scatter->group);
    }
    text_done(&scatter->out);
}

// ---- deciding and ending

static void decide(struct scatter *scatter, enum ending ending, const struct error *error)
{
    scatter->ending = ending;
    if (error != NULL) {
        scatter->error = *error;
        bool is_unsent = scatter->state == SCATTER_HEADS || (scatter->holds && !scatter->has_begun);
        scatter->wants_gather =
            is_unsent && error->code == ER_CROSS_SHARD && scatter_has_other_way(scatter);
    }
    for (uint32_t i = 0;
         ending == END_ERROR && !scatter_is_write(scatter) && i < scatter->source_count; i++) {
        source_stop_leg(&scatter->sources[i]);
    }
    scatter_enter(scatter, SCATTER_DRAINING);
}

static void send_out(struct scatter *scatter)
{
    if (scatter->out.len == 0) {
        return;
    }
    struct error error;
    scatter->has_begun = true;
    bool is_full = session_write(scatter->flow.session, scatter->out.ptr, scatter->out.len);
    scatter->out.len = 0;
    if (scatter->state == SCATTER_ROWS && cursor_is_too_large(scatter->flow.request, &error)) {
        decide(scatter, END_ERROR, &error);
    }
    if (is_full && scatter->state == SCATTER_ROWS) {
        scatter_enter(scatter, SCATTER_FULL);
    }
}

static void flush(struct scatter *scatter)
{
    if (!scatter_is_held(scatter)) {
        send_out(scatter);
    }
}

static void finish(struct scatter *scatter);

// The statement has ended on all shards as one, or on none.
static void on_ended(struct session *session, struct request *request,
                     const struct round_result *result)
{
    struct scatter *scatter = CONTAINER_OF(flow_resume(session), struct scatter, flow);
    (void)request;
    scatter->left = result->left;
    if (result->failed > 0 && scatter->ending != END_ERROR) {
        scatter->ending = END_ERROR;
        scatter->error = result->error;
        scatter->failed = NO_SOURCE;
    }
    finish(scatter);
}

// A row that a global index lacks the entry for. True: it is made, and the statement run again.
static bool enter_index(struct scatter *scatter)
{
    struct session *session = scatter->flow.session;
    struct request *request = scatter->flow.request;
    struct error error = scatter->error;
    if (scatter->ending != END_ERROR || error.code != ER_NOT_INDEXED ||
        scatter->failed == NO_SOURCE || session->transaction.is_lost || scatter->has_begun) {
        return false;
    }
    uint8_t sequence = request->sequence;
    session->flow = NULL; // it is over if the command goes on
    request->sequence = scatter->out.len > 0 ? scatter->first_sequence : sequence;
    if (index_enter_start(session, request, &request->plan->targets[scatter->failed], &error)) {
        give_back(scatter);
        return true;
    }
    request->sequence = sequence;
    session->flow = &scatter->flow;
    return false;
}

// The last thing in an event: the flow is gone afterwards.
static void finish(struct scatter *scatter)
{
    if (scatter->plan.is_write_to_many && !scatter->is_ended) {
        struct session *session = scatter->flow.session;
        scatter->is_ended = true;
        flow_suspend(&scatter->flow);
        transaction_end_statement(session, session->request, scatter->ending == END_ERROR,
                                  on_ended);
        return;
    }
    if (scatter->is_undone && enter_index(scatter)) {
        return;
    }
    if (scatter->ending == END_ERROR && scatter->wants_gather) {
        scatter_drop_held(scatter);
    }
    send_out(scatter);
    struct error error = scatter->error;
    enum ending ending = scatter->ending;
    if (ending == END_ROWS) {
        scatter_write_rows_end(scatter);
    } else if (ending == END_OK) {
        scatter_write_ok(scatter);
    }
    if (ending == END_ERROR && !scatter->wants_gather) {
        scatter->flow.request->told = scatter_warnings_of_error(scatter);
    }
    give_back(scatter);
    if (ending == END_ERROR && scatter->wants_gather) {
        struct session *session = scatter->flow.session;
        session->flow = NULL; // this flow is over, the command is not
        query_gather(session, scatter->flow.request, &error);
    } else if (ending == END_ERROR) {
        flow_fail(&scatter->flow, &error);
    } else {
        flow_finish(&scatter->flow);
    }
}

// ---- HEADS: until all have said what they have

static bool has_failed_everywhere(const struct scatter *scatter)
{
    bool has_failed = true;
    for (uint32_t i = 0; i < scatter->source_count; i++) {
        has_failed = has_failed && scatter->sources[i].at == SOURCE_AT_ERROR;
    }
    return has_failed;
}

// The first source's error, by place; for writes with the list of where it was done all the same.
static void decide_error(struct scatter *scatter)
{
    uint32_t first = 0;
    while (scatter->sources[first].at != SOURCE_AT_ERROR) {
        first++;
    }
    struct error error = scatter->sources[first].error;
    scatter->failed = first;
    scatter->is_undone =
        scatter_is_write(scatter) &&
        (scatter->flow.session->transaction.is_atomic || has_failed_everywhere(scatter));
    scatter_correct_row(scatter, first, &error);
    if (scatter_is_write(scatter) && !scatter->flow.session->transaction.is_atomic) {
        scatter_explain_write(scatter, &error); // else it is done nowhere
    }
    decide(scatter, END_ERROR, &error);
}

static void decide_refusal(struct scatter *scatter, const char *why)
{
    struct error error;
    error_fill(&error, ER_CROSS_SHARD, why);
    decide(scatter, END_ERROR, &error);
}

// Have all said what they have? Errors of a read end it at once.
static bool has_all_heads(struct scatter *scatter)
{
    bool has_all = true;
    for (uint32_t i = 0; i < scatter->source_count; i++) {
        struct scatter_source *source = &scatter->sources[i];
        if (i >= scatter->merged_count) {
            source_skip_rows(source);
        }
        enum source_at at = source_look(source);
        if (at == SOURCE_AT_ERROR && !scatter_is_write(scatter)) {
            decide_error(scatter);
            return false;
        }
        has_all = has_all && at != SOURCE_AT_NOTHING;
    }
    return has_all;
}

// Gives the merge what the source has next. False when it has nothing yet, or it is decided.
static bool feed(struct scatter *scatter, uint32_t number)
{
    struct scatter_source *source = &scatter->sources[number];
    struct error error;
    if (source->is_fed || scatter->state == SCATTER_DRAINING) {
        return false;
    }
    switch (source_look(source)) {
    case SOURCE_AT_NOTHING:
        return false;
    case SOURCE_AT_ROW:
        if (!merge_put(scatter->merge, number, source->row, &error)) {
            decide(scatter, END_ERROR, &error);
            return false;
        }
        break;
    case SOURCE_AT_END:
        merge_end(scatter->merge, number);
        break;
    case SOURCE_AT_OK:
        decide_refusal(scatter, "the shards' answers don't fit together: rows and OK");
        return false;
    case SOURCE_AT_ERROR:
        decide_error(scatter);
        return false;
    }
    source->is_fed = true;
    return true;
}

static void begin_rows(struct scatter *scatter)
{
    struct error error;
    if (!scatter_join_columns(scatter, &error)) {
        decide(scatter, END_ERROR, &error);
        return;
    }
    if (scatter->plan.merge == MERGE_GROUP && !scatter_start_groups(scatter, &error)) {
        decide(scatter, END_ERROR, &error);
        return;
    }
    scatter->merge = merge_start(scatter_arena(scatter), &scatter->plan, &scatter->columns,
                                 scatter->merged_count);
    for (uint32_t i = 0; i < scatter->merged_count; i++) {
        (void)feed(scatter, i);
    }
    if (scatter->state == SCATTER_HEADS) {
        scatter_enter(scatter, SCATTER_ROWS);
        scatter->first_sequence = scatter->flow.request->sequence;
        scatter_add_columns(scatter);
    }
}

static void look_at_heads(struct scatter *scatter)
{
    uint32_t ok_count = 0;
    if (!has_all_heads(scatter)) {
        return;
    }
    for (uint32_t i = 0; i < scatter->source_count; i++) {
        if (scatter->sources[i].at == SOURCE_AT_ERROR) {
            decide_error(scatter);
            return;
        }
    }
    scatter_complete_records(scatter);
    for (uint32_t i = 0; i < scatter->merged_count; i++) {
        const struct scatter_source *source = &scatter->sources[i];
        if (source->at == SOURCE_AT_OK) {
            merge_ok_add(scatter_arena(scatter), &scatter->ok, &source->ok, ok_count == 0);
            ok_count++;
        }
    }
    if (ok_count == scatter->merged_count) {
        decide(scatter, END_OK, NULL);
    } else if (ok_count > 0) {
        decide_refusal(scatter, "the shards' answers don't fit together: rows and OK");
    } else {
        begin_rows(scatter);
    }
}

// ---- ROWS

// Feeds all that are wanted; false when none could be.
static bool feed_all(struct scatter *scatter)
{
    bool has_fed = false;
    for (uint32_t i = 0; i < scatter->merged_count; i++) {
        has_fed = feed(scatter, i) || has_fed;
    }
    return has_fed;
}

static void next_of(struct scatter *scatter, uint32_t number)
{
    source_take(&scatter->sources[number]);
    scatter->sources[number].is_fed = false;
    (void)feed(scatter, number);
}

static void pass_row(struct scatter *scatter, uint32_t number)
{
    struct error error;
    bool is_fine = scatter->group == NULL ? scatter_add_row(scatter, number, &error)
                                          : scatter_group_row(scatter, number, &error);
    if (!is_fine) {
        decide(scatter, END_ERROR, &error);
        return;
    }
    if (scatter->out.len >= OUT_BYTES) {
        flush(scatter);
    }
    if (scatter->state != SCATTER_DRAINING) { // a cursor's rows may have become too many
        next_of(scatter, number);
    }
}

// The last group is over as well. Those that were held go out one by one, as fast as the client
// takes them.
static void end_rows(struct scatter *scatter)
{
    struct error error;
    bool is_over = false;
    if (!scatter_end_groups(scatter, &is_over, &error)) {
        decide(scatter, END_ERROR, &error);
    } else if (is_over) {
        decide(scatter, END_ROWS, NULL);
    } else if (scatter->out.len >= OUT_BYTES) {
        flush(scatter);
    }
}

static void merge_rows(struct scatter *scatter)
{
    bool is_waiting = false;
    while (scatter->state == SCATTER_ROWS && !is_waiting) {
        uint32_t number;
        switch (scatter_next(scatter, &number)) {
        case MERGE_STEP_WAIT:
            is_waiting = !feed_all(scatter);
            break;
        case MERGE_STEP_ROW:
            pass_row(scatter, number);
            break;
        case MERGE_STEP_SKIP:
            next_of(scatter, number);
            break;
        case MERGE_STEP_DONE:
            end_rows(scatter);
            break;
        }
    }
    flush(scatter);
}

// ---- events

// Goes as far as the bytes at hand allow. The flow may be gone afterwards.
static void advance(struct scatter *scatter)
{
    if (scatter->state == SCATTER_HEADS) {
        look_at_heads(scatter);
    }
    if (scatter->state == SCATTER_ROWS) {
        merge_rows(scatter);
    }
    if (scatter->state == SCATTER_DRAINING && scatter_is_drained(scatter)) {
        if (!scatter_end_ddl(scatter)) {
            finish(scatter);
        }
        return;
    }
    scatter_update_pauses(scatter);
}

void flow_scatter_go_on(struct session *session)
{
    finish(CONTAINER_OF(session->flow, struct scatter, flow));
}

static void on_answer(struct flow *flow, struct leg *leg, const uint8_t *bytes, size_t len,
                      const struct answer *last)
{
    struct scatter *scatter = CONTAINER_OF(flow, struct scatter, flow);
    uint32_t number = leg->command.tag;
    if (scatter_is_teller(scatter, leg)) {
        scatter_take_warnings(scatter, leg, bytes, len, last);
        if (last != NULL) {
            advance(scatter);
        }
        return;
    }
    struct scatter_source *source = &scatter->sources[number];
    source_add(source, bytes, len);
    if (source->at == SOURCE_AT_ROW && source->is_fed) {
        merge_moved(scatter->merge, number, source->row.ptr);
    }
    if (last != NULL) {
        source->leg = NULL;
        scatter_ask_warnings(scatter, number, leg, last);
    }
    advance(scatter);
}

// May all be run again? Nothing was written, nothing was changed, no transaction hangs on it.
static bool may_run_again(const struct scatter *scatter, const struct error *error)
{
    bool is_lost = error->code == ER_SERVER_LOST || error->code == ER_SERVER_SHUTDOWN;
    if (!is_lost || scatter->state != SCATTER_HEADS || scatter->tries >= TRIES_MAX ||
        scatter->plan.access != ACCESS_REPLICA || scatter->plan.gather != NULL) {
        return false;
    }
    for (uint32_t i = 0; i < scatter->source_count; i++) {
        const struct scatter_source *source = &scatter->sources[i];
        if ((source->leg != NULL && !leg_may_stop(source->leg)) ||
            (source->teller != NULL && !leg_may_stop(source->teller))) {
            return false;
        }
    }
    return true;
}

static void run_again(struct scatter *scatter)
{
    scatter->tries++;
    if (scatter->plan.whole != NULL) { // what was counted is of a moment that is lost
        scatter->plan = *scatter->plan.whole;
    }
    counter_add(&scatter->flow.session->sessions->counters.retries, 1);
    for (uint32_t i = 0; i < scatter->source_count; i++) {
        source_stop_leg(&scatter->sources[i]);
        source_stop_teller(&scatter->sources[i]);
        source_stop(&scatter->sources[i]);
    }
    scatter_start_all(scatter);
}

static void fail_at_once(struct scatter *scatter, const struct error *error)
{
    send_out(scatter);
    give_back(scatter);
    flow_fail(&scatter->flow, error); // stops the other legs, tells of a lost transaction
}

static void on_failed(struct flow *flow, struct leg *leg, const struct error *error)
{
    struct scatter *scatter = CONTAINER_OF(flow, struct scatter, flow);
    if (scatter_is_teller(scatter, leg)) {
        scatter_lose_warnings(scatter, leg);
        if (error->code != ER_LOCK_DEADLOCK) {
            advance(scatter);
            return;
        }
        fail_at_once(scatter, error);
        return;
    }
    struct scatter_source *source = &scatter->sources[leg->command.tag];
    source->leg = NULL;
    bool is_unwanted = scatter->state == SCATTER_DRAINING && scatter->ending == END_ROWS;
    if (is_unwanted && error->code != ER_LOCK_DEADLOCK) {
        source_cut(source);
        advance(scatter);
        return;
    }
    if (may_run_again(scatter, error)) {
        run_again(scatter);
        return;
    }
    source_fail(source, error);
    if (scatter_is_write(scatter) && error->code != ER_LOCK_DEADLOCK) {
        advance(scatter); // the others are awaited: the client must know where it was done
        return;
    }
    fail_at_once(scatter, error);
}

static void on_drained(struct flow *flow)
{
    struct scatter *scatter = CONTAINER_OF(flow, struct scatter, flow);
    if (scatter->state == SCATTER_FULL) {
        scatter_enter(scatter, SCATTER_ROWS);
    }
    advance(scatter);
}

static void on_abort(struct flow *flow)
{
    give_back(CONTAINER_OF(flow, struct scatter, flow));
}

static const struct flow_kind scatter_kind = {
    .name = "merging",
    .on_answer = on_answer,
    .on_failed = on_failed,
    .on_drained = on_drained,
    .on_abort = on_abort,
};
