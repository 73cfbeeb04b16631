// One target: a relay.
//
//     RUNNING --bytes--> client          straight from the backend's scratch
//        |   \--the client's queue is full--> the backend is paused --drained--> resumed
//        +-- the whole answer, or no answer --> done
//
// One thing is ever rewritten: the OK of an INSERT for which waybill made the ids, since the server
// knows nothing of them (the client's LAST_INSERT_ID must). That OK is put together first. So is
// the OK of a statement about accounts (account_wait.c) and of SET GLOBAL (global_settings.c).

#include "session/flow_single.h"

#include "protocol/bytes.h"
#include "protocol/error_table.h"
#include "protocol/packet.h"
#include "session/account_wait.h"
#include "session/aftermath.h"
#include "session/bulk.h"
#include "session/cursor_aside.h"
#include "session/found_rows.h"
#include "session/global_settings.h"
#include "session/answer_marks.h"
#include "session/gather.h"
#include "session/index_enter.h"
#include "session/insert_id.h"
#include "session/renumber.h"
#include "session/text_statement.h"
#include "session/track.h"
#include "session/transaction.h"

struct flow_single {
    struct flow flow;
    struct leg *leg; // while its answer is not whole
    uint16_t shard;
    uint64_t insert_id; // for the client's OK
    bool rewrites_ok;   // the answer is held back until it is known to be no result set
    bool delays_ok;     // ... and the client gets it later
    bool was_in;        // a transaction, there
    bool is_asking;     // the answer was given; is a transaction open?
    bool asks_id;       // ... what is LAST_INSERT_ID() now? When nobody else can tell
    bool is_asking_id;
    struct renumber renumber;
    struct gather gather; // of what is held back
    bool awaits_head;     // it may be an error that the client is not told
    bool has_begun;       // the client has a part of the answer
    struct gather head;
};

static struct flow_single *single_of(struct flow *flow)
{
    return CONTAINER_OF(flow, struct flow_single, flow);
}

struct slice flow_frame_query(struct arena *arena, struct slice sql)
{
    struct text packet;
    text_init(&packet);
    uint8_t sequence = 0;
    size_t place = packet_begin(&packet);
    write_u8(&packet, COM_QUERY);
    text_add_slice(&packet, sql);
    packet_end(&packet, place, &sequence);
    struct slice framed = arena_copy(arena, text_slice(&packet));
    text_done(&packet);
    return framed;
}

// ---- what a target is asked

// The parameters as the target's text has them: some replaced, some put in.
static struct execute *edit_params(struct arena *arena, const struct execute *execute,
                                   const struct param_edit *edits, uint32_t edit_count)
{
    struct execute *edited = arena_alloc(arena, sizeof *edited);
    *edited = *execute;
    edited->cursor_flags = 0;
    edited->has_types = true;
    if (edit_count == 0) {
        return edited;
    }
    uint32_t max = execute->param_count + edit_count;
    edited->params = arena_alloc(arena, max * sizeof *edited->params);
    uint32_t count = 0, edit = 0;
    for (uint32_t i = 0; i <= execute->param_count; i++) {
        bool is_replaced = false;
        for (; edit < edit_count && edits[edit].index == i; edit++) {
            if (edits[edit].kind != EDIT_DROP) {
                edited->params[count++] = binary_from_uint64(arena, edits[edit].value);
            }
            is_replaced |= edits[edit].kind != EDIT_INSERT;
        }
        if (!is_replaced && i < execute->param_count) {
            edited->params[count++] = execute->params[i];
        }
    }
    edited->param_count = count;
    return edited;
}

// Targets with the same parameters share them.
static struct execute *execute_for(struct request *request, const struct plan_target *target)
{
    struct session *session = request->session;
    uint32_t count = 0;
    const struct param_edit *edits = plan_edits(request->plan, target, &count);
    if (request->edited != NULL && target->edits == NULL) {
        return request->edited;
    }
    struct execute *edited = edit_params(&session->arena, request->execute, edits, count);
    if ((request->execute->cursor_flags & CURSOR_READ_ONLY) == 0) {
        // none is asked for
    } else if (request->plan->target_count == 1 && request->plan->gather == NULL &&
               cursor_may_open(session)) {
        edited->cursor_flags = CURSOR_READ_ONLY;
    } else {
        cursor_put_aside(session, request);
    }
    if (target->edits == NULL) {
        request->edited = edited;
    }
    return edited;
}

