// The scatter flow with scripted shards: the legs and the session's writing are played here, so
// each test is the events in their order and what the client got.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/memory.h"
#include "protocol/error_table.h"
#include "protocol/packet.h"
#include "protocol/row_text.h"
#include "session/aftermath.h"
#include "session/flow_gather.h"
#include "session/ddl_run.h"
#include "session/flow_scatter.h"
#include "session/index_enter.h"
#include "session/flow_single.h"
#include "session/insert_id.h"
#include "session/query.h"
#include "session/round.h"
#include "session/session_impl.h"
#include "session/transaction.h"
#include "session/warning_list.h"

enum { SHARDS = 3, BIG_ROW = 20000 };

struct stage { // all that a test has
    struct session session;
    struct sessions sessions;
    struct snapshot snapshot;
    struct config config;
    struct shard_config shards[SHARDS];
    struct request request;
    struct plan plan;
    struct plan_target targets[SHARDS];
    struct merge_key key;
    struct leg legs[SHARDS];
    bool is_running[SHARDS];
    bool is_paused[SHARDS];
    bool is_sticky; // legs may not be stopped
    uint32_t started, stopped;
    uint8_t sequences[SHARDS]; // of the answers
    struct text client;        // what the client got, framed
    bool is_client_slow;
    bool is_finished;
    struct error failure; // by flow_fail
    struct aftermath aftermath;
    struct warning_list *warnings; // what the session is told of them
    uint32_t released;             // lingering legs that nobody wants to ask
    uint16_t said_warnings;        // of the next answers' ends
    bool says_error;               // the next last one is an error
    bool may_gather;               // another flow takes over what can't be merged
    bool is_gathered;              // it did
};

static struct stage *stage_of(const struct session *session)
{
    return CONTAINER_OF((struct session *)(uintptr_t)session, struct stage, session);
}

// ---- the parts that other files play

struct leg_command leg_command_of(struct request *request, const struct plan_target *target)
{
    return (struct leg_command){
        .shard = target->shard, .access = request->plan->access, .kind = ANSWER_QUERY};
}

struct leg *leg_start(struct flow *flow, const struct leg_command *command)
{
    struct stage *stage = stage_of(flow->session);
    struct leg *leg = &stage->legs[command->shard];
    assert_false(stage->is_running[command->shard]);
    *leg = (struct leg){.flow = flow, .shard = command->shard, .command = *command};
    stage->is_running[command->shard] = true;
    stage->sequences[command->shard] = 1;
    stage->started++;
    return leg;
}

void leg_start_there(struct flow *flow, struct leg *leg, const struct leg_command *command)
{
    struct stage *stage = stage_of(flow->session);
    assert_int_equal(leg->state, LEG_KEPT);
    if (command->has_own_transaction) {
        stage->started++;
        leg->flow = flow;
    } else {
        assert_string_equal(command->packet.ptr, "SHOW WARNINGS");
    }
    leg->state = LEG_RUNNING;
    leg->command = *command;
    stage->is_running[leg->shard] = true;
    stage->sequences[leg->shard] = 1;
}

struct leg *leg_find_held(const struct session *session, uint16_t shard)
{
    struct leg *leg = &stage_of(session)->legs[shard];
    *leg = (struct leg){.state = LEG_KEPT, .shard = shard};
    return leg;
}

const struct user_config *session_user(const struct session *session)
{
    (void)session;
    return NULL;
}

void legs_release_lingering(struct session *session)
{
    stage_of(session)->released++;
}

void ddl_run_set(struct ddl_run *run, uint16_t target, const struct error *error)
{
    (void)run, (void)target, (void)error;
}

bool ddl_run_end(struct session *session, struct ddl_run *run)
{
    (void)session;
    return run != NULL;
}

void ddl_run_abandon(struct sessions *sessions, struct ddl_run *run)
{
    (void)sessions, (void)run;
}

struct slice flow_frame_query(struct arena *arena, struct slice sql)
{
    (void)arena;
    return sql;
}

static struct stage *stage_of_leg(const struct leg *leg)
{
    return stage_of(leg->flow->session);
}

void leg_pause(struct leg *leg)
{
    stage_of_leg(leg)->is_paused[leg->shard] = true;
}

