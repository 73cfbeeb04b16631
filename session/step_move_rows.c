// The rows of an UPDATE that changed the shard key, brought home: shard after shard they are read,
// and those that belong elsewhere now are deleted and inserted there. All that is carried is text
// that means what was stored, whatever the session's settings are (step_literal.h).

#include "router/sql_literal.h"
#include "session/aftermath.h"
#include "session/query.h"
#include "session/step_literal.h"
#include "session/step_move_impl.h"

static void end(struct steps *steps)
{
    struct moving *moving = steps_state(steps);
    struct session *session = steps_session(steps);
    session->aftermath.row_count = (int64_t)moving->ok.affected_rows;
    session->aftermath.warnings = moving->ok.warnings;
    if (moving->ok.warnings > 0 && moving->count > 0) {
        aftermath_lose(session); // other steps came behind it
    }
    steps_end(steps, &moving->ok);
}

static void on_inserted(struct steps *steps, const struct step_answer *answer)
{
    struct moving *moving = steps_state(steps);
    if (answer->error.code != 0) {
        steps_fail(steps, &answer->error);
        return;
    }
    if (answer->ok.affected_rows != moving->moved) {
        moving_fail_changed(steps);
        return;
    }
    moving->at++;
    moving_bring_home(steps);
}

static void on_deleted(struct steps *steps, const struct step_answer *answer)
{
    struct moving *moving = steps_state(steps);
    struct session *session = steps_session(steps);
    if (answer->error.code != 0) {
        steps_fail(steps, &answer->error);
        return;
    }
    if (answer->ok.affected_rows != moving->moved) {
        moving_fail_changed(steps);
        return;
    }
    struct request *request = steps_new_request(steps, moving->insert, ROWS_BYTES_MAX, on_inserted);
    if (request != NULL) {
        request->state = moving_state(session, true);
        query_run_statement(session, request);
    }
}

// What was read of a row.
struct moving_row {
    struct slice values;    // "(5, 'x')"
    struct slice condition; // "(`id` = 5)"
    bool is_moved;
};

static void begin_insert(struct steps *steps, struct text *sql)
{
    const struct moving *moving = steps_state(steps);
    const struct move_table *table = &moving_shard_of(steps)->table;
    text_init(sql);
    text_add_string(sql, "INSERT INTO ");
    move_table_add_name(sql, steps_session(steps), moving->statement->tables);
    for (uint32_t i = 0; i < table->count; i++) {
        text_add_string(sql, i == 0 ? " (" : ", ");
        sql_add_name(sql, table->columns[i].name);
    }
    text_add_string(sql, ") VALUES ");
}

// Of all rows, or those that are moved.
static struct slice insert_of(struct steps *steps, const struct moving_row *rows, uint64_t count,
                              bool wants_all)
{
    struct text sql;
    const char *before = "";
    begin_insert(steps, &sql);
    for (uint64_t i = 0; i < count; i++) {
        if (wants_all || rows[i].is_moved) {
            text_add_string(&sql, before);
            text_add_slice(&sql, rows[i].values);
            before = ", ";
        }
    }
    return moving_keep(steps, &sql);
}

static struct slice delete_of(struct steps *steps, const struct moving_row *rows, uint64_t count)
{
    const struct moving *moving = steps_state(steps);
    struct text sql;
    const char *before = " WHERE ";
    text_init(&sql);
    text_add_string(&sql, "DELETE FROM ");
    move_table_add_name(&sql, steps_session(steps), moving->statement->tables);
    for (uint64_t i = 0; i < count; i++) {
        if (rows[i].is_moved) {
            text_add_string(&sql, before);
            text_add_slice(&sql, rows[i].condition);
            before = " OR ";
        }
    }
    return moving_keep(steps, &sql);
}

// Where an INSERT of them would go: what isn't for the shard they are on has to leave it. False
// with *error.
static bool place_rows(struct steps *steps, struct moving_row *rows, uint64_t count,
                       struct error *error)
{
    struct moving *moving = steps_state(steps);
    struct session *session = steps_session(steps);
    uint16_t here = moving_shard_of(steps)->shard;
    struct parse_options options = query_parse_options(session);
    struct request asked = {.session = session, .command = COM_QUERY, .is_step = true};
    bool is_planned = parse_statement(&session->arena, insert_of(steps, rows, count, true),
                                      &options, &asked.statement) == PARSE_OK;
    if (!is_planned) {
        error_fill(error, ER_PARSE, "");
        return false;
    }
    is_planned = query_plan(session, &asked, error);
    moving->moved = 0;
    for (uint16_t i = 0; is_planned && i < asked.plan->target_count; i++) {
        const struct plan_target *target = &asked.plan->targets[i];
        uint64_t there = target->rows != NULL ? target->row_count : count;
        for (uint64_t k = 0; target->shard != here && k < there; k++) {
            rows[target->rows != NULL ? target->rows[k] - 1 : k].is_moved = true;
            moving->moved++;
        }
    }
    return is_planned;
}

