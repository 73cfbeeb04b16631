// users = servers: when the servers' accounts are read, and what follows. They are those of the
// default shard's primary: a replica may be a moment behind, and by our rules all shards have the
// same. While there is no primary, those that were read last count.
//
//     idle --accounts_refresh_ms are over, or a log-in is in doubt--> reading --result--> idle
//
// A read costs the server something, and anybody can cause doubts: a read by doubt waits for ten
// times as long as the one before took, so that all of them take a tenth of a connection's time.
// Who has changed accounts by a statement need not wait.

#include "replication/monitor_impl.h"

#include "base/memory.h"
#include "replication/job.h"

enum {
    PAUSE_MIN_US = 20000,
    PAUSE_MAX_US = 1000000,
    PAUSE_TIMES = 9,
    RETRY_MS = 1000, // after a failure
    NAMES_US = 60000000
};

static bool is_wanted(const struct monitor *monitor)
{
    return monitor_config(monitor)->settings.users == USERS_SERVERS;
}

static void take_list(struct monitor *monitor, struct accounts_result *result)
{
    struct watched_accounts *accounts = &monitor->accounts;
    const struct snapshot *now = monitor->host->current(monitor->host->owner);
    account_list_done(&accounts->list);
    accounts->list = result->list;
    account_list_init(&result->list);
    accounts->read_us = result->began_us;
    struct config *next = config_with_accounts(now->config, &accounts->list);
    if (next != NULL || accounts->is_doubted) {
        monitor_publish_config(monitor, next);
    } else {
        monitor_publish_figures(monitor);
    }
}

static void tell_problem(struct monitor *monitor, const struct accounts_result *result)
{
    struct watched_accounts *accounts = &monitor->accounts;
    uint64_t now_us = loop_now_us(monitor->host->loop);
    bool was_told = accounts->problem.text[0] != '\0';
    if (told_is_news(&accounts->problem, result->problem, now_us)) {
        monitor_say(monitor, "accounts can't be read from %s", result->problem);
    } else if (result->is_read && was_told) {
        monitor_say(monitor, "accounts can be read again");
    }
    if (accounts->list.left_out > 0 && accounts->left_out == 0) {
        monitor_say(monitor, "the servers have more than %d accounts: %zu of them can't log in",
                    ACCOUNTS_MAX, accounts->list.left_out);
    }
    accounts->left_out = accounts->list.left_out;
}

static void on_accounts(struct message *message, void *receiver)
{
    struct monitor *monitor = receiver;
    struct watched_accounts *accounts = &monitor->accounts;
    struct accounts_result *result = CONTAINER_OF(message, struct accounts_result, message);
    if (!monitor->is_stopping) {
        accounts_reader_join(accounts->reader);
        accounts->reader = NULL;
        accounts->is_tried = true;
        uint64_t pause_us = (result->ended_us - result->began_us) * PAUSE_TIMES;
        pause_us = pause_us < PAUSE_MIN_US ? PAUSE_MIN_US : pause_us;
        accounts->rest_us = result->ended_us + (pause_us > PAUSE_MAX_US ? PAUSE_MAX_US : pause_us);
        int64_t refresh_ms = monitor_config(monitor)->settings.accounts_refresh_ms;
        refresh_ms = !result->is_read && refresh_ms > RETRY_MS ? RETRY_MS : refresh_ms;
        accounts->next_us = result->began_us + (uint64_t)refresh_ms * 1000;
        if (result->is_read && is_wanted(monitor)) {
            take_list(monitor, result);
        }
        tell_problem(monitor, result);
        // Who doubted after it began wants another one.
        accounts->is_doubted = accounts->doubted_us > result->began_us;
        accounts->is_certain = accounts->is_certain && accounts->is_doubted;
        monitor_watch_accounts(monitor);
    }
    account_list_done(&result->list);
    memory_free(result);
}

void monitor_watch_accounts(struct monitor *monitor)
{
    struct watched_accounts *accounts = &monitor->accounts;
    const struct config *config = monitor_config(monitor);
    uint16_t primary = monitor->shards[config->default_shard].primary;
    uint64_t now_us = loop_now_us(monitor->host->loop);
    bool is_due = now_us >= accounts->next_us || accounts->is_doubted;
    if (!is_wanted(monitor) || accounts->reader != NULL || primary == NO_SERVER || !is_due ||
        (now_us < accounts->rest_us && !accounts->is_certain)) {
        return;
    }
    bool are_names_known = now_us < accounts->list.looked_us + NAMES_US;
    struct accounts_setup setup = {.endpoint = monitor->servers[primary].setup.endpoint,
                                   .known = are_names_known ? &accounts->list : NULL,
                                   .mailbox = monitor->mailbox,
                                   .deliver = on_accounts};
    accounts->reader = accounts_reader_start(&setup);
}

void monitor_refresh_accounts(struct monitor *monitor, bool is_certain)
{
    monitor->accounts.is_doubted = true;
    monitor->accounts.is_certain |= is_certain;
    monitor->accounts.doubted_us = job_now_us(); // not before what it is about
    monitor_watch_accounts(monitor);
}

bool monitor_has_accounts(const struct monitor *monitor)
{
    return !is_wanted(monitor) || monitor->accounts.is_tried;
}

void monitor_stop_accounts(struct monitor *monitor)
{
    if (monitor->accounts.reader != NULL) {
        accounts_reader_join(monitor->accounts.reader);
    }
}
