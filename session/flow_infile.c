// LOAD DATA LOCAL INFILE: the servers ask for the file, waybill asks the client once, and what it
// sends goes on to all of them.
//
//     (start) --> ASKING --- all servers have asked for the file ---> TAKING
//                   |                                                 |    |
//                   | one won't: the others get an empty file         |    | a server is lost, or
//                   |                                                 |    | a row has no place
//                   |                     the client's empty packet   |    v
//                   v                                                 | SKIPPING
//                 ENDING <--------------------------------------------+    |
//                   |                                                      | the empty packet
//                   +--> (finished: OK or ERR) <---------------------------+
//
//     from -> to [function]
//     ASKING -> TAKING [look_at_asked], ASKING -> ENDING [look_at_asked], TAKING -> SKIPPING
//     [give_up], TAKING -> ENDING [end_file], ENDING -> finished [finish], SKIPPING -> finished
//     [on_file_over]
//
//     ASKING    the client was told nothing, and nothing of it is read
//     TAKING    every leg's server takes the file. The client is not read while one of them is
//               slow, so the slowest sets the pace and no more than one read is kept for each
//     SKIPPING  no leg runs; what the client still sends is thrown away, since it reads no answer
//               before its file is over
//     ENDING    the file is over for the servers that still run
//
// A file that is not whole is never ended by the empty packet that says it is: its connection is
// closed, and the server rolls the statement back (tried with MariaDB 10.11: InnoDB does, MyISAM
// keeps the rows that came). So a client that vanishes, or one server of several that fails in the
// middle, leaves nothing behind, and in a transaction takes the whole of it.
//
// The client is asked only for the very file that its own statement names.

#include "session/flow_infile.h"

#include <assert.h>
#include <stdio.h>

#include "base/log.h"
#include "protocol/error_table.h"
#include "protocol/packet.h"
#include "session/aftermath.h"
#include "session/client_io.h"
#include "session/command.h"
#include "session/flow_single.h"
#include "session/gather.h"
#include "session/insert_id.h"
#include "session/merge.h"
#include "session/track.h"

enum infile_state { INFILE_ASKING, INFILE_TAKING, INFILE_SKIPPING, INFILE_ENDING };

enum { INFILE_ASKS = 0xfb, NAMES_BYTES = 100, NAMES_SENTENCE_BYTES = 250 };

// One shard's part.
struct infile_part {
    struct leg *leg; // NULL when it is settled
    uint16_t shard;
    bool has_asked; // for the file
    bool is_full;   // on_fed is awaited
    bool is_done;   // with `ok` or `error`
    bool is_error;
    struct gather gather; // of its answer
    struct answer last;
    struct ok_packet ok;
    struct error error;
};

struct infile {
    struct flow flow; // first
    enum infile_state state;
    struct infile_part *parts;
    uint32_t part_count;
    struct error error; // SKIPPING: what the client gets in the end
    // The client's packets.
    uint8_t next_sequence;
    uint8_t header_have;
    uint8_t header[PACKET_HEADER_BYTES];
    uint32_t left;     // of the present packet's payload
    bool is_continued; // the packet before was 0xffffff long: this one belongs to it
};

static struct infile *infile_of(struct flow *flow)
{
    return CONTAINER_OF(flow, struct infile, flow);
}

