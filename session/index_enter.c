// Two rounds, then the statement again:
//
//     on the values' home shards   INSERT INTO waybill.index_entry    by itself, not in the
//     client's
//                                                                     transaction: durable before
//     on the shard of the rows     INSERT INTO waybill.index_here     in its transaction, if there
//                                                                     is one there
//
// So an entry is there before any row is, whatever is lost in between. The server tells of one
// value; the others that the rows of an INSERT have, as far as they can be read in its text, are
// entered with it. Where a statement's parts commit one by one (best_effort), that is done before
// they run: a part that failed could not be run again by itself.

#include "session/index_enter.h"

#include "protocol/error_table.h"
#include "router/global_index.h"
#include "router/scope.h"
#include "session/branch.h"
#include "session/flow_single.h"
#include "session/gather.h"
#include "session/index_claim.h"
#include "session/index_values.h"
#include "session/query.h"

enum { TRIES_MAX = 1000 };

struct enter {
    struct flow flow; // first
    struct index_items items;
    bool is_here; // the second round
    uint32_t missing;
    struct error error; // code 0: none
    struct gather *gathers;
    void (*then)(struct session *session, struct request *request);
};

static struct enter *enter_of(struct flow *flow)
{
    return CONTAINER_OF(flow, struct enter, flow);
}

bool index_enter_is_possible(const struct session *session, const struct request *request)
{
    const struct statement *statement = request->statement;
    return session_config(session)->index_count > 0 && statement != NULL && request->plan != NULL &&
           request->index_tries < TRIES_MAX &&
           (statement->kind == STATEMENT_INSERT || statement->kind == STATEMENT_REPLACE ||
            statement->kind == STATEMENT_UPDATE);
}

// ---- the end

static void on_round_end(struct enter *enter);

static void end(struct enter *enter)
{
    struct session *session = enter->flow.session;
    struct request *request = enter->flow.request;
    counter_add(&session->sessions->counters.index_entries, enter->items.count);
    session->flow = NULL; // this flow is over, the command is not
    enter->then(session, request);
}

static void on_answer(struct flow *flow, struct leg *leg, const uint8_t *bytes, size_t len,
                      const struct answer *last)
{
    struct enter *enter = enter_of(flow);
    struct gather *gather = &enter->gathers[leg->command.tag];
    gather_add(gather, &flow->session->arena, bytes, len);
    if (last == NULL) {
        return;
    }
    if (last->is_error && enter->error.code == 0) {
        gather_error(gather, &enter->error);
    }
    if (leg->is_held) {
        leg_drop_held(leg);
    }
    if (--enter->missing == 0) {
        on_round_end(enter);
    }
}

static void on_failed(struct flow *flow, struct leg *leg, const struct error *error)
{
    struct enter *enter = enter_of(flow);
    (void)leg;
    if (enter->error.code == 0) {
        enter->error = *error;
    }
    if (--enter->missing == 0) {
        on_round_end(enter);
    }
}

static const struct flow_kind enter_kind = {
    .name = "entering into an index",
    .on_answer = on_answer,
    .on_failed = on_failed,
};

// ---- the rounds

static void start(struct enter *enter, uint16_t shard, struct text *sql, bool is_inside)
{
    struct session *session = enter->flow.session;
    struct leg_command command = {
        .shard = shard,
        .access = ACCESS_WRITE,
        .kind = ANSWER_QUERY,
        .packet = flow_frame_query(&session->arena, text_slice(sql)),
        .is_outside = !is_inside,
        .state = is_inside ? enter->flow.request->state : session_state_apart(session),
        .tag = enter->missing,
    };
    enter->missing++;
    enter->gathers[command.tag] = (struct gather){.len = 0};
    bool is_taken = leg_in_transaction(session, shard) ||
                    (session->pin != NULL && session->pin->shard == shard);
    if (!is_inside && is_taken) {
        command.wants_hold = true;
        (void)leg_start_apart(&enter->flow, &command);
    } else {
        (void)leg_start(&enter->flow, &command);
    }
}

