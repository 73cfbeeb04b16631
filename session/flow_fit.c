#include "session/flow_fit.h"

#include "protocol/error_table.h"
#include "router/written.h"
#include "session/branch.h"
#include "session/fit.h"
#include "session/flow_single.h"
#include "session/gather.h"
#include "session/query.h"
#include "session/transaction.h"

enum { NOTES_BYTES_MAX = 8192 };

// ---- what a transaction has written: session->transaction.written, notes one after the other

// A note: shard (2 bytes), why (enum unfit, 1 byte), schema, NUL, table, NUL.
struct note {
    struct fit_table table; // borrows from the note
    enum unfit why;         // known already
};

static void print_note(struct text *out, const struct note *note)
{
    uint8_t why = (uint8_t)note->why;
    text_add(out, &note->table.shard, sizeof note->table.shard);
    text_add(out, &why, 1);
    text_add_slice(out, note->table.schema);
    text_add(out, "", 1);
    text_add_slice(out, note->table.name);
    text_add(out, "", 1);
}

// The note at *at, which moves behind it; false: there is none.
static bool next_note(const struct text *notes, size_t *at, struct note *note)
{
    const uint8_t *bytes = notes->ptr + *at;
    if (*at >= notes->len) {
        return false;
    }
    memcpy(&note->table.shard, bytes, sizeof note->table.shard);
    bytes += sizeof note->table.shard;
    note->why = (enum unfit) * bytes++;
    note->table.schema = slice_of_string((const char *)bytes);
    bytes += note->table.schema.len + 1;
    note->table.name = slice_of_string((const char *)bytes);
    *at = (size_t)(bytes + note->table.name.len + 1 - notes->ptr);
    return true;
}

static bool is_noted(const struct text *notes, const struct note *wanted)
{
    struct note note;
    size_t at = 0;
    while (next_note(notes, &at, &note)) {
        if (note.table.shard == wanted->table.shard && note.why == wanted->why &&
            slice_equal(note.table.name, wanted->table.name) &&
            slice_equal(note.table.schema, wanted->table.schema)) {
            return true;
        }
    }
    return false;
}

static void take_note(struct session *session, const struct note *note)
{
    struct text *notes = &session->transaction.written;
    struct note full = {.table = {.shard = note->table.shard}, .why = UNFIT_MANY};
    if (notes->len > NOTES_BYTES_MAX) {
        note = &full;
    }
    if (!is_noted(notes, note)) {
        print_note(notes, note);
    }
}

// ---- what a statement writes

typedef void (*note_taker)(void *owner, const struct note *note);

static enum unfit why_of(enum written_hidden hidden)
{
    switch (hidden) {
    case HIDDEN_ROUTINE:
        return UNFIT_ROUTINE;
    case HIDDEN_FUNCTION:
        return UNFIT_FUNCTION;
    case HIDDEN_UNREAD:
        return UNFIT_UNREAD;
    case HIDDEN_NONE:
        break;
    }
    return UNFIT_NOT;
}

// Everything that it may write on the shard.
static void each_written(const struct session *session, const struct statement *statement,
                         uint16_t shard, note_taker take, void *owner)
{
    struct note note = {.table = {.shard = shard}, .why = why_of(written_hidden(statement))};
    if (note.why != UNFIT_NOT) {
        take(owner, &note);
    }
    note.why = UNFIT_NOT;
    for (const struct table_ref *table = statement->tables; table != NULL; table = table->next) {
        if (written_is(statement, table)) {
            note.table.schema = table->schema.len > 0
                                    ? table->schema
                                    : text_slice(&session_state_now(session)->database);
            note.table.name = table->name;
            take(owner, &note);
        }
    }
}

static void note_for_later(void *owner, const struct note *note)
{
    struct session *session = owner;
    take_note(session, note);
}

// ---- is it a transaction on several shards?

static const struct statement *statement_of(const struct request *request)
{
    const struct statement *statement = request->statement;
    return statement->inner != NULL ? statement->inner : statement; // ANALYZE UPDATE
}

