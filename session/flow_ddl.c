// The questions are asked as the client's account, in the client's settings: SHOW CREATE TABLE of
// each table that the statement names. A table has to be the same on all shards, there or not
// there; whether it may be altered so is then for the servers to say, and all say the same. Where
// the account may LOCK TABLES, a lock is tried on all of them, so that a table that somebody uses
// for long on one shard is known before it is changed on the others.

#include "session/flow_ddl.h"

#include <stdio.h>

#include "protocol/charset.h"
#include "protocol/error_table.h"
#include "router/definition.h"
#include "session/aftermath.h"
#include "session/command.h"
#include "session/ddl_run.h"
#include "session/declare.h"
#include "session/errand.h"
#include "session/flow_scatter.h"
#include "session/flow_single.h"
#include "session/gather.h"
#include "session/table_locks.h"

enum {
    NO_SUCH_DATABASE = 1049,
    DENIED_ON_SCHEMA = 1044,
    DENIED_ON_TABLE = 1142,
    DENIED_ON_COLUMN = 1143,
    ER_LOCK_WAIT = 1205,
    NO_SUCH_TRIGGER = 1360,
    STATE_COLUMN = 1, // SHOW CREATE: the definition
};

enum ddl_step { DDL_ASKING, DDL_LOCKING, DDL_UNLOCKING, DDL_NOTING };

enum seen_as { SEEN_ABSENT, SEEN_THERE, SEEN_HIDDEN };

struct seen { // a table on a shard
    enum seen_as as;
    uint64_t hash; // THERE
};

struct flow_ddl {
    struct flow flow;
    enum ddl_step step;
    uint32_t table_count;
    struct slice *tables; // as written
    uint32_t table;       // ASKING: the one that is asked for; at the end read_only
    uint16_t missing;     // answers of this round
    uint16_t target_count;
    struct gather *answers; // by target
    bool *is_held;          // LOCKING: by target
    struct seen *seen;      // by table, then by target
    struct ddl_run *run;
    uint64_t noted_us; // NOTING: since when
};

static struct flow_ddl *ddl_of(struct flow *flow)
{
    return CONTAINER_OF(flow, struct flow_ddl, flow);
}

static const struct ddl_part *part_of(const struct flow_ddl *ddl)
{
    return ddl->flow.request->statement->ddl;
}

static const char *shard_name(const struct flow_ddl *ddl, uint16_t target)
{
    uint16_t shard = ddl->flow.request->plan->targets[target].shard;
    return session_config(ddl->flow.session)->shards[shard].name;
}

static struct seen *seen_at(const struct flow_ddl *ddl, uint32_t table, uint16_t target)
{
    return &ddl->seen[table * ddl->target_count + target];
}

// ---- refusing

static void drop_locks(struct flow_ddl *ddl)
{
    const struct plan *plan = ddl->flow.request->plan;
    for (uint16_t i = 0; i < ddl->target_count; i++) {
        struct leg *leg = leg_find_held(ddl->flow.session, plan->targets[i].shard);
        if (leg != NULL) {
            leg_drop_held(leg);
        }
    }
}

static void refuse_as(struct flow_ddl *ddl, const struct error *error)
{
    drop_locks(ddl);
    counter_add(&ddl->flow.session->sessions->counters.queries_refused, 1);
    flow_fail(&ddl->flow, error);
}

static void refuse(struct flow_ddl *ddl, const char *text)
{
    struct error error;
    error_fill(&error, ER_SCHEMA, text);
    refuse_as(ddl, &error);
}

static void refuse_difference(struct flow_ddl *ddl, uint32_t table, uint16_t target,
                              const char *how)
{
    char text[480];
    struct slice name = ddl->tables[table];
    snprintf(text, sizeof text,
             "%.*s %s on shard '%s' and on shard '%s', so nothing was done anywhere: SHOW SCHEMA "
             "DIFF on the admin port shows it, /* waybill: shard=NAME */ in a statement changes "
             "one shard",
             (int)(name.len < 130 ? name.len : 130), (const char *)name.ptr, how,
             shard_name(ddl, 0), shard_name(ddl, target));
    refuse(ddl, text);
}

// ---- asking

