// Two sessions that lock tables of the same shards must not wait for each other: so shards are
// locked one after the other, in the order of the configuration, and whatever the session has
// locked before is given up first, as a server does it.
//
//     table_locks_take --> TAKING --(each shard)--> TAKING --> OK
//                             | an error, or a server is lost
//                             v
//     table_locks_release --> RELEASING (all shards at once) --> the error, or the command goes on
//
// While tables are locked the session's statements run on the connections that have the locks, so
// it is for the servers to say what may be read and written (1099, 1100). What waybill would do on
// connections beside these, or in a transaction (with which a server unlocks all tables), is
// refused.

#include "session/table_locks.h"

#include <assert.h>
#include <stdio.h>

#include "protocol/error_table.h"
#include "session/aftermath.h"
#include "session/flow_single.h"
#include "session/gather.h"

enum locks_step { LOCKS_TAKING, LOCKS_RELEASING };

struct locks {
    struct flow flow;
    enum locks_step step;
    uint16_t target;      // TAKING
    uint32_t missing;     // RELEASING: answers
    struct gather gather; // TAKING: the answer of the target
    struct error error;   // for the client; code 0: none
    void (*then)(struct session *session, struct request *request); // RELEASING; NULL
};

static struct locks *locks_of(struct flow *flow)
{
    return CONTAINER_OF(flow, struct locks, flow);
}

bool table_locks_are_held(const struct session *session)
{
    LIST_FOR_EACH (&session->legs, node) {
        if (CONTAINER_OF(node, struct leg, node)->has_locks) {
            return true;
        }
    }
    return false;
}

static bool has_locks_by_pin(const struct leg *leg)
{
    return leg->session->pin == leg && (leg->session->pin_facts & FACT_TABLE_LOCK) != 0;
}

// ---- one command

static void on_locked(struct leg *leg, const struct answer *answer)
{
    (void)answer;
    backend_mark_dirty(leg->backend);
    leg->has_locks = true;
}

static void on_unlocked(struct leg *leg, const struct answer *answer)
{
    struct session *session = leg->session;
    (void)answer;
    leg->has_locks = false;
    if (session->pin == leg && session->pin_facts == FACT_TABLE_LOCK) {
        session->pin = NULL;
        session->pin_reason = NULL;
        session->pin_facts = 0;
    }
}

static void start_next(struct locks *locks)
{
    struct session *session = locks->flow.session;
    const struct plan_target *target = &locks->flow.request->plan->targets[locks->target];
    struct leg_command command = {
        .shard = target->shard,
        .access = ACCESS_PRIMARY,
        .kind = ANSWER_QUERY,
        .packet = flow_frame_query(&session->arena, target->sql),
        .is_outside = true,
        .on_ok = on_locked,
    };
    locks->gather = (struct gather){.len = 0};
    (void)leg_start(&locks->flow, &command);
}

// How many are asked.
static uint32_t start_unlocking(struct locks *locks)
{
    struct session *session = locks->flow.session;
    locks->step = LOCKS_RELEASING;
    locks->missing = 0;
    LIST_FOR_EACH (&session->legs, node) {
        struct leg *leg = CONTAINER_OF(node, struct leg, node);
        if (!leg->has_locks && !has_locks_by_pin(leg)) {
            continue;
        }
        struct leg_command command = {
            .shard = leg->shard,
            .access =
                leg->has_written ? ACCESS_WRITE : ACCESS_PRIMARY, // with autocommit off it commits
            .kind = ANSWER_QUERY,
            .packet = flow_frame_query(&session->arena, slice_of_string("UNLOCK TABLES")),
            .is_outside = true,
            .on_ok = on_unlocked,
        };
        locks->missing++;
        leg_start_there(&locks->flow, leg, &command);
    }
    return locks->missing;
}

// ---- the flow

static void end(struct locks *locks)
{
    struct session *session = locks->flow.session;
    void (*then)(struct session * session, struct request * request) = locks->then;
    if (locks->error.code != 0) {
        struct error error = locks->error;
        flow_fail(&locks->flow, &error);
    } else if (then != NULL) {
        session->flow = NULL; // this flow is over, the command is not
        then(session, session->request);
    } else {
        aftermath_note_ok(session);
        session_write_ok(session, &(struct ok_packet){0});
        flow_finish(&locks->flow);
    }
}

static void on_taken(struct locks *locks, const struct answer *last)
{
    if (last->is_error) {
        gather_error(&locks->gather, &locks->error);
    } else if (++locks->target < locks->flow.request->plan->target_count) {
        start_next(locks);
        return;
    }
    if (locks->error.code == 0 || start_unlocking(locks) == 0) {
        end(locks);
    }
}

