// UPDATE and DELETE with LIMIT over several shards. A single server takes the first n rows in the
// statement's order; how many of them each shard has is found out first:
//
//     SELECT 0 FROM t WHERE .. ORDER BY .. LIMIT n FOR UPDATE     on the first shard,
//     SELECT 1 FROM t ...                                         on the second ...
//         merged in that order, the first n:  0 1 1 0 1
//     UPDATE t SET .. WHERE .. ORDER BY .. LIMIT 2                on the first shard, 3 on the
//     second
//
// The rows stay locked until the transaction ends, so each shard then finds the same ones at its
// front. Rows alike in the order may be any, here as there.
//
// The locks are taken shard after shard before the SELECTs are merged: two such statements that
// lock on all shards at once would wait for one another on different servers, which no server sees.

#include "parser/splice.h"
#include "protocol/error_table.h"
#include "session/command.h"
#include "session/query.h"
#include "session/step_kinds.h"
#include "session/step_literal.h"
#include "session/steps.h"

enum { FOUND_BYTES_MAX = 64 * 1024 * 1024 };

struct limited {
    struct slice sql; // the client's, without parameters
    const struct plan *plan;
    struct request *question; // the SELECTs of all targets
    uint16_t locked;          // targets whose rows are locked
    uint32_t *counts;         // of each target
    uint32_t **places;        // of each target's rows among all, from 1
};

static struct slice part(const struct statement *statement, struct span span)
{
    return slice_part(statement->text, span.begin, span.end);
}

static struct slice question(struct arena *arena, const struct statement *statement, uint64_t limit)
{
    const struct change_part *change = statement->change;
    struct text sql;
    text_init(&sql);
    text_add_string(&sql, "SELECT 0 AS _waybill_target FROM ");
    text_add_slice(&sql, part(statement, change->tables_span));
    if (change->where != NULL) {
        text_add_string(&sql, " WHERE ");
        text_add_slice(&sql, part(statement, change->where->span));
    }
    if (change->order_by != NULL) {
        text_add_string(&sql, " ");
        text_add_slice(&sql, part(statement, change->order_by_span));
    }
    text_add_format(&sql, " LIMIT %llu FOR UPDATE", (unsigned long long)limit);
    struct slice copy = arena_copy(arena, text_slice(&sql));
    text_done(&sql);
    return copy;
}

// ---- what each shard does

// The targets that have rows; the first one, as the client wrote it, when none has: a server gives
// the answer.
static struct plan *plan_of_parts(struct arena *arena, const struct limited *limited,
                                  const struct statement *statement)
{
    struct plan *plan = arena_alloc(arena, sizeof *plan);
    *plan = (struct plan){.access = ACCESS_WRITE, .limit = UINT64_MAX};
    plan->targets = arena_alloc(arena, limited->plan->target_count * sizeof *plan->targets);
    plan->target_count = 0;
    for (uint16_t i = 0; i < limited->plan->target_count; i++) {
        if (limited->counts[i] == 0 && (i > 0 || plan->target_count > 0)) {
            continue;
        }
        struct splice limit = {.span = statement->change->limit->span,
                               .with = arena_format(arena, "%u", (unsigned)limited->counts[i])};
        plan->targets[plan->target_count++] = (struct plan_target){
            .shard = limited->plan->targets[i].shard,
            .sql = limited->counts[i] == 0 ? statement->text
                                           : splice_text(arena, statement->text, &limit, 1),
            .rows = statement->change->has_returning ? limited->places[i] : NULL,
            .row_count = statement->change->has_returning ? limited->counts[i] : 0,
        };
    }
    if (plan->target_count > 1 && limited->counts[0] == 0) {
        plan->targets++; // it was there for the case that nobody has any
        plan->target_count--;
    }
    plan->merge = plan->target_count == 1            ? MERGE_NONE
                  : statement->change->has_returning ? MERGE_ROWS
                                                     : MERGE_OK;
    plan->is_in_row_order = plan->merge == MERGE_ROWS;
    plan->is_write_to_many = plan->target_count > 1;
    return plan;
}

// The answer's rows are numbers of targets, in the statement's order.
static bool count_rows(struct steps *steps, struct limited *limited,
                       const struct step_answer *answer)
{
    struct arena *arena = &steps_session(steps)->arena;
    uint32_t targets = limited->plan->target_count;
    struct field fields[1];
    limited->counts = arena_alloc(arena, targets * sizeof *limited->counts);
    limited->places = arena_alloc(arena, targets * sizeof *limited->places);
    for (uint32_t i = 0; i < targets; i++) {
        limited->places[i] = arena_alloc(arena, (answer->row_count + 1) * sizeof(uint32_t));
    }
    for (uint64_t row = 1; row <= answer->row_count; row++) {
        uint64_t target = 0;
        if (answer->column_count != 1 || !steps_next_row(steps, fields, 1) ||
            !slice_to_uint64(fields[0].bytes, &target) || target >= targets) {
            return false;
        }
        limited->places[target][limited->counts[target]++] = (uint32_t)row;
    }
    return true;
}

