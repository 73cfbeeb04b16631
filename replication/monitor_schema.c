// The control thread's side of work on the schema: a job for each piece.
//
//     monitor_note_ddl    --> SCHEMA_NOTE --> host->on_ddl_noted
//     monitor_row_ids.c   --> SCHEMA_ROW_IDS --> there
//     monitor_work_schema --> the others  --> host->on_schema_report

#include "replication/monitor_impl.h"

#include <stdio.h>
#include <time.h>

#include "base/memory.h"
#include "protocol/error_table.h"
#include "replication/index_work.h"

enum {
    NOTES_MAX = 64,
    INDEX_FIELDS = 6,
    INDEX_LOOK_MS = 5000, // are their triggers still there?
    INDEX_AGAIN_MS = 2000,
};

static void on_report(struct message *message, void *receiver);

// ---- DDL that runs

static void note_running(struct monitor *monitor, uint64_t id)
{
    struct schema_works *works = &monitor->schema;
    works->running = memory_resize(works->running, (works->running_count + 1) * sizeof(uint64_t));
    works->running[works->running_count++] = id;
}

static void forget_running(struct monitor *monitor, uint64_t id)
{
    struct schema_works *works = &monitor->schema;
    for (size_t i = works->running_count; i > 0; i--) {
        if (works->running[i - 1] == id) {
            works->running[i - 1] = works->running[--works->running_count];
        }
    }
}

// Wall clock, and never the same twice.
static uint64_t next_id(struct monitor *monitor)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t id = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    monitor->schema.last_id = id > monitor->schema.last_id ? id : monitor->schema.last_id + 1;
    return monitor->schema.last_id;
}

// ---- orders

static void fill_shards(const struct monitor *monitor, struct schema_order *order)
{
    const struct config *config = monitor_config(monitor);
    order->shards = memory_new(config->shard_count * sizeof *order->shards);
    for (uint16_t i = 0; i < config->shard_count; i++) {
        struct schema_shard *shard = &order->shards[order->shard_count];
        uint16_t primary = monitor->shards[i].primary;
        if (config->shards[i].is_removed) {
            continue;
        }
        if (i == config->default_shard) {
            order->home = order->shard_count;
        }
        order->shard_count++;
        snprintf(shard->name, sizeof shard->name, "%s", config->shards[i].name);
        shard->has_primary = primary != NO_SERVER;
        if (shard->has_primary) {
            shard->endpoint = monitor->servers[primary].setup.endpoint;
        }
    }
}

static void fill_tables(const struct config *config, struct schema_order *order)
{
    order->tables = memory_new((config->table_count + 1u) * sizeof *order->tables);
    for (uint16_t i = 0; i < config->table_count; i++) {
        const struct table_config *from = &config->tables[i];
        struct schema_table *table = &order->tables[order->table_count];
        if (from->type == TABLE_UNSHARDED) {
            continue;
        }
        order->table_count++;
        snprintf(table->schema, sizeof table->schema, "%s", from->schema);
        snprintf(table->name, sizeof table->name, "%s", from->name);
        table->is_reference = from->type == TABLE_REFERENCE;
    }
}

static void fill_indexes(const struct monitor *monitor, struct schema_order *order)
{
    const struct config *config = monitor_config(monitor);
    uint16_t *ids = memory_new((config->shard_count + 1u) * sizeof *ids);
    uint16_t count = 0;
    for (uint16_t i = 0; i < config->shard_count; i++) {
        if (!config->shards[i].is_removed) {
            ids[count++] = i;
        }
    }
    order->indexes = index_order_new(config, ids, count, order->home);
    memory_free(ids);
}

void monitor_start_schema_work(struct monitor *monitor, struct schema_order *order)
{
    struct schema_works *works = &monitor->schema;
    const struct config *config = monitor_config(monitor);
    order->proxy = (uint32_t)config->settings.proxy_id;
    order->run = monitor->run;
    order->probe_ms = (uint32_t)config->settings.probe_ms;
    order->has_declared = monitor->declared.joins;
    order->last_id = works->last_id;
    fill_shards(monitor, order);
    if (order->kind >= SCHEMA_INDEX_SHOW) {
        fill_indexes(monitor, order);
    }
    size_t items_bytes = (works->count + 1) * sizeof(void *); // pointers
    works->items = memory_resize(works->items, items_bytes);
    works->items[works->count++] = schema_work_start(order, monitor->mailbox, on_report);
}

void monitor_note_ddl(struct monitor *monitor, uint64_t number, struct ddl_note *note)
{
    struct error error;
    if (monitor->is_stopping) {
        ddl_note_free(note);
        return;
    }
    if (!note->is_end && monitor->schema.count >= NOTES_MAX) {
        error_fill(&error, ER_UNKNOWN, "too many schema changes at one time: try again");
        ddl_note_free(note);
        monitor->host->on_ddl_noted(monitor->host->owner, number, 0, &error);
        return;
    }
    if (!note->is_end) {
        note->id = next_id(monitor);
        note_running(monitor, note->id);
    }
    struct schema_order order = {.kind = SCHEMA_NOTE, .number = number, .note = note};
    monitor_start_schema_work(monitor, &order);
}

