// How a gathering ends before its statement runs: what was made is dropped, and the client is told
// why.
//
// Outside of a transaction everything that runs is simply stopped. Within one (gather_plan
// is_inside) the rows are read on the transaction's own connections, and to stop one of those would
// end the transaction: what still comes is read and dropped first, which the LIMIT of each reading
// bounds.

#include <stdio.h>

#include "session/gather_impl.h"
#include "session/transaction.h"

enum { ER_DUPLICATE_KEY = 1062, ER_DATABASE_DENIED = 1044 };

void gathering_drop_server(struct gathering *all)
{
    struct leg *leg = leg_find_held(all->flow.session, all->shard);
    if (leg != NULL) {
        leg_drop_held(leg);
    }
}

void gathering_stop_all(struct gathering *all)
{
    struct session *session = all->flow.session;
    LIST_FOR_EACH_SAFE (&session->legs, node) {
        struct leg *leg = CONTAINER_OF(node, struct leg, node);
        if (leg->state != LEG_KEPT) {
            leg_stop(leg);
        }
    }
    gathering_drop_server(all);
    gathering_read_stop(all);
}

void gathering_give_back(struct gathering *all)
{
    gathering_read_stop(all);
    text_done(&all->filling);
    text_done(&all->sending);
    state_done(&all->reader);
    state_done(&all->maker);
    state_done(&all->writer);
}

static void end(struct gathering *all)
{
    struct error error = all->failure;
    gathering_stop_all(all);
    gathering_give_back(all);
    counter_add(&all->flow.session->sessions->counters.queries_refused, 1);
    flow_fail(&all->flow, &error);
}

// Readings of the transaction are left alone; nothing else runs afterwards. True: there are some.
static bool stop_but_transaction(struct gathering *all)
{
    struct session *session = all->flow.session;
    bool has_some = false;
    LIST_FOR_EACH_SAFE (&session->legs, node) {
        struct leg *leg = CONTAINER_OF(node, struct leg, node);
        if (leg->state != LEG_KEPT && leg_may_stop(leg)) {
            leg_stop(leg);
        } else if (leg->state != LEG_KEPT) {
            leg_resume(leg);
            has_some = true;
        }
    }
    gathering_drop_server(all);
    return has_some;
}

void gathering_fail(struct gathering *all, const struct error *error)
{
    all->failure = *error;
    all->is_failing = true;
    if (all->flow.session->transaction.is_lost || !stop_but_transaction(all)) {
        end(all);
    }
}

void gathering_go_on_failing(struct gathering *all)
{
    if (all->flow.session->transaction.is_lost || !stop_but_transaction(all)) {
        end(all);
    }
}

void gathering_explain(const struct gathering *all, enum error_code code, struct slice why,
                       struct error *error)
{
    const struct config *config = session_config(all->flow.session);
    const struct gather_table *table = &all->plan->tables[all->table];
    char text[500];
    int len =
        snprintf(text, sizeof text,
                 "The statement needs rows of several shards on one server, and gathering those of "
                 "%.*s.%.*s on shard '%s' ",
                 (int)table->schema.len, (const char *)table->schema.ptr, (int)table->name.len,
                 (const char *)table->name.ptr, config->shards[all->shard].name);
    size_t used = (size_t)len < sizeof text ? (size_t)len : sizeof text - 1;
    if (code == ER_TOO_LARGE) {
        snprintf(
            text + used, sizeof text - used,
            "would exceed gather_max_rows (%lld) or gather_max_bytes (%lld): add conditions, on "
            "the shard key best of all, or raise the setting",
            (long long)config->settings.gather_max_rows,
            (long long)config->settings.gather_max_bytes);
    } else {
        snprintf(text + used, sizeof text - used, "failed: %.*s", (int)why.len,
                 (const char *)why.ptr);
    }
    error_fill(error, code, text);
}

// What a server has said against a step.
void gathering_explain_refusal(const struct gathering *all, struct error *error)
{
    struct error told;
    char text[300];
    const char *advice = "";
    gather_error(&all->told, &told);
    if (told.code == ER_DUPLICATE_KEY) {
        advice = ". Rows on different shards have the same unique key, which no single server "
                 "could hold";
    } else if (told.code == ER_DATABASE_DENIED && all->state == GATHER_MAKING) {
        advice = ". The application's account on the servers needs CREATE TEMPORARY TABLES";
    }
    if (told.code == ER_QUERY_INTERRUPTED) {
        *error = told;
        return;
    }
    snprintf(text, sizeof text, "%.180s%s", told.text, advice);
    gathering_explain(all, ER_CROSS_SHARD, slice_of_string(text), error);
}
