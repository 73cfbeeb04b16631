// A routine may execute, prepare and drop the named statements of its session:
//
//     PREPARE s FROM '...'     kept by the session (text_statement.c): it is bound to no server
//     CALL p()                 s is prepared on the server to which CALL binds the session
//     EXECUTE s                from now on goes there as it came, as PREPARE and DEALLOCATE do
//
// So it is in front of one shard only, where nothing depends on what waybill understands of a
// statement. Elsewhere a routine can't use the session's statements. A statement that was prepared
// for other settings than the session has now stays behind.

#include "session/text_native.h"

#include "session/flow_single.h"
#include "session/insert_id.h"
#include "session/prepared.h"
#include "session/query.h"
#include "session/text_statement.h"

struct flow_move {
    struct flow flow;
    struct prepared_statement **left; // in the arena; those to be moved
    uint32_t left_count;
    void (*then)(struct session *session, struct request *request);
};

static struct flow_move *move_of(struct flow *flow)
{
    return CONTAINER_OF(flow, struct flow_move, flow);
}

bool text_native_is_due(const struct session *session, const struct request *request)
{
    bool have_moved = session->has_native_names && session->pin != NULL;
    return !have_moved && !request->has_moved_names && insert_id_is_opaque(request->statement) &&
           config_only_shard(session_config(session)) != NO_SHARD;
}

bool text_native_is_for(const struct session *session, const struct request *request)
{
    const struct statement *statement = request->statement;
    bool stays_here = statement->prepare->verb == PREPARE_IMMEDIATE ||
                      prepared_find_named(session, statement->name) != NULL;
    return session->has_native_names && session->pin != NULL && !stays_here &&
           request->command == COM_QUERY;
}

static bool is_as_prepared(struct session *session, const struct prepared_statement *prepared,
                           struct request *world)
{
    world->state = NULL;
    world->reading = NULL;
    return prepared_find_world(prepared, session, world) == NULL && world->reading == NULL;
}

// The next one, or the command itself.
static void go_on(struct flow_move *move)
{
    struct session *session = move->flow.session;
    struct request *request = move->flow.request;
    struct request world = *request;
    while (move->left_count > 0) {
        struct prepared_statement *prepared = move->left[--move->left_count];
        if (!is_as_prepared(session, prepared, &world)) {
            continue;
        }
        struct leg_command command = {
            .shard = config_only_shard(session_config(session)),
            .access = ACCESS_PRIMARY,
            .kind = ANSWER_QUERY,
            .packet = flow_frame_query(&session->arena, text_prepare_of(session, prepared)),
            .is_outside = true,
            .pin_reason = query_pin_reason(session, request->statement),
            .pin_facts = FACT_ROUTINE,
            .state = world.state,
        };
        prepared_remove(session, prepared);
        (void)leg_start(&move->flow, &command);
        return;
    }
    session->flow = NULL; // this flow is over, the command is not
    move->then(session, request);
}

// A statement that can't be prepared any more is not there, as if it had never been: the routine
// hears of it.
static void on_answer(struct flow *flow, struct leg *leg, const uint8_t *bytes, size_t len,
                      const struct answer *last)
{
    (void)leg, (void)bytes, (void)len;
    if (last != NULL) {
        go_on(move_of(flow));
    }
}

static void on_failed(struct flow *flow, struct leg *leg, const struct error *error)
{
    (void)leg;
    flow_fail(flow, error);
}

static void on_drained(struct flow *flow)
{
    (void)flow; // of an answer before this one
}

static const struct flow_kind flow_move_kind = {
    .name = "preparing",
    .on_answer = on_answer,
    .on_failed = on_failed,
    .on_drained = on_drained,
};

void text_native_move(struct session *session, struct request *request,
                      void (*then)(struct session *session, struct request *request))
{
    struct flow_move *move = arena_alloc(&session->arena, sizeof *move);
    uint32_t count = prepared_count(session);
    move->then = then;
    move->left = arena_alloc(&session->arena, (count + 1) * sizeof(struct prepared_statement *));
    move->left_count = prepared_list_named(session, move->left);
    session->has_native_names = true;
    request->has_moved_names = true;
    flow_begin(&move->flow, &flow_move_kind, session, request);
    go_on(move);
}
