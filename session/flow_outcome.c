// The truth about a COMMIT whose answer was lost, asked of the primary of the shard that decides:
//
//     LOOKING   is its row there?   yes -> what it says
//                                   no, and the token is old -> 9007: rows are deleted in time
//     ENDING    the row that says `aborted`, unless the other has come meanwhile; which is there?
//
// Asking so ends a transaction that has not committed yet: it can't any more. For the client that
// asks it is over anyway, and without that there is no answer that stays true.

#include "session/flow_outcome.h"

#include "cluster/decision.h"
#include "protocol/error_table.h"
#include "session/aftermath.h"
#include "session/flow_single.h"
#include "session/gather.h"
#include "session/local_answer.h"

// Rows live for an hour behind their COMMIT (replication/commit_recover.c), which is behind the
// token; the rest is for clocks that differ.
enum { TOKEN_AGE_MAX_S = 30 * 60 };

struct flow_outcome {
    struct flow flow;
    struct branch_token token;
    struct slice name;
    struct gather gather;
    bool is_ending;
};

static void start(struct flow_outcome *outcome)
{
    struct session *session = outcome->flow.session;
    const struct slice gtrid = outcome->token.gtrid;
    struct slice quoted =
        arena_format(&session->arena, "'%.*s'", (int)gtrid.len, (const char *)gtrid.ptr);
    struct session_state *state = session_state_copy(session);
    state_set_variable(state, slice_of_string("autocommit"), slice_of_string("1"));
    outcome->gather = (struct gather){.len = 0};
    struct leg_command command = {
        .shard = outcome->token.decider,
        .access = ACCESS_WRITE,
        .kind = ANSWER_QUERY,
        .is_outside = true,
        .state = state,
        .packet = flow_frame_query(&session->arena,
                                   arena_format(&session->arena, DECISION_ASK_FORMAT,
                                                (int)quoted.len, (const char *)quoted.ptr)),
    };
    if (outcome->is_ending) {
        command.first = arena_format(&session->arena, DECISION_ABORT_FORMAT, (int)quoted.len,
                                     (const char *)quoted.ptr);
    }
    (void)leg_start(&outcome->flow, &command);
}

static void answer(struct flow_outcome *outcome, const char *what)
{
    local_answer_text(outcome->flow.session, outcome->name, slice_of_string(what));
    flow_finish(&outcome->flow);
}

static void fail_unknown(struct flow_outcome *outcome, const char *why)
{
    struct error error;
    error_fill(&error, ER_OUTCOME_UNKNOWN, why);
    flow_fail(&outcome->flow, &error);
}

static void take_row(struct flow_outcome *outcome)
{
    struct session *session = outcome->flow.session;
    struct field field;
    bool has_row = gather_only_row(&outcome->gather, session->capabilities, &field, 1) &&
                   !field.is_null && field.bytes.len == 1;
    if (has_row) {
        answer(outcome, field.bytes.ptr[0] == 'C' ? "committed" : "rolled back");
    } else if (outcome->is_ending) {
        fail_unknown(outcome, "what became of the transaction could not be read: ask again");
    } else if (outcome->token.age_s > TOKEN_AGE_MAX_S) {
        fail_unknown(outcome, "the token is more than half an hour old, and nothing is written "
                              "down any more of what became of its transaction");
    } else {
        outcome->is_ending = true;
        start(outcome);
    }
}

static void on_answer(struct flow *flow, struct leg *leg, const uint8_t *bytes, size_t len,
                      const struct answer *last)
{
    struct flow_outcome *outcome = CONTAINER_OF(flow, struct flow_outcome, flow);
    (void)leg;
    gather_add(&outcome->gather, &flow->session->arena, bytes, len);
    if (last == NULL) {
        return;
    }
    if (last->is_error) {
        struct error error;
        gather_error(&outcome->gather, &error);
        flow_fail(flow, &error);
        return;
    }
    take_row(outcome);
}

static void on_failed(struct flow *flow, struct leg *leg, const struct error *error)
{
    (void)leg;
    flow_fail(flow, error);
}

static void on_drained(struct flow *flow)
{
    (void)flow; // nothing is written before the answer is there
}

static const struct flow_kind flow_outcome_kind = {
    .name = "asking for an outcome",
    .on_answer = on_answer,
    .on_failed = on_failed,
    .on_drained = on_drained,
};

void flow_outcome_start(struct session *session, struct request *request, struct slice name,
                        const struct branch_token *token)
{
    struct flow_outcome *outcome = arena_alloc(&session->arena, sizeof *outcome);
    outcome->token = *token;
    outcome->name = name;
    flow_begin(&outcome->flow, &flow_outcome_kind, session, request);
    start(outcome);
}
