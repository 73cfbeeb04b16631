// The I/O of a commit over several shards. What is sent when, and what follows from which answer,
// is commit_steps.c; here each verb becomes a command, and each answer one of five.
//
//     verb            sent in one write, to the backend that has the participant
//     COMMIT          COMMIT
//     END             XA END x, XA COMMIT x ONE PHASE
//     PREPARE         XA END x, XA PREPARE x: that fails when the first has failed
//     DECIDE          one statement, in which the COMMIT is not reached when the INSERT fails
//     ASK             on a backend of its own, on whatever is the shard's primary by then
//     APPLY           XA COMMIT x
//     UNDO            XA END x, XA ROLLBACK x
//
// A branch whose backend is given up is closed with it: unprepared it is rolled back by that, and
// prepared it stays for the recovery.

#include "session/flow_commit.h"

#include <assert.h>
#include <stdio.h>

#include "base/log.h"
#include "cluster/decision.h"
#include "protocol/error_table.h"
#include "session/applying.h"
#include "session/branch.h"
#include "session/commit_steps.h"
#include "session/flow_single.h"
#include "session/gather.h"
#include "session/track.h"
#include "session/transaction.h"
#include "session/untold_wait.h"

struct commit_flow {
    struct flow flow; // first
    struct commit commit;
    uint16_t shards[COMMIT_PARTS_MAX]; // of the parts
    struct gather *gathers;            // of this round's answers
    uint32_t left;                     // answers to come
    struct error error;                // of commit.refused
    void (*then)(struct session *session, struct request *request,
                 const struct round_result *result);
};

static const struct flow_kind commit_kind;

bool flow_commit_is_needed(const struct session *session, bool is_commit)
{
    if (is_commit && branch_wants_decision(session)) {
        return true;
    }
    LIST_FOR_EACH (&session->legs, node) {
        const struct leg *leg = CONTAINER_OF(node, struct leg, node);
        if (leg->branch != BRANCH_NONE) {
            return true;
        }
    }
    return false;
}

// ---- verbs

static void on_prepared(struct leg *leg, const struct answer *answer)
{
    (void)answer;
    leg->branch = BRANCH_PREPARED;
}

static void on_ended(struct leg *leg, const struct answer *answer)
{
    (void)answer;
    leg->branch = BRANCH_NONE;
}

static struct slice decision_sql(struct session *session)
{
    struct slice gtrid = branch_gtrid(session);
    return arena_format(&session->arena, DECISION_COMMIT_FORMAT, (int)gtrid.len,
                        (const char *)gtrid.ptr);
}

static struct slice abort_sql(struct session *session)
{
    struct slice gtrid = branch_gtrid(session);
    return arena_format(&session->arena, DECISION_ABORT_FORMAT, (int)gtrid.len,
                        (const char *)gtrid.ptr);
}

static struct slice ask_sql(struct session *session)
{
    struct slice gtrid = branch_gtrid(session);
    return arena_format(&session->arena, DECISION_ASK_FORMAT, (int)gtrid.len,
                        (const char *)gtrid.ptr);
}

// What is sent ahead and what it is, for a participant on its backend.
static void fill_command(const struct commit_flow *run, const struct leg *leg,
                         enum commit_verb verb, struct leg_command *command)
{
    struct arena *arena = &run->flow.session->arena;
    struct slice sql = slice_of(NULL, 0);
    switch (verb) {
    case VERB_COMMIT:
        sql = slice_of_string("COMMIT");
        break;
    case VERB_ROLLBACK:
        sql = slice_of_string("ROLLBACK");
        break;
    case VERB_DECIDE:
        sql = decision_sql(run->flow.session);
        break;
    case VERB_END:
        command->first = branch_sql(leg, "XA END");
        sql = branch_sql(leg, "XA COMMIT");
        sql = arena_format(arena, "%.*s ONE PHASE", (int)sql.len, (const char *)sql.ptr);
        command->on_ok = on_ended;
        break;
    case VERB_PREPARE:
        command->first = branch_sql(leg, "XA END");
        sql = branch_sql(leg, "XA PREPARE");
        command->on_ok = on_prepared;
        break;
    case VERB_APPLY:
        sql = branch_sql(leg, "XA COMMIT");
        command->on_ok = on_ended;
        break;
    case VERB_UNDO:
        command->first = branch_sql(leg, "XA END");
        sql = branch_sql(leg, "XA ROLLBACK");
        command->on_ok = on_ended;
        break;
    case VERB_UNDO_PREPARED:
        sql = branch_sql(leg, "XA ROLLBACK");
        command->on_ok = on_ended;
        break;
    case VERB_ASK:
    case VERB_NONE:
        break;
    }
    command->packet = flow_frame_query(arena, sql);
}

