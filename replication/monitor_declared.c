// Declared tables on the control thread's side:
//
//     probe of the default shard's primary: declared_look --> monitor_take_declared
//         |-- new ones: a new configuration goes to all workers --> host->on_declared_published
//         |                     `<-- monitor_declared_settled: no old statement is left <--'
//         `-- the order for the next look: `seen`, as others read it in waybill.proxy
//
// and what was left half done by a waybill that has gone is tidied up by a job (declare_work.c).

#include "replication/monitor_impl.h"

#include <stdio.h>

#include "base/memory.h"

enum { SETTLE_AGAIN_US = 20000, TIDY_PAUSE_US = 3000000 };

static uint16_t home_of(const struct monitor *monitor)
{
    return monitor->shards[monitor_config(monitor)->default_shard].primary;
}

static void look_now(struct monitor *monitor)
{
    uint16_t home = home_of(monitor);
    if (home != NO_SERVER) {
        monitor_order(monitor, home, true, 0);
    }
}

void monitor_declared_changed(struct monitor *monitor)
{
    look_now(monitor);
}

void monitor_fill_declared(const struct monitor *monitor, uint16_t server,
                           struct declared_order *order)
{
    const struct watched_declared *declared = &monitor->declared;
    *order = (struct declared_order){
        .known = monitor_config(monitor)->declared_number,
        .seen = declared->seen,
        .is_home = server == home_of(monitor),
        .joins = declared->joins,
        .has_failed = declared->has_failed,
    };
}

uint64_t monitor_declared_until(const struct monitor *monitor)
{
    return monitor->declared.joins ? monitor->declared.until_us : UINT64_MAX;
}

bool monitor_has_declared(const struct monitor *monitor)
{
    const struct watched_declared *declared = &monitor->declared;
    return home_of(monitor) == NO_SERVER ||
           (declared->is_looked && (!declared->joins || declared->until_us > 0));
}

// ---- what was read

static void settle(struct monitor *monitor)
{
    monitor->declared.settle_us = 0;
    monitor->host->on_declared_published(
        monitor->host->owner, monitor_config(monitor)->declared_number, monitor->declared.seen);
}

// A section of the file goes before: somebody should know of both.
static void tell_shadowed(struct monitor *monitor)
{
    const struct config *config = monitor_config(monitor);
    struct slice rows = config->declared_rows;
    struct declared_row row;
    while (declared_next(&rows, &row)) {
        const struct table_config *table =
            config_find_table(config, slice_of_string(row.schema), slice_of_string(row.name));
        if (table != NULL && table->declared == 0) {
            monitor_say(monitor,
                        "table %s.%s is declared, and in the configuration file, which counts: the "
                        "files of all waybills should have it alike",
                        row.schema, row.name);
        }
    }
}

static void note_failure(struct monitor *monitor, const struct text *errors)
{
    struct watched_declared *declared = &monitor->declared;
    char problem[200];
    snprintf(problem, sizeof problem, "%.*s", (int)strcspn((const char *)errors->ptr, "\n"),
             (const char *)errors->ptr);
    declared->has_failed = true;
    if (told_is_news(&declared->problem, problem, loop_now_us(monitor->host->loop))) {
        monitor_say(monitor,
                    "declared tables: statements on tables that are not configured are "
                    "refused: %s",
                    problem);
    }
}

static void publish(struct monitor *monitor, const struct declared_set *set)
{
    struct text errors;
    text_init(&errors);
    struct config *running = monitor->host->current(monitor->host->owner)->config;
    struct config *next = config_with_declared(running, set, &errors);
    if (next == NULL) {
        text_add(&errors, "", 1);
        note_failure(monitor, &errors);
    } else {
        monitor->declared.has_failed = false;
        monitor_publish_config(monitor, next);
        monitor_declared_follow_config(monitor);
        tell_shadowed(monitor);
        settle(monitor);
    }
    text_done(&errors);
}

