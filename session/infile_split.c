// The file of a LOAD DATA into a sharded table, split by rows. Each shard gets its rows as they
// stand in the file, in their order.
//
//     client's bytes -> load_rows -> a row -> load_place_row -> the part's queue -> its server
//
// A part begins with its first row: nobody knows before which shards the file is for, and a server
// that gets no row must neither wait nor be written. For a user with `distributed = refuse` the
// first row of a second shard ends it all, and what the first shard has is rolled back.
//
// A server gives up after net_read_timeout (30 s) without a row; in a file that is sorted by key
// the first shard would hear nothing for longer. So it is set higher for these connections, as
// though the client had set it: whoever has them next gets his own value back.
//
// Memory: the row that is not whole yet (max_packet_bytes), and for each part what one read of the
// client brought.

#include <assert.h>
#include <stdio.h>

#include "protocol/error_table.h"
#include "router/load_split.h"
#include "session/branch.h"
#include "session/client_io.h"
#include "session/flow_single.h"
#include "session/infile_impl.h"
#include "session/flow_fit.h"
#include "session/query.h"
#include "session/track.h"
#include "session/transaction.h"

#define READ_TIMEOUT_S "86400"

struct infile_split {
    struct load_rows rows;      // owned
    struct session_state state; // owned; of the legs
    struct arena scratch;       // owned; for one read
    uint32_t last_part;         // of the last row
    bool is_stopped;
};

void split_start(struct infile *infile)
{
    struct session *session = infile->flow.session;
    struct infile_split *split = arena_alloc(&session->arena, sizeof *split);
    infile->split = split;
    load_rows_init(&split->rows, &infile->flow.request->plan->split->rules);
    arena_init(&split->scratch, NULL);
    state_init(&split->state);
    state_copy(&split->state, session_state_now(session));
    state_set_variable(&split->state, slice_of_string("net_read_timeout"),
                       slice_of_string(READ_TIMEOUT_S));
}

void split_stop(struct infile *infile)
{
    struct infile_split *split = infile->split;
    if (split == NULL || split->is_stopped) {
        return;
    }
    split->is_stopped = true;
    load_rows_done(&split->rows);
    arena_clear(&split->scratch);
    state_done(&split->state);
    for (uint32_t i = 0; i < infile->part_count; i++) {
        text_done(&infile->parts[i].waiting);
    }
}

// ---- a part

static bool may_begin(const struct infile *infile, uint16_t shard, struct error *error)
{
    struct session *session = infile->flow.session;
    const char *why = NULL;
    struct plan_target target = {.shard = shard};
    struct plan one = {.access = ACCESS_WRITE, .targets = &target, .target_count = 1};
    if (!query_is_within_pin(session, shard, error) ||
        !transaction_may_write(session, &one, error) ||
        !fit_may_begin(session, infile->flow.request, shard, infile->part_count == 0, error)) {
        return false;
    }
    if (infile->part_count > 0 && branch_mode(session, &why) == DISTRIBUTED_REFUSE) {
        char text[300];
        snprintf(text, sizeof text,
                 "the rows of this file belong to several shards, %s: load a file for each shard. "
                 "Nothing of it was loaded",
                 why);
        error_fill(error, ER_CROSS_SHARD_WRITE, text);
        return false;
    }
    return true;
}

static struct infile_part *begin_part(struct infile *infile, uint16_t shard)
{
    struct request *request = infile->flow.request;
    struct infile_part *part = &infile->parts[infile->part_count];
    struct plan_target target = {.shard = shard, .sql = request->plan->targets[0].sql};
    struct leg_command command = leg_command_of(request, &target);
    assert(infile->part_count < request->plan->target_count);
    command.tag = infile->part_count++;
    command.wants_point = infile->wants_point;
    command.takes_file = true;
    command.state = &infile->split->state;
    command.pin_reason = NULL; // split_note_end
    command.pin_facts = 0;
    part->shard = shard;
    text_init(&part->waiting);
    part->leg = leg_start(&infile->flow, &command);
    return part;
}

// NULL with *error: the shard may get no rows.
static struct infile_part *part_of_shard(struct infile *infile, uint16_t shard, struct error *error)
{
    struct infile_split *split = infile->split;
    for (uint32_t i = 0; i < infile->part_count; i++) {
        if (infile->parts[i].shard == shard) {
            split->last_part = i;
            return &infile->parts[i];
        }
    }
    if (!may_begin(infile, shard, error)) {
        return NULL;
    }
    split->last_part = infile->part_count;
    return begin_part(infile, shard);
}

