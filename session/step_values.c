// INSERT whose key or id is an expression that only a server knows: VALUES (UUID(), ...). It is
// asked for the value first, and the INSERT goes out with it:
//
//     SELECT UUID(), NOW()
//     INSERT INTO t (token, at) VALUES ('3f06af63-...', TIMESTAMP '2026-11-30 12:00:00')
//
// With the key go all other expressions that may differ from call to call, so that NOW() is one
// moment in all of them. NEXTVAL(s) of a sequence that lives on another shard is asked there.

#include "parser/splice.h"
#include "protocol/error_table.h"
#include "session/command.h"
#include "session/query.h"
#include "session/step_kinds.h"
#include "session/step_literal.h"
#include "session/steps.h"

enum { VALUES_BYTES_MAX = 16 * 1024 * 1024 };

struct asking {
    struct slice sql; // the client's
    const struct expr *const *exprs;
    uint32_t count;
};

// The statement with the values in place of their expressions. False with *error.
static bool put_in(struct steps *steps, const struct step_answer *answer, struct slice *sql,
                   struct error *error)
{
    const struct asking *asking = steps_state(steps);
    struct arena *arena = &steps_session(steps)->arena;
    struct splice *splices = arena_alloc(arena, asking->count * sizeof *splices);
    struct field *fields = arena_alloc(arena, asking->count * sizeof *fields);
    if (answer->column_count != asking->count || !steps_next_row(steps, fields, asking->count)) {
        error_fill(error, ER_MALFORMED_PACKET);
        return false;
    }
    for (uint32_t i = 0; i < asking->count; i++) {
        const char *why = "";
        struct text literal;
        text_init(&literal);
        bool is_fine = step_literal_add(&literal, &answer->columns[i], &fields[i], &why);
        splices[i] = (struct splice){.span = asking->exprs[i]->span,
                                     .with = arena_copy(arena, text_slice(&literal))};
        text_done(&literal);
        if (!is_fine) {
            struct slice text = arena_format(arena, "A value of the INSERT %s", why);
            error_fill(error, ER_SHARD_KEY, (const char *)text.ptr);
            return false;
        }
    }
    *sql = splice_text(arena, asking->sql, splices, asking->count);
    return true;
}

static void on_asked(struct steps *steps, const struct step_answer *answer)
{
    struct error error = answer->error;
    struct slice sql;
    if (error.code == 0 && put_in(steps, answer, &sql, &error)) {
        steps_run(steps, sql, false, VALUES_BYTES_MAX, steps_end_as);
    } else {
        steps_fail(steps, &error);
    }
}

// With values for its parameters it is another text, whose expressions stand elsewhere.
static bool read_again(struct steps *steps, struct slice sql, struct request **request)
{
    struct session *session = steps_session(steps);
    struct error error = {0};
    *request = steps_new_request(steps, sql, VALUES_BYTES_MAX, on_asked);
    if (*request == NULL) {
        return false;
    }
    if (query_plan(session, *request, &error) && (*request)->plan->steps == STEPS_VALUES) {
        return true;
    }
    if (error.code == 0) {
        error_fill(&error, ER_SHARD_KEY, "The INSERT can't be placed with its parameters as text");
    }
    session->request = steps_request(steps);
    steps_fail(steps, &error);
    return false;
}

static struct slice question(struct arena *arena, const struct asking *asking)
{
    struct text sql;
    text_init(&sql);
    for (uint32_t i = 0; i < asking->count; i++) {
        struct span span = asking->exprs[i]->span;
        text_add_string(&sql, i == 0 ? "SELECT " : ", ");
        text_add_slice(&sql, slice_part(asking->sql, span.begin, span.end));
    }
    struct slice copy = arena_copy(arena, text_slice(&sql));
    text_done(&sql);
    return copy;
}

void step_values_start(struct session *session, struct request *request)
{
    struct asking *asking = arena_alloc(&session->arena, sizeof *asking);
    struct error error;
    if (request->execute != NULL && request->statement->insert->has_returning) {
        command_refuse(session, "INSERT with RETURNING and an expression that a server is asked "
                                "for as a prepared statement: send it as text");
        return;
    }
    if (!step_literal_text(session, request, &asking->sql, &error)) {
        query_refuse(session, request, &error);
        return;
    }
    struct steps *steps = steps_start(session, request, asking);
    if (request->statement->param_count > 0 && !read_again(steps, asking->sql, &request)) {
        return;
    }
    asking->exprs = request->plan->asked;
    asking->count = request->plan->asked_count;
    steps_run(steps, question(&session->arena, asking), true, VALUES_BYTES_MAX, on_asked);
}
