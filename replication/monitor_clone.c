// CLONE SERVER: one at a time for each shard, beside the shard's action, which is not kept waiting.

#include "replication/monitor_impl.h"

#include "protocol/error_table.h"

static bool is_possible(const struct guarded *guarded, uint16_t server, uint16_t from,
                        struct error *error)
{
    const char *why = guarded->clone != NULL ? "another server of the shard is being cloned"
                      : guarded->primary == NO_SERVER ? "the shard has no primary now"
                      : guarded->primary == server    ? "it is the primary"
                      : server == from                ? "from itself?"
                                                      : NULL;
    if (why != NULL) {
        error_set(error, ER_UNKNOWN, "HY000", "%s", why);
    }
    return why == NULL;
}

bool monitor_clone(struct monitor *monitor, uint16_t server, uint16_t from,
                   const struct monitor_wish *wish, struct error *error)
{
    uint16_t shard = monitor_config(monitor)->servers[server].shard;
    struct guarded *guarded = &monitor->shards[shard];
    if (!is_possible(guarded, server, from, error) || !monitor_may_promote(monitor, shard, error)) {
        return false;
    }
    struct shard_opinion wanted = {.subject = server, .primary = from, .epoch = guarded->epoch};
    guarded->cloned = server;
    guarded->clone_wish = *wish;
    guarded->clone = monitor_new_action(monitor, shard, ACTION_CLONE, &wanted);
    return true;
}

void monitor_take_clone_report(struct monitor *monitor, const struct action_report *report)
{
    struct guarded *guarded = &monitor->shards[report->shard];
    monitor_say(monitor, "%s", report->text);
    if (report->kind != REPORT_END) {
        return;
    }
    monitor_run_hook(monitor, report->shard, report->is_done ? "clone_done" : "clone_refused",
                     guarded->cloned, report->text);
    action_join(guarded->clone); // its last message: the thread is ending
    guarded->clone = NULL;
    monitor_end_wish(&guarded->clone_wish, report->is_done, report->text);
    monitor_ask_members_anew(monitor, report->shard, report->at_us);
}
