// What a scattered statement's client is sent: definitions, sums, ends, errors.

#include <stdio.h>

#include "protocol/error_table.h"
#include "protocol/packet.h"
#include "session/aftermath.h"
#include "session/ddl_run.h"
#include "session/index_enter.h"
#include "session/insert_id.h"
#include "session/scatter_guard.h"
#include "session/scatter_impl.h"
#include "session/track.h"

enum {
    HOLD_BYTES = 1024 * 1024,
    RAW_COLLATION = 63, // binary
    // Of the servers' status flags, what is about the statement and not about the session.
    STATUS_OF_STATEMENT = STATUS_NO_GOOD_INDEX | STATUS_NO_INDEX | STATUS_SLOW | STATUS_DB_DROPPED |
                          STATUS_METADATA_CHANGED,
    NAMES_BYTES = 100,
    NAMES_SENTENCE_BYTES = 250, // both lists and the words around them
};

bool scatter_is_sent_raw(const struct session *session)
{
    const struct session_state *carried = session_state_now(session);
    struct slice names = state_find_variable(carried, slice_of_string("names"));
    struct slice results = state_find_variable(carried, slice_of_string("character_set_results"));
    if (results.ptr != NULL || names.ptr == NULL) {
        return results.ptr != NULL || session->login_collation == RAW_COLLATION;
    }
    // As it stands in SET NAMES: 'binary', maybe with a COLLATE behind it.
    size_t len = names.len < sizeof "'binary'" - 1 ? names.len : sizeof "'binary'" - 1;
    return slice_is_nocase(slice_part(names, 0, len), "'binary'") ||
           slice_is_nocase(slice_part(names, 0, len), "binary");
}

bool scatter_may_fail_late(const struct plan *plan)
{
    bool may = plan->order_count > 0; // more groups than can be held
    for (uint32_t i = 0; i < plan->fold_count + plan->more_folds && !may; i++) {
        may = plan->folds[i].kind == FOLD_CONCAT; // longer than group_concat_max_len
    }
    return may;
}

bool scatter_is_held(const struct scatter *scatter)
{
    const struct flow *flow = &scatter->flow;
    size_t most = scatter->holds                                          ? HOLD_BYTES
                  : index_enter_is_possible(flow->session, flow->request) ? RETURNING_HELD_BYTES
                                                                          : 0;
    bool is_given_up = scatter->state == SCATTER_DRAINING && scatter->ending == END_ERROR;
    return !scatter->has_begun && scatter->out.len < most &&
           (scatter->state == SCATTER_ROWS || is_given_up);
}

void scatter_drop_held(struct scatter *scatter)
{
    if (scatter->out.len > 0) {
        scatter->out.len = 0;
        scatter->flow.request->sequence = scatter->first_sequence;
        scatter->flow.session->is_answer_between_rows = false;
    }
}

bool scatter_join_columns(struct scatter *scatter, struct error *error)
{
    struct merge_head *heads =
        arena_alloc(scatter_arena(scatter), scatter->merged_count * sizeof *heads);
    for (uint32_t i = 0; i < scatter->merged_count; i++) {
        const struct scatter_source *source = &scatter->sources[i];
        heads[i] = (struct merge_head){
            .columns = source->columns, .count = source->column_count, .shard = source->shard};
    }
    return merge_columns_join(scatter_arena(scatter), heads, scatter->merged_count,
                              scatter->plan.hidden_columns, &scatter->columns, error) &&
           (!scatter->plan.sorts_distinct || merge_columns_keep_bits(&scatter->columns, error));
}

void scatter_add_packet(struct scatter *scatter, struct slice payload)
{
    packet_append(&scatter->out, payload, &scatter->flow.request->sequence);
}

static void add_column(struct scatter *scatter, const struct column *column)
{
    struct text payload;
    text_init(&payload);
    column_write(&payload, column, scatter->flow.session->capabilities);
    scatter_add_packet(scatter, text_slice(&payload));
    text_done(&payload);
}

