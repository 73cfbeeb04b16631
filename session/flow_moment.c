#include "session/flow_moment.h"

#include <stdio.h>

#include "base/log.h"
#include "cluster/decision.h"
#include "protocol/answer.h"
#include "protocol/error_table.h"
#include "protocol/packet.h"
#include "session/aftermath.h"
#include "session/branch.h"
#include "session/flow_single.h"
#include "session/gather.h"
#include "session/transaction.h"

enum { HOLD_US = 500 * 1000, ER_DB_ACCESS = 1044, ER_TABLE_ACCESS = 1142, ER_LOCK_WAIT = 1205 };
#define LOCK_IDLE_S "2"

enum moment_step {
    MOMENT_WAITING, // for another one of this worker
    MOMENT_LOCKING,
    MOMENT_LOOKING,
    MOMENT_ASKING,
    MOMENT_OPENING,
    MOMENT_UNLOCKING,
};

struct moment {
    struct flow flow; // first
    struct node node; // in sessions->moments; the first one runs
    enum moment_step step;
    uint16_t shards[SHARDS_MAX];
    uint16_t shard_count;
    struct gather gathers[SHARDS_MAX];
    struct text questions[SHARDS_MAX]; // owned; ASKING: the names that may be decided there
    uint32_t missing;                  // answers
    uint64_t began_us, locked_us;
    struct error error; // the first one; code 0: none
};

static const struct flow_kind moment_kind;

static struct moment *moment_of(struct flow *flow)
{
    return CONTAINER_OF(flow, struct moment, flow);
}

static void note_error(struct moment *moment, const struct error *error)
{
    if (moment->error.code == 0) {
        moment->error = *error;
    }
}

static void forget_questions(struct moment *moment)
{
    for (uint16_t i = 0; i < moment->shard_count; i++) {
        text_done(&moment->questions[i]);
    }
}

// ---- commands

static void on_unlocked(struct leg *leg, const struct answer *answer)
{
    (void)answer;
    backend_mark_dirty(leg->backend); // its timeouts
}

static void start_lock(struct moment *moment, uint16_t number, const struct session_state *state)
{
    struct session *session = moment->flow.session;
    struct leg_command command = {
        .shard = moment->shards[number],
        .access = ACCESS_PRIMARY,
        .kind = ANSWER_QUERY,
        .first =
            slice_of_string("SET SESSION wait_timeout = " LOCK_IDLE_S ", lock_wait_timeout = 1"),
        .packet = flow_frame_query(&session->arena,
                                   slice_of_string("LOCK TABLES " DECISION_TABLE " READ")),
        .is_outside = true,
        .wants_hold = true,
        .state = state,
        .tag = number,
    };
    moment->missing++;
    (void)leg_start_apart(&moment->flow, &command);
}

// On the connection that has the lock. Without it there is no moment.
static void start_there(struct moment *moment, uint16_t number, struct slice sql, bool is_last)
{
    struct session *session = moment->flow.session;
    struct leg *leg = leg_find_held(session, moment->shards[number]);
    if (leg == NULL) {
        struct error error;
        error_fill(&error, ER_LOCK_DEADLOCK,
                   "the snapshots of the shards are not of one moment: a connection was lost");
        note_error(moment, &error);
        return;
    }
    struct leg_command command = {
        .shard = leg->shard,
        .access = ACCESS_PRIMARY,
        .kind = ANSWER_QUERY,
        .packet = flow_frame_query(&session->arena, sql),
        .is_outside = true,
        .is_there = true,
        .is_stateless = true,
        .wants_hold = !is_last,
        .on_ok = is_last ? on_unlocked : NULL,
        .tag = number,
    };
    moment->missing++;
    leg_start_there(&moment->flow, leg, &command);
}