static struct leg *participant_on(const struct session *session, uint16_t shard)
{
    struct leg *leg = leg_kept_on(session, shard);
    return leg != NULL && leg->is_participant ? leg : NULL;
}

// The decider's backend is not to be trusted any more; whoever is the primary now is asked.
static void start_asking(struct commit_flow *run, uint16_t part)
{
    struct session *session = run->flow.session;
    struct leg *old = participant_on(session, run->shards[part]);
    if (old != NULL) {
        leg_give_up(old);
    }
    struct session_state *state = session_state_copy(session);
    state_set_variable(state, slice_of_string("autocommit"), slice_of_string("1"));
    struct leg_command command = {
        .shard = run->shards[part],
        .access = ACCESS_WRITE,
        .kind = ANSWER_QUERY,
        .is_outside = true,
        .state = state,
        .first = abort_sql(session),
        .packet = flow_frame_query(&session->arena, ask_sql(session)),
        .tag = part,
    };
    run->left++;
    (void)leg_start(&run->flow, &command);
}

static void note_error(struct commit_flow *run, uint16_t part, const struct error *error)
{
    if (run->commit.refused == part && run->error.code == 0) {
        run->error = *error;
    }
}

// The participant's backend was lost between two rounds.
static void miss(struct commit_flow *run, uint16_t part)
{
    struct error error;
    error_fill(&error, ER_LOCK_DEADLOCK,
               "the transaction is rolled back: the connection to one of its servers was lost");
    commit_take(&run->commit, part, ANSWER_REFUSED);
    note_error(run, part, &error);
}

static void start_verb(struct commit_flow *run, uint16_t part, enum commit_verb verb)
{
    struct session *session = run->flow.session;
    struct leg *leg = participant_on(session, run->shards[part]);
    if (verb == VERB_ASK) {
        start_asking(run, part);
        return;
    }
    if (leg == NULL) {
        miss(run, part);
        return;
    }
    struct leg_command command = {
        .shard = leg->shard,
        .access = leg->has_written || verb == VERB_DECIDE ? ACCESS_WRITE : ACCESS_PRIMARY,
        .kind = ANSWER_QUERY,
        .is_own = true,
        .is_stateless = true,
        .tag = part,
    };
    fill_command(run, leg, verb, &command);
    run->left++;
    leg_start_there(&run->flow, leg, &command);
}

// ---- rounds

static void explain_unknown(struct session *session, struct error *error)
{
    char text[300];
    struct slice gtrid = branch_gtrid(session);
    snprintf(text, sizeof text,
             "the connection was lost during COMMIT, and the shard that decides could not be "
             "asked: whether transaction %.*s was committed is not known yet; look before you "
             "repeat it",
             (int)gtrid.len, (const char *)gtrid.ptr);
    error_fill(error, ER_OUTCOME_UNKNOWN, text);
}

// The flow is over; the client is told by `then`.
static void end(struct commit_flow *run)
{
    struct session *session = run->flow.session;
    struct round_result result = {.left = run->commit.left, .answered = run->commit.count};
    switch (run->commit.outcome) {
    case OUTCOME_COMMITTED:
        break;
    case OUTCOME_ROLLED_BACK:
        result.failed = run->error.code != 0;
        result.error = run->error;
        break;
    case OUTCOME_UNKNOWN:
        result.failed = 1;
        explain_unknown(session, &result.error);
        break;
    }
    for (uint16_t i = 0; i < run->commit.count; i++) {
        if (run->commit.parts[i].is_left) {
            untold_note(session, run->shards[i], branch_gtrid(session));
        }
    }
    if (result.left > 0) {
        log_notice("session %u: committed, and %u shards could not be told: the recovery does it",
                   session->id, result.left);
    }
    session->flow = NULL;
    run->then(session, session->request, &result);
}