// The default shard has forgotten what was acknowledged (a failover without a promise, a backup
// that was restored): what its declarations were is for a person to say.
static bool has_gone_back(struct monitor *monitor, uint64_t number)
{
    struct watched_declared *declared = &monitor->declared;
    uint64_t known = monitor_config(monitor)->declared_number;
    if (number >= known) {
        return false;
    }
    char problem[200];
    snprintf(problem, sizeof problem,
             "the default shard knows changes up to %llu only, and this waybill up to %llu",
             (unsigned long long)number, (unsigned long long)known);
    if (told_is_news(&declared->problem, problem, loop_now_us(monitor->host->loop))) {
        monitor_say(monitor,
                    "declared tables: %s: declarations were lost; look at SHOW DECLARED "
                    "TABLES, then restart this waybill",
                    problem);
    }
    return true;
}

void monitor_take_declared(struct monitor *monitor, uint16_t server,
                           const struct declared_facts *facts)
{
    struct watched_declared *declared = &monitor->declared;
    if (!facts->is_looked || server != home_of(monitor)) {
        return;
    }
    declared->is_looked = true;
    if (facts->number > 0 && !declared->joins) {
        declared->joins = true; // what others have declared is known here, too
        look_now(monitor);
        return;
    }
    if (facts->renewed_us == 0 || has_gone_back(monitor, facts->number)) {
        return;
    }
    uint64_t until_us =
        facts->renewed_us +
        (uint64_t)declared_lease_ms((uint32_t)monitor_config(monitor)->settings.probe_ms) * 1000;
    if (facts->number == monitor_config(monitor)->declared_number) {
        declared->until_us = until_us;
    } else if (facts->set != NULL) {
        uint64_t before_us = declared->until_us;
        declared->until_us = until_us;
        publish(monitor, facts->set);
        declared->until_us = declared->has_failed ? before_us : until_us;
    }
}

void monitor_declared_settled(struct monitor *monitor, uint64_t number, uint32_t busy)
{
    struct watched_declared *declared = &monitor->declared;
    if (monitor->is_stopping || number != monitor_config(monitor)->declared_number) {
        return; // there are newer ones
    }
    if (busy > 0 || !monitor_has_ids(monitor)) {
        declared->settle_us = loop_now_us(monitor->host->loop) + SETTLE_AGAIN_US;
        return;
    }
    declared->seen = number;
    look_now(monitor);
}

// ---- time

static void tell_lapse(struct monitor *monitor)
{
    struct watched_declared *declared = &monitor->declared;
    bool has_lapsed = declared->joins && declared->until_us > 0 &&
                      loop_now_us(monitor->host->loop) > declared->until_us;
    if (has_lapsed != declared->has_lapsed) {
        declared->has_lapsed = has_lapsed;
        monitor_say(monitor, has_lapsed
                                 ? "declared tables: the default shard's primary was not reached "
                                   "in time: statements on tables that are not configured are "
                                   "refused (9051) until it is"
                                 : "declared tables: known again");
    }
}

static bool has_closed(const struct monitor *monitor)
{
    const struct config *config = monitor_config(monitor);
    for (uint16_t i = 0; i < config->table_count; i++) {
        if (config->tables[i].is_closed) {
            return true;
        }
    }
    return false;
}

void monitor_watch_declared(struct monitor *monitor)
{
    struct watched_declared *declared = &monitor->declared;
    uint64_t now_us = loop_now_us(monitor->host->loop);
    tell_lapse(monitor);
    if (declared->settle_us > 0 && now_us >= declared->settle_us) {
        settle(monitor);
    }
    if (!declared->is_tidying && now_us >= declared->tidy_us && home_of(monitor) != NO_SERVER &&
        has_closed(monitor)) {
        declared->is_tidying = true;
        monitor_work_schema(monitor, 0, SCHEMA_DECLARED_TIDY, slice_of(NULL, 0));
    }
}

void monitor_declared_tidied(struct monitor *monitor)
{
    monitor->declared.is_tidying = false;
    monitor->declared.tidy_us = loop_now_us(monitor->host->loop) + TIDY_PAUSE_US;
}

void monitor_declared_follow_config(struct monitor *monitor)
{
    const struct config *config = monitor_config(monitor);
    bool made_ids = monitor->makes_ids;
    monitor->declared.joins |= config->settings.declared_tables;
    monitor_ids_follow_config(monitor);
    for (uint16_t i = 0; i < config->server_count && made_ids != monitor->makes_ids; i++) {
        monitor_order(monitor, i, true, 0);
    }
}
