// A statement with the hint once='NAME', which a client may send again when it has lost the answer:
//
//     INSERT INTO waybill.once (name, digest, at) VALUES ('NAME', ...)
//         OK        the statement; UPDATE waybill.once SET affected = ..., insert_id = ...
//         1062      SELECT what the first one came to: that is the answer
//
// All of it in one transaction, the client's or one of its own, on the statement's shard: the name
// is there if and only if the statement was committed. A second one that comes meanwhile waits on
// the row. A statement that fails leaves no name, and may be tried again.

#include "base/hash.h"
#include "protocol/error_table.h"
#include "router/sql_literal.h"
#include "session/insert_id.h"
#include "session/query.h"
#include "session/step_kinds.h"
#include "session/steps.h"

enum { ANSWER_BYTES_MAX = 64 * 1024, DUPLICATE = 1062 };

struct once {
    struct slice name;
    struct slice sql; // the client's
    const char *shard;
    uint64_t digest;
    struct ok_packet ok; // of the client's statement
};

static void run(struct steps *steps, struct text *sql, bool raw_results, steps_then then)
{
    struct slice copy = arena_copy(&steps_session(steps)->arena, text_slice(sql));
    text_done(sql);
    steps_run(steps, copy, raw_results, ANSWER_BYTES_MAX, then);
}

static void begin_sql(struct text *sql, const struct once *once)
{
    text_init(sql);
    text_add_format(sql, "/* waybill: shard=%s */ ", once->shard);
}

static void add_name(struct text *sql, const struct once *once)
{
    text_add_string(sql, "'");
    text_add_slice(sql, once->name);
    text_add_string(sql, "'");
}

static void end(struct steps *steps)
{
    const struct once *once = steps_state(steps);
    struct session *session = steps_session(steps);
    if (once->ok.insert_id != 0) {
        insert_id_set(session, once->ok.insert_id);
    }
    session->aftermath.row_count = (int64_t)once->ok.affected_rows;
    steps_end(steps, &once->ok);
}

// ---- the first time

static void on_noted(struct steps *steps, const struct step_answer *answer)
{
    if (answer->error.code != 0) {
        steps_fail(steps, &answer->error);
        return;
    }
    end(steps);
}

// Its warnings are on the connection's list until the next statement, which is ours: not told.
static void on_done(struct steps *steps, const struct step_answer *answer)
{
    struct once *once = steps_state(steps);
    struct text sql;
    if (answer->error.code != 0) {
        steps_fail(steps, &answer->error);
        return;
    }
    once->ok = (struct ok_packet){
        .affected_rows = answer->ok.affected_rows,
        .insert_id = answer->ok.insert_id,
        .message = answer->ok.message,
    };
    begin_sql(&sql, once);
    text_add_format(&sql, "UPDATE waybill.once SET affected = %llu, insert_id = %llu, message = ",
                    (unsigned long long)once->ok.affected_rows,
                    (unsigned long long)once->ok.insert_id);
    sql_add_hex(&sql, once->ok.message);
    text_add_string(&sql, " WHERE name = ");
    add_name(&sql, once);
    run(steps, &sql, false, on_noted);
}

// ---- again

static bool number_of(const struct field *field, uint64_t *number)
{
    return !field->is_null && slice_to_uint64(field->bytes, number);
}

static void on_found(struct steps *steps, const struct step_answer *answer)
{
    enum { DIGEST, AFFECTED, INSERT_ID, MESSAGE, FIELDS };
    struct once *once = steps_state(steps);
    struct error error = answer->error;
    struct field fields[FIELDS];
    uint64_t digest = 0;
    if (error.code != 0) {
        steps_fail(steps, &error);
        return;
    }
    bool is_read = answer->column_count == FIELDS && steps_next_row(steps, fields, FIELDS) &&
                   number_of(&fields[DIGEST], &digest);
    if (is_read && digest != once->digest) {
        error_fill(&error, ER_ONCE, "its name is that of another statement");
    } else if (!is_read || !number_of(&fields[AFFECTED], &once->ok.affected_rows) ||
               !number_of(&fields[INSERT_ID], &once->ok.insert_id)) {
        error_fill(&error, ER_ONCE, "what the first one came to can't be read");
    } else {
        struct arena *arena = &steps_session(steps)->arena;
        once->ok.message = arena_copy(arena, fields[MESSAGE].bytes);
        end(steps);
        return;
    }
    steps_fail(steps, &error);
}

// The present row, not that of a snapshot which the transaction may have.
static void ask(struct steps *steps)
{
    const struct once *once = steps_state(steps);
    struct text sql;
    begin_sql(&sql, once);
    text_add_string(&sql, "SELECT digest, affected, insert_id, message FROM waybill.once WHERE "
                          "name = ");
    add_name(&sql, once);
    text_add_string(&sql, " LOCK IN SHARE MODE");
    run(steps, &sql, true, on_found);
}

static void on_named(struct steps *steps, const struct step_answer *answer)
{
    const struct once *once = steps_state(steps);
    if (answer->error.code == DUPLICATE) {
        ask(steps);
    } else if (answer->error.code != 0) {
        steps_fail(steps, &answer->error);
    } else {
        steps_run(steps, once->sql, false, ANSWER_BYTES_MAX, on_done);
    }
}

void step_once_start(struct session *session, struct request *request)
{
    struct once *once = arena_alloc(&session->arena, sizeof *once);
    const struct plan *plan = request->plan;
    struct text sql;
    once->name = plan->once;
    once->sql = request->statement->text;
    once->shard = session_config(session)->shards[plan->targets[0].shard].name;
    once->digest = hash_bytes(once->sql.ptr, once->sql.len);
    struct steps *steps = steps_start(session, request, once);
    steps_begin_transaction(steps);
    begin_sql(&sql, once);
    text_add_string(&sql, "INSERT INTO waybill.once (name, digest, at) VALUES (");
    add_name(&sql, once);
    text_add_format(&sql, ", %llu, UTC_TIMESTAMP(3))", (unsigned long long)once->digest);
    run(steps, &sql, false, on_named);
}