void leg_resume(struct leg *leg)
{
    stage_of_leg(leg)->is_paused[leg->shard] = false;
}

bool leg_may_stop(const struct leg *leg)
{
    return !stage_of_leg(leg)->is_sticky;
}

void leg_stop(struct leg *leg)
{
    struct stage *stage = stage_of_leg(leg);
    assert_true(stage->is_running[leg->shard]);
    stage->is_running[leg->shard] = false;
    stage->stopped++;
}

void flow_begin(struct flow *flow, const struct flow_kind *kind, struct session *session,
                struct request *request)
{
    flow->kind = kind;
    flow->session = session;
    flow->request = request;
    session->flow = flow;
}

void flow_suspend(struct flow *flow)
{
    flow->request->suspended = flow;
}

struct flow *flow_resume(struct session *session)
{
    return session->request->suspended;
}

// Here every write is outside of a transaction, and each shard commits by itself.
void transaction_begin_statement(struct session *session)
{
    (void)session;
}

bool transaction_wants_point(const struct session *session)
{
    (void)session;
    return false;
}

void transaction_end_statement(struct session *session, struct request *request, bool is_failed,
                               void (*then)(struct session *session, struct request *request,
                                            const struct round_result *result))
{
    const struct round_result nothing = {.answered = 0};
    (void)is_failed;
    then(session, request, &nothing);
}

void flow_finish(struct flow *flow)
{
    struct stage *stage = stage_of(flow->session);
    for (int i = 0; i < SHARDS; i++) {
        assert_false(stage->is_running[i]);
    }
    stage->is_finished = true;
    stage->session.flow = NULL;
    arena_clear(&stage->session.arena);
}

void flow_fail(struct flow *flow, const struct error *error)
{
    struct stage *stage = stage_of(flow->session);
    stage->warnings = flow->request->told;
    stage->failure = *error;
    memset(stage->is_running, 0, sizeof stage->is_running);
    if (!stage->session.is_answer_begun || stage->session.is_answer_between_rows) {
        session_write_error(&stage->session, error);
    }
    flow_finish(flow);
}

bool session_write(struct session *session, const void *bytes, size_t len)
{
    struct stage *stage = stage_of(session);
    session->is_answer_begun = true;
    text_add(&stage->client, bytes, len);
    return stage->is_client_slow;
}

void session_write_payload(struct session *session, struct slice payload)
{
    packet_append(&stage_of(session)->client, payload, &stage_of(session)->request.sequence);
}

void session_write_ok(struct session *session, const struct ok_packet *ok)
{
    struct text payload;
    text_init(&payload);
    ok_write(&payload, ok);
    session_write_payload(session, text_slice(&payload));
    text_done(&payload);
}

void session_write_error(struct session *session, const struct error *error)
{
    struct text payload;
    text_init(&payload);
    error_write(&payload, error);
    session_write_payload(session, text_slice(&payload));
    text_done(&payload);
}

void session_write_rows_end(struct session *session, uint16_t warnings, uint16_t more_status)
{
    struct text payload;
    text_init(&payload);
    eof_write(&payload, warnings, more_status);
    session_write_payload(session, text_slice(&payload));
    text_done(&payload);
}

uint16_t session_status(const struct session *session)
{
    (void)session;
    return STATUS_AUTOCOMMIT;
}

void aftermath_note_merged(struct session *session, const struct aftermath *aftermath,
                           struct warning_list *list)
{
    stage_of(session)->aftermath = *aftermath;
    stage_of(session)->warnings = list;
}

uint64_t insert_id_note(struct session *session, const struct answer *answer, uint16_t shard)
{
    (void)session, (void)shard;
    return answer->insert_id;
}

void insert_id_set(struct session *session, uint64_t id)
{
    (void)session, (void)id;
}

bool index_enter_is_possible(const struct session *session, const struct request *request)
{
    (void)session, (void)request;
    return false;
}

bool index_enter_start(struct session *session, struct request *request,
                       const struct plan_target *target, const struct error *error)
{
    (void)session;
    (void)request;
    (void)target;
    (void)error;
    return false; // there are no indexes
}

void insert_id_lose(struct session *session)
{
    (void)session;
}