// Does the client wait no longer than for the decision?
static bool is_early(const struct commit_flow *run)
{
    const struct session *session = run->flow.session;
    if (run->commit.state != COMMIT_APPLYING || !session_user(session)->waits_for_decision) {
        return false;
    }
    for (uint16_t i = 0; i < run->commit.count; i++) {
        const struct leg *leg = participant_on(session, run->shards[i]);
        if (leg != NULL && commit_verb(&run->commit, i) != VERB_NONE && !applying_may(leg)) {
            return false;
        }
    }
    return true;
}

static void apply_aside(struct commit_flow *run)
{
    for (uint16_t i = 0; i < run->commit.count; i++) {
        enum commit_verb verb = commit_verb(&run->commit, i);
        struct leg *leg = participant_on(run->flow.session, run->shards[i]);
        struct leg_command command = {.tag = i};
        if (verb != VERB_NONE && leg == NULL) {
            miss(run, i);
        } else if (verb != VERB_NONE) {
            fill_command(run, leg, verb, &command);
            applying_start(leg, &command, branch_gtrid(run->flow.session));
            commit_take(&run->commit, i, ANSWER_DONE);
        }
    }
}

static void start_round(struct commit_flow *run)
{
    run->left = 0;
    if (is_early(run)) {
        apply_aside(run);
        return;
    }
    memset(run->gathers, 0, run->commit.count * sizeof *run->gathers);
    for (uint16_t i = 0; i < run->commit.count; i++) {
        enum commit_verb verb = commit_verb(&run->commit, i);
        if (verb != VERB_NONE) {
            start_verb(run, i, verb);
        }
    }
}

// As far as it goes without an answer. The flow may be gone afterwards.
static void go_on(struct commit_flow *run)
{
    while (run->left == 0 && run->commit.state != COMMIT_ENDED) {
        commit_next(&run->commit);
        start_round(run);
    }
    if (run->commit.state == COMMIT_ENDED) {
        end(run);
    }
}

static void take(struct commit_flow *run, uint16_t part, enum commit_answer answer,
                 const struct error *error)
{
    commit_take(&run->commit, part, answer);
    note_error(run, part, error);
    run->left--;
    go_on(run);
}

// ---- answers

// Errors that the INSERT of the decision gives, after which the COMMIT was not reached. Any other
// may have come of the COMMIT itself.
static bool is_before_commit(uint16_t code)
{
    static const uint16_t codes[] = {1044, 1045, 1049, 1054, 1062, 1142, 1143, 1146, 1205,
                                     1213, 1227, 1290, 1064, 1792, 1836, 1364, 1406};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (codes[i] == code) {
            return true;
        }
    }
    return false;
}

static enum commit_answer read_row(const struct commit_flow *run, uint16_t part)
{
    struct field field;
    if (!gather_only_row(&run->gathers[part], run->flow.session->capabilities, &field, 1) ||
        field.is_null || field.bytes.len != 1) {
        return ANSWER_LOST;
    }
    return field.bytes.ptr[0] == 'C' ? ANSWER_COMMITTED : ANSWER_ABORTED;
}

static enum commit_answer answer_of(const struct commit_flow *run, uint16_t part,
                                    const struct answer *last)
{
    if (run->commit.state == COMMIT_ASKING) {
        return last->is_error ? ANSWER_LOST : read_row(run, part);
    }
    if (!last->is_error) {
        return ANSWER_DONE;
    }
    bool is_unclear = run->commit.state == COMMIT_DECIDING && !is_before_commit(last->error_code);
    return is_unclear ? ANSWER_LOST : ANSWER_REFUSED;
}

