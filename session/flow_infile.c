// LOAD DATA LOCAL INFILE: the servers ask for the file, waybill asks the client once, and what it
// sends goes on to all of them, or each row to the server of its shard (a split: infile_split.c).
//
//     (start) --> ASKING --- all servers have asked for the file ---> TAKING <-- (start of a split)
//                   |                                                 |    |
//                   | one won't: the others get an empty file         |    | a server is lost, or
//                   |                     the client's empty packet   |    | a row has no place
//                   |                                                 |    v
//                   |            STARTING <--- of a split ------------+ SKIPPING
//                   v               | all servers have asked          |    |
//                 ENDING <----------+---------------------------------+    | the empty packet
//                   |                                                      |
//                   +--> (finished: OK or ERR) <---------------------------+
//
//     from -> to [function]
//     ASKING -> TAKING [look_at_asked], ASKING -> ENDING [look_at_asked], TAKING -> SKIPPING
//     [give_up], TAKING -> ENDING [end_file], TAKING -> STARTING [end_split], STARTING -> ENDING
//     [look_at_started], STARTING -> finished [fail], ENDING -> finished [infile_finish], SKIPPING
//     -> finished [on_file_over]
//
//     ASKING    the client was told nothing, and nothing of it is read
//     TAKING    every leg's server takes the file; a split's is to ask for it first. The client is
//               not read while one of them is slow, so the slowest sets the pace and no more than
//               one read is kept for each
//     SKIPPING  no leg runs; what the client still sends is thrown away, since it reads no answer
//               before its file is over
//     STARTING  a split's file is over, and some of its servers have not asked for it yet: none is
//               told that it is over before all take it
//     ENDING    the file is over for the servers that still run
//
// A file that is not whole is never ended by the empty packet that says it is: its connection is
// closed, and the server rolls the statement back (tried with MariaDB 10.11: InnoDB does, MyISAM
// keeps the rows that came). So a client that vanishes, or one server of several that fails in the
// middle, leaves nothing behind, and in a transaction takes the whole of it.
//
// The client is asked only for the very file that its own statement names.

#include <assert.h>

#include "base/log.h"
#include "protocol/error_table.h"
#include "protocol/packet.h"
#include "session/client_io.h"
#include "session/command.h"
#include "session/flow_single.h"
#include "session/infile_impl.h"
#include "session/insert_id.h"
#include "session/track.h"
#include "session/transaction.h"

enum { INFILE_ASKS = 0xfb };

static struct infile *infile_of(struct flow *flow)
{
    return CONTAINER_OF(flow, struct infile, flow);
}

static void infile_check(const struct infile *infile)
{
    bool is_running = infile->state == INFILE_TAKING || infile->state == INFILE_STARTING;
    for (uint32_t i = 0; i < infile->part_count; i++) {
        const struct infile_part *part = &infile->parts[i];
        assert(part->leg == NULL || infile->state != INFILE_SKIPPING);
        assert(!is_running || part->leg != NULL);
        assert(infile->state != INFILE_TAKING || part->has_asked || infile->split != NULL);
        assert((part->leg == NULL) == part->is_done || infile->state == INFILE_SKIPPING);
        (void)part;
    }
}

static void infile_enter(struct infile *infile, enum infile_state state)
{
    infile->state = state;
    infile_check(infile);
}

// ---- the end

static bool are_all_done(const struct infile *infile)
{
    for (uint32_t i = 0; i < infile->part_count; i++) {
        if (!infile->parts[i].is_done) {
            return false;
        }
    }
    return true;
}

// The servers that have asked get the end of the file.
static void end_file(struct infile *infile)
{
    client_io_leave_input(infile->flow.session);
    for (uint32_t i = 0; i < infile->part_count; i++) {
        struct infile_part *part = &infile->parts[i];
        if (part->leg != NULL && part->has_asked) {
            (void)leg_feed(part->leg, slice_of(NULL, 0), true);
        }
    }
    infile_enter(infile, INFILE_ENDING);
}

static void stop_legs(struct infile *infile)
{
    for (uint32_t i = 0; i < infile->part_count; i++) {
        struct infile_part *part = &infile->parts[i];
        if (part->leg != NULL) {
            leg_stop(part->leg);
            part->leg = NULL;
        }
    }
    split_stop(infile);
}

