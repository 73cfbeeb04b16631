// The opinion on a shard and what is done about it: one action at a time, under the shard's locks;
// after a refusal it is tried again, later each time.

#include "replication/monitor_impl.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "cluster/coordination.h"
#include "protocol/error_table.h"

enum { RETRY_FIRST_MS = 250, RETRY_MAX_MS = 10000, ACTION_ANSWER_MS = 5000, CONNECT_MS = 1000 };

// ---- starting an action

static void fill_server(struct monitor *monitor, const struct config *config, uint16_t i,
                        struct action_setup *setup)
{
    const char *zone = config->servers[setup->subject].zone;
    const struct watched *watched = &monitor->servers[i];
    if (watched->probe == NULL) {
        return;
    }
    struct action_server *server = &setup->servers[setup->count++];
    server->endpoint = watched->setup.endpoint;
    server->endpoint.connect_ms = CONNECT_MS;
    server->endpoint.answer_ms = ACTION_ANSWER_MS;
    server->server = i;
    server->is_member = config->servers[i].shard == setup->shard;
    server->is_worth_trying = watched->seen.is_up || watched->seen.was_refused;
    // (One with several sources may have acknowledged: when it is away, that is not known.)
    server->role = watched->seen.facts.source_count > 1 ? ROLE_UNKNOWN : watched->role;
    server->promote = config->servers[i].promote;
    server->is_near = zone[0] != '\0' && strcmp(config->servers[i].zone, zone) == 0;
    server->is_maintained = watched->is_maintained;
    server->connected_us = watched->seen.connected_us;
    server->before_us = watched->seen.before_us;
    server->refused_us = watched->seen.refused_us;
    server->is_discovered = config->servers[i].is_discovered;
    if (monitor_is_twice(monitor, i)) {
        server->is_worth_trying = false; // its lock would be found taken, by ourselves
        server->role = ROLE_DETACHED;
    }
}

static void fill_servers(struct monitor *monitor, const struct config *config,
                         struct action_setup *setup)
{
    setup->servers = memory_new(sizeof *setup->servers * config->server_count);
    for (uint16_t i = 0; i < config->server_count; i++) {
        if (!config->servers[i].is_discovered) {
            fill_server(monitor, config, i, setup);
        }
    }
    setup->leader.voter_count = setup->count;
    for (uint16_t i = 0; i < config->server_count; i++) {
        if (config->servers[i].is_discovered) {
            fill_server(monitor, config, i, setup);
        }
    }
}

static void fill_leader(const struct settings *settings, struct leader_setup *leader)
{
    const char *members = coordination_etcd(settings->coordination);
    leader->lease_s = (uint32_t)((settings->coordination_lease_ms + 999) / 1000);
    leader->proxy = (uint32_t)settings->proxy_id;
    snprintf(leader->members, sizeof leader->members, "%s", members != NULL ? members : "");
    leader->has_tls = coordination_is_tls(settings->coordination);
    snprintf(leader->ca, sizeof leader->ca, "%s", settings->coordination_ca);
    snprintf(leader->cert, sizeof leader->cert, "%s", settings->coordination_cert);
    snprintf(leader->key, sizeof leader->key, "%s", settings->coordination_key);
    snprintf(leader->cluster, sizeof leader->cluster, "%s", settings->cluster_name);
}

struct action *monitor_new_action(struct monitor *monitor, uint16_t shard, enum action_kind kind,
                                  const struct shard_opinion *opinion)
{
    const struct config *config = monitor_config(monitor);
    const struct settings *settings = &config->settings;
    const struct observation *seen = &monitor->servers[opinion->subject].seen;
    struct action_setup setup = {
        .kind = kind,
        .shard = shard,
        .subject = opinion->subject,
        .primary = opinion->primary,
        .was_seen =
            seen->has_facts && seen->facts.source_count == 0, // (as a replica it had no say)
        .was_semi_sync = seen->has_waited,
        .promise_trust_ms = (uint64_t)settings->promise_trust_ms,
        .durability = config->shards[shard].durability,
        .has_branches = config_only_shard(config) == NO_SHARD,
        .grace_ms = (uint32_t)settings->switchover_grace_ms,
        .is_wished = kind == ACTION_CLONE || monitor->shards[shard].wish.on_end != NULL,
        .epoch = opinion->epoch,
        .proxy = (uint32_t)settings->proxy_id,
        .run = monitor->run,
        .mailbox = monitor->mailbox,
        .deliver = monitor_on_report,
    };
    if (kind == ACTION_ADOPT || kind == ACTION_LET_GO) {
        snprintf(setup.peer, sizeof setup.peer, "%s", monitor->shards[shard].peer);
    }
    fill_leader(settings, &setup.leader);
    snprintf(setup.shard_name, sizeof setup.shard_name, "%s", config->shards[shard].name);
    snprintf(setup.replication_user, sizeof setup.replication_user, "%s",
             settings->replication_user);
    snprintf(setup.replication_password, sizeof setup.replication_password, "%s",
             settings->replication_password);
    snprintf(setup.clone_user, sizeof setup.clone_user, "%s", settings->clone_user);
    snprintf(setup.clone_password, sizeof setup.clone_password, "%s", settings->clone_password);
    const struct shard_config *members = &config->shards[shard];
    for (uint16_t i = 0; i < members->server_count; i++) {
        const struct observation *member = &monitor->servers[members->servers[i]].seen;
        setup.is_mariadb |= member->has_facts && member->facts.is_mariadb;
    }
    fill_servers(monitor, config, &setup);
    return action_start(&setup);
}

