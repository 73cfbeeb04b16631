#include "session/flow_page.h"

#include "base/log.h"
#include "protocol/answer.h"
#include "protocol/error_table.h"
#include "protocol/packet.h"
#include "router/page.h"
#include "session/flow_single.h"
#include "session/gather.h"
#include "session/page_bound.h"
#include "session/page_search.h"
#include "session/query.h"
#include "session/step_literal.h"
#include "session/table_locks.h"
#include "session/text_statement.h"

enum {
    VALUES_MAX = 16, // that are counted in one round
};

enum paging_step { PAGE_OPENING, PAGE_LOOKING, PAGE_TYPING, PAGE_PLACING, PAGE_COUNTING };

struct paging {
    struct flow flow; // first
    enum paging_step step;
    const struct page_plan *page;
    const struct plan *plan;  // the whole
    const struct plan *paged; // what is asked for a part of: the same, without parameters
    struct gather *gathers;   // what each target has answered
    uint32_t missing;         // answers
    bool is_plain;            // it won't do: the plain way
    struct column key;
    bool is_zone_safe;
    struct page_search search;
    struct slice bound; // rows before it are skipped; ptr NULL: none
    struct slice values[VALUES_MAX];
    uint32_t value_count;
    void (*then)(struct session *session, struct request *request);
};

static struct paging *paging_of(struct flow *flow)
{
    return CONTAINER_OF(flow, struct paging, flow);
}

static struct arena *arena_of(const struct paging *paging)
{
    return &paging->flow.session->arena;
}

// ---- commands

static struct slice question_of(const struct paging *paging, uint32_t target)
{
    bool is_string = page_bound_is_string(&paging->key);
    switch (paging->step) {
    case PAGE_OPENING:
        return slice_of_string("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY");
    case PAGE_LOOKING:
        return page_tables(arena_of(paging), paging->page);
    case PAGE_TYPING:
        return page_key(arena_of(paging), paging->page);
    case PAGE_PLACING:
        return page_place(arena_of(paging), paging->page, paging->bound, is_string,
                          paging->search.places[target]);
    case PAGE_COUNTING:
        return page_count(arena_of(paging), paging->page, paging->bound, paging->values,
                          paging->value_count);
    }
    return slice_of(NULL, 0);
}

static void ask(struct paging *paging, uint32_t target)
{
    struct session *session = paging->flow.session;
    bool is_first = paging->step == PAGE_OPENING;
    bool is_inside = paging->page->is_inside;
    struct leg_command command = {
        .shard = paging->plan->targets[target].shard,
        .access = paging->plan->access,
        .kind = ANSWER_QUERY,
        .packet = flow_frame_query(arena_of(paging), question_of(paging, target)),
        .is_outside = !is_inside,
        .has_own_transaction = !is_inside,
        .wants_hold = !is_inside,
        .is_there = !is_inside && !is_first,
        .state = paging->flow.request->state,
        .tag = target,
    };
    struct leg *leg = is_inside ? NULL : leg_find_held(session, command.shard);
    if (is_inside) {
        paging->missing++;
        (void)leg_start(&paging->flow, &command);
    } else if (is_first) {
        command.first = slice_of_string("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ");
        paging->missing++;
        (void)leg_start_apart(&paging->flow, &command);
    } else if (leg == NULL) {
        paging->is_plain = true; // its connection was lost
    } else {
        paging->missing++;
        leg_start_there(&paging->flow, leg, &command);
    }
}

static void end_round(struct paging *paging);

static void start_round(struct paging *paging, enum paging_step step)
{
    uint32_t count = paging->plan->target_count;
    paging->step = step;
    paging->missing = 0;
    memset(paging->gathers, 0, count * sizeof *paging->gathers);
    if (step == PAGE_PLACING) {
        page_search_ask(&paging->search);
    }
    for (uint32_t i = 0; i < count; i++) {
        ask(paging, i);
    }
    if (paging->missing == 0) {
        end_round(paging);
    }
}

// ---- the end

static bool has_all_legs(const struct paging *paging)
{
    if (paging->page->is_inside) {
        return true; // the transaction's: without them it would have ended
    }
    for (uint32_t i = 0; i < paging->plan->target_count; i++) {
        if (leg_find_held(paging->flow.session, paging->plan->targets[i].shard) == NULL) {
            return false;
        }
    }
    return true;
}