void track_gather(struct session *session, uint16_t shard, struct slice changes)
{
    (void)session, (void)shard;
    assert_int_equal(changes.len, 0);
}

bool gather_is_possible(const struct session *session)
{
    return stage_of(session)->may_gather;
}

void query_gather(struct session *session, struct request *request, const struct error *refusal)
{
    struct stage *stage = stage_of(session);
    assert_null(session->flow);
    assert_false(session->is_answer_begun);
    assert_ptr_equal(request, &stage->request);
    assert_int_equal(refusal->code, ER_CROSS_SHARD);
    stage->is_gathered = stage->is_finished = true;
}

bool cursor_is_too_large(const struct request *request, struct error *error)
{
    (void)request;
    (void)error;
    return false;
}

const struct config *session_config(const struct session *session)
{
    return session->sessions->snapshot->config;
}

struct slice state_find_variable(const struct session_state *state, struct slice name)
{
    (void)state;
    (void)name;
    return slice_of(NULL, 0);
}

// ---- the shards' words

static struct stage *stage_new(enum merge_kind merge, enum plan_access access)
{
    static const char *const names[SHARDS] = {"s1", "s2", "s3"};
    struct stage *stage = memory_new(sizeof *stage);
    stage->session.sessions = &stage->sessions;
    stage->sessions.snapshot = &stage->snapshot;
    stage->snapshot.config = &stage->config;
    stage->config.shards = stage->shards;
    stage->config.shard_count = SHARDS;
    for (uint16_t i = 0; i < SHARDS; i++) {
        stage->shards[i].name = names[i];
        stage->targets[i].shard = i;
    }
    stage->plan = (struct plan){
        .access = access,
        .targets = stage->targets,
        .target_count = SHARDS,
        .merge = merge,
        .keys = &stage->key,
        .key_count = merge == MERGE_SORT,
        .limit = UINT64_MAX,
    };
    stage->request.plan = &stage->plan;
    stage->request.sequence = 1;
    stage->session.request = &stage->request;
    arena_init(&stage->session.arena, NULL);
    text_init(&stage->client);
    return stage;
}

static void stage_end(struct stage *stage)
{
    text_done(&stage->client);
    warning_list_free(stage->warnings);
    arena_clear(&stage->session.arena);
    memory_free(stage);
}

static void start(struct stage *stage)
{
    flow_scatter_start(&stage->session, &stage->request);
    assert_int_equal(stage->started, SHARDS);
}

// The shard says one packet; with `is_last` its leg is settled before the flow hears of it.
static void say(struct stage *stage, uint16_t shard, struct text *payload, bool is_last)
{
    struct text framed;
    text_init(&framed);
    packet_append(&framed, text_slice(payload), &stage->sequences[shard]);
    text_done(payload);
    struct answer last = {
        .is_done = true, .is_error = stage->says_error, .warnings = stage->said_warnings};
    struct flow *flow = stage->session.flow;
    assert_true(stage->is_running[shard]);
    if (is_last) {
        bool is_kept = last.is_error || last.warnings > 0;
        stage->is_running[shard] = false;
        stage->legs[shard].state = is_kept ? LEG_KEPT : LEG_RUNNING;
        stage->says_error = false;
    }
    flow->kind->on_answer(flow, &stage->legs[shard], framed.ptr, framed.len,
                          is_last ? &last : NULL);
    text_done(&framed);
}

static void say_columns(struct stage *stage, uint16_t shard, const char *name)
{
    struct text payload;
    text_init(&payload);
    write_lenenc(&payload, 1);
    say(stage, shard, &payload, false);
    struct column column = column_int64(name);
    column_write(&payload, &column, 0);
    say(stage, shard, &payload, false);
    eof_write(&payload, 0, 0);
    say(stage, shard, &payload, false);
}

static void say_row(struct stage *stage, uint16_t shard, const char *value)
{
    struct text payload;
    text_init(&payload);
    row_text_add(&payload, slice_of_string(value));
    say(stage, shard, &payload, false);
}

static void say_end(struct stage *stage, uint16_t shard)
{
    struct text payload;
    text_init(&payload);
    eof_write(&payload, 1, 0);
    say(stage, shard, &payload, true);
}