static bool has_written(const struct session *session, uint16_t shard)
{
    LIST_FOR_EACH (&session->legs, node) {
        const struct leg *leg = CONTAINER_OF(node, struct leg, node);
        if (leg->shard == shard && leg->is_participant && leg->has_written) {
            return true;
        }
    }
    return false;
}

static bool has_written_elsewhere(const struct session *session, uint16_t shard)
{
    LIST_FOR_EACH (&session->legs, node) {
        const struct leg *leg = CONTAINER_OF(node, struct leg, node);
        if (leg->shard != shard && leg->is_participant && leg->has_written) {
            return true;
        }
    }
    return false;
}

// Is it a write that belongs to a transaction which may come to be one on several shards?
static bool is_in_question(const struct session *session, const struct request *request)
{
    const struct plan *plan = request->plan;
    const struct transaction *transaction = &session->transaction;
    bool is_to_many = plan->is_write_to_many || plan->split != NULL;
    if (plan->access != ACCESS_WRITE || plan->is_beside ||
        (request->statement->facts & FACT_ENDS_TRANSACTION) != 0) {
        return false;
    }
    if (!is_to_many && !transaction->is_open && !session->carried.is_autocommit_off) {
        return false;
    }
    return !transaction->is_read_only && config_only_shard(session_config(session)) == NO_SHARD &&
           (branch_mode(session, NULL) != DISTRIBUTED_REFUSE || transaction->wants_decision);
}

// Are the shards of the transaction, or of the one that the statement begins, committed as one?
// With best_effort that can turn out late: commit_token, and whoever asks for the token.
static bool is_atomic(const struct session *session)
{
    const struct transaction *transaction = &session->transaction;
    if (transaction->decider != NO_SHARD) {
        return transaction->is_atomic;
    }
    bool is_in = transaction->is_open || session->carried.is_autocommit_off;
    return branch_mode(session, NULL) == DISTRIBUTED_ATOMIC ||
           (is_in && session_user(session)->commit_token);
}

// Where the decision is written anyway, it is a second shard beside that of a branch.
static bool is_to_several(const struct session *session, const struct plan *plan)
{
    const struct transaction *transaction = &session->transaction;
    uint16_t shard = plan->targets[0].shard;
    bool is_decided_elsewhere = transaction->wants_decision && transaction->decider != NO_SHARD &&
                                transaction->decider != shard;
    return plan->target_count > 1 || is_decided_elsewhere || has_written_elsewhere(session, shard);
}

// ---- what is to be asked

struct ask_list {
    struct session *session;
    struct fit_table *tables; // in the arena
    bool *was_written;
    uint32_t count, capacity;
    struct error *error; // the first that is unfit for certain; code 0: none
    bool is_before;      // what comes now was written before
};

static void explain(const struct session *session, const struct fit_table *table, enum unfit why,
                    bool was_written, struct error *error)
{
    fit_explain(table, session_config(session)->shards[table->shard].name, why, was_written, error);
}

static uint64_t changes_now(const struct session *session)
{
    return atomic_load_explicit(session->sessions->host.table_changes, memory_order_acquire);
}

static void add_unknown(void *owner, const struct note *note)
{
    struct ask_list *list = owner;
    struct session *session = list->session;
    const struct fit_table *table = &note->table;
    if (note->why != UNFIT_NOT) {
        if (list->error->code == 0) {
            explain(session, table, note->why, list->is_before, list->error);
        }
        return;
    }
    if (fit_is_known(session->sessions->fit, table, session_now_us(session),
                     changes_now(session))) {
        return;
    }
    if (list->count == list->capacity) {
        uint32_t capacity = list->capacity * 2 + 4;
        struct fit_table *tables = arena_alloc(&session->arena, capacity * sizeof *tables);
        bool *was_written = arena_alloc(&session->arena, capacity * sizeof *was_written);
        if (list->count > 0) {
            memcpy(tables, list->tables, list->count * sizeof *tables);
            memcpy(was_written, list->was_written, list->count * sizeof *was_written);
        }
        list->tables = tables;
        list->was_written = was_written;
        list->capacity = capacity;
    }
    list->was_written[list->count] = list->is_before;
    list->tables[list->count++] = *table;
}