void monitor_start_action(struct monitor *monitor, uint16_t shard, enum action_kind kind,
                          const struct shard_opinion *opinion)
{
    struct guarded *guarded = &monitor->shards[shard];
    guarded->kind = kind;
    guarded->subject = opinion->subject;
    guarded->subject_connection = monitor->servers[opinion->subject].seen.facts.connection;
    guarded->action = monitor_new_action(monitor, shard, kind, opinion);
}

static bool wants_action(const struct monitor *monitor, const struct shard_opinion *opinion,
                         enum action_kind *kind)
{
    switch (opinion->verdict) {
    case SHARD_OPEN:
        *kind = ACTION_OPEN;
        return true;
    case SHARD_FOLLOW:
        *kind = ACTION_FOLLOW;
        return true;
    case SHARD_REJOIN:
        *kind = ACTION_REJOIN;
        return monitor_config(monitor)->settings.rejoin == REJOIN_AUTO;
    case SHARD_MEND:
        *kind = ACTION_MEND;
        return monitor_config(monitor)->settings.rejoin == REJOIN_AUTO;
    case SHARD_FENCE: // (not by facts from before the last job)
        *kind = ACTION_FENCE;
        return monitor->servers[opinion->subject].seen.seen_us >=
               monitor->servers[opinion->subject].seen.valid_from_us;
    case SHARD_DEAD:
        *kind = ACTION_FAILOVER;
        return monitor_config(monitor)->settings.failover == FAILOVER_AUTO;
    case SHARD_FINE:
    case SHARD_WAIT:
    case SHARD_CONFLICT:
        break;
    }
    return false;
}

// ---- the opinion

static void form_opinion(struct monitor *monitor, uint16_t shard, struct shard_opinion *opinion)
{
    const struct config *config = monitor_config(monitor);
    const struct shard_config *wanted = &config->shards[shard];
    struct shard_member members[SERVERS_MAX];
    struct shard_view view = {
        .members = members,
        .count = wanted->server_count,
        .known_primary = monitor->shards[shard].known,
        .now_us = loop_now_us(monitor->host->loop),
        .failover_after_us = (uint64_t)config->settings.failover_after_ms * 1000,
        .failover_refused_us = (uint64_t)config->settings.failover_refused_ms * 1000,
        .durability = wanted->durability,
    };
    for (uint16_t i = 0; i < wanted->server_count; i++) {
        const struct server_config *server = &config->servers[wanted->servers[i]];
        if (server->id == monitor->shards[shard].passed_over) {
            view.first = (i + 1u) % wanted->server_count;
        }
        members[i] = (struct shard_member){.server = server->id,
                                           .name = server->name,
                                           .host = server->host,
                                           .port = server->port,
                                           .is_discovered = server->is_discovered,
                                           .seen = &monitor->servers[server->id].seen};
    }
    observe_shard(&view, opinion);
    uint32_t up_count = 0;
    for (uint16_t i = 0; i < wanted->server_count; i++) {
        monitor->servers[wanted->servers[i]].role = opinion->roles[i];
        monitor->servers[wanted->servers[i]].source = opinion->sources[i];
        up_count += monitor->servers[wanted->servers[i]].seen.is_up;
    }
    if (up_count > monitor->shards[shard].up_count) {
        monitor->shards[shard].retry_us = 0; // what was refused for want of it may go now
        monitor->shards[shard].retry_ms = 0;
    }
    monitor->shards[shard].up_count = up_count;
}

static const char *name_of(const struct monitor *monitor, uint16_t server)
{
    return server == NO_SERVER ? "none" : monitor->servers[server].setup.endpoint.name;
}