static void say_ok(struct stage *stage, uint16_t shard, uint64_t affected_rows)
{
    struct text payload;
    text_init(&payload);
    ok_write(&payload,
             &(struct ok_packet){.affected_rows = affected_rows, .warnings = stage->said_warnings});
    say(stage, shard, &payload, true);
}

static void say_error(struct stage *stage, uint16_t shard)
{
    struct error error;
    struct text payload;
    text_init(&payload);
    error_set(&error, 1146, "42S02", "no such table");
    error_write(&payload, &error);
    say(stage, shard, &payload, true);
}

static void lose(struct stage *stage, uint16_t shard, uint16_t code)
{
    struct error error;
    error_set(&error, code, "HY000", "lost");
    stage->is_running[shard] = false;
    struct flow *flow = stage->session.flow;
    flow->kind->on_failed(flow, &stage->legs[shard], &error);
}

// What the client got: rows, then "EOF", "OK n", "ERR n". Sequences are checked.
static const char *heard(struct stage *stage)
{
    static char out[600];
    struct answer answer;
    answer_start(&answer, ANSWER_QUERY, 0);
    out[0] = '\0';
    uint8_t sequence = 1;
    for (size_t at = 0; at < stage->client.len;) {
        size_t raw, payload_bytes;
        struct slice rest = slice_part(text_slice(&stage->client), at, stage->client.len);
        assert_int_equal(packet_look(rest, sequence, SIZE_MAX, &raw, &payload_bytes, &sequence),
                         PACKET_WHOLE);
        struct slice payload = slice_part(rest, 4, raw);
        size_t len = strlen(out);
        switch ((int)answer_packet(&answer, payload)) {
        case PART_ROW:
            snprintf(out + len, sizeof out - len, "%.*s ", (int)payload.len - 1,
                     (const char *)payload.ptr + 1);
            break;
        case PART_ROWS_END:
            snprintf(out + len, sizeof out - len, "EOF %u", answer.warnings);
            break;
        case PART_OK:
            snprintf(out + len, sizeof out - len, "OK %u", (unsigned)answer.affected_rows);
            break;
        case PART_ERROR:
            snprintf(out + len, sizeof out - len, "ERR %u", answer.error_code);
            break;
        case PART_BAD:
            fail();
            break;
        default:
            break;
        }
        at += raw;
    }
    return out;
}

// The answer to SHOW WARNINGS: one row.
static void tell(struct stage *stage, uint16_t shard, const char *level, const char *message)
{
    struct text payload;
    uint16_t warnings = stage->said_warnings;
    text_init(&payload);
    stage->said_warnings = 0;
    write_lenenc(&payload, 3);
    say(stage, shard, &payload, false);
    for (int i = 0; i < 3; i++) {
        struct column column = column_string("x");
        column_write(&payload, &column, 0);
        say(stage, shard, &payload, false);
    }
    eof_write(&payload, 0, 0);
    say(stage, shard, &payload, false);
    row_text_add(&payload, slice_of_string(level));
    row_text_add(&payload, slice_of_string("1264"));
    row_text_add(&payload, slice_of_string(message));
    say(stage, shard, &payload, false);
    eof_write(&payload, 0, 0);
    say(stage, shard, &payload, true);
    stage->said_warnings = warnings;
}

static const char *listed(const struct stage *stage)
{
    static char out[300];
    struct warning warning;
    size_t at = 0;
    out[0] = '\0';
    while (stage->warnings != NULL && warning_list_next(stage->warnings, &at, &warning)) {
        size_t len = strlen(out);
        snprintf(out + len, sizeof out - len, "%.*s;", (int)warning.message.len,
                 (const char *)warning.message.ptr);
    }
    return out;
}

// ---- tests

