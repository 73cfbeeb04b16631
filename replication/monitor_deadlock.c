// When the locks of the primaries are looked at (deadlock.c): while the workers say that
// transactions on several shards wait, and less often when it is the same ones for long.
//
//     monitor_wants_waiters: yes --> (the workers list them) --> monitor_take_waiters --> job
//     host->on_deadlock <-- its victims

#include "replication/monitor_impl.h"

#include "base/log.h"
#include "base/memory.h"
#include "replication/job.h"

enum { PAUSE_LEAST_US = 100 * 1000, PAUSE_MOST_US = 2000 * 1000, WAITERS_MAX = 5000 };

static void on_look(struct message *message, void *receiver);

bool monitor_wants_waiters(struct monitor *monitor)
{
    struct watched_deadlocks *watched = &monitor->deadlocks;
    bool is_wanted = !monitor->is_stopping && watched->job == NULL && !watched->is_asking &&
                     loop_now_us(monitor->host->loop) >= watched->next_us;
    watched->is_asking |= is_wanted;
    return is_wanted;
}

static void fill_line(const struct monitor *monitor, uint16_t shard, struct deadlock_line *lines)
{
    struct deadlock_line *line = &lines[shard];
    uint16_t primary = monitor->shards[shard].primary;
    line->is_wanted = primary != NO_SERVER && !monitor_config(monitor)->shards[shard].is_removed;
    line->server = primary;
    line->same = shard;
    if (!line->is_wanted) {
        return;
    }
    line->endpoint = monitor->servers[primary].setup.endpoint;
    for (uint16_t i = 0; i < shard && line->same == shard; i++) {
        bool is_same = lines[i].is_wanted && lines[i].endpoint.port == line->endpoint.port &&
                       strcmp(lines[i].endpoint.host, line->endpoint.host) == 0;
        line->same = is_same ? i : shard;
    }
}

static void fill_check(const struct monitor *monitor, struct deadlock_check *check)
{
    const struct config *config = monitor_config(monitor);
    check->message.deliver = on_look;
    check->mailbox = monitor->mailbox;
    check->proxy = (uint32_t)config->settings.proxy_id;
    check->run = monitor->run;
    check->lines = memory_resize(check->lines, monitor->shard_count * sizeof *check->lines);
    for (; check->line_count < monitor->shard_count; check->line_count++) {
        check->lines[check->line_count] = (struct deadlock_line){.conn = NULL};
    }
    for (uint16_t i = 0; i < monitor->shard_count; i++) {
        fill_line(monitor, i, check->lines);
    }
    check->mail = config->default_shard;
}

void monitor_take_waiters(struct monitor *monitor, const struct waiter *waiters, size_t count)
{
    struct watched_deadlocks *watched = &monitor->deadlocks;
    watched->is_asking = false;
    if (monitor->is_stopping || watched->job != NULL || count == 0) {
        return;
    }
    if (watched->check == NULL) {
        watched->check = deadlock_new();
    }
    struct deadlock_check *check = watched->check;
    fill_check(monitor, check);
    check->waiter_count = count < WAITERS_MAX ? count : WAITERS_MAX;
    check->waiters = memory_resize(check->waiters, check->waiter_count * sizeof *check->waiters);
    memcpy(check->waiters, waiters, check->waiter_count * sizeof *check->waiters);
    watched->job = deadlock_start(check);
}

static void on_look(struct message *message, void *receiver)
{
    struct monitor *monitor = receiver;
    struct watched_deadlocks *watched = &monitor->deadlocks;
    struct deadlock_check *check = CONTAINER_OF(message, struct deadlock_check, message);
    const struct monitor_host *host = monitor->host;
    if (monitor->is_stopping) {
        return;
    }
    job_join(watched->job);
    watched->job = NULL;
    uint64_t now_us = loop_now_us(host->loop);
    uint64_t twice_us =
        watched->pause_us * 2 < PAUSE_MOST_US ? watched->pause_us * 2 : PAUSE_MOST_US;
    watched->pause_us = check->is_news ? PAUSE_LEAST_US : twice_us;
    watched->next_us = now_us + watched->pause_us;
    if (told_is_news(&watched->problem, check->problem, now_us)) {
        monitor_say(monitor, "deadlocks over shards can't be looked for on %s", check->problem);
    }
    for (size_t i = 0; i < check->victim_count; i++) {
        log_notice("session %u: its transaction is rolled back, the youngest in a deadlock over "
                   "several shards",
                   check->victims[i].session);
        host->on_deadlock(host->owner, &check->victims[i]);
    }
}

void monitor_stop_deadlocks(struct monitor *monitor)
{
    if (monitor->deadlocks.job != NULL) {
        job_join(monitor->deadlocks.job);
    }
}
