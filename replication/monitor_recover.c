// When the recovery looks at the primaries (commit_recover.c), and what is known of transactions in
// doubt between its rounds.

#include "replication/monitor_impl.h"

#include <stdio.h>

#include "base/memory.h"
#include "replication/job.h"

enum { ROUND_US = 1000000, SWEEP_US = 60000000 };

static void on_round(struct message *message, void *receiver);

static void fill_shard(const struct monitor *monitor, uint16_t id, struct recover_shard *shard)
{
    const struct shard_config *config = &monitor_config(monitor)->shards[id];
    uint16_t primary = monitor->shards[id].primary;
    if (config->is_removed) {
        return;
    }
    snprintf(shard->name, sizeof shard->name, "%s", config->name);
    shard->has_primary = primary != NO_SERVER;
    if (shard->has_primary) {
        shard->endpoint = monitor->servers[primary].setup.endpoint;
    }
}

// A branch is seen up to a round after it was prepared, and finished up to a round after it is due:
// all of it within in_doubt_ms, unless that is short.
static uint64_t in_doubt_us(const struct monitor *monitor)
{
    uint64_t wanted_us = (uint64_t)monitor_config(monitor)->settings.in_doubt_ms * 1000;
    return wanted_us >= 4 * ROUND_US ? wanted_us - 2 * ROUND_US : wanted_us;
}

static void start_round(struct monitor *monitor, uint64_t now_us)
{
    struct watched_transactions *watched = &monitor->transactions;
    struct recover_round *round = memory_new(sizeof *round);
    round->message.deliver = on_round;
    round->mailbox = monitor->mailbox;
    round->shard_count = monitor->shard_count;
    round->shards = memory_new(round->shard_count * sizeof *round->shards);
    for (uint16_t i = 0; i < monitor->shard_count; i++) {
        fill_shard(monitor, i, &round->shards[i]);
    }
    round->lines = memory_resize(watched->lines, round->shard_count * sizeof *round->lines);
    for (; watched->line_count < round->shard_count; watched->line_count++) {
        round->lines[watched->line_count] = (struct recover_line){.conn = NULL};
    }
    watched->lines = NULL;
    round->branches = memory_new((watched->count + 1) * sizeof *round->branches);
    if (watched->count > 0) {
        memcpy(round->branches, watched->branches, watched->count * sizeof *round->branches);
    }
    round->branch_count = watched->count;
    round->in_doubt_us = in_doubt_us(monitor);
    round->wants_sweep = now_us >= watched->sweep_us;
    round->word = watched->word;
    watched->word.gtrid[0] = '\0';
    text_init(&round->said);
    watched->job = recover_start(round);
}

// Branches are begun only where there are several shards; elsewhere there is only something to
// sweep.
static bool is_wanted(const struct monitor *monitor, uint64_t now_us)
{
    return config_only_shard(monitor_config(monitor)) == NO_SHARD ||
           now_us >= monitor->transactions.sweep_us;
}

void monitor_watch_transactions(struct monitor *monitor)
{
    struct watched_transactions *watched = &monitor->transactions;
    uint64_t now_us = loop_now_us(monitor->host->loop);
    if (watched->job == NULL && is_wanted(monitor, now_us) && now_us >= watched->next_us) {
        watched->next_us = now_us + ROUND_US;
        start_round(monitor, now_us);
    }
}

static void say_all(struct monitor *monitor, const struct text *said)
{
    for (size_t at = 0; at < said->len;) {
        const char *text = (const char *)said->ptr + at;
        monitor_say(monitor, "%s", text);
        at += strlen(text) + 1;
    }
}

static void on_round(struct message *message, void *receiver)
{
    struct monitor *monitor = receiver;
    struct watched_transactions *watched = &monitor->transactions;
    struct recover_round *round = CONTAINER_OF(message, struct recover_round, message);
    if (!monitor->is_stopping) {
        recover_join(watched->job);
        watched->job = NULL;
        say_all(monitor, &round->said);
        if (round->is_swept) {
            watched->sweep_us = loop_now_us(monitor->host->loop) + SWEEP_US;
        }
        memory_free(watched->branches);
        watched->branches = round->branches;
        watched->count = round->branch_count;
        round->branches = NULL;
        watched->lines = round->lines;
        round->lines = NULL;
    }
    recover_round_free(round);
}

size_t monitor_transactions(const struct monitor *monitor, struct recover_branch *out, size_t max)
{
    const struct watched_transactions *watched = &monitor->transactions;
    size_t count = watched->count < max ? watched->count : max;
    for (size_t i = 0; i < count; i++) {
        out[i] = watched->branches[i];
    }
    return count;
}

bool monitor_resolve(struct monitor *monitor, struct slice gtrid, char outcome)
{
    struct watched_transactions *watched = &monitor->transactions;
    for (size_t i = 0; i < watched->count; i++) {
        if (slice_equal(gtrid, slice_of_string(watched->branches[i].gtrid))) {
            watched->word.outcome = outcome;
            snprintf(watched->word.gtrid, sizeof watched->word.gtrid, "%s",
                     watched->branches[i].gtrid);
            watched->next_us = 0;
            return true;
        }
    }
    return false;
}

void monitor_stop_transactions(struct monitor *monitor)
{
    if (monitor->transactions.job != NULL) {
        recover_join(monitor->transactions.job);
    }
    for (size_t i = 0; monitor->transactions.lines != NULL && i < monitor->transactions.line_count;
         i++) {
        dbconn_close(monitor->transactions.lines[i].conn);
    }
    memory_free(monitor->transactions.lines);
}