void monitor_run_hook(struct monitor *monitor, uint16_t shard, const char *event, uint16_t server,
                      const char *text)
{
    const struct config *config = monitor_config(monitor);
    const struct guarded *guarded = &monitor->shards[shard];
    bool is_change = strcmp(event, "primary") == 0;
    const struct hook_facts facts = {
        .event = event,
        .shard = config->shards[shard].name,
        .server = server != NO_SERVER ? name_of(monitor, server) : "",
        .before = is_change ? name_of(monitor, guarded->known) : "",
        .text = text,
        .proxy = (uint32_t)config->settings.proxy_id,
    };
    hook_run(&monitor->hooks, config->settings.hook, &facts, loop_now_us(monitor->host->loop));
}

static void tell_reason(struct monitor *monitor, uint16_t shard,
                        const struct shard_opinion *opinion)
{
    struct guarded *guarded = &monitor->shards[shard];
    if (!monitor_is_settled(monitor)) {
        return; // before every server was asked, an opinion is only about that
    }
    if (guarded->verdict != opinion->verdict) {
        guarded->said = (struct told){.at_us = 0};
    }
    bool is_death = opinion->verdict == SHARD_DEAD && guarded->verdict != SHARD_DEAD;
    guarded->verdict = opinion->verdict;
    if (is_death) {
        monitor_run_hook(monitor, shard, "dead", opinion->subject, opinion->why);
    }
    if (told_is_news(&guarded->said, opinion->why, loop_now_us(monitor->host->loop))) {
        monitor_say(monitor, "shard %s: %s", monitor_config(monitor)->shards[shard].name,
                    opinion->why);
    }
}

static void set_primary(struct monitor *monitor, uint16_t shard, uint16_t primary)
{
    struct guarded *guarded = &monitor->shards[shard];
    uint16_t before = guarded->primary;
    if (before == primary) {
        return;
    }
    guarded->primary = primary;
    monitor_say(monitor, "shard %s: primary is %s (was %s)",
                monitor_config(monitor)->shards[shard].name, name_of(monitor, primary),
                name_of(monitor, before));
    if (primary != NO_SERVER) {
        if (guarded->known != NO_SERVER && guarded->known != primary) {
            monitor_run_hook(monitor, shard, "primary", primary, "");
        }
        guarded->known = primary;
        guarded->retry_ms = 0;
        guarded->retry_us = 0;
    }
    const struct shard_config *members = &monitor_config(monitor)->shards[shard];
    for (uint16_t i = 0; i < members->server_count; i++) {
        monitor_order(monitor, members->servers[i], members->servers[i] == primary, 0);
    }
}

void monitor_judge(struct monitor *monitor, uint16_t shard)
{
    if (monitor->is_stopping || monitor_config(monitor)->shards[shard].is_removed) {
        return;
    }
    struct guarded *guarded = &monitor->shards[shard];
    struct shard_opinion opinion;
    form_opinion(monitor, shard, &opinion);
    bool is_closed = guarded->kind == ACTION_SWITCHOVER && guarded->is_closed;
    if (guarded->action != NULL && (guarded->kind == ACTION_FAILOVER || is_closed)) {
        // Its reports say what is true now; probes that lag behind them don't.
        monitor_publish_changes(monitor);
        return;
    }
    guarded->epoch = opinion.epoch;
    tell_reason(monitor, shard, &opinion);
    set_primary(monitor, shard, opinion.primary);
    monitor_tell_durability(monitor, shard);
    monitor_note_maintenance(monitor, shard);
    enum action_kind kind;
    if (wants_action(monitor, &opinion, &kind) && guarded->action == NULL &&
        (loop_now_us(monitor->host->loop) >= guarded->retry_us || kind != guarded->retry_kind)) {
        monitor_start_action(monitor, shard, kind, &opinion);
    }
    monitor_publish_changes(monitor);
}

// ---- what an action reports

// All that was found out before is outdated, and everybody is asked anew.
void monitor_ask_members_anew(struct monitor *monitor, uint16_t shard, uint64_t at_us)
{
    const struct shard_config *members = &monitor_config(monitor)->shards[shard];
    for (uint16_t i = 0; i < members->server_count; i++) {
        monitor->servers[members->servers[i]].seen.valid_from_us = at_us;
        monitor_order(monitor, members->servers[i], true, 0);
    }
}