static void drop_legs(const struct paging *paging)
{
    for (uint32_t i = 0; i < paging->plan->target_count && !paging->page->is_inside; i++) {
        struct leg *leg = leg_find_held(paging->flow.session, paging->plan->targets[i].shard);
        if (leg != NULL) {
            leg_drop_held(leg);
        }
    }
}

// The text of a prepared statement has its values in it: none is left.
static void drop_parameters(struct paging *paging, struct plan *plan)
{
    uint32_t count = paging->flow.request->statement->param_count;
    plan->edits = arena_alloc(arena_of(paging), (count + 1) * sizeof *plan->edits);
    plan->edit_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        plan->edits[plan->edit_count++] = (struct param_edit){.kind = EDIT_DROP, .index = i};
    }
}

static void run(struct paging *paging, const struct plan *plan)
{
    struct session *session = paging->flow.session;
    struct request *request = paging->flow.request;
    struct plan *copy = arena_alloc(&session->arena, sizeof *copy);
    *copy = *plan;
    copy->page = NULL;
    request->plan = copy;
    session->flow = NULL; // this flow is over, the command is not
    paging->then(session, request);
}

static void run_plain(struct paging *paging)
{
    drop_legs(paging);
    run(paging, paging->plan);
}

// From the bound on, with what is still to be skipped.
static void run_rest(struct paging *paging)
{
    struct arena *arena = arena_of(paging);
    const struct page_search *search = &paging->search;
    struct plan *whole = arena_alloc(arena, sizeof *whole);
    struct plan plan = *paging->paged;
    uint16_t count = plan.target_count;
    *whole = *paging->plan;
    whole->page = NULL;
    plan.whole = paging->page->is_inside ? NULL : whole; // no connection is held
    plan.offset = search->is_beyond ? 0 : search->skip;
    plan.limit = search->is_beyond ? 0 : plan.limit;
    uint64_t limit = plan.limit > UINT64_MAX - plan.offset ? UINT64_MAX : plan.offset + plan.limit;
    struct slice sql = page_rows(arena, paging->page, paging->bound, limit);
    plan.targets = arena_alloc(arena, count * sizeof *plan.targets);
    for (uint16_t i = 0; i < count; i++) {
        plan.targets[i] = whole->targets[i];
        plan.targets[i].sql = sql;
    }
    drop_parameters(paging, &plan);
    log_debug("session %u: a page behind %llu rows, %llu of them are merged",
              paging->flow.session->id, (unsigned long long)whole->offset,
              (unsigned long long)plan.offset);
    run(paging, &plan);
}

// ---- answers

static bool read_row(struct paging *paging, uint32_t target, struct field *fields, uint32_t count)
{
    return gather_only_row(&paging->gathers[target], paging->flow.session->capabilities, fields,
                           count);
}

// Can there be one moment of all tables on each shard?
static bool look(struct paging *paging)
{
    paging->is_zone_safe = true;
    for (uint32_t i = 0; i < paging->plan->target_count; i++) {
        struct field fields[PAGE_TABLES_FIELDS];
        uint64_t count = 0;
        if (!read_row(paging, i, fields, PAGE_TABLES_FIELDS) ||
            !slice_to_uint64(fields[0].bytes, &count) || count < paging->page->table_count) {
            return false;
        }
        if (paging->page->is_inside && !slice_is_nocase(fields[3].bytes, "REPEATABLE-READ")) {
            return false; // each question would see a moment of its own
        }
        paging->is_zone_safe =
            paging->is_zone_safe && step_literal_zone_is_safe(fields[1].bytes, fields[2].bytes);
    }
    return true;
}

// The answer's only column definition.
static bool read_column(const struct paging *paging, uint32_t target, struct column *column)
{
    const struct gather *gather = &paging->gathers[target];
    uint64_t capabilities = paging->flow.session->capabilities;
    struct answer answer;
    size_t at = 0;
    answer_start(&answer, ANSWER_QUERY, capabilities);
    while (at + PACKET_HEADER_BYTES <= gather->len) {
        size_t len = packet_payload_bytes(gather->bytes + at);
        if (at + PACKET_HEADER_BYTES + len > gather->len) {
            return false;
        }
        struct slice payload = slice_of(gather->bytes + at + PACKET_HEADER_BYTES, len);
        if (answer_packet(&answer, payload) == PART_COLUMN) {
            return column_read(payload, column, capabilities);
        }
        at += PACKET_HEADER_BYTES + len;
    }
    return false;
}