static bool is_on(const struct config *config, const struct index_item *item, uint16_t shard)
{
    return index_is_mark(item->value) || index_home(config, item->index, item->value) == shard;
}

// What the shard has to be told in this round.
static void start_on(struct enter *enter, uint16_t shard)
{
    struct session *session = enter->flow.session;
    const struct config *config = session_config(session);
    struct text sql;
    uint32_t count = 0;
    text_init(&sql);
    for (uint32_t i = 0; i < enter->items.count; i++) {
        const struct index_item *item = &enter->items.items[i];
        struct slice key = slice_of_string(item->index->key);
        if (enter->is_here && item->shard == shard) {
            index_add_here(&sql, key, item->value, count++ == 0);
        } else if (!enter->is_here && is_on(config, item, shard)) {
            index_add_entry(&sql, key, item->value, config->shards[item->shard].name, count++ == 0);
        }
    }
    bool is_bound = session->pin != NULL && session->pin->shard == shard;
    if (count > 0) {
        start(enter, shard, &sql,
              enter->is_here && (leg_in_transaction(session, shard) || is_bound));
    }
    text_done(&sql);
}

static void start_round(struct enter *enter)
{
    const struct config *config = session_config(enter->flow.session);
    enter->missing = 0;
    for (uint16_t i = 0; i < config->shard_count; i++) {
        if (!config->shards[i].is_removed) {
            start_on(enter, i);
        }
    }
}

static void on_round_end(struct enter *enter)
{
    if (enter->error.code != 0) {
        struct error error = enter->error;
        flow_fail(&enter->flow, &error);
    } else if (enter->is_here) {
        end(enter);
    } else {
        enter->is_here = true;
        start_round(enter);
    }
}

static struct enter *enter_new(struct session *session, struct request *request,
                               void (*then)(struct session *session, struct request *request))
{
    struct enter *enter = arena_alloc(&session->arena, sizeof *enter);
    const struct config *config = session_config(session);
    enter->then = then;
    index_items_init(&enter->items, session);
    enter->gathers = arena_alloc(&session->arena, config->shard_count * sizeof *enter->gathers);
    request->index_tries++;
    flow_begin(&enter->flow, &enter_kind, session, request);
    return enter;
}

bool index_enter_start(struct session *session, struct request *request,
                       const struct plan_target *target, const struct error *error)
{
    struct slice key, value;
    if (index_claim_start(session, request, target, error)) {
        return true;
    }
    if (!index_enter_is_possible(session, request) ||
        !index_read_lack(&session->arena, slice_of_string(error->text), &key, &value)) {
        return false;
    }
    const struct index_config *index = index_find(session_config(session), key);
    if (index == NULL) {
        return false;
    }
    struct enter *enter = enter_new(session, request, query_run_plan);
    index_items_add(&enter->items, (struct index_item){index, value, target->shard});
    index_items_add_targets(&enter->items, request, false);
    start_round(enter);
    return true;
}

// ---- ahead, where the parts commit one by one

// A value that an assignment gives to rows of all targets. False: only the servers know it.
static bool add_assignment(struct enter *enter, struct request *request,
                           const struct index_config *index, const struct assignment *assignment)
{
    struct arena *arena = &enter->flow.session->arena;
    struct route_request route = query_route_request(enter->flow.session, request);
    struct value value = value_of_expr(arena, &route, assignment->value);
    struct slice canonical;
    if (value.kind == VALUE_NULL) {
        return true;
    }
    if (!index_stored_value(arena, index, &value, &canonical)) {
        return false;
    }
    for (uint16_t i = 0; i < request->plan->target_count; i++) {
        index_items_add(&enter->items,
                        (struct index_item){index, canonical, request->plan->targets[i].shard});
    }
    return true;
}

static bool add_assigned(struct enter *enter, struct request *request,
                         const struct index_config *index, const struct assignment *assignment)
{
    for (; assignment != NULL; assignment = assignment->next) {
        if (slice_is_nocase(assignment->column->name, index->column) &&
            !add_assignment(enter, request, index, assignment)) {
            return false;
        }
    }
    return true;
}