static void sorts(void **state)
{
    (void)state;
    struct stage *stage = stage_new(MERGE_SORT, ACCESS_REPLICA);
    start(stage);
    for (uint16_t i = 0; i < SHARDS; i++) {
        say_columns(stage, i, "n");
    }
    say_row(stage, 0, "5");
    say_row(stage, 2, "3");
    assert_int_equal(stage->client.len, 0); // the second shard may have something smaller
    say_row(stage, 1, "4");
    assert_string_equal(heard(stage), "3 ");
    say_row(stage, 2, "9");
    assert_string_equal(heard(stage), "3 4 ");
    say_end(stage, 1);
    assert_string_equal(heard(stage), "3 4 5 ");
    say_end(stage, 0);
    say_end(stage, 2);
    assert_true(stage->is_finished);
    assert_string_equal(heard(stage), "3 4 5 9 EOF 3");
    assert_int_equal(stage->aftermath.found_rows, 4);
    assert_int_equal(stage->aftermath.row_count, -1);
    stage_end(stage);
}

static void cuts_at_the_limit(void **state)
{
    (void)state;
    for (int is_sticky = 0; is_sticky < 2; is_sticky++) {
        struct stage *stage = stage_new(MERGE_ROWS, ACCESS_REPLICA);
        stage->plan.limit = 2;
        stage->is_sticky = is_sticky;
        start(stage);
        for (uint16_t i = 0; i < SHARDS; i++) {
            say_columns(stage, i, "n");
        }
        say_end(stage, 1);
        say_row(stage, 0, "1");
        say_row(stage, 2, "2");
        assert_false(stage->is_finished); // the rest is small: it is read
        char *row = memory_new(BIG_ROW + 1);
        memset(row, 'x', BIG_ROW);
        for (int i = 0; i < 20 && !stage->is_finished && stage->is_running[0]; i++) {
            say_row(stage, 0, row);
            assert_false(stage->is_paused[0]);
        }
        memory_free(row);
        assert_int_equal(stage->stopped, is_sticky ? 0 : 1); // it was not
        if (is_sticky) {
            say_end(stage, 0);
        }
        say_end(stage, 2);
        assert_true(stage->is_finished);
        assert_string_equal(heard(stage), is_sticky ? "1 2 EOF 3" : "1 2 EOF 2");
        stage_end(stage);
    }
}

static void pauses_who_is_ahead(void **state)
{
    (void)state;
    struct stage *stage = stage_new(MERGE_SORT, ACCESS_REPLICA);
    start(stage);
    char row[1001];
    memset(row, '7', 1000);
    row[1000] = '\0';
    say_columns(stage, 0, "n");
    for (int i = 0; i < 63; i++) {
        say_row(stage, 0, row);
    }
    assert_false(stage->is_paused[0]);
    for (int i = 0; i < 5; i++) {
        say_row(stage, 0, row);
    }
    assert_true(stage->is_paused[0]);
    say_columns(stage, 1, "n");
    say_columns(stage, 2, "n");
    say_end(stage, 1);
    assert_true(stage->is_paused[0]);
    stage->is_client_slow = true;
    say_end(stage, 2); // now it goes; the client takes some and then no more
    assert_true(stage->is_paused[0]);
    size_t got = stage->client.len;
    assert_true(got > 30000 && got < 40000);
    struct flow *flow = stage->session.flow;
    stage->is_client_slow = false;
    flow->kind->on_drained(flow);
    assert_true(stage->client.len > 68000);
    assert_false(stage->is_paused[0]);
    say_end(stage, 0);
    assert_true(stage->is_finished);
    stage_end(stage);
}

static void adds_counts(void **state)
{
    (void)state;
    struct stage *stage = stage_new(MERGE_GROUP, ACCESS_REPLICA);
    struct plan_fold fold = {.kind = FOLD_ADD, .collation = NO_HIDDEN};
    stage->plan.folds = &fold;
    stage->plan.fold_count = 1;
    start(stage);
    for (uint16_t i = 0; i < SHARDS; i++) {
        say_columns(stage, i, "COUNT(*)");
        assert_int_equal(stage->client.len, 0);
        say_row(stage, i, i == 0 ? "40" : "1");
        say_end(stage, i);
    }
    assert_true(stage->is_finished);
    assert_string_equal(heard(stage), "42 EOF 3");
    stage_end(stage);
}