// What has come is rolled back everywhere, and the client listens. The flow is gone afterwards.
static void fail(struct infile *infile, const struct error *error)
{
    struct error copy = *error;
    stop_legs(infile);
    infile->flow.session->is_answer_between_rows = true; // an ERR may stand here
    flow_fail(&infile->flow, &copy);
}

// The file can't be loaded: what has come is rolled back everywhere, and the client is told when it
// listens again.
static void give_up(struct infile *infile, const struct error *error)
{
    infile->error = *error;
    stop_legs(infile);
    infile_enter(infile, INFILE_SKIPPING);
    client_io_take_input(infile->flow.session, false);
}

// ---- ASKING

static void ask_client(struct infile *infile)
{
    struct session *session = infile->flow.session;
    struct text payload;
    text_init(&payload);
    write_u8(&payload, INFILE_ASKS);
    text_add_slice(&payload, infile->flow.request->statement->load->file);
    session_write_payload(session, text_slice(&payload));
    text_done(&payload);
    infile->next_sequence = infile->flow.request->sequence;
    infile_enter(infile, INFILE_TAKING);
    client_io_take_input(session, false);
}

// Once every server has said whether it takes the file.
static void look_at_asked(struct infile *infile)
{
    bool has_refusal = false;
    for (uint32_t i = 0; i < infile->part_count; i++) {
        const struct infile_part *part = &infile->parts[i];
        if (!part->has_asked && !part->is_done) {
            return;
        }
        has_refusal |= part->is_done;
    }
    if (has_refusal) {
        end_file(infile);
    } else {
        ask_client(infile);
    }
}

// ---- a split's parts

static bool is_any_busy(const struct infile *infile)
{
    if (infile->ids.is_awaited) {
        return true;
    }
    for (uint32_t i = 0; i < infile->part_count; i++) {
        if (infile->parts[i].is_full || infile->parts[i].waiting.len > 0) {
            return true;
        }
    }
    return false;
}

// The client is read as long as nobody is behind.
static void set_pace(struct infile *infile)
{
    struct session *session = infile->flow.session;
    bool is_busy = is_any_busy(infile);
    if (infile->state == INFILE_TAKING && is_busy != session->is_input_held) {
        client_io_take_input(session, is_busy);
    }
}

static void feed_parts(struct infile *infile)
{
    for (uint32_t i = 0; i < infile->part_count; i++) {
        struct infile_part *part = &infile->parts[i];
        if (!part->is_full && part->waiting.len > 0) {
            (void)split_feed(part, false);
        }
    }
    set_pace(infile);
}

static void look_at_started(struct infile *infile)
{
    for (uint32_t i = 0; i < infile->part_count; i++) {
        if (!infile->parts[i].has_asked) {
            return;
        }
    }
    split_note_end(infile);
    for (uint32_t i = 0; i < infile->part_count; i++) {
        (void)split_feed(&infile->parts[i], true);
    }
    infile_enter(infile, INFILE_ENDING);
}

// ---- the servers' answers

// The flow may be gone afterwards.
static void advance(struct infile *infile)
{
    if (infile->state == INFILE_ASKING) {
        look_at_asked(infile);
    }
    if (infile->state == INFILE_STARTING && infile->has_failed) {
        fail(infile, &infile->error);
        return;
    }
    if (infile->state == INFILE_STARTING) {
        look_at_started(infile);
    }
    if (infile->state == INFILE_ENDING && are_all_done(infile)) {
        infile_finish(infile);
    }
}

static struct infile_part *part_of(struct infile *infile, const struct leg *leg)
{
    return &infile->parts[leg->command.tag];
}

static bool is_own_file(const struct infile *infile, const struct infile_part *part)
{
    struct slice payload = gather_payload(&part->gather);
    return payload.len > 0 && slice_equal(slice_part(payload, 1, payload.len),
                                          infile->flow.request->statement->load->file);
}

// It is not TAKING any more when one of the servers has failed too early.
static void note_done(struct infile *infile, struct infile_part *part)
{
    part->leg = NULL;
    part->is_done = true;
    if (infile->state != INFILE_TAKING && infile->state != INFILE_STARTING) {
        return;
    }
    struct error error = part->error;
    if (!part->is_error) {
        error_fill(&error, ER_UNKNOWN, "a server's answer came before the file was over");
    }
    if (infile->state == INFILE_TAKING) {
        give_up(infile, &error);
    } else {
        infile->has_failed = true;
        infile->error = error;
    }
}

