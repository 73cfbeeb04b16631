// The warnings of a statement on several shards. A backend knows its own only until its next
// statement, and none of them can answer for all. So each that has some is asked at once, before it
// goes back; the answer to the client waits for that, and costs one round trip more when there are
// warnings, or an error.

#include "session/flow_single.h"
#include "session/merge_warnings.h"
#include "session/scatter_guard.h"
#include "session/scatter_impl.h"
#include "session/untold.h"

enum { ROWS_BY_DEFAULT = 64 }; // max_error_count

// ---- asking

// Legs that bring warnings are numbered behind those that bring answers.
bool scatter_is_teller(const struct scatter *scatter, const struct leg *leg)
{
    return leg->command.tag >= scatter->source_count;
}

static struct scatter_source *source_of(const struct scatter *scatter, const struct leg *leg)
{
    return &scatter->sources[leg->command.tag - scatter->source_count];
}

static void ask(struct scatter *scatter, uint32_t number, struct leg *leg, const char *question,
                bool is_more)
{
    struct scatter_source *source = &scatter->sources[number];
    struct leg_command command = {
        .shard = leg->shard,
        .access = ACCESS_REPLICA,
        .kind = ANSWER_QUERY,
        .packet = flow_frame_query(scatter_arena(scatter), slice_of_string(question)),
        .is_outside = true,
        .is_stateless = true,
        .is_there = true,
        .has_own_transaction = leg->command.has_own_transaction,
        .wants_keep = is_more,
        .tag = scatter->source_count + number,
    };
    source->teller = leg;
    source->told.len = 0;
    leg_start_there(&scatter->flow, leg, &command);
}

void scatter_ask_warnings(struct scatter *scatter, uint32_t number, struct leg *leg,
                          const struct answer *last)
{
    struct scatter_source *source = &scatter->sources[number];
    if (leg->state != LEG_KEPT) {
        return; // it had none, and was given back
    }
    source->is_asked_found = !last->is_error && scatter_asks_found(scatter);
    if (source->is_asked_found) {
        source->wants_list = last->warnings > 0 && number < scatter->merged_count;
        ask(scatter, number, leg, "SELECT FOUND_ROWS()", source->wants_list);
    } else if (last->is_error || (last->warnings > 0 && number < scatter->merged_count)) {
        ask(scatter, number, leg, "SHOW WARNINGS", false);
    } else {
        legs_release_lingering(scatter->flow.session);
    }
}

void scatter_take_warnings(struct scatter *scatter, struct leg *leg, const uint8_t *bytes,
                           size_t len, const struct answer *last)
{
    struct scatter_source *source = source_of(scatter, leg);
    if (source->told.len + len <= 2 * WARNINGS_BYTES_MAX) { // more would not be kept
        gather_add(&source->told, scatter_arena(scatter), bytes, len);
    }
    if (last == NULL) {
        return;
    }
    source->teller = NULL;
    if (source->is_asked_found) {
        uint32_t number = leg->command.tag - scatter->source_count;
        source->is_asked_found = false;
        if (scatter_read_found(scatter, source) && leg->state == LEG_KEPT && source->wants_list) {
            ask(scatter, number, leg, "SHOW WARNINGS", false);
        }
        return;
    }
    struct warning_list *list = warning_list_new();
    if (!warning_list_read(list, slice_of(source->told.bytes, source->told.len),
                           scatter->flow.session->capabilities)) {
        warning_list_free(list);
        return;
    }
    source->warnings = list;
}

void scatter_lose_warnings(struct scatter *scatter, const struct leg *leg)
{
    source_of(scatter, leg)->teller = NULL;
}

// ---- parts

static struct warning_part part_of(const struct scatter *scatter, uint32_t number)
{
    const struct plan_target *target = &scatter->plan.targets[number];
    return (struct warning_part){.list = scatter->sources[number].warnings,
                                 .rows = target->rows,
                                 .row_count = target->row_count};
}

void scatter_correct_row(const struct scatter *scatter, uint32_t number, struct error *error)
{
    struct warning_part part = part_of(scatter, number);
    merge_row_number(&part, error->text, sizeof error->text);
}

// How many rows a list of one server has at most: what the session has set, or what the lists tell.
static uint32_t max_rows(const struct scatter *scatter)
{
    const struct session_state *carried = &scatter->flow.session->carried;
    uint64_t set = 0;
    if (slice_to_uint64(state_find_variable(carried, slice_of_string("max_error_count")), &set)) {
        return set < UINT16_MAX ? (uint32_t)set : UINT16_MAX;
    }
    uint32_t max = ROWS_BY_DEFAULT;
    for (uint32_t i = 0; i < scatter->merged_count; i++) {
        const struct warning_list *list = scatter->sources[i].warnings;
        bool is_cut = list != NULL && list->count < list->total;
        max = list != NULL && (is_cut || list->count > max) ? list->count : max;
    }
    return max;
}