void scatter_add_columns(struct scatter *scatter)
{
    struct session *session = scatter->flow.session;
    const struct column shard = column_string("shard");
    struct text payload;
    text_init(&payload);
    write_lenenc(&payload, scatter->columns.visible + scatter->plan.tells_shard);
    scatter_add_packet(scatter, text_slice(&payload));
    for (uint32_t i = 0; i < scatter->columns.visible; i++) {
        add_column(scatter, &scatter->columns.columns[i]);
    }
    if (scatter->plan.tells_shard) {
        add_column(scatter, &shard);
    }
    if ((session->capabilities & CAP_DEPRECATE_EOF) == 0) {
        payload.len = 0;
        eof_write(&payload, 0, session_status(session));
        scatter_add_packet(scatter, text_slice(&payload));
    }
    text_done(&payload);
    session->is_answer_between_rows = true;
}

static bool add_row(struct scatter *scatter, struct slice row, struct error *error)
{
    const struct session *session = scatter->flow.session;
    if (!scatter_guard_allows_row(session, &scatter->plan, scatter->row_count, error)) {
        counter_add(&session->sessions->counters.scatter_denied, 1);
        return false;
    }
    scatter_add_packet(scatter, row);
    scatter->row_count++;
    return true;
}

static bool add_group(void *owner, struct slice row, struct error *error)
{
    return add_row(owner, row, error);
}

bool scatter_start_groups(struct scatter *scatter, struct error *error)
{
    const struct merge_group_out out = {.row = add_group, .owner = scatter};
    scatter->group =
        merge_group_start(scatter_arena(scatter), &scatter->plan, &scatter->columns, &out, error);
    bool is_fine = scatter->group != NULL;
    for (uint32_t i = 0; i < scatter->merged_count && is_fine; i++) {
        const struct scatter_source *source = &scatter->sources[i];
        is_fine =
            source->at != SOURCE_AT_ROW || merge_group_look(scatter->group, source->row, error);
    }
    return is_fine;
}

bool scatter_add_row(struct scatter *scatter, uint32_t number, struct error *error)
{
    struct slice row = merge_shown(scatter->merge, number);
    if (!scatter->plan.tells_shard) {
        return add_row(scatter, row, error);
    }
    struct text with_shard;
    text_init(&with_shard);
    text_add_slice(&with_shard, row);
    row_text_add(&with_shard, slice_of_string(scatter->sources[number].shard));
    bool is_fine = add_row(scatter, text_slice(&with_shard), error);
    text_done(&with_shard);
    return is_fine;
}

bool scatter_group_row(struct scatter *scatter, uint32_t number, struct error *error)
{
    return merge_group_add(scatter->group, scatter->sources[number].row,
                           merge_shared(scatter->merge), error);
}

enum merge_step scatter_next(struct scatter *scatter, uint32_t *number)
{
    bool is_full = scatter->group != NULL && merge_group_is_full(scatter->group);
    return is_full ? MERGE_STEP_DONE : merge_next(scatter->merge, number);
}

bool scatter_end_groups(struct scatter *scatter, bool *is_over, struct error *error)
{
    *is_over = true;
    if (scatter->group == NULL) {
        return true;
    }
    if (!scatter->has_all_groups && !merge_group_end(scatter->group, error)) {
        return false;
    }
    scatter->has_all_groups = true;
    return merge_group_give(scatter->group, is_over, error);
}

static void add_names(const struct scatter *scatter, char *text, size_t text_bytes, bool is_failed)
{
    size_t len = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < scatter->source_count && len < text_bytes; i++) {
        if ((scatter->sources[i].at == SOURCE_AT_ERROR) == is_failed) {
            len += (size_t)snprintf(text + len, text_bytes - len, "%s%s", len > 0 ? ", " : "",
                                    scatter->sources[i].shard);
        }
    }
}

void scatter_explain_write(const struct scatter *scatter, struct error *error)
{
    char done[NAMES_BYTES], failed[NAMES_BYTES];
    add_names(scatter, done, sizeof done, false);
    add_names(scatter, failed, sizeof failed, true);
    if (done[0] == '\0') {
        return; // as on one server: nothing was done
    }
    size_t len = strlen(error->text), max = sizeof error->text - NAMES_SENTENCE_BYTES;
    len = len < max ? len : max;
    snprintf(error->text + len, sizeof error->text - len,
             " (waybill: done on %s; not done on %s%s)", done, failed,
             scatter->flow.request->ddl != NULL ? "; REPAIR SCHEMA on the admin port" : "");
}