// False: the flow is gone, or gives up.
static bool note_asked(struct infile *infile, struct infile_part *part)
{
    struct error error;
    if (is_own_file(infile, part)) {
        part->has_asked = true;
        part->gather = (struct gather){0};
        if (infile->split != NULL) {
            feed_parts(infile);
        }
        return true;
    }
    log_warning("a server asks for a file that the statement doesn't name");
    error_fill(&error, ER_UNKNOWN, "the server asks for another file than the statement names");
    if (infile->state == INFILE_TAKING) { // its connection is closed
        give_up(infile, &error);
    } else {
        fail(infile, &error);
    }
    return false;
}

static void on_answer(struct flow *flow, struct leg *leg, const uint8_t *bytes, size_t len,
                      const struct answer *last)
{
    struct infile *infile = infile_of(flow);
    struct infile_part *part = part_of(infile, leg);
    if (infile->is_asking_id) {
        infile_note_id(infile, bytes, len, last);
        return;
    }
    gather_add(&part->gather, &flow->session->arena, bytes, len);
    if (last != NULL) {
        part->last = *last;
        part->is_error = last->is_error || !ok_read(gather_payload(&part->gather), &part->ok);
        if (part->is_error) {
            gather_error(&part->gather, &part->error);
        }
        note_done(infile, part);
    } else if (backend_answer(leg->backend)->wants_file && !part->has_asked) {
        if (!note_asked(infile, part)) {
            return;
        }
    }
    advance(infile);
}

static void on_failed(struct flow *flow, struct leg *leg, const struct error *error)
{
    struct infile *infile = infile_of(flow);
    struct infile_part *part = part_of(infile, leg);
    if (infile->is_asking_id) {
        transaction_note_broken(flow->session); // the client has its answer: told with the next one
        flow_finish(flow);
        return;
    }
    part->is_error = true;
    part->error = *error;
    part->gather = (struct gather){0};
    note_done(infile, part);
    advance(infile);
}

static void on_fed(struct flow *flow, struct leg *leg)
{
    struct infile *infile = infile_of(flow);
    part_of(infile, leg)->is_full = false;
    if (infile->state == INFILE_TAKING || infile->state == INFILE_STARTING) {
        feed_parts(infile);
    }
}

// ---- the client's file

static void take(struct infile *infile, struct slice bytes)
{
    struct error error;
    if (infile->state != INFILE_TAKING) {
        return;
    }
    if (infile->split != NULL) {
        if (!split_take(infile, bytes, false, &error)) {
            give_up(infile, &error);
        }
        return;
    }
    for (uint32_t i = 0; i < infile->part_count; i++) {
        struct infile_part *part = &infile->parts[i];
        part->is_full = leg_feed(part->leg, bytes, false);
    }
    set_pace(infile);
}

// The flow may be gone afterwards.
static void end_split(struct infile *infile)
{
    struct error error;
    if (!split_take(infile, slice_of(NULL, 0), true, &error)) {
        fail(infile, &error);
        return;
    }
    client_io_leave_input(infile->flow.session);
    infile_enter(infile, INFILE_STARTING);
    feed_parts(infile);
    advance(infile);
}

// The empty packet. The flow may be gone afterwards.
static void on_file_over(struct infile *infile)
{
    infile->flow.request->sequence = infile->next_sequence;
    if (infile->state != INFILE_TAKING) {
        fail(infile, &infile->error);
    } else if (infile->split != NULL) {
        end_split(infile);
    } else {
        end_file(infile);
    }
}

static void refuse_order(struct infile *infile)
{
    struct session *session = infile->flow.session;
    struct error error;
    error_fill(&error, ER_PACKETS_OUT_OF_ORDER);
    client_io_log(session, &error);
    infile->flow.request->sequence = infile->next_sequence;
    session->wants_close = true;
    fail(infile, &error);
}