// All shards compare the same literal in the same way.
static bool read_type(struct paging *paging)
{
    for (uint32_t i = 0; i < paging->plan->target_count; i++) {
        struct column column;
        if (!read_column(paging, i, &column)) {
            return false;
        }
        if (i == 0) {
            paging->key = column;
        }
        if (column.type != paging->key.type || column.flags != paging->key.flags ||
            column.collation_id != paging->key.collation_id) {
            return false;
        }
    }
    return page_bound_is_possible(&paging->key, paging->is_zone_safe);
}

struct row_reader {
    struct field *fields;
    uint32_t rows;
};

static bool take_row(void *owner, struct slice row)
{
    struct row_reader *reader = owner;
    reader->rows++;
    return row_text_read(row, reader->fields, PAGE_PLACE_FIELDS);
}

// One value of each shard, as far as there are literals of them. False: it can't be read.
static bool read_values(struct paging *paging)
{
    uint32_t count = paging->plan->target_count;
    paging->value_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct field fields[PAGE_PLACE_FIELDS];
        struct row_reader reader = {.fields = fields};
        if (!gather_each_row(&paging->gathers[i], paging->flow.session->capabilities, take_row,
                             &reader)) {
            return false;
        }
        if (reader.rows == 0) {
            page_search_miss(&paging->search, i);
            continue;
        }
        struct slice value = page_bound_of(arena_of(paging), &paging->key, &fields[0], &fields[1]);
        if (value.ptr != NULL && paging->value_count < VALUES_MAX) {
            paging->values[paging->value_count++] = value;
        }
    }
    return true;
}

static bool read_counts(struct paging *paging)
{
    uint32_t shards = paging->plan->target_count;
    uint64_t *counts =
        arena_alloc(arena_of(paging), (size_t)paging->value_count * shards * sizeof *counts);
    for (uint32_t i = 0; i < shards; i++) {
        struct field fields[VALUES_MAX];
        if (!read_row(paging, i, fields, paging->value_count)) {
            return false;
        }
        for (uint32_t k = 0; k < paging->value_count; k++) {
            if (fields[k].is_null ||
                !slice_to_uint64(fields[k].bytes, &counts[(size_t)k * shards + i])) {
                return false;
            }
        }
    }
    uint32_t best = page_search_take(&paging->search, counts, paging->value_count);
    if (best != PAGE_NO_BOUND) {
        paging->bound = paging->values[best];
    }
    return true;
}

// ---- rounds

static void go_on(struct paging *paging)
{
    const struct page_search *search = &paging->search;
    if (!page_search_is_done(search)) {
        start_round(paging, PAGE_PLACING);
    } else if ((paging->bound.ptr == NULL && !search->is_beyond) || !has_all_legs(paging)) {
        run_plain(paging);
    } else {
        run_rest(paging);
    }
}

static void go_on_from(struct paging *paging)
{
    switch (paging->step) {
    case PAGE_OPENING:
        start_round(paging, PAGE_LOOKING);
        break;
    case PAGE_LOOKING:
        start_round(paging, PAGE_TYPING);
        break;
    case PAGE_TYPING:
        go_on(paging);
        break;
    case PAGE_PLACING:
        if (paging->value_count > 0) {
            start_round(paging, PAGE_COUNTING);
        } else {
            page_search_end(&paging->search);
            go_on(paging);
        }
        break;
    case PAGE_COUNTING:
        go_on(paging);
        break;
    }
}

static bool read_round(struct paging *paging)
{
    switch (paging->step) {
    case PAGE_OPENING:
        return true;
    case PAGE_LOOKING:
        return look(paging);
    case PAGE_TYPING:
        return read_type(paging);
    case PAGE_PLACING:
        return read_values(paging);
    case PAGE_COUNTING:
        return read_counts(paging);
    }
    return false;
}

// All answers are there. The flow may be gone afterwards.
static void end_round(struct paging *paging)
{
    if (paging->flow.request->is_killed) {
        struct error error;
        error_fill(&error, ER_QUERY_INTERRUPTED);
        drop_legs(paging);
        flow_fail(&paging->flow, &error);
    } else if (paging->is_plain || !read_round(paging)) {
        run_plain(paging);
    } else {
        go_on_from(paging);
    }
}

