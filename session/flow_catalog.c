// A mention of a table of information_schema after the other, all shards of it at once. What they
// say is held whole (CATALOG_SQL_BYTES_MAX); an answer that is too long, or one that is an error,
// ends it.

#include "session/flow_catalog.h"

#include "protocol/error_table.h"
#include "router/catalog.h"
#include "session/flow_single.h"
#include "session/query.h"
#include "session/scatter_source.h"

struct flow_catalog {
    struct flow flow; // first
    const struct catalog_plan *plan;
    struct catalog_rows *rows; // of each ref
    uint32_t ref;              // which is asked for
    struct scatter_source *sources;
    uint32_t source_count;
    uint32_t open_count;        // of them
    struct session_state state; // what the answers are in
    void (*then)(struct session *session, struct request *request);
};

static struct flow_catalog *flow_of(struct flow *flow)
{
    return CONTAINER_OF(flow, struct flow_catalog, flow);
}

static void give_back(struct flow_catalog *ask)
{
    for (uint32_t i = 0; i < ask->source_count; i++) {
        source_stop(&ask->sources[i]);
    }
    ask->source_count = 0;
    state_done(&ask->state);
}

static void fail(struct flow_catalog *ask, const struct error *error)
{
    give_back(ask);
    flow_fail(&ask->flow, error);
}

// UTF-8, whatever the client has; the times in its time zone.
static void init_state(struct flow_catalog *ask)
{
    const struct session_state *carried = session_state_now(ask->flow.session);
    struct slice time_zone = state_find_variable(carried, slice_of_string("time_zone"));
    state_init(&ask->state);
    state_set_database(&ask->state, text_slice(&carried->database));
    state_set_variable(&ask->state, slice_of_string("names"), slice_of_string("'utf8mb4'"));
    if (time_zone.ptr != NULL) {
        state_set_variable(&ask->state, slice_of_string("time_zone"), time_zone);
    }
}

static void ask_questions(struct flow_catalog *ask)
{
    struct session *session = ask->flow.session;
    const struct catalog_ref *ref = &ask->plan->refs[ask->ref];
    ask->source_count = ask->open_count = ref->question_count;
    ask->sources = arena_alloc(&session->arena, ask->source_count * sizeof *ask->sources);
    for (uint32_t i = 0; i < ref->question_count; i++) {
        const struct catalog_question *question = &ref->questions[i];
        const char *name = session_config(session)->shards[question->shard].name;
        struct slice shard = arena_format(&session->arena, "%s", name);
        struct leg_command command = {
            .shard = question->shard,
            .access = ask->flow.request->plan->access,
            .kind = ANSWER_QUERY,
            .packet = flow_frame_query(&session->arena, question->sql),
            .is_outside = true,
            .state = &ask->state,
            .tag = i,
        };
        source_start(&ask->sources[i], &session->arena, (const char *)shard.ptr, ANSWER_QUERY,
                     session->capabilities);
        ask->sources[i].leg = leg_start(&ask->flow, &command);
    }
}

// ---- the answers

// False with *error.
static bool take_rows(struct flow_catalog *ask, struct scatter_source *source, struct error *error)
{
    struct catalog_rows *rows = &ask->rows[ask->ref];
    enum source_at at = source_look(source);
    if (at == SOURCE_AT_ERROR) {
        *error = source->error;
        return false;
    }
    bool is_fine =
        source->has_columns && catalog_rows_columns(rows, source->columns, source->column_count);
    if (is_fine && at == SOURCE_AT_ROW && ask->plan->form == CATALOG_PLACE) {
        const struct catalog_ref *ref = &ask->plan->refs[ask->ref];
        ask->flow.request->plan->targets[0].shard = ref->questions[source - ask->sources].shard;
    }
    for (; is_fine && at == SOURCE_AT_ROW; at = source_look(source)) {
        is_fine = catalog_rows_add(rows, source->row);
        source_take(source);
    }
    if (is_fine && at == SOURCE_AT_END) {
        return true;
    }
    if (at == SOURCE_AT_ERROR) {
        *error = source->error;
    } else {
        error_fill(
            error, ER_CROSS_SHARD,
            "the shards' answers about information_schema don't fit together (are the "
            "servers of different versions?): name the shard with /* waybill: shard=NAME */");
    }
    return false;
}

