// UPDATE that changes the shard key, where the user has allow_key_change. The servers do what the
// client wrote; waybill brings the rows home afterwards:
//
//     SELECT .. FROM information_schema       on each shard that may have rows: can they be moved?
//     SELECT id FROM t WHERE .. FOR UPDATE    on each, one after the other: which rows are they?
//     UPDATE t SET .. WHERE (..) AND (id = 5 OR id = 7)       on those that have some
//     SELECT * FROM t WHERE id = 5 OR id = 7 FOR UPDATE       on each of those; the rows of which
//     DELETE FROM t WHERE id = 5                              the key is of another shard now
//     INSERT INTO t (..) VALUES (5, ..)                       go there
//
// So a value is what the server made of it, and what can't be is the server's error. All of it in
// one transaction. A row that appears after the first SELECT (READ COMMITTED) isn't updated, as if
// it had come later.

#include "parser/splice.h"
#include "router/sql_literal.h"
#include "router/value.h"
#include "session/query.h"
#include "session/step_kinds.h"
#include "session/step_literal.h"
#include "session/step_move_impl.h"

void moving_fail(struct steps *steps, enum error_code code, const char *text)
{
    struct error error;
    error_fill(&error, code, text);
    steps_fail(steps, &error);
}

void moving_fail_changed(struct steps *steps)
{
    const struct moving *moving = steps_state(steps);
    struct slice name = moving->statement->tables->name;
    moving_fail(steps, ER_RECORD_CHANGED,
                (const char *)arena_format(&steps_session(steps)->arena, "%.*s", (int)name.len,
                                           (const char *)name.ptr)
                    .ptr);
}

struct moving_shard *moving_shard_of(struct steps *steps)
{
    struct moving *moving = steps_state(steps);
    return &moving->shards[moving->at];
}

struct slice moving_keep(struct steps *steps, struct text *text)
{
    struct slice copy = arena_copy(&steps_session(steps)->arena, text_slice(text));
    text_done(text);
    return copy;
}

const struct session_state *moving_state(struct session *session, bool carries)
{
    struct session_state *state = steps_raw_state(session);
    if (carries) {
        state_set_variable(state, slice_of_string("time_zone"), slice_of_string("'+00:00'"));
        state_set_variable(state, slice_of_string("foreign_key_checks"), slice_of_string("0"));
        state_set_variable(
            state, slice_of_string("sql_mode"),
            slice_of_string("'STRICT_ALL_TABLES,ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO'"));
    }
    return state;
}

void moving_run(struct steps *steps, struct slice sql, bool carries, steps_then then)
{
    struct session *session = steps_session(steps);
    struct request *request = steps_new_request(steps, sql, ROWS_BYTES_MAX, then);
    if (request == NULL) {
        return;
    }
    bool is_read = request->statement->kind == STATEMENT_SELECT;
    struct plan *plan = arena_alloc(&session->arena, sizeof *plan);
    *plan = (struct plan){.access = is_read ? ACCESS_PRIMARY : ACCESS_WRITE, .limit = UINT64_MAX};
    plan->target_count = 1;
    plan->targets = arena_alloc(&session->arena, sizeof *plan->targets);
    plan->targets[0].shard = moving_shard_of(steps)->shard;
    request->plan = plan;
    request->state = moving_state(session, carries);
    steps_run_planned(steps, request);
}

// ---- the UPDATE

static void on_updated(struct steps *steps, const struct step_answer *answer)
{
    struct moving *moving = steps_state(steps);
    if (answer->error.code != 0) {
        steps_fail(steps, &answer->error);
        return;
    }
    moving->ok = answer->ok;
    if (moving->count == 0 && moving->ok.affected_rows > 0) {
        moving_fail_changed(steps); // rows that came in between
        return;
    }
    moving->at = 0;
    moving_bring_home(steps);
}

static void add_part(struct text *sql, const struct moving *moving, const char *before,
                     struct span span)
{
    text_add_string(sql, before);
    text_add_slice(sql, slice_part(moving->sql, span.begin, span.end));
}

// The shard's rows only: WHERE and that, or what stands in its place.
static struct splice where_of(struct steps *steps, const struct moving_shard *from)
{
    const struct moving *moving = steps_state(steps);
    const struct change_part *change = moving->statement->change;
    const struct assignment *last = change->set;
    struct span span;
    struct text sql;
    text_init(&sql);
    if (change->where != NULL) {
        span = change->where->span;
        add_part(&sql, moving, "(", span);
        text_add_string(&sql, ") AND (");
        text_add_slice(&sql, from->before);
        text_add_string(&sql, ")");
    } else {
        while (last->next != NULL) {
            last = last->next;
        }
        span = (struct span){last->value->span.end, last->value->span.end};
        text_add_string(&sql, " WHERE ");
        text_add_slice(&sql, from->before);
    }
    return (struct splice){.span = span, .with = moving_keep(steps, &sql)};
}