bool scatter_end_ddl(struct scatter *scatter)
{
    struct ddl_run *run = scatter->flow.request->ddl;
    for (uint16_t i = 0; run != NULL && i < scatter->source_count; i++) {
        const struct scatter_source *source = &scatter->sources[i];
        ddl_run_set(run, i, source->at == SOURCE_AT_ERROR ? &source->error : NULL);
    }
    return ddl_run_end(scatter->flow.session, run);
}

void scatter_set_paused(struct scatter_source *source, bool is_paused)
{
    if (source->leg == NULL || is_paused == source->is_paused) {
        return;
    }
    source->is_paused = is_paused;
    if (is_paused) {
        leg_pause(source->leg);
    } else {
        leg_resume(source->leg);
    }
}

// The sum of what the sources said at their ends.
static struct aftermath aftermath_of(const struct scatter *scatter)
{
    return (struct aftermath){
        .warnings = scatter_warning_count(scatter),
        .row_count = -1,
        .found_rows = scatter->row_count, // see aftermath_note_merged
        .shard = NO_SHARD,
    };
}

static void gather_changes(const struct scatter *scatter)
{
    for (uint32_t i = 0; i < scatter->source_count; i++) {
        track_gather(scatter->flow.session, scatter->plan.targets[i].shard,
                     scatter->sources[i].ok.changes);
    }
}

void scatter_write_ok(struct scatter *scatter)
{
    struct session *session = scatter->flow.session;
    const struct plan *plan = &scatter->plan;
    struct aftermath aftermath = aftermath_of(scatter);
    scatter->ok.insert_id = scatter_insert_id(scatter, scatter->ok.insert_id);
    scatter->ok.warnings = (uint16_t)(scatter->ok.warnings + (scatter->left > 0));
    scatter->ok.status &= STATUS_OF_STATEMENT;
    scatter->ok.changes = slice_of(NULL, 0);
    gather_changes(scatter);
    if (session->request->statement != NULL) {
        struct answer answer = {.affected_rows = scatter->ok.affected_rows,
                                .insert_id = scatter->ok.insert_id};
        scatter->ok.insert_id = insert_id_note(session, &answer, plan->targets[0].shard);
    }
    if (plan->warnings != NULL) {
        scatter->ok.warnings = aftermath.warnings;
    }
    aftermath.row_count = (int64_t)scatter->ok.affected_rows;
    aftermath_note_merged(session, &aftermath, scatter_warnings(scatter));
    session_write_ok(session, &scatter->ok);
}

// INSERT ... RETURNING tells no id: what waybill has made is certain when each row was inserted.
static void note_returned_ids(const struct scatter *scatter)
{
    struct session *session = scatter->flow.session;
    const struct statement *statement = session->request->statement;
    const struct insert_part *insert = statement != NULL ? statement->insert : NULL;
    if (insert == NULL) {
        return;
    }
    if (scatter->plan.has_made_ids && insert->on_duplicate == NULL &&
        scatter->row_count == insert->row_count) {
        insert_id_set(session, scatter->plan.first_made_id);
    } else if (scatter->plan.has_made_ids) {
        insert_id_lose(session);
    } else {
        struct answer answer = {.has_rows = true};
        (void)insert_id_note(session, &answer, scatter->plan.targets[0].shard);
    }
}

void scatter_write_rows_end(struct scatter *scatter)
{
    struct session *session = scatter->flow.session;
    struct aftermath aftermath = aftermath_of(scatter);
    aftermath.has_found_rows = scatter_found(scatter, &aftermath.found_rows);
    uint16_t status = 0;
    for (uint32_t i = 0; i < scatter->merged_count; i++) {
        status |= scatter->sources[i].ok.status;
    }
    gather_changes(scatter);
    note_returned_ids(scatter);
    aftermath_note_merged(session, &aftermath, scatter_warnings(scatter));
    session_write_rows_end(session, aftermath.warnings, status & STATUS_OF_STATEMENT);
}