static void explain_size(struct error *error)
{
    error_fill(error, ER_TOO_LARGE,
               "information_schema has too many rows about tables that are on other shards: name "
               "tables by table_name = '...', or the shard with /* waybill: shard=NAME */");
}

static void write_statement(struct flow_catalog *ask)
{
    struct session *session = ask->flow.session;
    struct request *request = ask->flow.request;
    struct parse_options options = query_parse_options(session);
    bool is_as_it_came = ask->plan->form == CATALOG_PLACE;
    struct slice sql = is_as_it_came
                           ? slice_of(NULL, 0)
                           : catalog_write(&session->arena, ask->plan, ask->rows, &options);
    struct error error;
    if (sql.len == 0 && !is_as_it_came) {
        explain_size(&error);
        fail(ask, &error);
        return;
    }
    give_back(ask);
    request->plan->targets[0].sql = sql;
    session->flow = NULL; // this flow is over, the command is not
    ask->then(session, request);
}

// Of the next mention that has questions; behind the last one the statement is whole.
static void ask_next(struct flow_catalog *ask)
{
    while (ask->ref < ask->plan->ref_count && ask->plan->refs[ask->ref].question_count == 0) {
        ask->ref++;
    }
    if (ask->ref < ask->plan->ref_count) {
        ask_questions(ask);
    } else {
        write_statement(ask);
    }
}

// All shards have answered.
static void end_ref(struct flow_catalog *ask)
{
    struct error error;
    for (uint32_t i = 0; i < ask->source_count; i++) {
        if (!take_rows(ask, &ask->sources[i], &error)) {
            fail(ask, &error);
            return;
        }
        source_stop(&ask->sources[i]);
    }
    ask->source_count = 0;
    ask->ref++;
    ask_next(ask);
}

static void on_answer(struct flow *flow, struct leg *leg, const uint8_t *bytes, size_t len,
                      const struct answer *last)
{
    struct flow_catalog *ask = flow_of(flow);
    struct scatter_source *source = &ask->sources[leg->command.tag];
    struct error error;
    source_add(source, bytes, len);
    if (source->bytes.len > CATALOG_SQL_BYTES_MAX) {
        explain_size(&error);
        fail(ask, &error);
        return;
    }
    if (last != NULL) {
        source->leg = NULL;
        if (--ask->open_count == 0) {
            end_ref(ask);
        }
    }
}

static void on_failed(struct flow *flow, struct leg *leg, const struct error *error)
{
    struct flow_catalog *ask = flow_of(flow);
    ask->sources[leg->command.tag].leg = NULL;
    fail(ask, error);
}

static void on_drained(struct flow *flow)
{
    (void)flow; // writes nothing itself
}

static void on_abort(struct flow *flow)
{
    give_back(flow_of(flow));
}

static const struct flow_kind catalog_kind = {
    .name = "asking the shards",
    .on_answer = on_answer,
    .on_failed = on_failed,
    .on_drained = on_drained,
    .on_abort = on_abort,
};

void catalog_ask(struct session *session, struct request *request,
                 void (*then)(struct session *session, struct request *request))
{
    struct flow_catalog *ask = arena_alloc(&session->arena, sizeof *ask);
    const struct catalog_plan *plan = request->plan->catalog;
    ask->plan = plan;
    ask->then = then;
    ask->rows = arena_alloc(&session->arena, plan->ref_count * sizeof *ask->rows);
    for (uint32_t i = 0; i < plan->ref_count; i++) {
        catalog_rows_init(&ask->rows[i], &session->arena, plan->refs[i].kind);
    }
    flow_begin(&ask->flow, &catalog_kind, session, request);
    init_state(ask);
    ask_next(ask);
}