static void start_open(struct moment *moment, uint16_t number)
{
    struct session *session = moment->flow.session;
    struct leg_command command = {
        .shard = moment->shards[number],
        .access = ACCESS_PRIMARY,
        .kind = ANSWER_QUERY,
        .packet = flow_frame_query(&session->arena, slice_of_string("DO 0")),
        .tag = number,
    };
    moment->missing++;
    (void)leg_start(&moment->flow, &command);
}

static struct slice question_of(struct moment *moment, uint16_t number)
{
    struct slice names = text_slice(&moment->questions[number]);
    return arena_format(&moment->flow.session->arena,
                        "SELECT gtrid FROM " DECISION_TABLE
                        " WHERE outcome = 'C' AND gtrid IN (%.*s) LIMIT 1",
                        (int)names.len, (const char *)names.ptr);
}

static void end_round(struct moment *moment);

static void start_round(struct moment *moment, enum moment_step step)
{
    const struct session_state *state = session_state_apart(moment->flow.session);
    moment->step = step;
    moment->missing = 0;
    if (step == MOMENT_LOCKING) {
        moment->began_us = session_now_us(moment->flow.session);
    }
    memset(moment->gathers, 0, sizeof moment->gathers);
    for (uint16_t i = 0; i < moment->shard_count; i++) {
        switch (step) {
        case MOMENT_LOCKING:
            start_lock(moment, i, state);
            break;
        case MOMENT_LOOKING:
            start_there(moment, i, slice_of_string("XA RECOVER"), false);
            break;
        case MOMENT_ASKING:
            if (moment->questions[i].len > 0) {
                start_there(moment, i, question_of(moment, i), false);
            }
            break;
        case MOMENT_OPENING:
            start_open(moment, i);
            break;
        case MOMENT_UNLOCKING:
            start_there(moment, i, slice_of_string("UNLOCK TABLES"), true);
            break;
        case MOMENT_WAITING:
            break;
        }
    }
    if (moment->missing == 0) { // all connections are lost, or nothing is to be asked
        end_round(moment);
    }
}

// ---- what is prepared

// The place of the shard that decides it; shard_count: none of them.
static uint16_t decider_of(const struct moment *moment, struct slice gtrid)
{
    const uint8_t *colon = memrchr(gtrid.ptr, ':', gtrid.len);
    size_t at = (size_t)(colon - gtrid.ptr) + 1;
    const struct shard_config *shard =
        config_find_shard(session_config(moment->flow.session), slice_part(gtrid, at, gtrid.len));
    uint16_t number = 0;
    while (number < moment->shard_count && (shard == NULL || moment->shards[number] != shard->id)) {
        number++;
    }
    return number;
}

static void refuse_unknown(struct moment *moment, struct slice gtrid)
{
    struct error error;
    char text[200];
    snprintf(text, sizeof text,
             "transaction %.*s is in doubt, and the shard that decides it is none of the "
             "configuration's: RESOLVE TRANSACTION on the admin port",
             (int)gtrid.len, (const char *)gtrid.ptr);
    error_fill(&error, ER_SHARD_UNAVAILABLE, text);
    note_error(moment, &error);
}

// A row of XA RECOVER: format, length of the gtrid, of the bqual, both together.
static void take_branch(struct moment *moment, const struct field *fields)
{
    uint64_t format = 0, len = 0;
    bool is_read =
        slice_to_uint64(fields[0].bytes, &format) && slice_to_uint64(fields[1].bytes, &len);
    if (!is_read || format != DECISION_FORMAT_ID || len > fields[3].bytes.len) {
        return;
    }
    struct slice gtrid = slice_part(fields[3].bytes, 0, (size_t)len);
    if (!branch_is_gtrid(gtrid)) {
        return;
    }
    uint16_t number = decider_of(moment, gtrid);
    if (number == moment->shard_count) {
        refuse_unknown(moment, gtrid);
        return;
    }
    struct text *names = &moment->questions[number];
    text_add_format(names, "%s'%.*s'", names->len > 0 ? ", " : "", (int)gtrid.len,
                    (const char *)gtrid.ptr);
}