static void on_opened(struct monitor *monitor, const struct action_report *report)
{
    uint16_t shard = report->shard;
    const struct guarded *guarded = &monitor->shards[shard];
    struct observation *seen = &monitor->servers[report->server].seen;
    struct server_facts *facts = &seen->facts;
    facts->is_read_only = false;
    facts->source_count = 0;
    facts->is_semi_sync_source = facts->has_semi_sync; // on, if anybody follows
    if (guarded->kind == ACTION_OPEN) {
        seen->has_waited = false; // it may be ahead of its replicas
    } else if (report->server != guarded->subject) {
        seen->has_waited = facts->has_semi_sync; // a replica has the epoch's row and all before it
    }
    facts->epoch = report->epoch;
    snprintf(facts->epoch_primary, sizeof facts->epoch_primary, "%s",
             name_of(monitor, report->server));
    monitor->shards[shard].epoch = report->epoch;
    set_primary(monitor, shard, report->server);
    monitor_ask_members_anew(monitor, shard, report->at_us);
}

void monitor_end_wish(struct monitor_wish *wish, bool is_done, const char *text)
{
    struct monitor_wish ended = *wish;
    *wish = (struct monitor_wish){.on_end = NULL};
    if (ended.on_end != NULL) {
        ended.on_end(ended.asker, is_done, text);
    }
}

static bool is_wished(enum action_kind kind)
{
    return kind == ACTION_SWITCHOVER || kind == ACTION_MAINTAIN || kind == ACTION_RESUME;
}

static void on_end(struct monitor *monitor, const struct action_report *report)
{
    struct guarded *guarded = &monitor->shards[report->shard];
    if (guarded->kind == ACTION_MEND && report->is_done) {
        struct observation *mended = &monitor->servers[guarded->subject].seen;
        mended->mended = guarded->subject_connection;
    }
    action_join(guarded->action); // its last message: the thread is ending
    guarded->action = NULL;
    guarded->is_closed = false;
    if (report->is_done && guarded->maintained_next != NO_SERVER) {
        monitor_begin_maintenance(monitor, guarded->maintained_next); // that was half of the wish
        monitor_ask_members_anew(monitor, report->shard, report->at_us);
        return;
    }
    guarded->maintained_next = NO_SERVER;
    monitor_end_wish(&guarded->wish, report->is_done, report->text);
    // (A replica that needs it again at once is not helped by it.)
    if ((!report->is_done && !is_wished(guarded->kind)) || guarded->kind == ACTION_MEND) {
        guarded->retry_ms = guarded->retry_ms == 0 ? RETRY_FIRST_MS : guarded->retry_ms * 2;
        guarded->retry_ms = guarded->retry_ms > RETRY_MAX_MS ? RETRY_MAX_MS : guarded->retry_ms;
        guarded->retry_kind = guarded->kind;
        guarded->passed_over = guarded->subject;
        guarded->retry_us = report->at_us + (uint64_t)guarded->retry_ms * 1000;
    }
    monitor_ask_members_anew(monitor, report->shard, report->at_us);
}

// An action that is refused again for the same reason is no news, for a while.
static bool is_refused_anew(struct monitor *monitor, struct guarded *guarded, const char *why)
{
    char text[TOLD_BYTES] = "";
    if (why[0] != '\0') {
        snprintf(text, sizeof text, "%d %.*s", (int)guarded->kind, TOLD_BYTES - 16, why);
    }
    return told_is_news(&guarded->refused, text, loop_now_us(monitor->host->loop));
}

static void tell_report(struct monitor *monitor, const struct action_report *report)
{
    struct guarded *guarded = &monitor->shards[report->shard];
    bool is_news = report->kind != REPORT_END || is_refused_anew(monitor, guarded, report->why) ||
                   report->is_done;
    if (!is_news) {
        log_debug("%s", report->text);
        return;
    }
    monitor_say(monitor, "%s", report->text);
    if (report->kind == REPORT_END) {
        static const char *const names[] = {
            [ACTION_OPEN] = "open",     [ACTION_FAILOVER] = "failover",
            [ACTION_FOLLOW] = "follow", [ACTION_FENCE] = "fence",
            [ACTION_REJOIN] = "rejoin", [ACTION_SWITCHOVER] = "switchover",
            [ACTION_MEND] = "mend",     [ACTION_MAINTAIN] = "maintain",
            [ACTION_RESUME] = "resume", [ACTION_CLONE] = "clone",
            [ACTION_ADOPT] = "adopt",   [ACTION_LET_GO] = "let_go",
        };
        char event[64];
        snprintf(event, sizeof event, "%s_%s", names[guarded->kind],
                 report->is_done ? "done" : "refused");
        monitor_run_hook(monitor, report->shard, event, guarded->subject, report->text);
    }
}