static void on_answer(struct flow *flow, struct leg *leg, const uint8_t *bytes, size_t len,
                      const struct answer *last)
{
    struct paging *paging = paging_of(flow);
    gather_add(&paging->gathers[leg->command.tag], arena_of(paging), bytes, len);
    if (last == NULL) {
        return;
    }
    paging->is_plain = paging->is_plain || last->is_error;
    if (--paging->missing == 0) {
        end_round(paging);
    }
}

// What a server or the time has against it, it has against the plain way too.
static void on_failed(struct flow *flow, struct leg *leg, const struct error *error)
{
    struct paging *paging = paging_of(flow);
    (void)leg;
    if (error->code == ER_QUERY_TIMEOUT || paging->page->is_inside) {
        struct error copy = *error;
        drop_legs(paging);
        flow_fail(flow, &copy);
        return;
    }
    paging->is_plain = true;
    if (--paging->missing == 0) {
        end_round(paging);
    }
}

static void on_drained(struct flow *flow)
{
    (void)flow; // nothing was written
}

static void on_abort(struct flow *flow)
{
    drop_legs(paging_of(flow));
}

static const struct flow_kind paging_kind = {
    .name = "looking for a page",
    .on_answer = on_answer,
    .on_failed = on_failed,
    .on_drained = on_drained,
    .on_abort = on_abort,
};

// ---- starting

// In a transaction of the client what is read is of one moment only with REPEATABLE READ, which a
// server is asked for; what SET TRANSACTION has asked of this one it doesn't tell.
static bool is_free(const struct session *session)
{
    const struct transaction *transaction = &session->transaction;
    return session->pin == NULL && !table_locks_are_held(session) && transaction->once.len == 0 &&
           transaction->asked.isolation == NULL;
}

bool flow_page_is_possible(const struct session *session, const struct request *request)
{
    // The settings of SET STATEMENT ... FOR EXECUTE would not be those of the questions.
    bool has_settings = request->text != NULL && request->text->settings.len > 0;
    return request->reading == NULL && !has_settings && is_free(session);
}

// The plan of the request's text with its parameters as literals, so that questions about it need
// none. NULL: there is no page in it.
static const struct plan *plan_as_text(struct session *session, const struct request *request)
{
    struct parse_options options = query_parse_options(session);
    struct request *text = arena_alloc(&session->arena, sizeof *text);
    struct slice sql;
    struct error error;
    *text = *request;
    text->command = COM_QUERY;
    text->params = NULL;
    text->text = NULL;
    text->plan = NULL;
    if (!step_literal_text(session, request, &sql, &error) ||
        parse_statement(&session->arena, sql, &options, &text->statement) != PARSE_OK ||
        !query_plan(session, text, &error)) {
        return NULL;
    }
    const struct plan *plan = text->plan;
    bool is_alike = plan->page != NULL && !plan->page->wants_text &&
                    plan->target_count == request->plan->target_count;
    for (uint16_t i = 0; i < plan->target_count && is_alike; i++) {
        is_alike = plan->targets[i].shard == request->plan->targets[i].shard;
    }
    return is_alike ? plan : NULL;
}

void flow_page_start(struct session *session, struct request *request,
                     void (*then)(struct session *session, struct request *request))
{
    struct paging *paging = arena_alloc(&session->arena, sizeof *paging);
    uint32_t count = request->plan->target_count;
    const struct plan *paged = request->plan;
    if (paged->page->wants_text) {
        paged = plan_as_text(session, request);
    }
    if (paged == NULL) {
        struct plan *plain = arena_alloc(&session->arena, sizeof *plain);
        *plain = *request->plan;
        plain->page = NULL;
        request->plan = plain;
        then(session, request);
        return;
    }
    paging->plan = request->plan;
    paging->paged = paged;
    paging->page = paged->page;
    paging->then = then;
    paging->gathers = arena_alloc(&session->arena, count * sizeof *paging->gathers);
    page_search_start(&paging->search, &session->arena, count, request->plan->offset,
                      page_goal(request->plan->limit));
    legs_release_lingering(session);
    flow_begin(&paging->flow, &paging_kind, session, request);
    start_round(paging, paging->page->is_inside ? PAGE_LOOKING : PAGE_OPENING);
}