bool split_feed(struct infile_part *part, bool is_end)
{
    if (!part->has_asked) {
        return part->waiting.len > 0;
    }
    part->is_full = leg_feed(part->leg, text_slice(&part->waiting), is_end);
    part->waiting.len = 0;
    return part->is_full;
}

// ---- rows

// Ids that waybill makes stand in front of the row as its first field.
static bool add_row(struct infile *infile, const struct load_rows *rows, uint16_t bucket,
                    struct text *out, struct error *error)
{
    struct session *session = infile->flow.session;
    struct sessions *sessions = session->sessions;
    size_t at = rows->content_offset;
    if (!infile->flow.request->plan->split->makes_ids) {
        text_add_slice(out, rows->row);
        return true;
    }
    uint64_t now_ms =
        (uint64_t)((int64_t)(session_now_us(session) / 1000) + sessions->wall_ahead_ms);
    uint64_t id;
    bool is_made = infile->flow.request->plan->split->row_ids != NULL
                       ? infile_take_id(infile, &id, error)
                       : order_id_next(&sessions->order_ids, session_config(session), bucket,
                                       now_ms, &id, error);
    if (!is_made) {
        return false;
    }
    text_add_slice(out, slice_part(rows->row, 0, at));
    text_add_format(out, "%llu", (unsigned long long)id);
    text_add_slice(out, rows->rules.field_end);
    text_add_slice(out, slice_part(rows->row, at, rows->row.len));
    return true;
}

static bool take_row(struct infile *infile, const struct load_placer *placer, struct error *error)
{
    struct load_place place;
    if (!load_place_row(placer, &infile->split->rows, &place, error)) {
        return false;
    }
    struct infile_part *part = part_of_shard(infile, place.shard, error);
    if (part == NULL) {
        return false;
    }
    return add_row(infile, &infile->split->rows, place.bucket, &part->waiting, error);
}

static bool take_rows(struct infile *infile, const struct load_placer *placer, struct error *error)
{
    struct load_rows *rows = &infile->split->rows;
    enum load_step step;
    while ((step = load_rows_next(rows)) == LOAD_ROW) {
        if (!take_row(infile, placer, error)) {
            return false;
        }
    }
    char text[300];
    unsigned long long number = rows->row_count + rows->rules.skipped_lines + 1;
    if (step == LOAD_DOUBT) {
        snprintf(text, sizeof text,
                 "row %llu of the file has bytes that are no characters of %s in front of a "
                 "separator, and servers differ in where such a row ends: say CHARACTER SET as the "
                 "file has it (binary, for bytes)",
                 number, rows->rules.charset->name);
        error_fill(error, ER_SHARD_KEY, text);
        return false;
    }
    uint64_t max = (uint64_t)session_config(infile->flow.session)->settings.max_packet_bytes;
    if (load_rows_pending(rows) > max) {
        snprintf(text, sizeof text,
                 "row %llu of the file is longer than max_packet_bytes (%llu); is a quote or a "
                 "separator missing?",
                 number, (unsigned long long)max);
        error_fill(error, ER_TOO_LARGE, text);
        return false;
    }
    return true;
}

bool split_take(struct infile *infile, struct slice bytes, bool is_last, struct error *error)
{
    struct infile_split *split = infile->split;
    const struct config *config = session_config(infile->flow.session);
    struct load_placer placer;
    load_rows_add(&split->rows, bytes);
    if (is_last) {
        load_rows_end(&split->rows);
    }
    if (!load_placer_init(&placer, infile->flow.request->plan->split, config, &split->scratch)) {
        error_fill(error, ER_SHARD_KEY,
                   "the table's shards have changed in the configuration while the file was being "
                   "loaded: load it again");
        return false;
    }
    bool is_fine = take_rows(infile, &placer, error);
    arena_clear(&split->scratch);
    return is_fine;
}

// ---- the end

// User variables have the values of the file's last row where that went, so the session stays
// there; the other servers' are nobody's.
void split_note_end(struct infile *infile)
{
    const struct request *request = infile->flow.request;
    if (infile->part_count == 1) {
        track_follow(infile->flow.session, ANSWER_QUERY, infile->parts[0].shard);
    }
    for (uint32_t i = 0; i < infile->part_count; i++) {
        struct leg *leg = infile->parts[i].leg;
        leg->command.may_linger = infile->part_count == 1;
        if (request->pin_reason != NULL && i == infile->split->last_part) {
            leg->command.pin_reason = request->pin_reason;
            leg->command.pin_facts = request->statement->facts & PIN_FACTS;
        } else if (request->pin_reason != NULL) {
            backend_mark_dirty(leg->backend);
        }
    }
}