// Of the tables that the statement names: whose of them it is does not matter.
static bool add_assignments(struct enter *enter, struct request *request,
                            const struct assignment *assignment)
{
    struct route_request route = query_route_request(enter->flow.session, request);
    const struct table_ref *table = request->statement->tables;
    for (; table != NULL; table = table->next) {
        struct scope_ref ref;
        scope_place(&route, table, &ref);
        const struct index_config *index = ref.config != NULL ? ref.config->indexes : NULL;
        for (; index != NULL; index = index->next) {
            if (!add_assigned(enter, request, index, assignment)) {
                return false;
            }
        }
    }
    return true;
}

// Ids that waybill made stand in the target's text or among its parameters.
static bool has_unread_ids(struct session *session, struct request *request)
{
    struct route_request route = query_route_request(session, request);
    const struct statement *statement = request->statement;
    struct scope_ref ref = {.config = NULL};
    if (statement->insert != NULL && statement->param_count > 0) {
        scope_place(&route, statement->tables, &ref);
    }
    const struct table_config *table = ref.config;
    const struct index_config *index = table != NULL ? table->indexes : NULL;
    for (; index != NULL; index = index->next) {
        struct slice column = slice_of_string(index->column);
        if ((table->row_ids != NULL && slice_is_nocase(column, table->row_ids->column)) ||
            (table->id_column != NULL && slice_is_nocase(column, table->id_column))) {
            return true;
        }
    }
    return false;
}

static bool is_listed(const struct insert_part *insert, const char *column)
{
    bool found = insert->columns == NULL;
    for (uint32_t i = 0; i < insert->column_count && !found; i++) {
        found = slice_is_nocase(insert->columns[i], column);
    }
    return found;
}

// INSERT ... SELECT of rows that stay where they are: only the shards see them.
static bool has_unseen_rows(struct session *session, struct request *request)
{
    struct route_request route = query_route_request(session, request);
    const struct insert_part *insert = request->statement->insert;
    struct scope_ref ref = {.config = NULL};
    if (insert != NULL && insert->select != NULL) {
        scope_place(&route, request->statement->tables, &ref);
    }
    const struct index_config *index = ref.config != NULL ? ref.config->indexes : NULL;
    for (; index != NULL; index = index->next) {
        if (is_listed(insert, index->column)) {
            return true;
        }
    }
    return false;
}

static void refuse(struct session *session, struct request *request, const char *why)
{
    struct error error;
    error_fill(&error, ER_CROSS_SHARD_WRITE, why);
    session->flow = NULL;
    query_refuse(session, request, &error);
}

bool index_enter_ahead(struct session *session, struct request *request,
                       void (*then)(struct session *session, struct request *request))
{
    const struct statement *statement = request->statement;
    const char *why = NULL;
    if (!request->plan->is_write_to_many || request->index_tries > 0 ||
        !index_enter_is_possible(session, request) ||
        branch_mode(session, &why) == DISTRIBUTED_ATOMIC) {
        return false;
    }
    if (index_claim_is_touched(session, request)) {
        refuse(session, request,
               "A column with a unique global index is set on several shards, one of which may "
               "refuse its value, which needs distributed = atomic: change the rows of each shard "
               "by a statement of their own");
        return true;
    }
    struct enter *enter = enter_new(session, request, then);
    index_items_add_targets(&enter->items, request, false);
    if (enter->items.has_more || has_unread_ids(session, request) ||
        has_unseen_rows(session, request) ||
        !add_assignments(enter, request,
                         statement->insert != NULL ? statement->insert->on_duplicate
                                                   : statement->change->set)) {
        refuse(session, request,
               "A column with a global index is set on several shards to what only these know, or "
               "to more than 1000 values, which needs distributed = atomic: put the value itself "
               "in, or change the rows of each shard by a statement of their own");
        return true;
    }
    if (enter->items.count == 0) {
        session->flow = NULL;
        return false;
    }
    start_round(enter);
    return true;
}