// A part of no transaction, of none that the server would begin for it either.
static void stand_beside(struct session *session, struct leg_command *command)
{
    command->is_outside = command->is_beside = true;
    if (session->carried.is_autocommit_off) {
        command->state = session_state_apart(session);
    }
}

struct leg_command leg_command_of(struct request *request, const struct plan_target *target)
{
    struct session *session = request->session;
    struct leg_command command = {
        .shard = target->shard,
        .access = request->plan->access,
        .kind = ANSWER_QUERY,
        .state = request->state,
        .pin_reason = request->pin_reason,
        .pin_facts = request->statement->facts & PIN_FACTS,
    };
    if (request->plan->is_beside && !session->transaction.is_read_only &&
        request->pin_reason == NULL) {
        stand_beside(session, &command);
    }
    if (request->bulk != NULL) {
        struct execute *execute = arena_alloc(&session->arena, sizeof *execute);
        execute->bulk = request->bulk->payloads[target - request->plan->targets];
        command.kind = ANSWER_EXECUTE;
        command.prepare_sql = target->sql.ptr != NULL ? target->sql : request->statement->text;
        command.execute = execute;
    } else if (request->execute != NULL) {
        command.kind = ANSWER_EXECUTE;
        command.prepare_sql = target->sql.ptr != NULL ? target->sql : request->statement->text;
        struct execute *edited = execute_for(request, target);
        command.on_ok = edited->cursor_flags != 0 ? cursor_on_executed : NULL;
        command.execute = edited;
    } else if (request->text != NULL) {
        text_execute_command(request, target, &command);
    } else if (target->sql.ptr != NULL || request->command != COM_QUERY) {
        struct slice sql = target->sql.ptr != NULL ? target->sql : request->statement->text;
        command.packet = flow_frame_query(&session->arena, sql);
    } else {
        command.packet = request->raw;
    }
    return command;
}

// ---- the answer

static void note_answer(struct flow_single *single, const struct answer *answer)
{
    struct session *session = single->flow.session;
    const struct request *request = single->flow.request;
    if (request->keeps_aftermath) {
        return;
    }
    aftermath_note(session, answer, single->shard);
    single->insert_id = insert_id_note(session, answer, single->shard);
}

static bool relay(struct flow_single *single, const uint8_t *bytes, size_t len)
{
    return renumber_write(&single->renumber, single->flow.session, bytes, len);
}

// The OK with the id that waybill made in it.
static void write_made_id(struct flow_single *single)
{
    struct session *session = single->flow.session;
    struct ok_packet ok;
    if (single->delays_ok) {
        return;
    }
    if (!ok_read(gather_payload(&single->gather), &ok)) {
        (void)relay(single, single->gather.bytes, single->gather.len);
        return;
    }
    ok.insert_id = single->insert_id;
    struct text payload;
    text_init(&payload);
    ok_write(&payload, &ok);
    session_write_payload(session, text_slice(&payload));
    text_done(&payload);
}

// A statement that commits implicitly has failed, and nobody knows whether before or after that; or
// one with which a transaction would begin, with autocommit off: an ERR has no status, an OK does.
static bool is_in_doubt(const struct flow_single *single, const struct answer *last)
{
    const struct session *session = single->flow.session;
    const struct statement *statement = single->flow.request->statement;
    bool may_begin =
        session->carried.is_autocommit_off && !session->transaction.is_open && !single->was_in;
    return last->is_error && statement != NULL &&
           (may_begin || (statement->facts & FACT_ENDS_TRANSACTION) != 0) &&
           leg_in_transaction(session, single->shard);
}

static void ask_status(struct flow_single *single)
{
    struct leg_command command = {
        .shard = single->shard,
        .access = ACCESS_PRIMARY,
        .kind = ANSWER_QUERY,
        .packet = flow_frame_query(&single->flow.session->arena, slice_of_string("DO 0")),
        .wants_keep = true, // SHOW WARNINGS is about the error
    };
    single->is_asking = true;
    aftermath_note_question(single->flow.session);
    single->leg = leg_start(&single->flow, &command);
}