static void start_round(struct flow_ddl *ddl, struct slice sql)
{
    struct session *session = ddl->flow.session;
    const struct plan *plan = ddl->flow.request->plan;
    bool is_unlocking = ddl->step == DDL_UNLOCKING;
    struct leg_command command = {
        .access = ACCESS_PRIMARY,
        .kind = ANSWER_QUERY,
        .packet = flow_frame_query(&session->arena, sql),
        .is_outside = true,
        .state = ddl->flow.request->state,
        .wants_hold = ddl->step == DDL_LOCKING,
        .is_there = is_unlocking,
    };
    ddl->missing = 0;
    for (uint16_t i = 0; i < ddl->target_count; i++) {
        ddl->answers[i].len = 0;
        ddl->missing = (uint16_t)(ddl->missing + (!is_unlocking || ddl->is_held[i]));
    }
    for (uint16_t i = 0; i < ddl->target_count; i++) {
        command.shard = plan->targets[i].shard;
        command.tag = i;
        struct leg *leg = is_unlocking ? leg_find_held(session, command.shard) : NULL;
        if (!is_unlocking) {
            (void)leg_start(&ddl->flow, &command);
        } else if (ddl->is_held[i]) {
            leg_start_there(&ddl->flow, leg, &command);
        }
    }
}

static bool is_database(const struct flow_ddl *ddl)
{
    return ddl->flow.request->statement->tables == NULL;
}

static bool is_drop_of_trigger(const struct flow_ddl *ddl)
{
    return part_of(ddl)->trigger.len > 0;
}

static struct slice question_of(const struct flow_ddl *ddl, uint32_t table)
{
    struct slice name = ddl->tables[table];
    return arena_format(&ddl->flow.session->arena, "SHOW CREATE %s %.*s",
                        is_drop_of_trigger(ddl) ? "TRIGGER"
                        : is_database(ddl)      ? "DATABASE"
                                                : "TABLE",
                        (int)name.len, (const char *)name.ptr);
}

static void ask_next(struct flow_ddl *ddl)
{
    ddl->step = DDL_ASKING;
    start_round(ddl, ddl->table < ddl->table_count ? question_of(ddl, ddl->table)
                                                   : slice_of_string("SELECT @@GLOBAL.read_only"));
}

static bool is_denied(uint16_t code)
{
    return code == DENIED_ON_SCHEMA || code == DENIED_ON_TABLE || code == DENIED_ON_COLUMN;
}

// The second field of the only row.
static bool read_definition(const struct flow_ddl *ddl, uint16_t target, struct slice *create)
{
    struct field fields[7];
    // Of a table or database, a view, a sequence; a trigger (MySQL 5.6: without its time).
    const uint32_t counts[] = {2, 4, 3, 7, 6};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        if (gather_only_row(&ddl->answers[target], ddl->flow.session->capabilities, fields,
                            counts[i])) {
            *create = fields[STATE_COLUMN].bytes;
            return true;
        }
    }
    return false;
}

// False with *error: it can't be told.
static bool take_seen(struct flow_ddl *ddl, uint16_t target, struct error *error)
{
    struct seen *seen = seen_at(ddl, ddl->table, target);
    struct slice create;
    if (read_definition(ddl, target, &create)) {
        *seen = (struct seen){.as = SEEN_THERE, .hash = definition_hash(create)};
        return true;
    }
    gather_error(&ddl->answers[target], error);
    if (error->code == ER_NO_SUCH_TABLE || error->code == NO_SUCH_DATABASE ||
        error->code == NO_SUCH_TRIGGER) {
        seen->as = SEEN_ABSENT;
        return true;
    }
    seen->as = SEEN_HIDDEN;
    return is_denied(error->code);
}

// ---- judging

// Does what the statement makes depend on what the table is now? (CREATE TABLE a LIKE b: on b.)
static bool needs_equal(const struct flow_ddl *ddl, uint32_t table)
{
    enum ddl_kind kind = part_of(ddl)->kind;
    return kind == DDL_ALTER_TABLE || kind == DDL_CREATE_INDEX || kind == DDL_DROP_INDEX ||
           kind == DDL_ROUTINE || (kind == DDL_CREATE_TABLE && table > 0);
}

// False: it was refused, and the flow is gone.
static bool judge(struct flow_ddl *ddl)
{
    const struct ddl_part *part = part_of(ddl);
    bool may_be_absent = part->if_exists || part->is_replace;
    for (uint32_t i = 0; i < ddl->table_count; i++) {
        const struct seen *first = seen_at(ddl, i, 0);
        for (uint16_t target = 1; target < ddl->target_count; target++) {
            const struct seen *other = seen_at(ddl, i, target);
            if (first->as != other->as && !may_be_absent) {
                refuse_difference(ddl, i, target, "is not the same, there or not there,");
                return false;
            }
            bool are_there = first->as == SEEN_THERE && other->as == SEEN_THERE;
            if (are_there && first->hash != other->hash && needs_equal(ddl, i)) {
                refuse_difference(ddl, i, target, "is not defined the same");
                return false;
            }
        }
    }
    return true;
}