// What a server says that was replaced meanwhile, or a recovery that has given it up.
static void explain_refusal(struct error *error)
{
    enum { DUPLICATE = 1062, TABLE_ACCESS_DENIED = 1142, OPTION_PREVENTS = 1290 };
    char text[400];
    if (error->code == TABLE_ACCESS_DENIED) {
        snprintf(text, sizeof text, "%.300s", error->text);
        error_set(
            error, TABLE_ACCESS_DENIED, "42000",
            "%s (waybill: a commit that is decided by a row needs GRANT SELECT, INSERT, UPDATE ON "
            "waybill.decision; it is rolled back)",
            text);
    }
    if (error->code == DUPLICATE || error->code == OPTION_PREVENTS) {
        snprintf(text, sizeof text, "the transaction is rolled back: %.300s", error->text);
        error_fill(error, ER_LOCK_DEADLOCK, text);
    }
}

static void note_changes(const struct commit_flow *run, uint16_t part, const struct answer *last)
{
    struct ok_packet ok;
    if ((last->status & STATUS_SESSION_CHANGED) != 0 && !last->is_error &&
        ok_read(gather_payload(&run->gathers[part]), &ok)) {
        track_gather(run->flow.session, run->shards[part], ok.changes);
    }
}

static void on_answer(struct flow *flow, struct leg *leg, const uint8_t *bytes, size_t len,
                      const struct answer *last)
{
    struct commit_flow *run = CONTAINER_OF(flow, struct commit_flow, flow);
    uint16_t part = (uint16_t)leg->command.tag;
    struct error error = {0};
    gather_add(&run->gathers[part], &flow->session->arena, bytes, len);
    if (last == NULL) {
        return;
    }
    if (last->is_error) {
        gather_error(&run->gathers[part], &error);
        explain_refusal(&error);
    }
    if (run->commit.state != COMMIT_ASKING) {
        note_changes(run, part, last);
    }
    take(run, part, answer_of(run, part, last), &error);
}

static void on_failed(struct flow *flow, struct leg *leg, const struct error *error)
{
    struct commit_flow *run = CONTAINER_OF(flow, struct commit_flow, flow);
    char text[300];
    struct error lost;
    snprintf(text, sizeof text, "the transaction is rolled back: %.200s", error->text);
    error_fill(&lost, ER_LOCK_DEADLOCK, text);
    take(run, (uint16_t)leg->command.tag, leg->was_sent ? ANSWER_LOST : ANSWER_REFUSED, &lost);
}

static void on_drained(struct flow *flow)
{
    (void)flow; // writes nothing itself
}

static const struct flow_kind commit_kind = {
    .name = "committing",
    .on_answer = on_answer,
    .on_failed = on_failed,
    .on_drained = on_drained,
};

// ---- starting

static uint16_t list_parts(struct commit_flow *run, struct commit_part *parts)
{
    struct session *session = run->flow.session;
    uint16_t decider = session->transaction.decider, count = 0;
    bool has_decider = false;
    LIST_FOR_EACH (&session->legs, node) {
        const struct leg *leg = CONTAINER_OF(node, struct leg, node);
        if (!leg->is_participant) {
            continue;
        }
        bool is_decider = leg->branch == BRANCH_NONE;
        has_decider |= is_decider;
        run->shards[count] = leg->shard;
        parts[count++] =
            (struct commit_part){.is_decider = is_decider, .has_written = leg->has_written};
    }
    if (!has_decider) { // nothing was begun there; it is missed where it is needed
        run->shards[count] = decider;
        parts[count++] = (struct commit_part){.is_decider = true};
    }
    return count;
}

static enum commit_wish wish_of(const struct session *session, bool is_commit)
{
    if (!is_commit) {
        return WISH_ROLLBACK;
    }
    return branch_wants_decision(session) ? WISH_TOKEN : WISH_COMMIT;
}

void flow_commit_start(struct session *session, struct request *request, bool is_commit,
                       void (*then)(struct session *session, struct request *request,
                                    const struct round_result *result))
{
    struct commit_flow *run = arena_alloc(&session->arena, sizeof *run);
    struct commit_part parts[COMMIT_PARTS_MAX];
    run->then = then;
    session->transaction.is_ending = true;
    flow_begin(&run->flow, &commit_kind, session, request);
    uint16_t count = list_parts(run, parts);
    run->gathers = arena_alloc(&session->arena, count * sizeof *run->gathers);
    commit_begin(&run->commit, parts, count, wish_of(session, is_commit));
    start_round(run);
    go_on(run);
}