// Of the backend that was kept for it; false: others wait for that.
static bool ask_id(struct flow_single *single)
{
    struct session *session = single->flow.session;
    struct leg *leg = leg_kept_on(session, single->shard);
    enum insert_id_doubt doubt = session->insert_id.doubt;
    bool is_set = single->asks_id && insert_id_is_set_by(single->flow.request->statement);
    bool is_unknown = doubt == DOUBT_LOST || doubt == DOUBT_COLUMN || is_set;
    if (is_set && leg == NULL) {
        insert_id_lose(session);
    }
    if (!single->asks_id || !is_unknown || leg == NULL) {
        return false;
    }
    single->is_asking = single->is_asking_id = true;
    single->gather = (struct gather){.len = 0};
    single->leg = leg;
    insert_id_ask_there(&single->flow, leg);
    return true;
}

static void on_asked(struct flow_single *single, const uint8_t *bytes, size_t len,
                     const struct answer *last)
{
    struct session *session = single->flow.session;
    gather_add(&single->gather, &session->arena, bytes, len);
    if (last == NULL) {
        return;
    }
    if (single->is_asking_id && (last->is_error || !insert_id_take(session, &single->gather))) {
        session->insert_id.doubt = DOUBT_LOST;
    }
    flow_finish(&single->flow);
}

static void finish(struct flow_single *single, const struct answer *last)
{
    struct session *session = single->flow.session;
    if (single->delays_ok && single->rewrites_ok) {
        struct request *request = single->flow.request;
        if (request->globals != NULL) {
            globals_tell_start(session, request, single->shard, &single->gather);
        } else {
            account_wait_start(session, request, single->shard, &single->gather);
        }
        return;
    }
    if (last->is_error) {
        counter_add(&session->sessions->counters.errors_sent, 1);
    }
    if (is_in_doubt(single, last)) {
        ask_status(single);
    } else if (!ask_id(single)) {
        flow_finish(&single->flow);
    }
}

// Of INSERT ... RETURNING the columns and some rows come first.
static bool may_become_error(const struct request *request, const struct gather *head)
{
    const struct insert_part *insert = request->statement->insert;
    if (insert != NULL && insert->has_returning && head->len < RETURNING_HELD_BYTES) {
        return true;
    }
    return head->len <= PACKET_HEADER_BYTES || head->bytes[PACKET_HEADER_BYTES] == 0xff;
}

// An error is held back until it is whole: it may be one that the client needs not be told. False:
// more is to come.
static bool take_head(struct flow_single *single, const uint8_t **bytes, size_t *len,
                      const struct answer *last)
{
    struct gather *head = &single->head;
    gather_add(head, &single->flow.session->arena, *bytes, *len);
    if (last == NULL && may_become_error(single->flow.request, head)) {
        return false;
    }
    single->awaits_head = false;
    single->has_begun = last == NULL;
    *bytes = head->bytes;
    *len = head->len;
    return true;
}

// A row that a global index lacks the entry for. True: it is made, and the statement run again.
static bool enter_index(struct flow_single *single, const uint8_t *bytes, size_t len)
{
    struct session *session = single->flow.session;
    struct request *request = single->flow.request;
    struct gather whole = {.len = 0};
    struct error error;
    if (request->plan == NULL || request->plan->target_count != 1 || single->has_begun) {
        return false;
    }
    gather_add(&whole, &session->arena, bytes, len);
    gather_error(&whole, &error);
    session->flow = NULL; // it is over if the command goes on
    if (index_enter_start(session, request, &request->plan->targets[0], &error)) {
        return true;
    }
    session->flow = &single->flow;
    return false;
}

static void on_answer(struct flow *flow, struct leg *leg, const uint8_t *bytes, size_t len,
                      const struct answer *last)
{
    struct flow_single *single = single_of(flow);
    struct session *session = flow->session;
    bool is_full = false;
    if (single->is_asking) {
        on_asked(single, bytes, len, last);
        return;
    }
    if (single->awaits_head && !take_head(single, &bytes, &len, last)) {
        return;
    }
    if (last != NULL && last->is_error && last->error_code == ER_NOT_INDEXED &&
        enter_index(single, bytes, len)) {
        return;
    }
    if (last != NULL) {
        note_answer(single, last);
    }
    if (single->rewrites_ok) {
        gather_add(&single->gather, &session->arena, bytes, len);
        bool is_ok = last != NULL && !last->is_error && !last->has_rows;
        bool has_rows = last == NULL && backend_answer(leg->backend)->has_rows;
        if (is_ok) {
            write_made_id(single);
        } else if (last != NULL || has_rows) { // INSERT ... RETURNING, or an error
            single->rewrites_ok = false;
            is_full = relay(single, single->gather.bytes, single->gather.len);
        }
    } else {
        is_full = relay(single, bytes, len);
    }
    struct error error;
    if (last != NULL) {
        finish(single, last);
    } else if (cursor_is_too_large(flow->request, &error) && leg_may_stop(leg)) {
        flow_fail(flow, &error);
    } else if (is_full) {
        leg_pause(leg);
    }
}