static void errors_come_first(void **state)
{
    (void)state;
    struct stage *stage = stage_new(MERGE_SORT, ACCESS_REPLICA);
    start(stage);
    say_columns(stage, 0, "n");
    say_row(stage, 0, "1");
    say_error(stage, 1);
    assert_true(stage->is_finished);
    assert_int_equal(stage->stopped, 2);
    assert_string_equal(heard(stage), "ERR 1146");
    stage_end(stage);
    // In a transaction the others are read to their ends.
    stage = stage_new(MERGE_SORT, ACCESS_PRIMARY);
    stage->is_sticky = true;
    start(stage);
    say_columns(stage, 0, "n");
    say_error(stage, 1);
    say_row(stage, 0, "1");
    say_end(stage, 0);
    assert_false(stage->is_finished);
    say_error(stage, 2);
    assert_true(stage->is_finished);
    assert_string_equal(heard(stage), "ERR 1146");
    stage_end(stage);
}

static void errors_stand_in_place_of_a_row(void **state)
{
    (void)state;
    struct stage *stage = stage_new(MERGE_ROWS, ACCESS_REPLICA);
    start(stage);
    for (uint16_t i = 0; i < SHARDS; i++) {
        say_columns(stage, i, "n");
        say_row(stage, i, "1");
    }
    say_error(stage, 1);
    assert_true(stage->is_finished);
    assert_string_equal(heard(stage), "1 1 1 ERR 1146");
    stage_end(stage);
}

static void refuses_columns_that_differ(void **state)
{
    (void)state;
    struct stage *stage = stage_new(MERGE_ROWS, ACCESS_REPLICA);
    start(stage);
    for (uint16_t i = 0; i < SHARDS; i++) {
        say_columns(stage, i, i == 2 ? "m" : "n");
        say_end(stage, i);
    }
    assert_string_equal(heard(stage), "ERR 9001");
    stage_end(stage);
}

static void hands_on_what_it_cannot_merge(void **state)
{
    (void)state;
    struct stage *stage = stage_new(MERGE_ROWS, ACCESS_REPLICA);
    stage->may_gather = true;
    start(stage);
    for (uint16_t i = 0; i < SHARDS; i++) {
        assert_false(stage->is_finished);
        say_columns(stage, i, i == 2 ? "m" : "n");
        say_end(stage, i);
    }
    assert_true(stage->is_gathered);
    assert_string_equal(heard(stage), "");
    stage_end(stage);
}

static void is_guarded(void **state)
{
    (void)state;
    static struct plan_warning beware = {.code = ER_SCATTER_WARNED, .text = "beware"};
    // One row too many: an error in its place, and the others are not read.
    struct stage *stage = stage_new(MERGE_SORT, ACCESS_REPLICA);
    stage->config.settings.max_result_rows = 2;
    stage->plan.warnings = &beware;
    start(stage);
    for (uint16_t i = 0; i < SHARDS; i++) {
        say_columns(stage, i, "n");
        say_row(stage, i, i == 0 ? "1" : i == 1 ? "2" : "3");
    }
    say_row(stage, 0, "4");
    say_row(stage, 1, "5");
    assert_string_equal(heard(stage), "1 2 ERR 9030");
    assert_int_equal(counter_get(&stage->sessions.counters.scatter_denied), 1);
    stage_end(stage);
    // So many and no more, with a warning that no shard has.
    stage = stage_new(MERGE_SORT, ACCESS_REPLICA);
    stage->config.settings.max_result_rows = 3;
    stage->plan.warnings = &beware;
    start(stage);
    for (uint16_t i = 0; i < SHARDS; i++) {
        say_columns(stage, i, "n");
        say_row(stage, i, i == 0 ? "1" : i == 1 ? "2" : "3");
        say_end(stage, i);
    }
    assert_null(strstr(heard(stage), "ERR"));
    assert_int_equal(stage->aftermath.warnings, SHARDS + 1); // say_end tells of one each
    stage_end(stage);
    // Not what isn't a SELECT.
    stage = stage_new(MERGE_FIRST, ACCESS_REPLICA);
    stage->config.settings.max_result_rows = 1;
    start(stage);
    for (uint16_t i = 0; i < SHARDS; i++) {
        say_columns(stage, i, "n");
        say_row(stage, i, "1");
        say_row(stage, i, "2");
        say_end(stage, i);
    }
    assert_string_equal(heard(stage), "1 2 EOF 1");
    stage_end(stage);
}