// The shards that have rows; the first one, as the client wrote it, when none has: a server gives
// the answer.
static void update(struct steps *steps)
{
    struct moving *moving = steps_state(steps);
    struct arena *arena = &steps_session(steps)->arena;
    struct request *request = steps_new_request(steps, moving->sql, ROWS_BYTES_MAX, on_updated);
    if (request == NULL) {
        return;
    }
    struct plan *plan = arena_alloc(arena, sizeof *plan);
    *plan = (struct plan){.access = ACCESS_WRITE, .limit = UINT64_MAX};
    plan->targets = arena_alloc(arena, moving->shard_count * sizeof *plan->targets);
    for (uint16_t i = 0; i < moving->shard_count; i++) {
        struct moving_shard *from = &moving->shards[i];
        if (from->count > 0) {
            struct splice where = where_of(steps, from);
            plan->targets[plan->target_count++] = (struct plan_target){
                .shard = from->shard, .sql = splice_text(arena, moving->sql, &where, 1)};
        }
    }
    if (plan->target_count == 0) {
        plan->targets[plan->target_count++].shard = moving->shards[0].shard;
    }
    plan->merge = plan->target_count > 1 ? MERGE_OK : MERGE_NONE;
    plan->is_write_to_many = plan->target_count > 1;
    request->is_counted = true;
    request->plan = plan;
    steps_run_planned(steps, request);
}

// ---- which rows

static bool is_key(const struct moving *moving, const struct move_column *column)
{
    return slice_equal_nocase(column->name, moving->key);
}

// The conditions that find one row, before the UPDATE and behind it.
static bool add_conditions(struct steps *steps, const struct step_answer *answer,
                           const struct field *fields, struct text *before, struct text *after)
{
    const struct moving *moving = steps_state(steps);
    const struct move_table *table = &moving_shard_of(steps)->table;
    const char *glue = before->len == 0 ? "(" : " OR (";
    uint32_t at = 0;
    for (uint32_t i = 0; i < table->count; i++) {
        const struct move_column *column = &table->columns[i];
        const char *why = "";
        struct text literal;
        if (!column->is_primary) {
            continue;
        }
        text_init(&literal);
        bool is_fine = step_literal_add(&literal, &answer->columns[at], &fields[at], &why);
        struct slice value = moving_keep(steps, &literal);
        struct slice value_after = is_key(moving, column) ? moving->key_value : value;
        struct text *texts[] = {before, after};
        struct slice values[] = {value, value_after};
        for (size_t k = 0; k < 2; k++) {
            text_add_string(texts[k], glue);
            sql_add_name(texts[k], column->name);
            text_add_string(texts[k], " = ");
            text_add_slice(texts[k], values[k]);
        }
        if (!is_fine) {
            return false;
        }
        glue = " AND ";
        at++;
    }
    text_add_string(before, ")");
    text_add_string(after, ")");
    return true;
}

static void lock_next(struct steps *steps);

static void on_locked(struct steps *steps, const struct step_answer *answer)
{
    struct moving *moving = steps_state(steps);
    struct moving_shard *from = moving_shard_of(steps);
    struct text before, after;
    bool is_fine = answer->column_count == from->table.primary_count;
    if (answer->error.code != 0) {
        steps_fail(steps, &answer->error);
        return;
    }
    moving->count += answer->row_count;
    if (moving->count > ROWS_MAX) {
        moving_fail(steps, ER_TOO_LARGE,
                    "An UPDATE that changes the shard key may have 5000 rows: do it in parts");
        return;
    }
    struct field *fields =
        arena_alloc(&steps_session(steps)->arena, (answer->column_count + 1) * sizeof *fields);
    text_init(&before);
    text_init(&after);
    for (uint64_t row = 0; row < answer->row_count && is_fine; row++) {
        is_fine = steps_next_row(steps, fields, answer->column_count) &&
                  add_conditions(steps, answer, fields, &before, &after);
    }
    from->count = answer->row_count;
    from->before = moving_keep(steps, &before);
    from->after = moving_keep(steps, &after);
    if (!is_fine) {
        moving_fail(
            steps, ER_SHARD_KEY,
            "The rows can't be moved to another shard: their primary key can't be written as "
            "literals");
        return;
    }
    moving->at++;
    lock_next(steps);
}