static void infile_check(const struct infile *infile)
{
    for (uint32_t i = 0; i < infile->part_count; i++) {
        const struct infile_part *part = &infile->parts[i];
        assert(part->leg == NULL || infile->state != INFILE_SKIPPING);
        assert(infile->state != INFILE_TAKING || (part->has_asked && part->leg != NULL));
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

static void add_names(const struct infile *infile, char *text, size_t text_bytes, bool is_failed)
{
    const struct shard_config *shards = session_config(infile->flow.session)->shards;
    size_t len = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < infile->part_count && len < text_bytes; i++) {
        if (infile->parts[i].is_error == is_failed) {
            len += (size_t)snprintf(text + len, text_bytes - len, "%s%s", len > 0 ? ", " : "",
                                    shards[infile->parts[i].shard].name);
        }
    }
}

// Where it was done all the same, if it was anywhere.
static void explain(const struct infile *infile, struct error *error)
{
    char done[NAMES_BYTES], failed[NAMES_BYTES];
    add_names(infile, done, sizeof done, false);
    add_names(infile, failed, sizeof failed, true);
    if (done[0] == '\0') {
        return;
    }
    size_t len = strlen(error->text), max = sizeof error->text - NAMES_SENTENCE_BYTES;
    len = len < max ? len : max;
    snprintf(error->text + len, sizeof error->text - len, " (waybill: done on %s; not done on %s)",
             done, failed);
}

// One server's answer, as it is.
static void finish_one(struct infile *infile)
{
    struct session *session = infile->flow.session;
    const struct infile_part *part = &infile->parts[0];
    struct slice payload = gather_payload(&part->gather);
    if (payload.len == 0) { // it was lost
        struct error error = part->error;
        flow_fail(&infile->flow, &error);
        return;
    }
    aftermath_note(session, &part->last, part->shard);
    (void)insert_id_note(session, &part->last, part->shard);
    if (part->is_error) {
        counter_add(&session->sessions->counters.errors_sent, 1);
    }
    session_write_payload(session, payload);
    flow_finish(&infile->flow);
}

static void finish_all(struct infile *infile)
{
    struct session *session = infile->flow.session;
    bool is_copies = infile->flow.request->plan->merge == MERGE_FIRST;
    struct ok_packet total = {0};
    for (uint32_t i = 0; i < infile->part_count; i++) {
        if (infile->parts[i].is_error) {
            struct error error = infile->parts[i].error;
            explain(infile, &error);
            flow_fail(&infile->flow, &error);
            return;
        }
        if (i == 0 || !is_copies) {
            merge_ok_add(&session->arena, &total, &infile->parts[i].ok, i == 0);
        }
        track_gather(session, infile->parts[i].shard, infile->parts[i].ok.changes);
    }
    struct answer answer = {.affected_rows = total.affected_rows, .insert_id = total.insert_id};
    total.insert_id = insert_id_note(session, &answer, infile->parts[0].shard);
    struct aftermath aftermath = {
        .warnings = total.warnings,
        .is_lost = total.warnings > 0,
        .row_count = (int64_t)total.affected_rows,
        .shard = NO_SHARD,
    };
    total.status = 0;
    total.changes = slice_of(NULL, 0);
    session_note_result(session, &aftermath);
    session_write_ok(session, &total);
    flow_finish(&infile->flow);
}

// All parts are done and the client has nothing more to say: the flow is gone afterwards.
static void finish(struct infile *infile)
{
    infile->flow.session->is_answer_between_rows = true; // an ERR may stand here
    if (infile->part_count == 1) {
        finish_one(infile);
    } else {
        finish_all(infile);
    }
}

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

// The file can't be loaded: what has come is rolled back everywhere, and the client is told when it
// listens again.
static void give_up(struct infile *infile, const struct error *error)
{
    infile->error = *error;
    for (uint32_t i = 0; i < infile->part_count; i++) {
        struct infile_part *part = &infile->parts[i];
        if (part->leg != NULL) {
            leg_stop(part->leg);
            part->leg = NULL;
        }
    }
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

// ---- the servers' answers

// The flow may be gone afterwards.
static void advance(struct infile *infile)
{
    if (infile->state == INFILE_ASKING) {
        look_at_asked(infile);
    }
    if (infile->state == INFILE_ENDING && are_all_done(infile)) {
        finish(infile);
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

// It is not TAKING or ENDING any more when one of the servers has failed too early.
static void note_done(struct infile *infile, struct infile_part *part)
{
    part->leg = NULL;
    part->is_done = true;
    if (infile->state != INFILE_TAKING) {
        return;
    }
    struct error error = part->error;
    if (!part->is_error) {
        error_fill(&error, ER_UNKNOWN, "a server's answer came before the file was over");
    }
    give_up(infile, &error);
}

static void on_answer(struct flow *flow, struct leg *leg, const uint8_t *bytes, size_t len,
                      const struct answer *last)
{
    struct infile *infile = infile_of(flow);
    struct infile_part *part = part_of(infile, leg);
    gather_add(&part->gather, &flow->session->arena, bytes, len);
    if (last != NULL) {
        part->last = *last;
        part->is_error = last->is_error || !ok_read(gather_payload(&part->gather), &part->ok);
        if (part->is_error) {
            gather_error(&part->gather, &part->error);
        }
        note_done(infile, part);
    } else if (backend_answer(leg->backend)->wants_file && !part->has_asked) {
        if (!is_own_file(infile, part)) {
            struct error error;
            log_warning("a server asks for a file that the statement doesn't name");
            error_fill(&error, ER_UNKNOWN,
                       "the server asks for another file than the statement names");
            flow_fail(flow, &error); // closes its connection
            return;
        }
        part->has_asked = true;
        part->gather = (struct gather){0};
    }
    advance(infile);
}

static void on_failed(struct flow *flow, struct leg *leg, const struct error *error)
{
    struct infile *infile = infile_of(flow);
    struct infile_part *part = part_of(infile, leg);
    part->is_error = true;
    part->error = *error;
    part->gather = (struct gather){0};
    note_done(infile, part);
    advance(infile);
}

static void on_fed(struct flow *flow, struct leg *leg)
{
    struct infile *infile = infile_of(flow);
    bool is_full = false;
    part_of(infile, leg)->is_full = false;
    for (uint32_t i = 0; i < infile->part_count; i++) {
        is_full |= infile->parts[i].is_full;
    }
    if (infile->state == INFILE_TAKING && !is_full) {
        client_io_take_input(flow->session, false);
    }
}

// ---- the client's file

static void take(struct infile *infile, struct slice bytes)
{
    if (infile->state != INFILE_TAKING) {
        return;
    }
    bool is_full = false;
    for (uint32_t i = 0; i < infile->part_count; i++) {
        struct infile_part *part = &infile->parts[i];
        part->is_full = leg_feed(part->leg, bytes, false);
        is_full |= part->is_full;
    }
    if (is_full) {
        client_io_take_input(infile->flow.session, true);
    }
}

// The empty packet. The flow may be gone afterwards.
static void on_file_over(struct infile *infile)
{
    infile->flow.request->sequence = infile->next_sequence;
    if (infile->state == INFILE_TAKING) {
        end_file(infile);
        return;
    }
    struct error error = infile->error;
    infile->flow.session->is_answer_between_rows = true;
    flow_fail(&infile->flow, &error);
}

static void refuse_order(struct infile *infile)
{
    struct session *session = infile->flow.session;
    struct error error;
    error_fill(&error, ER_PACKETS_OUT_OF_ORDER);
    log_notice("session %u: %s", session->id, error.text);
    infile->flow.request->sequence = infile->next_sequence;
    session->is_answer_between_rows = true;
    session->wants_close = true;
    flow_fail(&infile->flow, &error);
}

// Reads packets' headers. False: the flow is gone.
static bool take_header(struct infile *infile, uint8_t byte)
{
    infile->header[infile->header_have++] = byte;
    if (infile->header_have < PACKET_HEADER_BYTES) {
        return true;
    }
    infile->header_have = 0;
    if (packet_sequence(infile->header) != infile->next_sequence) {
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
    while (used < bytes.len) {
        if (infile->left > 0) {
            size_t rest = bytes.len - used;
            size_t len = rest < infile->left ? rest : infile->left;
            infile->left -= (uint32_t)len;
            take(infile, slice_part(bytes, used, used + len));
            used += len;
        } else if (!take_header(infile, bytes.ptr[used++])) {
            break;
        }
    }
    return used;
}

// ---- starting

static void on_drained(struct flow *flow)
{
    (void)flow; // nothing is written before the end
}

static const struct flow_kind infile_kind = {
    .name = "loading",
    .on_answer = on_answer,
    .on_failed = on_failed,
    .on_drained = on_drained,
    .on_fed = on_fed,
    .on_input = on_input,
};

void flow_infile_start(struct session *session, struct request *request)
{
    const struct plan *plan = request->plan;
    if (!session_config(session)->settings.local_infile) { // it was on when the client logged in
        struct error error;
        error_fill(&error, ER_NOT_ALLOWED_COMMAND);
        command_error(session, &error);
        return;
    }
    struct infile *infile = arena_alloc(&session->arena, sizeof *infile);
    infile->part_count = plan->target_count;
    infile->parts = arena_alloc(&session->arena, plan->target_count * sizeof *infile->parts);
    flow_begin(&infile->flow, &infile_kind, session, request);
    if (infile->part_count == 1) {
        track_follow(session, ANSWER_QUERY, plan->targets[0].shard);
    }
    for (uint32_t i = 0; i < infile->part_count; i++) {
        struct leg_command command = leg_command_of(request, &plan->targets[i]);
        command.tag = i;
        // To others a server says what it says to one that sends no files.
        command.takes_file = (session->capabilities & CAP_LOCAL_FILES) != 0;
        command.may_linger = infile->part_count == 1;
        infile->parts[i].shard = command.shard;
        infile->parts[i].leg = leg_start(&infile->flow, &command);
    }
    infile_check(infile);
}