// Of what the transaction has written and the request's plan will write.
static void list_unknown(struct session *session, const struct request *request,
                         struct ask_list *list, struct error *error)
{
    const struct plan *plan = request->plan;
    struct note note;
    size_t at = 0;
    *list = (struct ask_list){.session = session, .error = error, .is_before = true};
    error->code = 0;
    while (next_note(&session->transaction.written, &at, &note)) {
        if (has_written(session, note.table.shard)) {
            add_unknown(list, &note);
        }
    }
    list->is_before = false;
    for (uint16_t i = 0; i < plan->target_count; i++) {
        each_written(session, statement_of(request), plan->targets[i].shard, add_unknown, list);
    }
}

static void keep_refusal(struct session *session, struct request *request,
                         const struct error *error)
{
    request->unfit = arena_alloc(&session->arena, sizeof *request->unfit);
    *request->unfit = *error;
}

enum fit_look fit_look(struct session *session, struct request *request, struct error *error)
{
    const struct plan *plan = request->plan;
    struct ask_list list;
    if (!is_in_question(session, request)) {
        return FIT_FINE;
    }
    if (plan->split == NULL && !is_to_several(session, plan)) {
        each_written(session, statement_of(request), plan->targets[0].shard, note_for_later,
                     session);
        return FIT_FINE;
    }
    if (!is_atomic(session)) {
        return FIT_FINE;
    }
    list_unknown(session, request, &list, error);
    if (error->code != 0 && plan->split != NULL) {
        keep_refusal(session, request, error);
        return FIT_FINE;
    }
    if (error->code != 0) {
        return FIT_REFUSED;
    }
    return list.count > 0 ? FIT_ASKS : FIT_FINE;
}

bool fit_may_begin(struct session *session, const struct request *request, uint16_t shard,
                   bool is_first, struct error *error)
{
    if (is_first && !has_written_elsewhere(session, shard)) {
        each_written(session, statement_of(request), shard, note_for_later, session);
        return true;
    }
    if (request->unfit == NULL) {
        return true;
    }
    *error = *request->unfit;
    return false;
}

// ---- asking

struct fit_flow {
    struct flow flow; // first
    struct ask_list list;
    uint64_t asked_us;
    uint64_t changes;
    struct gather *gathers; // of the shards' answers
    uint16_t *shards;
    uint32_t shard_count;
    uint32_t missing;
    struct error error; // the first one; code 0: none
    void (*then)(struct session *session, struct request *request);
};

static struct fit_flow *flow_of(struct flow *flow)
{
    return CONTAINER_OF(flow, struct fit_flow, flow);
}

static void note_error(struct fit_flow *ask, const struct error *error)
{
    if (ask->error.code == 0) {
        ask->error = *error;
    }
}

// What the shard's answer says of its tables, one column for each.
static void judge_shard(struct fit_flow *ask, uint32_t number)
{
    struct session *session = ask->flow.session;
    const struct ask_list *list = &ask->list;
    struct field *fields = arena_alloc(&session->arena, list->count * sizeof *fields);
    uint32_t count = 0, at = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        count += list->tables[i].shard == ask->shards[number];
    }
    bool is_read = gather_only_row(&ask->gathers[number], session->capabilities, fields, count);
    for (uint32_t i = 0; i < list->count; i++) {
        const struct fit_table *table = &list->tables[i];
        enum unfit why = UNFIT_NOT;
        struct error error;
        if (table->shard != ask->shards[number]) {
            continue;
        }
        if (!is_read || fields[at].is_null || !fit_read(fields[at].bytes, &why)) {
            error_fill(&error, ER_UNKNOWN, "a server's answer about a table can't be read");
            note_error(ask, &error);
        } else if (why == UNFIT_NOT) {
            fit_note(session->sessions->fit, table, ask->asked_us, ask->changes);
        } else if (why != UNFIT_ABSENT) {
            explain(session, table, why, list->was_written[i], &error);
            note_error(ask, &error);
        }
        at++;
    }
}