static void on_found(struct steps *steps, const struct step_answer *answer)
{
    struct limited *limited = steps_state(steps);
    struct arena *arena = &steps_session(steps)->arena;
    struct error error = answer->error;
    if (error.code == 0 && !count_rows(steps, limited, answer)) {
        error_fill(&error, ER_MALFORMED_PACKET);
    }
    if (error.code != 0) {
        steps_fail(steps, &error);
        return;
    }
    struct request *request = steps_new_request(steps, limited->sql, FOUND_BYTES_MAX, steps_end_as);
    if (request != NULL) {
        request->is_counted = true;
        request->plan = plan_of_parts(arena, limited, request->statement);
        steps_run_planned(steps, request);
    }
}

// ---- the question

// Each target says its number.
static void number_targets(struct arena *arena, struct request *request)
{
    size_t prefix = sizeof "SELECT 0" - 1;
    for (uint16_t i = 0; i < request->plan->target_count; i++) {
        struct plan_target *target = &request->plan->targets[i];
        struct slice sql = target->sql.ptr != NULL ? target->sql : request->statement->text;
        struct slice rest = slice_part(sql, prefix, sql.len);
        target->sql = arena_format(arena, "SELECT %u%.*s", (unsigned)i, (int)rest.len,
                                   (const char *)rest.ptr);
    }
}

static void ask_all(struct steps *steps)
{
    struct limited *limited = steps_state(steps);
    struct plan *plan = limited->question->plan;
    struct request *request =
        steps_new_request(steps, limited->question->statement->text, FOUND_BYTES_MAX, on_found);
    if (request != NULL) {
        request->plan = plan;
        steps_run_planned(steps, request);
    }
}

static void lock_next(struct steps *steps);

static void on_locked(struct steps *steps, const struct step_answer *answer)
{
    struct limited *limited = steps_state(steps);
    if (answer->error.code != 0) {
        steps_fail(steps, &answer->error);
        return;
    }
    limited->locked++;
    lock_next(steps);
}

static void lock_next(struct steps *steps)
{
    struct limited *limited = steps_state(steps);
    struct arena *arena = &steps_session(steps)->arena;
    const struct plan *all = limited->question->plan;
    if (limited->locked == all->target_count) {
        ask_all(steps);
        return;
    }
    struct plan *plan = arena_alloc(arena, sizeof *plan);
    *plan = (struct plan){.access = ACCESS_PRIMARY, .limit = UINT64_MAX, .target_count = 1};
    plan->targets = &all->targets[limited->locked];
    struct request *request =
        steps_new_request(steps, limited->question->statement->text, FOUND_BYTES_MAX, on_locked);
    if (request != NULL) {
        request->plan = plan;
        steps_run_planned(steps, request);
    }
}

static void ask(struct steps *steps, struct limited *limited, const struct statement *statement)
{
    struct session *session = steps_session(steps);
    struct error error;
    struct slice sql = question(&session->arena, statement, limited->plan->limit);
    struct request *request = steps_new_request(steps, sql, FOUND_BYTES_MAX, on_locked);
    if (request == NULL) {
        return;
    }
    bool is_planned = query_plan(session, request, &error) && !request->plan->wants_columns &&
                      request->plan->gather == NULL;
    if (!is_planned) {
        session->request = steps_request(steps);
        if (error.code == 0) {
            error_fill(&error, ER_CROSS_SHARD_WRITE,
                       "The rows of this LIMIT can't be found on several shards");
        }
        error.code = error.code == ER_CROSS_SHARD ? ER_CROSS_SHARD_WRITE : error.code;
        steps_fail(steps, &error);
        return;
    }
    limited->plan = request->plan;
    limited->question = request;
    number_targets(&session->arena, request);
    lock_next(steps);
}

void step_limit_start(struct session *session, struct request *request)
{
    struct limited *limited = arena_alloc(&session->arena, sizeof *limited);
    struct statement *statement = request->statement;
    struct error error;
    if (statement->change->has_returning && request->execute != NULL) {
        command_refuse(session, "DELETE with LIMIT and RETURNING over several shards as a prepared "
                                "statement: send it as text");
        return;
    }
    if (!step_literal_text(session, request, &limited->sql, &error)) {
        query_refuse(session, request, &error);
        return;
    }
    limited->plan = request->plan;
    struct steps *steps = steps_start(session, request, limited);
    steps_begin_transaction(steps);
    if (statement->param_count > 0) {
        struct parse_options options = query_parse_options(session);
        if (parse_statement(&session->arena, limited->sql, &options, &statement) != PARSE_OK ||
            statement->change == NULL || statement->change->limit == NULL) {
            error_fill(&error, ER_PARSE, "");
            steps_fail(steps, &error);
            return;
        }
    }
    ask(steps, limited, statement);
}
