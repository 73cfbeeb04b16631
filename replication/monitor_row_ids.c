// Row ids on the control thread: it keeps one block more than the workers have, so that a statement
// that finds nothing left waits for this thread and for no server.
//
//     worker's block used up --> the spare one is put in its place --> statements go on
//                                \--> a job reserves the next spare one
//
// Without a spare block (the first time, after a long rest, for many ids at once, or when a client
// has given an id behind it) the statements wait for the job; while the home shard has no primary,
// up to hold_ms.

#include "replication/monitor_impl.h"

#include <stdio.h>

#include "base/memory.h"
#include "protocol/error_table.h"

enum { RETRY_US = 300000 };

struct row_id_keeper {
    struct node node;
    struct row_ids *ids;
    struct row_id_block spare; // end 0: none
    struct list asks;
    bool is_running;    // a job
    uint64_t retry_us;  // no job before
    struct error error; // of the last job
};

struct row_id_ask {
    struct node node;
    uint64_t number;
    struct row_id_wish wish;
    uint64_t until_us;
    bool is_in_job;
};

static uint64_t now_of(const struct monitor *monitor)
{
    return loop_read_clock_us(monitor->host->loop);
}

static struct row_id_keeper *find(const struct monitor *monitor, const struct row_ids *ids)
{
    LIST_FOR_EACH_SAFE (&monitor->row_ids.all, node) {
        struct row_id_keeper *keeper = CONTAINER_OF(node, struct row_id_keeper, node);
        if (keeper->ids == ids) {
            return keeper;
        }
    }
    return NULL;
}

// ---- asks

static bool is_id_fine(const struct row_ids *ids, const struct row_id_wish *wish, uint64_t now_us)
{
    return row_ids_may_pass(ids, wish->given, now_us) ||
           (!wish->must_pass && row_ids_reach(ids, wish->given));
}

static bool is_met(const struct row_ids *ids, const struct row_id_wish *wish, uint64_t now_us)
{
    return is_id_fine(ids, wish, now_us) && row_ids_have(ids, wish->count, wish->given, now_us);
}

static bool spare_helps(const struct row_id_block *spare, const struct row_id_wish *wish)
{
    uint64_t begin = wish->given >= spare->begin ? wish->given + 1 : spare->begin;
    return begin <= spare->end && spare->end - begin >= wish->count;
}

static void answer(struct monitor *monitor, struct row_id_keeper *keeper, struct row_id_ask *ask,
                   const struct error *error)
{
    struct error named = *error;
    if (error->code != 0) {
        char text[sizeof named.text];
        snprintf(text, sizeof text, "No row id can be made for %.64s.%.64s now: %.250s",
                 keeper->ids->schema, keeper->ids->table, error->text);
        error_fill(&named, ER_NO_ORDER_ID, text);
    }
    list_remove(&keeper->asks, &ask->node);
    monitor->host->on_row_ids(monitor->host->owner, ask->number, &named);
    memory_free(ask);
}

static void refuse_given(struct monitor *monitor, struct row_id_keeper *keeper,
                         struct row_id_ask *ask)
{
    struct error error;
    char text[400];
    snprintf(
        text, sizeof text,
        "`%.64s` = %llu lies among the numbers that another waybill has reserved for itself and "
        "may still make: leave `%.64s` out, or say it there. Numbers that a waybill has left "
        "behind in a crash are free after %d minutes",
        keeper->ids->column, (unsigned long long)ask->wish.given, keeper->ids->column,
        ROW_ID_FOREIGN_S / 60);
    error_fill(&error, ER_NO_ORDER_ID, text);
    list_remove(&keeper->asks, &ask->node);
    monitor->host->on_row_ids(monitor->host->owner, ask->number, &error);
    memory_free(ask);
}

// ---- the job

static void fill_order(const struct monitor *monitor, struct row_id_keeper *keeper,
                       struct row_id_order *order)
{
    const struct row_ids *ids = keeper->ids;
    uint64_t now_us = now_of(monitor), count = 0;
    uint64_t size = (uint64_t)monitor_config(monitor)->settings.row_id_block;
    *order = (struct row_id_order){.ids = keeper->ids};
    bool is_short = list_is_empty(&keeper->asks) || !row_ids_have(ids, 1, 0, now_us);
    LIST_FOR_EACH_SAFE (&keeper->asks, node) {
        struct row_id_ask *ask = CONTAINER_OF(node, struct row_id_ask, node);
        ask->is_in_job = true;
        is_short |= !row_ids_have(ids, ask->wish.count, ask->wish.given, now_us);
        count += ask->wish.count;
        order->given = ask->wish.given > order->given ? ask->wish.given : order->given;
    }
    order->wants_block = is_short;
    order->size = size > count + 1 ? size : count + 1; // (a given id may be its first)
    order->own_begin = atomic_load(&ids->begin);
    order->known_end = keeper->spare.end > 0 ? keeper->spare.end : (uint64_t)atomic_load(&ids->end);
}

static void start_job(struct monitor *monitor, struct row_id_keeper *keeper)
{
    struct schema_order order = {.kind = SCHEMA_ROW_IDS, .number = ++monitor->row_ids.last_number};
    fill_order(monitor, keeper, &order.row_ids);
    keeper->is_running = true;
    monitor_start_schema_work(monitor, &order);
}

// ---- what is to be done