static bool take_branch_row(void *owner, struct slice row)
{
    struct field fields[4];
    if (!row_text_read(row, fields, 4)) {
        return false;
    }
    take_branch(owner, fields);
    return true;
}

static bool count_row(void *owner, struct slice row)
{
    uint32_t *count = owner;
    (void)row;
    (*count)++;
    return true;
}

static void note_unread(struct moment *moment)
{
    struct error error;
    error_fill(&error, ER_UNKNOWN, "a server's answer about transactions can't be read");
    note_error(moment, &error);
}

static void read_branches(struct moment *moment)
{
    uint64_t capabilities = moment->flow.session->capabilities;
    for (uint16_t i = 0; i < moment->shard_count; i++) {
        if (!gather_each_row(&moment->gathers[i], capabilities, take_branch_row, moment)) {
            note_unread(moment);
        }
    }
}

static bool is_any_decided(struct moment *moment)
{
    uint32_t count = 0;
    for (uint16_t i = 0; i < moment->shard_count; i++) {
        if (moment->questions[i].len > 0 &&
            !gather_each_row(&moment->gathers[i], moment->flow.session->capabilities, count_row,
                             &count)) {
            note_unread(moment);
        }
    }
    return count > 0;
}

static bool has_questions(const struct moment *moment)
{
    for (uint16_t i = 0; i < moment->shard_count; i++) {
        if (moment->questions[i].len > 0) {
            return true;
        }
    }
    return false;
}

// ---- the end

// Another one of this worker may begin.
static void leave(struct moment *moment)
{
    struct sessions *sessions = moment->flow.session->sessions;
    bool was_first = list_first(&sessions->moments) == &moment->node;
    list_remove(&sessions->moments, &moment->node);
    forget_questions(moment);
    struct node *next = list_first(&sessions->moments);
    if (was_first && next != NULL) {
        start_round(CONTAINER_OF(next, struct moment, node), MOMENT_LOCKING);
    }
}

static void explain(struct moment *moment)
{
    struct error *error = &moment->error;
    char why[sizeof error->text];
    snprintf(why, sizeof why, "%s", error->text);
    if (moment->step != MOMENT_LOCKING) {
        return;
    }
    if (error->code == ER_DB_ACCESS || error->code == ER_TABLE_ACCESS) {
        error_set(error, error->code, error->sqlstate,
                  "%.200s (waybill: START TRANSACTION WITH CONSISTENT SNAPSHOT over several shards "
                  "needs GRANT SELECT, LOCK TABLES ON waybill.*)",
                  why);
    } else if (error->code == ER_LOCK_WAIT) {
        error_set(error, error->code, error->sqlstate,
                  "%.200s (waybill: a commit over several shards took longer than a snapshot may "
                  "wait for it)",
                  why);
    }
}

static void drop_locks(const struct moment *moment)
{
    for (uint16_t i = 0; i < moment->shard_count; i++) {
        struct leg *leg = leg_find_held(moment->flow.session, moment->shards[i]);
        if (leg != NULL) {
            leg_drop_held(leg);
        }
    }
}

// No leg runs.
static void fail(struct moment *moment)
{
    struct session *session = moment->flow.session;
    explain(moment);
    struct error error = moment->error;
    drop_locks(moment);
    leave(moment);
    transaction_abandon(session);
    flow_fail(&moment->flow, &error);
}

static void finish(struct moment *moment)
{
    struct session *session = moment->flow.session;
    log_debug("session %u: a snapshot of %u shards held commits for %llu us", session->id,
              moment->shard_count,
              (unsigned long long)(session_now_us(session) - moment->began_us));
    leave(moment);
    aftermath_note_ok(session);
    session_write_ok(session, &(struct ok_packet){0});
    flow_finish(&moment->flow);
}