static bool take_read_only(struct flow_ddl *ddl)
{
    char text[200];
    for (uint16_t i = 0; i < ddl->target_count; i++) {
        struct field field;
        bool is_read =
            gather_only_row(&ddl->answers[i], ddl->flow.session->capabilities, &field, 1);
        if (!is_read || !slice_equal(field.bytes, slice_of_string("0"))) {
            snprintf(text, sizeof text,
                     "The server of shard '%s' is read-only, so nothing was done anywhere: try "
                     "again",
                     shard_name(ddl, i));
            refuse(ddl, text);
            return false;
        }
    }
    return true;
}

// A trigger is dropped where it is, which is where its table is; where nobody has it one server
// says so.
static void leave_out_shards_without(struct flow_ddl *ddl)
{
    struct plan *plan = ddl->flow.request->plan;
    uint16_t kept = 0;
    for (uint16_t i = 0; i < ddl->target_count; i++) {
        if (seen_at(ddl, 0, i)->as != SEEN_ABSENT) {
            *seen_at(ddl, 0, kept) = *seen_at(ddl, 0, i);
            plan->targets[kept++] = plan->targets[i];
        }
    }
    plan->target_count = kept > 0 ? kept : 1;
    ddl->target_count = plan->target_count;
}

// ---- locks

static bool wants_lock(const struct flow_ddl *ddl)
{
    enum ddl_kind kind = part_of(ddl)->kind;
    bool is_change = kind == DDL_ALTER_TABLE || kind == DDL_CREATE_INDEX ||
                     kind == DDL_DROP_INDEX || kind == DDL_TRUNCATE || kind == DDL_DROP_TABLE ||
                     kind == DDL_RENAME_TABLE;
    // (The session's own LOCK TABLES would be undone by it.)
    return is_change && !is_database(ddl) && !table_locks_are_held(ddl->flow.session);
}

// Those tables that all shards have; ptr NULL: there is none.
static struct slice lock_statement(const struct flow_ddl *ddl)
{
    struct text sql;
    text_init(&sql);
    for (uint32_t i = 0; i < ddl->table_count; i++) {
        bool is_there = true;
        for (uint16_t target = 0; target < ddl->target_count; target++) {
            is_there = is_there && seen_at(ddl, i, target)->as == SEEN_THERE;
        }
        if (is_there) {
            text_add_string(&sql, sql.len == 0 ? "LOCK TABLES " : ", ");
            text_add_slice(&sql, ddl->tables[i]);
            text_add_string(&sql, " WRITE");
        }
    }
    struct slice kept =
        sql.len > 0 ? arena_copy(&ddl->flow.session->arena, text_slice(&sql)) : slice_of(NULL, 0);
    text_done(&sql);
    return kept;
}

// ---- writing it down

static void add_before(const struct flow_ddl *ddl, struct ddl_note *note)
{
    for (uint32_t i = 0; i < ddl->table_count; i++) {
        struct slice question = question_of(ddl, i);
        bool is_line = memchr(question.ptr, '\n', question.len) == NULL;
        note->is_repeatable = note->is_repeatable && is_line;
        text_add_slice(&note->checks, question);
        text_add_string(&note->checks, "\n");
    }
    for (uint16_t target = 0; target < ddl->target_count; target++) {
        uint64_t hash = 0;
        bool is_known = ddl->table_count > 0;
        for (uint32_t i = 0; i < ddl->table_count; i++) {
            const struct seen *seen = seen_at(ddl, i, target);
            hash = definition_hash_join(hash, seen->as == SEEN_THERE ? seen->hash : 0);
            is_known = is_known && seen->as != SEEN_HIDDEN;
        }
        struct ddl_shard *shard = &note->shards[target];
        *shard = (struct ddl_shard){.before = is_known ? hash : 0};
        snprintf(shard->name, sizeof shard->name, "%s", shard_name(ddl, target));
        ddl->run->shards[target] = *shard;
    }
}