// A deep page: what was counted on a connection that is lost counts no more, and all rows are
// merged.
static void merges_whole_when_a_page_is_lost(void **state)
{
    (void)state;
    struct stage *stage = stage_new(MERGE_ROWS, ACCESS_REPLICA);
    struct plan whole = stage->plan;
    whole.offset = 2;
    stage->plan.whole = &whole;
    stage->plan.offset = 1;
    start(stage);
    say_columns(stage, 0, "n");
    say_row(stage, 0, "2");
    assert_true(stage->legs[0].command.has_own_transaction);
    lose(stage, 1, ER_SERVER_LOST);
    assert_int_equal(stage->started, SHARDS * 2);
    for (uint16_t i = 0; i < SHARDS; i++) {
        assert_false(stage->legs[i].command.has_own_transaction);
        say_columns(stage, i, "n");
        say_row(stage, i, "3");
        say_end(stage, i);
    }
    assert_string_equal(heard(stage), "3 EOF 3");
    stage_end(stage);
}

static void runs_again_when_lost(void **state)
{
    (void)state;
    struct stage *stage = stage_new(MERGE_ROWS, ACCESS_REPLICA);
    start(stage);
    for (int i = 0; i < 3; i++) {
        say_columns(stage, 0, "n");
        say_row(stage, 0, "1");
        lose(stage, 1, ER_SERVER_LOST);
        assert_false(stage->is_finished);
        assert_int_equal(stage->started, SHARDS * (i + 2));
    }
    for (uint16_t i = 0; i < SHARDS; i++) {
        say_columns(stage, i, "n");
        say_end(stage, i);
    }
    assert_string_equal(heard(stage), "EOF 3");
    stage_end(stage);
    // Too often, or too late.
    stage = stage_new(MERGE_ROWS, ACCESS_REPLICA);
    start(stage);
    for (int i = 0; i < 4; i++) {
        lose(stage, 2, ER_SERVER_LOST);
    }
    assert_true(stage->is_finished);
    assert_string_equal(heard(stage), "ERR 2013");
    stage_end(stage);
    stage = stage_new(MERGE_ROWS, ACCESS_REPLICA);
    start(stage);
    for (uint16_t i = 0; i < SHARDS; i++) {
        say_columns(stage, i, "n");
        say_row(stage, i, "1");
    }
    lose(stage, 2, ER_SERVER_LOST);
    assert_string_equal(heard(stage), "1 1 1 ERR 2013");
    stage_end(stage);
}

static void writes_everywhere(void **state)
{
    (void)state;
    struct stage *stage = stage_new(MERGE_OK, ACCESS_WRITE);
    start(stage);
    for (uint16_t i = 0; i < SHARDS; i++) {
        say_ok(stage, i, i + 1u);
    }
    assert_string_equal(heard(stage), "OK 6");
    assert_int_equal(stage->aftermath.row_count, 6);
    stage_end(stage);
    // One fails: the others are awaited, and the client is told which.
    stage = stage_new(MERGE_OK, ACCESS_WRITE);
    start(stage);
    say_error(stage, 0);
    say_ok(stage, 1, 1);
    assert_false(stage->is_finished);
    lose(stage, 2, ER_OUTCOME_UNKNOWN);
    assert_true(stage->is_finished);
    assert_int_equal(stage->stopped, 0);
    assert_string_equal(heard(stage), "ERR 1146");
    assert_non_null(strstr(stage->failure.text, "done on s2; not done on s1, s3"));
    stage_end(stage);
}

static void answers_as_the_first(void **state)
{
    (void)state;
    struct stage *stage = stage_new(MERGE_FIRST, ACCESS_WRITE);
    start(stage);
    for (uint16_t i = SHARDS; i-- > 0;) {
        say_ok(stage, i, 10u * (i + 1u));
    }
    assert_string_equal(heard(stage), "OK 10");
    stage_end(stage);
    // With rows: the first one's, once the others are over.
    stage = stage_new(MERGE_FIRST, ACCESS_WRITE);
    stage->plan.limit = 0;
    start(stage);
    for (uint16_t i = 0; i < SHARDS; i++) {
        say_columns(stage, i, "n");
        say_row(stage, i, i == 0 ? "1" : "2");
        say_end(stage, i);
    }
    assert_string_equal(heard(stage), "1 EOF 1");
    stage_end(stage);
}