void monitor_work_schema(struct monitor *monitor, uint64_t number, enum schema_kind kind,
                         struct slice argument)
{
    struct schema_order order = {.kind = kind, .number = number};
    size_t len =
        argument.len < sizeof order.argument - 1 ? argument.len : sizeof order.argument - 1;
    memcpy(order.argument, argument.len > 0 ? argument.ptr : (const uint8_t *)"", len);
    fill_tables(monitor_config(monitor), &order);
    order.running_count = monitor->schema.running_count;
    order.running = memory_new((order.running_count + 1) * sizeof(uint64_t));
    if (order.running_count > 0) {
        memcpy(order.running, monitor->schema.running, order.running_count * sizeof(uint64_t));
    }
    monitor_start_schema_work(monitor, &order);
}

// ---- reports

static void end_work(struct monitor *monitor, const struct schema_report *report)
{
    struct schema_works *works = &monitor->schema;
    for (size_t i = works->count; i > 0; i--) {
        const struct schema_order *order = &works->items[i - 1]->order;
        if (order->number == report->number && order->kind == report->kind) {
            schema_work_join(works->items[i - 1]);
            works->items[i - 1] = works->items[--works->count];
            return;
        }
    }
}

static void tell_noted(struct monitor *monitor, const struct schema_report *report)
{
    bool is_failed = report->error.code != 0;
    if (report->is_end || is_failed) {
        forget_running(monitor, report->id);
    }
    if (report->is_end && (report->is_open || is_failed)) {
        monitor_say(monitor, "DDL %llu %s%.150s: REPAIR SCHEMA", (unsigned long long)report->id,
                    is_failed ? "is over, and this could not be written down: "
                              : "is not done on all shards, or not for certain",
                    is_failed ? report->error.text : "");
    }
    monitor->host->on_ddl_noted(monitor->host->owner, report->number, report->id, &report->error);
}

// ---- global indexes are built and looked after by themselves

// A row for each shard where there was something to do.
static void tell_built(struct monitor *monitor, const struct schema_report *report)
{
    struct schema_works *works = &monitor->schema;
    const char *problem = report->error.code != 0 ? report->error.text : "";
    const char *fields[INDEX_FIELDS];
    size_t at = 0;
    works->is_building = false;
    for (size_t i = 0; at < report->rows.len; i++) {
        fields[i % INDEX_FIELDS] = (const char *)report->rows.ptr + at;
        at += strlen((const char *)report->rows.ptr + at) + 1;
        if (i % INDEX_FIELDS < INDEX_FIELDS - 1) {
            continue;
        }
        if (strcmp(fields[2], "ready") == 0) {
            monitor_say(monitor, "index %s: shard %s is ready, %s values", fields[0], fields[1],
                        fields[3]);
        } else {
            problem = fields[INDEX_FIELDS - 1];
        }
    }
    uint64_t now_us = loop_now_us(monitor->host->loop);
    if (told_is_news(&works->index_problem, problem, now_us)) {
        monitor_say(monitor, "indexes: not all are ready: %s", problem);
    }
    works->index_next_us =
        now_us + (uint64_t)(problem[0] != '\0' ? INDEX_AGAIN_MS : INDEX_LOOK_MS) * 1000;
}

void monitor_watch_indexes(struct monitor *monitor)
{
    struct schema_works *works = &monitor->schema;
    if (monitor_config(monitor)->index_count == 0 || works->is_building || monitor->is_stopping ||
        loop_now_us(monitor->host->loop) < works->index_next_us) {
        return;
    }
    for (uint16_t i = 0; i < monitor->shard_count; i++) {
        if (!monitor_config(monitor)->shards[i].is_removed &&
            monitor->shards[i].primary == NO_SERVER) {
            return;
        }
    }
    works->is_building = true;
    monitor_work_schema(monitor, 0, SCHEMA_INDEX_BUILD, slice_of(NULL, 0));
}

static void on_report(struct message *message, void *receiver)
{
    struct monitor *monitor = receiver;
    struct schema_report *report = CONTAINER_OF(message, struct schema_report, message);
    if (!monitor->is_stopping) {
        end_work(monitor, report);
        if (report->kind == SCHEMA_NOTE) {
            tell_noted(monitor, report);
        } else if (report->kind == SCHEMA_ROW_IDS) {
            monitor_take_row_ids(monitor, report);
        } else if (report->kind == SCHEMA_DECLARED_CHANGED) {
            monitor_declared_changed(monitor);
        } else if (report->kind == SCHEMA_DECLARED_TIDY) {
            monitor_declared_tidied(monitor);
        } else if (report->kind == SCHEMA_INDEX_BUILD) {
            tell_built(monitor, report);
        } else {
            monitor->host->on_schema_report(monitor->host->owner, report);
        }
    }
    schema_report_free(report);
}

void monitor_stop_schema(struct monitor *monitor)
{
    struct schema_works *works = &monitor->schema;
    for (size_t i = 0; i < works->count; i++) {
        schema_work_join(works->items[i]);
    }
    memory_free(works->items);
    memory_free(works->running);
}