static bool add_value(struct steps *steps, const struct step_answer *answer, uint32_t place,
                      const struct field *field, struct text *sql)
{
    const char *why = "";
    if (step_literal_add(sql, &answer->columns[place], field, &why)) {
        return true;
    }
    struct slice text = arena_format(
        &steps_session(steps)->arena, "A row can't be moved to another shard: column `%.*s` %s",
        (int)moving_shard_of(steps)->table.columns[place].name.len,
        (const char *)moving_shard_of(steps)->table.columns[place].name.ptr, why);
    moving_fail(steps, ER_SHARD_KEY, (const char *)text.ptr);
    return false;
}

static bool write_row(struct steps *steps, const struct step_answer *answer,
                      const struct field *fields, struct moving_row *row)
{
    const struct move_table *table = &moving_shard_of(steps)->table;
    struct text values, condition;
    bool is_fine = true;
    uint32_t conditions = 0;
    text_init(&values);
    text_init(&condition);
    for (uint32_t i = 0; i < table->count && is_fine; i++) {
        text_add_string(&values, i == 0 ? "(" : ", ");
        size_t begin = values.len;
        is_fine = add_value(steps, answer, i, &fields[i], &values);
        if (table->columns[i].is_primary) {
            text_add_string(&condition, conditions++ == 0 ? "(" : " AND ");
            sql_add_name(&condition, table->columns[i].name);
            text_add_string(&condition, " = ");
            text_add(&condition, values.ptr + begin, values.len - begin);
        }
    }
    text_add_string(&values, ")");
    text_add_string(&condition, ")");
    row->values = moving_keep(steps, &values);
    row->condition = moving_keep(steps, &condition);
    return is_fine;
}

static bool take_rows(struct steps *steps, const struct step_answer *answer,
                      struct moving_row *rows)
{
    struct moving *moving = steps_state(steps);
    struct arena *arena = &steps_session(steps)->arena;
    struct field *fields = arena_alloc(arena, (answer->column_count + 1) * sizeof *fields);
    for (uint64_t i = 0; i < answer->row_count; i++) {
        if (!steps_next_row(steps, fields, answer->column_count)) {
            moving_fail(steps, ER_MALFORMED_PACKET, "");
            return false;
        }
        if (!write_row(steps, answer, fields, &rows[i])) {
            return false;
        }
        moving->bytes += rows[i].values.len;
        if (moving->bytes > ROWS_BYTES_MAX) {
            moving_fail(
                steps, ER_TOO_LARGE,
                "The rows of the UPDATE have more than 8 MiB and can't be moved to another shard "
                "at once: do it in parts");
            return false;
        }
    }
    return true;
}

static void on_read(struct steps *steps, const struct step_answer *answer)
{
    struct moving *moving = steps_state(steps);
    const struct moving_shard *from = moving_shard_of(steps);
    struct moving_row *rows =
        arena_alloc(&steps_session(steps)->arena, (answer->row_count + 1) * sizeof *rows);
    struct error error;
    if (answer->error.code != 0) {
        steps_fail(steps, &answer->error);
        return;
    }
    if (answer->row_count != from->count || answer->column_count != from->table.count) {
        moving_fail(steps, ER_SHARD_KEY,
                    "The shard key is stored as another value than it is set to, so that its rows "
                    "can't be moved to another shard: give it as its column stores it");
        return;
    }
    if (!take_rows(steps, answer, rows)) {
        return;
    }
    if (!place_rows(steps, rows, answer->row_count, &error)) {
        steps_fail(steps, &error);
    } else if (moving->moved == 0) {
        moving->at++;
        moving_bring_home(steps);
    } else {
        moving->insert = insert_of(steps, rows, answer->row_count, false);
        moving_run(steps, delete_of(steps, rows, answer->row_count), true, on_deleted);
    }
}

void moving_bring_home(struct steps *steps)
{
    struct moving *moving = steps_state(steps);
    while (moving->at < moving->shard_count && moving_shard_of(steps)->count == 0) {
        moving->at++;
    }
    if (moving->at == moving->shard_count) {
        end(steps);
        return;
    }
    const struct moving_shard *from = moving_shard_of(steps);
    struct text sql;
    text_init(&sql);
    for (uint32_t i = 0; i < from->table.count; i++) {
        text_add_string(&sql, i == 0 ? "SELECT " : ", ");
        move_table_add_column(&sql, &from->table.columns[i]);
    }
    text_add_string(&sql, " FROM ");
    move_table_add_name(&sql, steps_session(steps), moving->statement->tables);
    text_add_string(&sql, " WHERE ");
    text_add_slice(&sql, from->after);
    text_add_string(&sql, " FOR UPDATE");
    moving_run(steps, moving_keep(steps, &sql), true, on_read);
}
