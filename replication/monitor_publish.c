// New snapshots. What workers act on (a role, a primary, up or down) is published at once; lag
// figures are gathered for a moment, as the probes of a round come in one after the other.

#include "replication/monitor_impl.h"

#include "protocol/charset.h"

#include <stdio.h>
#include <string.h>

enum { GATHER_MS = 20 };

static bool is_failing_over(const struct monitor *monitor, uint16_t shard)
{
    const struct guarded *guarded = &monitor->shards[shard];
    return guarded->action != NULL &&
           (guarded->kind == ACTION_FAILOVER || guarded->kind == ACTION_SWITCHOVER) &&
           guarded->primary == NO_SERVER;
}

static void copy_text(char *to, size_t to_bytes, const char *from)
{
    size_t len = strnlen(from, to_bytes - 1);
    memcpy(to, from, len);
    to[len] = '\0';
}

static const char *problem_of(const struct watched *watched)
{
    const struct observation *seen = &watched->seen;
    if (!seen->is_up) {
        return seen->problem[0] != '\0' ? seen->problem : "not seen yet";
    }
    if (seen->facts.cloned[0] != '\0') {
        return seen->facts.cloned;
    }
    if (watched->role == ROLE_REPLICA && !seen->facts.is_read_only && !seen->facts.is_in_group) {
        return "a replica that is not read-only";
    }
    if (seen->facts.is_in_group && !seen->facts.is_group_ready) {
        return "its group does not have it ready";
    }
    if (seen->facts.source_count > 1) {
        return "it replicates from several sources";
    }
    if (seen->facts.delay_s > 0) {
        return "it applies with a delay (MASTER_DELAY)";
    }
    return seen->facts.missing[0] != '\0' ? seen->facts.missing : seen->facts.replication_error;
}

static void fill_server(const struct watched *watched, struct server_state *state)
{
    const struct observation *seen = &watched->seen;
    const struct server_facts *facts = &seen->facts;
    bool is_primary = watched->role == ROLE_PRIMARY;
    state->role = watched->role;
    state->is_up = seen->is_up;
    state->is_maintained = watched->is_maintained;
    state->source = watched->source;
    copy_text(state->problem, sizeof state->problem, problem_of(watched));
    if (!seen->has_facts) {
        return;
    }
    state->is_incomplete = facts->cloned[0] != '\0';
    state->is_read_only = facts->is_read_only;
    state->is_mariadb = facts->is_mariadb;
    state->is_receiving = facts->receiving == RECEIVING_YES;
    state->is_applying = facts->is_applying;
    state->has_semi_sync = facts->is_semi_sync_source || facts->is_semi_sync_replica;
    state->is_waiting = facts->is_semi_sync_source;
    state->is_lag_known = is_primary || facts->has_applied_us;
    state->version = facts->version;
    state->lag_us = 0;
    if (!is_primary && facts->has_applied_us) {
        state->lag_us = (int64_t)facts->lag_us;
    }
    state->applied_us = facts->has_applied_us ? facts->applied_us : 0;
    state->seen_us = seen->seen_us;
    state->probe_us = seen->probe_us;
    copy_text(state->version_text, sizeof state->version_text, facts->version_text);
    copy_text(state->gtid, sizeof state->gtid,
              facts->source_count == 0 || facts->applied_gtid[0] == '\0' ? facts->binlog_gtid
                                                                         : facts->applied_gtid);
}

// What the parser and the greeting need comes from the primaries; before there is one, from any
// server.
static void fill_common(const struct monitor *monitor, struct snapshot *next)
{
    bool has_primary = false;
    uint32_t lowest = 0;
    next->lacking = 0;
    for (uint16_t i = 0; i < monitor->server_count; i++) {
        const struct watched *watched = &monitor->servers[i];
        const struct server_facts *facts = &watched->seen.facts;
        if (watched->probe == NULL || !watched->seen.has_facts) {
            continue;
        }
        lowest = lowest == 0 || facts->version < lowest ? facts->version : lowest;
        next->lacking |= ~facts->capabilities;
        bool is_better = watched->role == ROLE_PRIMARY && !has_primary;
        if (is_better || next->version_text[0] == '\0') {
            copy_text(next->sql_mode, sizeof next->sql_mode, facts->sql_mode);
            copy_text(next->tracks_transactions, sizeof next->tracks_transactions,
                      facts->tracks_transactions);
            const struct collation *collation = collation_find(slice_of_string(facts->collation));
            next->default_collation_id = collation != NULL ? collation->id : 0;
            copy_text(next->version_text, sizeof next->version_text, facts->version_text);
            next->is_mariadb = facts->is_mariadb;
        }
        has_primary |= watched->role == ROLE_PRIMARY;
    }
    if (lowest > 0) {
        next->server_version = lowest;
    }
}

static bool has_changed(const struct monitor *monitor, const struct snapshot *now)
{
    for (uint16_t i = 0; i < now->config->shard_count && i < monitor->shard_count; i++) {
        const struct guarded *guarded = &monitor->shards[i];
        const struct shard_state *state = &now->shards[i];
        if (state->primary != guarded->primary || state->epoch != guarded->epoch ||
            state->is_failing_over != is_failing_over(monitor, i) ||
            monitor_has_ids_changed(monitor, i, &state->ids)) {
            return true;
        }
    }
    for (uint16_t i = 0; i < now->config->server_count && i < monitor->server_count; i++) {
        const struct watched *watched = &monitor->servers[i];
        const struct server_state *state = &now->servers[i];
        const struct server_facts *facts = &watched->seen.facts;
        if (state->role != watched->role || state->is_up != watched->seen.is_up ||
            state->source != watched->source || state->is_applying != facts->is_applying ||
            state->is_read_only != facts->is_read_only ||
            state->is_incomplete != (facts->cloned[0] != '\0') ||
            state->is_maintained != watched->is_maintained ||
            state->is_waiting != facts->is_semi_sync_source) {
            return true;
        }
    }
    return false;
}

void monitor_publish_config(struct monitor *monitor, struct config *config)
{
    const struct monitor_host *host = monitor->host;
    timer_stop(&monitor->publish);
    struct snapshot *next = snapshot_copy(host->current(host->owner), config);
    for (uint16_t i = 0; i < next->config->server_count && i < monitor->server_count; i++) {
        if (monitor->servers[i].probe != NULL) {
            fill_server(&monitor->servers[i], &next->servers[i]);
        }
    }
    for (uint16_t i = 0; i < next->config->shard_count && i < monitor->shard_count; i++) {
        next->shards[i].primary = monitor->shards[i].primary;
        next->shards[i].epoch = monitor->shards[i].epoch;
        copy_text(next->shards[i].weakness, sizeof next->shards[i].weakness,
                  monitor->shards[i].weakness);
        next->shards[i].is_failing_over = is_failing_over(monitor, i);
        monitor_fill_ids(monitor, i, &next->shards[i].ids);
    }
    fill_common(monitor, next);
    next->accounts_us = monitor->accounts.read_us;
    next->unknown_until_us = monitor_declared_until(monitor);
    host->publish(host->owner, next);
}

void monitor_publish_now(struct monitor *monitor)
{
    monitor_publish_config(monitor, NULL);
}

void monitor_publish_changes(struct monitor *monitor)
{
    const struct monitor_host *host = monitor->host;
    if (has_changed(monitor, host->current(host->owner))) {
        monitor_publish_now(monitor);
    }
}

void monitor_publish_figures(struct monitor *monitor)
{
    monitor_publish_changes(monitor);
    if (!timer_is_running(&monitor->publish)) {
        timer_start(&monitor->publish, GATHER_MS);
    }
}