// Reads packets' headers. False: the flow is gone.
static bool take_header(struct infile *infile, uint8_t byte)
{
    infile->header[infile->header_have++] = byte;
    if (infile->header_have < PACKET_HEADER_BYTES) {
        return true;
    }
    infile->header_have = 0;
    bool is_framed = infile->flow.session->compression == COMPRESSION_ON; // see packet_renumber
    if (packet_sequence(infile->header) != infile->next_sequence && !is_framed) {
        refuse_order(infile);
        return false;
    }
    infile->next_sequence++;
    infile->left = packet_payload_bytes(infile->header);
    bool is_over = infile->left == 0 && !infile->is_continued;
    infile->is_continued = infile->left == PACKET_PAYLOAD_MAX;
    if (is_over) {
        on_file_over(infile);
    }
    return !is_over;
}

static size_t on_input(struct flow *flow, struct slice bytes)
{
    struct infile *infile = infile_of(flow);
    size_t used = 0;
    if (!infile_ids_ready(infile, bytes)) {
        return 0;
    }
    while (used < bytes.len) {
        if (infile->left > 0) {
            size_t rest = bytes.len - used;
            size_t len = rest < infile->left ? rest : infile->left;
            infile->left -= (uint32_t)len;
            take(infile, slice_part(bytes, used, used + len));
            used += len;
        } else if (!take_header(infile, bytes.ptr[used++])) {
            return used;
        }
    }
    if (infile->split != NULL && infile->state == INFILE_TAKING) {
        feed_parts(infile);
    }
    return used;
}

// ---- starting

static void on_drained(struct flow *flow)
{
    (void)flow; // nothing is written before the end
}

static void on_abort(struct flow *flow)
{
    split_stop(infile_of(flow));
}

static const struct flow_kind infile_kind = {
    .name = "loading",
    .on_answer = on_answer,
    .on_failed = on_failed,
    .on_drained = on_drained,
    .on_fed = on_fed,
    .on_input = on_input,
    .on_abort = on_abort,
};

bool flow_infile_awaits_ids(const struct session *session)
{
    return session->flow->kind == &infile_kind;
}

void flow_infile_ids_reserved(struct session *session, const struct errand_result *result)
{
    struct infile *infile = infile_of(session->flow);
    infile->ids.is_awaited = false;
    if (infile->state != INFILE_TAKING) {
        return; // a server has failed meanwhile
    }
    if (error_is_set(&result->problem)) {
        give_up(infile, &result->problem);
    } else {
        set_pace(infile);
    }
}

static void start_parts(struct infile *infile)
{
    struct request *request = infile->flow.request;
    for (uint32_t i = 0; i < infile->part_count; i++) {
        struct leg_command command = leg_command_of(request, &request->plan->targets[i]);
        command.tag = i;
        command.wants_point = infile->wants_point;
        // To others a server says what it says to one that sends no files.
        command.takes_file = (infile->flow.session->capabilities & CAP_LOCAL_FILES) != 0;
        command.may_linger = infile->part_count == 1;
        command.wants_keep = infile->asks_id;
        infile->parts[i].shard = command.shard;
        infile->parts[i].leg = leg_start(&infile->flow, &command);
    }
    infile_check(infile);
}

void flow_infile_start(struct session *session, struct request *request)
{
    const struct plan *plan = request->plan;
    bool sends_files = (session->capabilities & CAP_LOCAL_FILES) != 0;
    if (!session_config(session)->settings.local_infile) { // it was on when the client logged in
        struct error error;
        error_fill(&error, ER_NOT_ALLOWED_COMMAND);
        command_error(session, &error);
        return;
    }
    struct infile *infile = arena_alloc(&session->arena, sizeof *infile);
    infile->parts = arena_alloc(&session->arena, plan->target_count * sizeof *infile->parts);
    flow_begin(&infile->flow, &infile_kind, session, request);
    infile->is_to_many = (plan->split != NULL && sends_files) || plan->target_count > 1;
    if (infile->is_to_many) {
        transaction_begin_statement(session);
        infile->wants_point = transaction_wants_point(session);
        infile->is_atomic = session->transaction.is_statement || infile->wants_point;
    }
    if (plan->split != NULL && sends_files) {
        split_start(infile);
        ask_client(infile);
        return;
    }
    infile->part_count = plan->split != NULL ? 1 : plan->target_count;
    if (infile->part_count == 1) {
        infile->asks_id =
            !plan->has_made_ids && insert_id_is_asked_after(session, request->statement);
        track_follow(session, ANSWER_QUERY, plan->targets[0].shard);
    }
    start_parts(infile);
}