static void gives_up_when_the_client_is_gone(void **state)
{
    (void)state;
    struct stage *stage = stage_new(MERGE_ROWS, ACCESS_REPLICA);
    start(stage);
    for (uint16_t i = 0; i < SHARDS; i++) {
        say_columns(stage, i, "n");
        say_row(stage, i, "1");
    }
    stage->session.flow->kind->on_abort(stage->session.flow);
    stage_end(stage); // nothing leaks, says the address sanitizer
}

// Each backend that has warnings is asked before it goes; rows have the statement's own numbers.
static void collects_warnings(void **state)
{
    (void)state;
    static const uint32_t rows[SHARDS][2] = {{2, 4}, {1}, {3}};
    struct stage *stage = stage_new(MERGE_OK, ACCESS_WRITE);
    struct statement statement = {.kind = STATEMENT_INSERT};
    struct insert_part insert = {.row_count = 4};
    statement.insert = &insert;
    stage->request.statement = &statement;
    for (int i = 0; i < SHARDS; i++) {
        stage->targets[i].rows = rows[i];
        stage->targets[i].row_count = i == 0 ? 2 : 1;
    }
    start(stage);
    stage->said_warnings = 1;
    say_ok(stage, 0, 2);
    say_ok(stage, 1, 1);
    stage->said_warnings = 0;
    say_ok(stage, 2, 1);
    assert_false(stage->is_finished);
    tell(stage, 0, "Warning", "too large at row 2");
    assert_false(stage->is_finished);
    tell(stage, 1, "Warning", "too large at row 1");
    assert_true(stage->is_finished);
    assert_string_equal(heard(stage), "OK 4");
    assert_string_equal(listed(stage), "too large at row 1;too large at row 4;");
    assert_int_equal(stage->aftermath.warnings, 2);
    stage_end(stage);
}

// Whoever can't be asked any more leaves the list unknown, and the answer as it is.
static void loses_warnings(void **state)
{
    (void)state;
    struct stage *stage = stage_new(MERGE_OK, ACCESS_WRITE);
    start(stage);
    stage->said_warnings = 1;
    say_ok(stage, 0, 2);
    stage->said_warnings = 0;
    say_ok(stage, 1, 1);
    say_ok(stage, 2, 1);
    lose(stage, 0, ER_SERVER_LOST);
    assert_true(stage->is_finished);
    assert_string_equal(heard(stage), "OK 4");
    assert_null(stage->warnings);
    assert_int_equal(stage->aftermath.warnings, 1);
    stage_end(stage);
}

// Of an error the list has what stood before it; the error itself is the client's.
static void collects_what_went_before_an_error(void **state)
{
    (void)state;
    struct stage *stage = stage_new(MERGE_OK, ACCESS_WRITE);
    start(stage);
    say_ok(stage, 0, 1);
    stage->says_error = true;
    say_error(stage, 1);
    stage->said_warnings = 1;
    say_ok(stage, 2, 1);
    stage->said_warnings = 0;
    tell(stage, 2, "Warning", "cut");
    assert_false(stage->is_finished);
    tell(stage, 1, "Note", "look there");
    assert_true(stage->is_finished);
    assert_string_equal(listed(stage), "cut;look there;");
    stage_end(stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sorts),
        cmocka_unit_test(cuts_at_the_limit),
        cmocka_unit_test(pauses_who_is_ahead),
        cmocka_unit_test(adds_counts),
        cmocka_unit_test(errors_come_first),
        cmocka_unit_test(errors_stand_in_place_of_a_row),
        cmocka_unit_test(refuses_columns_that_differ),
        cmocka_unit_test(hands_on_what_it_cannot_merge),
        cmocka_unit_test(is_guarded),
        cmocka_unit_test(runs_again_when_lost),
        cmocka_unit_test(merges_whole_when_a_page_is_lost),
        cmocka_unit_test(writes_everywhere),
        cmocka_unit_test(answers_as_the_first),
        cmocka_unit_test(gives_up_when_the_client_is_gone),
        cmocka_unit_test(collects_warnings),
        cmocka_unit_test(loses_warnings),
        cmocka_unit_test(collects_what_went_before_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