void monitor_on_report(struct message *message, void *receiver)
{
    struct monitor *monitor = receiver;
    struct action_report *report = CONTAINER_OF(message, struct action_report, message);
    if (!monitor->is_stopping && report->action == ACTION_CLONE) {
        monitor_take_clone_report(monitor, report);
    } else if (!monitor->is_stopping) {
        tell_report(monitor, report);
        switch (report->kind) {
        case REPORT_STEP:
            break;
        case REPORT_CLOSED:
            monitor->shards[report->shard].is_closed = true;
            set_primary(monitor, report->shard, NO_SERVER);
            break;
        case REPORT_OPENED:
            monitor->shards[report->shard].is_closed = false;
            on_opened(monitor, report);
            break;
        case REPORT_END:
            on_end(monitor, report);
            break;
        }
        monitor_publish_changes(monitor);
    }
    memory_free(report);
}

void monitor_stop_actions(struct monitor *monitor)
{
    for (uint16_t i = 0; i < monitor->shard_count; i++) {
        if (monitor->shards[i].action != NULL) {
            action_ask_to_stop(monitor->shards[i].action);
        }
        if (monitor->shards[i].clone != NULL) {
            action_ask_to_stop(monitor->shards[i].clone);
        }
    }
    for (uint16_t i = 0; i < monitor->shard_count; i++) {
        struct guarded *guarded = &monitor->shards[i];
        if (guarded->action != NULL) {
            action_join(guarded->action);
            guarded->action = NULL;
            monitor_end_wish(&guarded->wish, false, "waybill stops");
        }
        if (guarded->clone != NULL) {
            action_join(guarded->clone);
            guarded->clone = NULL;
            monitor_end_wish(&guarded->clone_wish, false, "waybill stops");
        }
    }
}

// ---- what an operator wishes

bool monitor_is_free(const struct guarded *guarded, struct error *error)
{
    if (guarded->action != NULL) {
        error_set(error, ER_UNKNOWN, "HY000",
                  "something else is going on in this shard (SHOW EVENTS): try again");
    }
    return guarded->action == NULL;
}

bool monitor_may_promote(const struct monitor *monitor, uint16_t shard, struct error *error)
{
    const struct shard_config *members = &monitor_config(monitor)->shards[shard];
    for (uint16_t i = 0; i < members->server_count; i++) {
        const struct observation *seen = &monitor->servers[members->servers[i]].seen;
        if (seen->has_facts && seen->facts.is_in_group) {
            error_set(error, ER_UNKNOWN, "HY000",
                      "%s is a member of Galera or Group Replication, which sees to roles and "
                      "copies by itself",
                      name_of(monitor, members->servers[i]));
            return false;
        }
    }
    return true;
}

bool monitor_switchover(struct monitor *monitor, uint16_t shard, uint16_t to,
                        const struct monitor_wish *wish, struct error *error)
{
    struct guarded *guarded = &monitor->shards[shard];
    if (!monitor_is_free(guarded, error) || !monitor_may_promote(monitor, shard, error)) {
        return false;
    }
    if (guarded->primary == NO_SERVER || guarded->primary == to) {
        error_set(error, ER_UNKNOWN, "HY000", "%s",
                  guarded->primary == to ? "it is the primary" : "the shard has no primary now");
        return false;
    }
    struct shard_opinion wanted = {
        .subject = guarded->primary, .primary = to, .epoch = guarded->epoch};
    guarded->wish = *wish;
    monitor_start_action(monitor, shard, ACTION_SWITCHOVER, &wanted);
    return true;
}

bool monitor_failover(struct monitor *monitor, uint16_t shard, const struct monitor_wish *wish,
                      struct error *error)
{
    struct guarded *guarded = &monitor->shards[shard];
    struct shard_opinion opinion;
    if (monitor_config(monitor)->settings.failover == FAILOVER_OFF) {
        error_set(error, ER_UNKNOWN, "HY000",
                  "failover = off: with manual or auto waybill promotes a replica");
        return false;
    }
    if (!monitor_is_free(guarded, error) || !monitor_may_promote(monitor, shard, error)) {
        return false;
    }
    form_opinion(monitor, shard, &opinion);
    if (opinion.verdict != SHARD_DEAD) {
        error_set(error, ER_UNKNOWN, "HY000", "no primary of the shard is dead: %s",
                  opinion.primary != NO_SERVER ? name_of(monitor, opinion.primary) : opinion.why);
        return false;
    }
    guarded->wish = *wish;
    monitor_start_action(monitor, shard, ACTION_FAILOVER, &opinion);
    return true;
}
