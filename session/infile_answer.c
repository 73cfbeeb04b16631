// The end of a LOAD DATA LOCAL: one server's answer as it is, several servers' answers as one.

#include <stdio.h>

#include "session/aftermath.h"
#include "session/infile_impl.h"
#include "session/insert_id.h"
#include "session/merge.h"
#include "session/round.h"
#include "session/track.h"
#include "session/transaction.h"
#include "session/untold.h"

enum { NAMES_BYTES = 100, NAMES_SENTENCE_BYTES = 250 };

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

static bool has_error(const struct infile *infile)
{
    for (uint32_t i = 0; i < infile->part_count; i++) {
        if (infile->parts[i].is_error) {
            return true;
        }
    }
    return false;
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

// Of the backend that was kept for it; false: others wait for that, or nothing is unknown.
static bool ask_id(struct infile *infile)
{
    struct session *session = infile->flow.session;
    struct infile_part *part = &infile->parts[0];
    struct leg *leg = leg_kept_on(session, part->shard);
    if (!infile->asks_id || session->insert_id.doubt != DOUBT_LOST || leg == NULL) {
        return false;
    }
    infile->is_asking_id = true;
    part->gather = (struct gather){0};
    insert_id_ask_there(&infile->flow, leg);
    return true;
}

void infile_note_id(struct infile *infile, const uint8_t *bytes, size_t len,
                    const struct answer *last)
{
    struct session *session = infile->flow.session;
    struct infile_part *part = &infile->parts[0];
    gather_add(&part->gather, &session->arena, bytes, len);
    if (last == NULL) {
        return;
    }
    if (last->is_error || !insert_id_take(session, &part->gather)) {
        insert_id_lose(session);
    }
    flow_finish(&infile->flow);
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
    if (!ask_id(infile)) {
        flow_finish(&infile->flow);
    }
}

static void finish_all(struct infile *infile)
{
    struct session *session = infile->flow.session;
    bool is_copies = infile->flow.request->plan->merge == MERGE_FIRST;
    struct ok_packet total = {0};
    for (uint32_t i = 0; i < infile->part_count; i++) {
        if (infile->parts[i].is_error) {
            struct error error = infile->parts[i].error;
            if (!infile->is_atomic) {
                explain(infile, &error);
            }
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
        .row_count = (int64_t)total.affected_rows,
        .shard = NO_SHARD,
    };
    total.status = 0;
    total.changes = slice_of(NULL, 0);
    bool is_only = total.warnings == 0;
    total.warnings = (uint16_t)(total.warnings + (infile->untold > 0));
    aftermath.warnings = total.warnings;
    aftermath_note_merged(session, &aftermath, is_only ? untold_list(infile->untold) : NULL);
    session_write_ok(session, &total);
    flow_finish(&infile->flow);
}

// A split file without rows: no server has heard of it.
static void finish_none(struct infile *infile)
{
    struct session *session = infile->flow.session;
    struct aftermath aftermath = {.shard = NO_SHARD};
    struct ok_packet ok = {.message =
                               slice_of_string("Records: 0  Deleted: 0  Skipped: 0  Warnings: 0")};
    aftermath_note_merged(session, &aftermath, NULL);
    session_write_ok(session, &ok);
    flow_finish(&infile->flow);
}

static void on_ended(struct session *session, struct request *request,
                     const struct round_result *result)
{
    struct infile *infile = CONTAINER_OF(flow_resume(session), struct infile, flow);
    (void)request;
    infile->untold = result->left;
    if (result->failed > 0 && !has_error(infile)) {
        struct error error = result->error;
        flow_fail(&infile->flow, &error);
        return;
    }
    infile_finish(infile);
}

void infile_finish(struct infile *infile)
{
    if (infile->is_to_many && !infile->is_ended) {
        struct session *session = infile->flow.session;
        infile->is_ended = true;
        session->is_answer_between_rows = true;
        split_stop(infile);
        flow_suspend(&infile->flow);
        transaction_end_statement(session, session->request, has_error(infile), on_ended);
        return;
    }
    infile->flow.session->is_answer_between_rows = true; // an ERR may stand here
    split_stop(infile);
    if (infile->part_count == 0) {
        finish_none(infile);
    } else if (infile->part_count == 1) {
        finish_one(infile);
    } else {
        finish_all(infile);
    }
}