// Some are decided, and not told everywhere yet.
static void look_again(struct moment *moment)
{
    if (session_now_us(moment->flow.session) < moment->locked_us + HOLD_US) {
        forget_questions(moment);
        start_round(moment, MOMENT_LOOKING);
        return;
    }
    error_set(&moment->error, ER_LOCK_WAIT, "HY000",
              "Lock wait timeout exceeded; try restarting transaction (waybill: a transaction is "
              "committed on some of its shards and not yet on all, so there is no moment for a "
              "snapshot of all shards)");
    fail(moment);
}

// All answers are there. The flow may be gone afterwards.
static void end_round(struct moment *moment)
{
    if (moment->step == MOMENT_LOOKING && moment->error.code == 0) {
        read_branches(moment);
    }
    bool has_decided =
        moment->step == MOMENT_ASKING && moment->error.code == 0 && is_any_decided(moment);
    if (moment->error.code != 0) {
        fail(moment);
        return;
    }
    switch (moment->step) {
    case MOMENT_LOCKING:
        moment->locked_us = session_now_us(moment->flow.session);
        start_round(moment, MOMENT_LOOKING);
        break;
    case MOMENT_LOOKING:
        start_round(moment, has_questions(moment) ? MOMENT_ASKING : MOMENT_OPENING);
        break;
    case MOMENT_ASKING:
        if (has_decided) {
            look_again(moment);
        } else {
            start_round(moment, MOMENT_OPENING);
        }
        break;
    case MOMENT_OPENING:
        start_round(moment, MOMENT_UNLOCKING);
        break;
    case MOMENT_UNLOCKING:
        finish(moment);
        break;
    case MOMENT_WAITING:
        break;
    }
}

// ---- answers

static void on_answer(struct flow *flow, struct leg *leg, const uint8_t *bytes, size_t len,
                      const struct answer *last)
{
    struct moment *moment = moment_of(flow);
    struct gather *gather = &moment->gathers[leg->command.tag];
    gather_add(gather, &flow->session->arena, bytes, len);
    if (last == NULL) {
        return;
    }
    if (last->is_error) {
        struct error error;
        gather_error(gather, &error);
        note_error(moment, &error);
    }
    if (--moment->missing == 0) {
        end_round(moment);
    }
}

static void on_failed(struct flow *flow, struct leg *leg, const struct error *error)
{
    struct moment *moment = moment_of(flow);
    (void)leg;
    note_error(moment, error);
    if (--moment->missing == 0) {
        end_round(moment);
    }
}

static void on_drained(struct flow *flow)
{
    (void)flow; // of an answer before this one
}

static void on_abort(struct flow *flow)
{
    drop_locks(moment_of(flow));
    leave(moment_of(flow));
}

static const struct flow_kind moment_kind = {
    .name = "taking a snapshot",
    .on_answer = on_answer,
    .on_failed = on_failed,
    .on_drained = on_drained,
    .on_abort = on_abort,
};

// ---- starting

bool flow_moment_is_possible(const struct session *session)
{
    const char *why = NULL;
    return session->pin == NULL && config_only_shard(session_config(session)) == NO_SHARD &&
           snapshot_may_decide(session->sessions->snapshot, &why);
}

void flow_moment_start(struct session *session, struct request *request)
{
    const struct config *config = session_config(session);
    struct sessions *sessions = session->sessions;
    struct moment *moment = arena_alloc(&session->arena, sizeof *moment);
    for (uint16_t i = 0; i < config->shard_count; i++) {
        if (!config->shards[i].is_removed) {
            moment->shards[moment->shard_count++] = i;
        }
    }
    // Its shards have no branches: a snapshot is a plain transaction's.
    session->transaction.decider = moment->shards[0];
    flow_begin(&moment->flow, &moment_kind, session, request);
    list_push_back(&sessions->moments, &moment->node);
    if (list_first(&sessions->moments) == &moment->node) {
        start_round(moment, MOMENT_LOCKING);
    }
}