static void note_it(struct flow_ddl *ddl)
{
    struct session *session = ddl->flow.session;
    const struct request *request = ddl->flow.request;
    const struct session_state *state = session_state_now(session);
    struct session_state plain;
    struct ddl_note *note = ddl_note_new();
    text_add_string(&note->user, session_user(session)->name);
    text_add_slice(&note->database, text_slice(&state->database));
    text_add_string(&note->charset, session->charset != NULL ? session->charset->name : "");
    text_add_slice(&note->statement, request->statement->text);
    state_init(&plain);
    state_difference(&plain, state, &note->settings);
    state_done(&plain);
    enum ddl_kind kind = part_of(ddl)->kind;
    note->is_repeatable = ddl->table_count > 0 && kind != DDL_TRUNCATE && kind != DDL_ROUTINE &&
                          kind != DDL_VIEW && request->params == NULL;
    declare_note(request, note);
    ddl->noted_us = session_now_us(session);
    note->shard_count = ddl->target_count;
    ddl->run = arena_alloc(&session->arena, sizeof *ddl->run);
    ddl->run->shards = arena_alloc(&session->arena, ddl->target_count * sizeof *ddl->run->shards);
    ddl->run->count = ddl->target_count;
    add_before(ddl, note);
    ddl->step = DDL_NOTING;
    struct errand errand = {.kind = ERRAND_DDL, .ddl = note};
    errand_start(session, &errand);
}

// ---- rounds

static void after_locks(struct flow_ddl *ddl)
{
    char text[400];
    bool is_any_held = false;
    for (uint16_t i = 0; i < ddl->target_count; i++) {
        struct error error = {0};
        ddl->is_held[i] =
            leg_find_held(ddl->flow.session, ddl->flow.request->plan->targets[i].shard) != NULL;
        struct slice payload = gather_payload(&ddl->answers[i]);
        if (payload.len > 0 && payload.ptr[0] == 0xff) {
            gather_error(&ddl->answers[i], &error);
        }
        if (error.code == ER_LOCK_WAIT) {
            snprintf(text, sizeof text,
                     "A table of the statement is in use on shard '%s', by a transaction that has "
                     "lasted longer than lock_wait_timeout (here: ddl_lock_wait_ms), so nothing "
                     "was done anywhere: try again",
                     shard_name(ddl, i));
            refuse(ddl, text);
            return;
        }
        is_any_held = is_any_held || ddl->is_held[i];
    }
    if (is_any_held) {
        ddl->step = DDL_UNLOCKING;
        start_round(ddl, slice_of_string("UNLOCK TABLES"));
    } else {
        note_it(ddl);
    }
}

static void after_questions(struct flow_ddl *ddl)
{
    struct slice lock = wants_lock(ddl) ? lock_statement(ddl) : slice_of(NULL, 0);
    if (lock.ptr == NULL) {
        note_it(ddl);
        return;
    }
    ddl->step = DDL_LOCKING;
    start_round(ddl, lock);
}

static void take_round(struct flow_ddl *ddl)
{
    for (uint16_t i = 0; i < ddl->target_count; i++) {
        struct error error;
        if (!take_seen(ddl, i, &error)) {
            char text[500];
            struct slice name = ddl->tables[ddl->table];
            snprintf(text, sizeof text,
                     "Shard '%s' was asked for %.*s and said: %.200s. Nothing was done anywhere",
                     shard_name(ddl, i), (int)(name.len < 130 ? name.len : 130),
                     (const char *)name.ptr, error.text);
            refuse(ddl, text);
            return;
        }
    }
    ddl->table++;
    if (is_drop_of_trigger(ddl)) {
        leave_out_shards_without(ddl);
    }
    ask_next(ddl);
}

static void end_round(struct flow_ddl *ddl)
{
    switch (ddl->step) {
    case DDL_ASKING:
        if (ddl->table < ddl->table_count) {
            take_round(ddl);
        } else if (take_read_only(ddl) && judge(ddl)) {
            after_questions(ddl);
        }
        break;
    case DDL_LOCKING:
        after_locks(ddl);
        break;
    case DDL_UNLOCKING:
        note_it(ddl);
        break;
    case DDL_NOTING:
        break;
    }
}

static void on_answer(struct flow *flow, struct leg *leg, const uint8_t *bytes, size_t len,
                      const struct answer *last)
{
    struct flow_ddl *ddl = ddl_of(flow);
    gather_add(&ddl->answers[leg->command.tag], &flow->session->arena, bytes, len);
    if (last != NULL && --ddl->missing == 0) {
        end_round(ddl);
    }
}