// ---- what is said once

// The text between the quotes at the end of "Truncated incorrect DOUBLE value: 'x'"; ptr NULL:
// none.
static struct slice quoted_value(struct slice message)
{
    const uint8_t *first = memchr(message.ptr, '\'', message.len);
    if (first == NULL || message.len < 2 || message.ptr[message.len - 1] != '\'' ||
        first == message.ptr + message.len - 1) {
        return slice_of(NULL, 0);
    }
    return slice_of(first + 1, (size_t)(message.ptr + message.len - 1 - (first + 1)));
}

// Does the value stand in the statement, or is it one of its parameters?
static bool is_of_statement(const struct scatter *scatter, struct slice value)
{
    const struct request *request = scatter->flow.request;
    struct slice text = request->statement->text;
    for (size_t i = 1; value.ptr != NULL && i + value.len < text.len; i++) {
        bool is_quoted = text.ptr[i - 1] == text.ptr[i + value.len] &&
                         (text.ptr[i - 1] == '\'' || text.ptr[i - 1] == '"');
        if (is_quoted && slice_equal(slice_part(text, i, i + value.len), value)) {
            return true;
        }
    }
    uint32_t params = request->params != NULL ? request->statement->param_count : 0;
    for (uint32_t i = 0; value.ptr != NULL && i < params; i++) {
        if (slice_equal(request->params[i].bytes, value)) {
            return true;
        }
    }
    return false;
}

// A constant that doesn't fit is complained of when the statement is prepared: by one server once,
// and here by each shard, in the same words.
static bool is_of_constants(const struct scatter *scatter)
{
    const struct warning_list *first = scatter->sources[0].warnings;
    struct warning warning;
    size_t at = 0;
    if (first == NULL || scatter->ending != END_ROWS) {
        return false;
    }
    for (uint32_t i = 1; i < scatter->merged_count; i++) {
        const struct warning_list *list = scatter->sources[i].warnings;
        if (list == NULL || !slice_equal(text_slice(&list->rows), text_slice(&first->rows))) {
            return false;
        }
    }
    while (warning_list_next(first, &at, &warning)) {
        if (!is_of_statement(scatter, quoted_value(warning.message))) {
            return false;
        }
    }
    return true;
}

uint16_t scatter_warning_count(const struct scatter *scatter)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < scatter->merged_count; i++) {
        count += scatter->sources[i].ok.warnings;
    }
    if (count > 0 && is_of_constants(scatter)) {
        count = scatter->sources[0].ok.warnings;
    }
    count += scatter_guard_count(&scatter->plan);
    count += scatter->left > 0 ? 1 : 0;
    return (uint16_t)(count < UINT16_MAX ? count : UINT16_MAX);
}

// ---- as the client has them

struct warning_list *scatter_warnings(const struct scatter *scatter)
{
    uint32_t count = is_of_constants(scatter) ? 1 : scatter->merged_count;
    struct warning_part *parts =
        arena_alloc(scatter_arena(scatter), (scatter->merged_count + 2) * sizeof *parts);
    bool has_any = scatter->plan.warnings != NULL || scatter->left > 0;
    for (uint32_t i = 0; i < count; i++) {
        struct scatter_source *source = &scatter->sources[i];
        if (source->ok.warnings > 0 && source->warnings == NULL) {
            return NULL;
        }
        if (source->warnings != NULL) {
            source->warnings->total = source->ok.warnings;
            has_any = true;
        }
        parts[i] = part_of(scatter, i);
    }
    struct warning_list *of_guard = scatter_guard_list(&scatter->plan);
    struct warning_list *untold = untold_list(scatter->left);
    parts[count++] = (struct warning_part){.list = of_guard};
    parts[count++] = (struct warning_part){.list = untold};
    struct warning_list *all = has_any ? merge_warnings(parts, count, max_rows(scatter)) : NULL;
    warning_list_free(of_guard);
    warning_list_free(untold);
    return all;
}

// On one server all had been one statement: what it said where it was done, then why it ended.
struct warning_list *scatter_warnings_of_error(const struct scatter *scatter)
{
    struct warning_part *parts =
        arena_alloc(scatter_arena(scatter), (scatter->merged_count + 1) * sizeof *parts);
    uint32_t count = 0;
    if (scatter->failed == NO_SOURCE) {
        return NULL;
    }
    for (uint32_t i = 0; i < scatter->merged_count && scatter_is_write(scatter); i++) {
        if (scatter->sources[i].at != SOURCE_AT_ERROR) {
            parts[count++] = part_of(scatter, i);
        }
    }
    parts[count++] = part_of(scatter, scatter->failed);
    if (parts[count - 1].list != NULL) {
        warning_list_drop_error(scatter->sources[scatter->failed].warnings,
                                scatter->sources[scatter->failed].error.code);
    }
    return merge_warnings(parts, count, max_rows(scatter));
}