static void lock_next(struct steps *steps)
{
    struct moving *moving = steps_state(steps);
    const struct change_part *change = moving->statement->change;
    if (moving->at == moving->shard_count) {
        update(steps);
        return;
    }
    const struct move_table *table = &moving_shard_of(steps)->table;
    struct text sql;
    text_init(&sql);
    for (uint32_t i = 0; i < table->count; i++) {
        if (table->columns[i].is_primary) {
            text_add_string(&sql, sql.len == 0 ? "SELECT " : ", ");
            sql_add_name(&sql, table->columns[i].name);
        }
    }
    add_part(&sql, moving, " FROM ", change->tables_span);
    if (change->where != NULL) {
        add_part(&sql, moving, " WHERE ", change->where->span);
    }
    if (change->order_by != NULL) {
        add_part(&sql, moving, " ", change->order_by_span);
    }
    if (change->limit != NULL) {
        add_part(&sql, moving, " LIMIT ", change->limit->span);
    } else {
        text_add_format(&sql, " LIMIT %d", ROWS_MAX + 1);
    }
    text_add_string(&sql, " FOR UPDATE");
    moving_run(steps, moving_keep(steps, &sql), false, on_locked);
}

// ---- which table

// A column of the primary key is set: how is the row found again?
static const char *obstacle(const struct moving *moving, const struct move_table *table)
{
    for (const struct assignment *one = moving->statement->change->set; one != NULL;
         one = one->next) {
        for (uint32_t i = 0; i < table->count; i++) {
            const struct move_column *column = &table->columns[i];
            if (!column->is_primary || !slice_equal_nocase(column->name, one->column->name)) {
                continue;
            }
            if (!is_key(moving, column)) {
                return "UPDATE may not change the shard key and another column of the primary key "
                       "at once: insert the row anew with the new values and delete the old one";
            }
            if (moving->key_value.len == 0) {
                return "Where the shard key is a part of the primary key, UPDATE may change it to "
                       "a literal or a parameter only: read the value first and put it in";
            }
        }
    }
    return NULL;
}

static void ask_next(struct steps *steps);

static void on_asked(struct steps *steps, const struct step_answer *answer)
{
    struct moving *moving = steps_state(steps);
    struct move_table *table = &moving_shard_of(steps)->table;
    struct error error = answer->error;
    if (error.code != 0 ||
        !move_table_read(steps, answer, moving->statement->tables, table, &error)) {
        steps_fail(steps, &error);
        return;
    }
    const char *why_not = obstacle(moving, table);
    if (why_not != NULL) {
        moving_fail(steps, ER_SHARD_KEY, why_not);
        return;
    }
    moving->at++;
    ask_next(steps);
}

static void ask_next(struct steps *steps)
{
    struct moving *moving = steps_state(steps);
    if (moving->at == moving->shard_count) {
        moving->at = 0;
        lock_next(steps);
        return;
    }
    moving_run(steps, move_table_question(steps_session(steps), moving->statement->tables), false,
               on_asked);
}

// ---- the start

// What the key is set to, if that is a literal.
static struct slice key_value(struct session *session, const struct request *request,
                              const struct moving *moving)
{
    const struct assignment *one = moving->statement->change->set;
    struct request asked = *request;
    asked.params = NULL; // they stand in the text
    struct route_request route = query_route_request(session, &asked);
    while (one != NULL && !slice_equal_nocase(one->column->name, moving->key)) {
        one = one->next;
    }
    if (one == NULL || value_of_expr(&session->arena, &route, one->value).kind == VALUE_UNKNOWN) {
        return slice_of(NULL, 0);
    }
    return slice_part(moving->sql, one->value->span.begin, one->value->span.end);
}

void step_move_start(struct session *session, struct request *request)
{
    struct moving *moving = arena_alloc(&session->arena, sizeof *moving);
    const struct plan *plan = request->plan;
    struct parse_options options = query_parse_options(session);
    struct statement *statement = request->statement;
    struct error error;
    if (!step_literal_text(session, request, &moving->sql, &error)) {
        query_refuse(session, request, &error);
        return;
    }
    if (statement->param_count > 0 &&
        (parse_statement(&session->arena, moving->sql, &options, &statement) != PARSE_OK ||
         statement->change == NULL || statement->tables == NULL)) {
        error_fill(&error, ER_PARSE, "");
        query_refuse(session, request, &error);
        return;
    }
    moving->statement = statement;
    moving->key = slice_of_string(plan->moved_key);
    moving->key_value = key_value(session, request, moving);
    moving->shard_count = plan->target_count;
    moving->shards = arena_alloc(&session->arena, plan->target_count * sizeof *moving->shards);
    for (uint16_t i = 0; i < plan->target_count; i++) {
        moving->shards[i].shard = plan->targets[i].shard;
    }
    struct steps *steps = steps_start(session, request, moving);
    steps_begin_transaction(steps);
    ask_next(steps);
}