static void on_failed(struct flow *flow, struct leg *leg, const struct error *error)
{
    (void)leg;
    struct error told = *error; // a leg's, which goes with it
    drop_locks(ddl_of(flow));
    flow_fail(flow, &told);
}

static void on_drained(struct flow *flow)
{
    (void)flow; // nothing was written
}

static void on_abort(struct flow *flow)
{
    drop_locks(ddl_of(flow));
}

static const struct flow_kind flow_ddl_kind = {
    .name = "checking DDL",
    .on_answer = on_answer,
    .on_failed = on_failed,
    .on_drained = on_drained,
    .on_abort = on_abort,
};

// ---- starting

bool flow_ddl_is_for(const struct request *request)
{
    const struct statement *statement = request->statement;
    return (request->plan->target_count > 1 || request->declares != NULL) &&
           statement->kind == STATEMENT_DDL && statement->ddl != NULL;
}

static void list_tables(struct flow_ddl *ddl)
{
    const struct statement *statement = ddl->flow.request->statement;
    struct arena *arena = &ddl->flow.session->arena;
    enum ddl_kind kind = statement->ddl->kind;
    for (const struct table_ref *table = statement->tables; table != NULL; table = table->next) {
        ddl->table_count++;
    }
    ddl->tables = arena_alloc(arena, (ddl->table_count + 1) * sizeof *ddl->tables);
    ddl->table_count = 0;
    bool is_about_tables = kind != DDL_VIEW && kind != DDL_OTHER;
    for (const struct table_ref *table = statement->tables; table != NULL && is_about_tables;
         table = table->next) {
        ddl->tables[ddl->table_count++] =
            slice_part(statement->text, table->name_span.begin, table->name_span.end);
    }
    if (is_drop_of_trigger(ddl)) {
        ddl->tables[ddl->table_count++] = statement->ddl->trigger;
    }
    struct slice name = statement->ddl->database;
    bool has_database = kind == DDL_CREATE_DATABASE || kind == DDL_DROP_DATABASE;
    if (has_database && name.len > 0 && memchr(name.ptr, '`', name.len) == NULL) {
        ddl->tables[ddl->table_count++] =
            arena_format(arena, "`%.*s`", (int)name.len, (const char *)name.ptr);
    }
}

void flow_ddl_start(struct session *session, struct request *request)
{
    struct flow_ddl *ddl = arena_alloc(&session->arena, sizeof *ddl);
    ddl_run_limit_waiting(session, request);
    aftermath_lose(session); // the questions clear the list of warnings
    flow_begin(&ddl->flow, &flow_ddl_kind, session, request);
    ddl->target_count = request->plan->target_count;
    list_tables(ddl);
    ddl->answers = arena_alloc(&session->arena, ddl->target_count * sizeof *ddl->answers);
    ddl->is_held = arena_alloc(&session->arena, ddl->target_count * sizeof *ddl->is_held);
    ddl->seen = arena_alloc(&session->arena,
                            (ddl->table_count + 1) * ddl->target_count * sizeof *ddl->seen);
    ask_next(ddl);
}

// ---- written down, and afterwards

static void begun(struct session *session, const struct errand_result *result)
{
    struct flow_ddl *ddl = ddl_of(session->flow);
    struct request *request = ddl->flow.request;
    if (result->problem.code != 0) {
        struct error told = result->problem; // of a declaration: as it is
        if (told.code != ER_DECLARATION) {
            error_fill(&told, ER_SCHEMA, "");
            snprintf(told.text, sizeof told.text,
                     "The statement could not be written down in waybill.ddl on the default "
                     "shard, so nothing was done anywhere: %.300s",
                     result->problem.text);
        }
        refuse_as(ddl, &told);
        return;
    }
    if (declare_is_late(session, request, ddl->noted_us)) {
        ddl_run_never(session->sessions, result->number);
        refuse(ddl,
               "All waybills have to know of a declared table, which took too long: try again");
        return;
    }
    ddl->run->id = result->number;
    request->ddl = ddl->run;
    session->flow = NULL; // this flow is over, the command is not
    flow_scatter_start(session, request);
}

void flow_ddl_answered(struct sessions *sessions, struct session *session,
                       const struct errand *errand, const struct errand_result *result)
{
    if (session == NULL && !errand->is_end && result->problem.code == 0) {
        ddl_run_never(sessions, result->number);
    } else if (session != NULL && errand->is_end) {
        flow_scatter_go_on(session);
    } else if (session != NULL) {
        begun(session, result);
    }
}