static void on_answer(struct flow *flow, struct leg *leg, const uint8_t *bytes, size_t len,
                      const struct answer *last)
{
    struct locks *locks = locks_of(flow);
    (void)leg;
    gather_add(&locks->gather, &flow->session->arena, bytes, len);
    if (last == NULL) {
        return;
    }
    if (locks->step == LOCKS_TAKING) {
        on_taken(locks, last);
    } else if (--locks->missing == 0) {
        end(locks);
    }
}

static void on_failed(struct flow *flow, struct leg *leg, const struct error *error)
{
    struct locks *locks = locks_of(flow);
    (void)leg;
    if (locks->error.code == 0) {
        locks->error = *error;
    }
    bool is_over =
        locks->step == LOCKS_TAKING ? start_unlocking(locks) == 0 : --locks->missing == 0;
    if (is_over) {
        end(locks);
    }
}

static void on_drained(struct flow *flow)
{
    (void)flow; // nothing was written
}

static const struct flow_kind locks_kind = {
    .name = "locking tables",
    .on_answer = on_answer,
    .on_failed = on_failed,
    .on_drained = on_drained,
};

void table_locks_take(struct session *session, struct request *request)
{
    struct locks *locks = arena_alloc(&session->arena, sizeof *locks);
    assert(!table_locks_are_held(session));
    locks->step = LOCKS_TAKING;
    flow_begin(&locks->flow, &locks_kind, session, request);
    start_next(locks);
}

void table_locks_release_then(struct session *session, struct request *request,
                              void (*then)(struct session *session, struct request *request))
{
    struct locks *locks = arena_alloc(&session->arena, sizeof *locks);
    locks->then = then;
    flow_begin(&locks->flow, &locks_kind, session, request);
    if (start_unlocking(locks) == 0) {
        end(locks);
    }
}

// ---- what may be run meanwhile

static bool is_locked_on(const struct session *session, uint16_t shard)
{
    const struct leg *leg = leg_kept_on(session, shard);
    return leg != NULL && leg->has_locks;
}

// Does it read or write tables of the client?
static bool is_about_tables(const struct statement *statement)
{
    switch ((int)statement->kind) {
    case STATEMENT_SELECT:
        return statement->query != NULL && statement->query->tables != NULL &&
               (statement->facts & FACT_SYSTEM_SCHEMA) == 0;
    case STATEMENT_SHOW:
    case STATEMENT_EXPLAIN:
    case STATEMENT_SET:
    case STATEMENT_DO:
        return false;
    default:
        return true;
    }
}

// The entries of a global index are written on other connections, which would wait for the locks.
static bool has_index(const struct session *session, const struct statement *statement)
{
    struct slice database = text_slice(&session_state_now(session)->database);
    for (const struct table_ref *table = statement->tables; table != NULL; table = table->next) {
        struct slice schema = table->schema.len > 0 ? table->schema : database;
        const struct table_config *config =
            config_find_table(session_config(session), schema, table->name);
        if (config != NULL && config->indexes != NULL) {
            return true;
        }
    }
    return false;
}

// NULL: nothing stands in the way.
static const char *problem_of(const struct session *session, const struct request *request)
{
    const struct plan *plan = request->plan;
    if (plan->steps != STEPS_NONE || plan->split != NULL) {
        return "waybill runs this statement as several ones, in a transaction, with which the "
               "servers would unlock the tables";
    }
    if (request->pin_reason != NULL) {
        return "a statement like this binds the session to one server";
    }
    if (plan->gather != NULL) {
        return "this statement's rows would be brought together on a server without the locks";
    }
    if (plan->access == ACCESS_WRITE && has_index(session, request->statement)) {
        return "the table has a global index, which is written on connections without the locks";
    }
    return NULL;
}

bool table_locks_allow(const struct session *session, const struct request *request,
                       struct error *error)
{
    const struct plan *plan = request->plan;
    const struct statement *statement = request->statement;
    char text[400], elsewhere[200];
    if (!table_locks_are_held(session) || statement->kind == STATEMENT_LOCK) {
        return true;
    }
    const char *problem = problem_of(session, request);
    for (uint16_t i = 0; i < plan->target_count && problem == NULL; i++) {
        uint16_t shard = plan->targets[i].shard;
        if (!is_locked_on(session, shard) && is_about_tables(statement)) {
            snprintf(elsewhere, sizeof elsewhere,
                     "this statement needs shard '%s', where it has none",
                     session_config(session)->shards[shard].name);
            problem = elsewhere;
        }
    }
    if (problem == NULL) {
        return true;
    }
    snprintf(text, sizeof text,
             "this session has locked tables on several shards (LOCK TABLES), and %s: UNLOCK "
             "TABLES first",
             problem);
    error_fill(error, ER_PINNED, text);
    return false;
}