static void serve(struct monitor *monitor, struct row_id_keeper *keeper)
{
    static const struct error none = {.code = 0};
    uint64_t now_us = now_of(monitor);
    if (keeper->spare.until_us <= now_us) {
        keeper->spare.end = 0;
    }
    LIST_FOR_EACH_SAFE (&keeper->asks, node) {
        struct row_id_ask *ask = CONTAINER_OF(node, struct row_id_ask, node);
        if (!is_met(keeper->ids, &ask->wish, now_us) && keeper->spare.end > 0 &&
            spare_helps(&keeper->spare, &ask->wish)) {
            row_ids_put(keeper->ids, &keeper->spare);
            keeper->spare.end = 0;
        }
        if (is_met(keeper->ids, &ask->wish, now_us)) {
            answer(monitor, keeper, ask, &none);
        } else if (!keeper->is_running && now_us >= ask->until_us && keeper->error.code != 0) {
            answer(monitor, keeper, ask, &keeper->error);
        }
    }
    bool is_wanted = !list_is_empty(&keeper->asks) || keeper->spare.end == 0;
    if (is_wanted && !keeper->is_running && now_us >= keeper->retry_us) {
        start_job(monitor, keeper);
    }
}

void monitor_reserve_row_ids(struct monitor *monitor, uint64_t number,
                             const struct row_id_wish *wish)
{
    const struct settings *settings = &monitor_config(monitor)->settings;
    struct row_id_keeper *keeper = find(monitor, wish->ids);
    if (keeper == NULL) {
        keeper = memory_new(sizeof *keeper);
        keeper->ids = wish->ids;
        list_init(&keeper->asks);
        list_push_back(&monitor->row_ids.all, &keeper->node);
    }
    struct row_id_ask *ask = memory_new(sizeof *ask);
    ask->number = number;
    ask->wish = *wish;
    ask->until_us = now_of(monitor) + (uint64_t)settings->hold_ms * 1000;
    list_push_back(&keeper->asks, &ask->node);
    serve(monitor, keeper);
}

// A block of which somebody waits is used at once.
static void take_block(const struct monitor *monitor, struct row_id_keeper *keeper,
                       const struct row_id_outcome *outcome)
{
    uint64_t now_us = now_of(monitor);
    bool is_awaited = false;
    row_ids_raise(keeper->ids, outcome->floor, outcome->counter);
    LIST_FOR_EACH_SAFE (&keeper->asks, node) {
        struct row_id_ask *ask = CONTAINER_OF(node, struct row_id_ask, node);
        is_awaited |= ask->is_in_job && !is_met(keeper->ids, &ask->wish, now_us);
    }
    if (outcome->block.end == 0) {
        return;
    }
    if (is_awaited) {
        row_ids_put(keeper->ids, &outcome->block);
        keeper->spare.end = 0;
    } else {
        keeper->spare = outcome->block;
    }
}

// Those who waited make their plan anew: if others have been faster, they come back.
static void answer_waiting(struct monitor *monitor, struct row_id_keeper *keeper)
{
    static const struct error none = {.code = 0};
    uint64_t now_us = now_of(monitor);
    LIST_FOR_EACH_SAFE (&keeper->asks, node) {
        struct row_id_ask *ask = CONTAINER_OF(node, struct row_id_ask, node);
        if (!ask->is_in_job) {
            continue;
        }
        if (is_id_fine(keeper->ids, &ask->wish, now_us)) {
            answer(monitor, keeper, ask, &none);
        } else {
            refuse_given(monitor, keeper, ask);
        }
    }
}

// What a retry can't help is told at once.
static bool is_lasting(const struct error *error)
{
    return error->code == ER_NO_ORDER_ID || error->code == ER_NO_SUCH_TABLE ||
           error->code == ER_BAD_FIELD || error->code == ER_ACCESS_DENIED;
}

void monitor_take_row_ids(struct monitor *monitor, const struct schema_report *report)
{
    struct row_id_keeper *keeper = find(monitor, report->row_ids.ids);
    keeper->is_running = false;
    keeper->error = report->error;
    if (report->error.code == 0) {
        take_block(monitor, keeper, &report->row_ids);
        answer_waiting(monitor, keeper);
        serve(monitor, keeper);
        return;
    }
    keeper->retry_us = now_of(monitor) + RETRY_US;
    LIST_FOR_EACH_SAFE (&keeper->asks, node) {
        struct row_id_ask *ask = CONTAINER_OF(node, struct row_id_ask, node);
        if (ask->is_in_job && is_lasting(&report->error)) {
            answer(monitor, keeper, ask, &report->error);
        }
    }
}

void monitor_watch_row_ids(struct monitor *monitor)
{
    LIST_FOR_EACH_SAFE (&monitor->row_ids.all, node) {
        struct row_id_keeper *keeper = CONTAINER_OF(node, struct row_id_keeper, node);
        if (!list_is_empty(&keeper->asks)) {
            serve(monitor, keeper);
        }
    }
}

// Whoever still waits is told nothing.
static void forget_keeper(struct row_id_keeper *keeper)
{
    LIST_FOR_EACH_SAFE (&keeper->asks, node) {
        memory_free(CONTAINER_OF(node, struct row_id_ask, node));
    }
    memory_free(keeper);
}

void monitor_stop_row_ids(struct monitor *monitor)
{
    if (!list_is_empty(&monitor->row_ids.all)) {
        struct schema_order order = {.kind = SCHEMA_ROW_IDS,
                                     .number = ++monitor->row_ids.last_number,
                                     .row_ids = {.is_release = true}};
        monitor_start_schema_work(monitor, &order);
    }
    LIST_FOR_EACH_SAFE (&monitor->row_ids.all, node) {
        forget_keeper(CONTAINER_OF(node, struct row_id_keeper, node));
    }
    list_init(&monitor->row_ids.all);
}