static void end(struct fit_flow *ask)
{
    struct session *session = ask->flow.session;
    struct request *request = ask->flow.request;
    bool is_split = request->plan->split != NULL;
    for (uint32_t i = 0; i < ask->shard_count && ask->error.code == 0; i++) {
        judge_shard(ask, i);
    }
    struct error error = ask->error;
    if (error.code == ER_UNFIT_TABLE && !is_split) {
        session->flow = NULL;
        query_refuse(session, request, &error);
        return;
    }
    if (error.code != 0 && (session->transaction.is_lost || !is_split)) {
        flow_fail(&ask->flow, &error);
        return;
    }
    if (ask->error.code != 0) {
        keep_refusal(session, request, &ask->error);
    }
    session->flow = NULL; // this flow is over, the command is not
    ask->then(session, request);
}

static void on_answer(struct flow *flow, struct leg *leg, const uint8_t *bytes, size_t len,
                      const struct answer *last)
{
    struct fit_flow *ask = flow_of(flow);
    struct gather *gather = &ask->gathers[leg->command.tag];
    gather_add(gather, &flow->session->arena, bytes, len);
    if (last == NULL) {
        return;
    }
    if (last->is_error) {
        struct error error;
        gather_error(gather, &error);
        note_error(ask, &error);
    }
    if (--ask->missing == 0) {
        end(ask);
    }
}

static void on_failed(struct flow *flow, struct leg *leg, const struct error *error)
{
    struct fit_flow *ask = flow_of(flow);
    (void)leg;
    note_error(ask, error);
    if (--ask->missing == 0) {
        end(ask);
    }
}

static void on_drained(struct flow *flow)
{
    (void)flow; // nothing was written
}

static const struct flow_kind fit_kind = {
    .name = "asking for tables",
    .on_answer = on_answer,
    .on_failed = on_failed,
    .on_drained = on_drained,
};

static void list_shards(struct fit_flow *ask)
{
    for (uint32_t i = 0; i < ask->list.count; i++) {
        bool is_listed = false;
        for (uint32_t k = 0; k < ask->shard_count; k++) {
            is_listed = is_listed || ask->shards[k] == ask->list.tables[i].shard;
        }
        if (!is_listed) {
            ask->shards[ask->shard_count++] = ask->list.tables[i].shard;
        }
    }
}

static struct slice question(struct fit_flow *ask, uint16_t shard)
{
    struct text sql;
    text_init(&sql);
    for (uint32_t i = 0; i < ask->list.count; i++) {
        if (ask->list.tables[i].shard == shard) {
            text_add_string(&sql, sql.len == 0 ? "SELECT " : ", ");
            fit_add_question(&sql, &ask->list.tables[i]);
        }
    }
    text_add_string(&sql, " FROM DUAL LIMIT 1"); // whatever sql_select_limit is
    struct slice copy = arena_copy(&ask->flow.session->arena, text_slice(&sql));
    text_done(&sql);
    return copy;
}

// Beside the transaction, but for a shard where it has a backend.
static void start_question(struct fit_flow *ask, uint32_t number)
{
    struct session *session = ask->flow.session;
    uint16_t shard = ask->shards[number];
    bool is_in = leg_in_transaction(session, shard) ||
                 (session->pin != NULL && session->pin->shard == shard);
    struct leg_command command = {
        .shard = shard,
        .access = ACCESS_PRIMARY,
        .kind = ANSWER_QUERY,
        .packet = flow_frame_query(&session->arena, question(ask, shard)),
        .is_outside = true,
        .state = is_in ? ask->flow.request->state : session_state_apart(session),
        .tag = number,
    };
    (void)leg_start(&ask->flow, &command);
}

void fit_ask(struct session *session, struct request *request,
             void (*then)(struct session *session, struct request *request))
{
    struct fit_flow *ask = arena_alloc(&session->arena, sizeof *ask);
    ask->then = then;
    list_unknown(session, request, &ask->list, &ask->error);
    ask->asked_us = session_now_us(session);
    ask->changes = changes_now(session);
    ask->shards = arena_alloc(&session->arena, ask->list.count * sizeof *ask->shards);
    list_shards(ask);
    ask->gathers = arena_alloc(&session->arena, ask->shard_count * sizeof *ask->gathers);
    ask->missing = ask->shard_count;
    flow_begin(&ask->flow, &fit_kind, session, request);
    for (uint32_t i = 0; i < ask->shard_count; i++) {
        start_question(ask, i);
    }
}