static void on_failed(struct flow *flow, struct leg *leg, const struct error *error)
{
    (void)leg;
    if (single_of(flow)->is_asking_id) {
        insert_id_lose(flow->session);
        transaction_note_broken(flow->session); // the client has its answer: told with the next one
        flow_finish(flow);
        return;
    }
    if (single_of(flow)->is_asking) { // the client has its answer, and must not go on in doubt
        flow->session->transaction.is_lost = true;
        flow->session->wants_close = true;
        flow_finish(flow);
        return;
    }
    flow_fail(flow, error);
}

static void on_drained(struct flow *flow)
{
    leg_resume(single_of(flow)->leg);
}

static const struct flow_kind flow_single_kind = {
    .name = "relaying",
    .on_answer = on_answer,
    .on_failed = on_failed,
    .on_drained = on_drained,
};

// Where the server's status is not what is true of the client's session: beside its transaction, in
// a session unlike its own.
static void mark_status(const struct flow_single *single, const struct leg_command *command)
{
    struct session *session = single->flow.session;
    bool is_beside =
        session_in_transaction(session) &&
        (command->is_outside || (!single->was_in && transaction_participants(session) > 0));
    bool is_unlike =
        command->is_stateless || (command->is_beside && session->carried.is_autocommit_off);
    if (is_unlike && session->pin == NULL) {
        answer_marks_own_session(session, command->kind, session_status(session));
    } else if (is_beside) {
        uint16_t flags = STATUS_IN_TRANS | STATUS_IN_TRANS_READONLY;
        answer_marks_add(session, command->kind, session_status(session) & flags);
    }
}

static void relay_start(struct session *session, struct request *request,
                        const struct leg_command *command, bool asks_id)
{
    struct flow_single *single = arena_alloc(&session->arena, sizeof *single);
    single->shard = command->shard;
    single->delays_ok = request->globals != NULL || account_wait_is_for(session, request);
    single->rewrites_ok =
        single->delays_ok || (request->plan != NULL && request->plan->has_made_ids);
    single->asks_id = asks_id;
    single->was_in = leg_in_transaction(session, command->shard);
    single->awaits_head = index_enter_is_possible(session, request);
    flow_begin(&single->flow, &flow_single_kind, session, request);
    mark_status(single, command);
    track_follow(session, command->kind, command->shard);
    single->leg = leg_start(&single->flow, command);
}

void flow_single_relay(struct session *session, struct request *request,
                       const struct leg_command *command)
{
    relay_start(session, request, command, false);
}

// In front of one shard.
static void keep_for_found_rows(struct leg *leg, const struct answer *answer)
{
    leg->command.wants_keep |= found_rows_is_passed(leg->session->request->statement, answer);
}

void flow_single_start(struct session *session, struct request *request)
{
    struct leg_command command = leg_command_of(request, &request->plan->targets[0]);
    bool is_only = config_only_shard(session_config(session)) != NO_SHARD;
    bool opens_cursor = command.on_ok != NULL;
    bool asks_id =
        insert_id_is_asked_after(session, request->statement) && !request->plan->has_made_ids;
    command.may_linger = true;
    command.is_there = request->plan->gather != NULL; // what was gathered is
    bool hides_found = (opens_cursor || found_rows_is_hidden(request->statement)) && is_only;
    if (is_only && !opens_cursor) {
        command.on_ok = keep_for_found_rows;
    }
    command.wants_keep = asks_id || hides_found ||
                         (request->statement->facts & FACT_CALC_FOUND_ROWS) != 0 ||
                         aftermath_lingers_on(session) == command.shard;
    relay_start(session, request, &command, asks_id);
}
