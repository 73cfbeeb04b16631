// A table by address, bounded: when it is full the one that failed longest ago makes room. An
// attacker with many addresses can so only have his own forgotten. Local sockets are not counted:
// there is one for everybody.

#include "session/login_hosts.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/network.h"

#define uthash_malloc(size)        memory_new(size)
#define uthash_free(pointer, size) memory_free(pointer)
#include <uthash.h>

enum { HOSTS_MAX = 10000 };

struct failing_host {
    char name[ADDRESS_TEXT_BYTES]; // the key
    uint32_t failures;             // in a row
    uint64_t failed_us;            // the last one
    uint64_t until_us;             // 0: not blocked
    UT_hash_handle hh;             // in the order of the last failure
};

struct login_hosts {
    struct failing_host *by_name;
};

static const struct settings *settings_of(const struct sessions *sessions)
{
    return &sessions->snapshot->config->settings;
}

static bool is_counted(const struct sessions *sessions, const struct address *peer)
{
    return settings_of(sessions)->max_login_failures > 0 && peer->at.any.sa_family != AF_UNIX;
}

static struct failing_host *find(const struct sessions *sessions, const struct address *peer)
{
    struct failing_host *host = NULL;
    char name[ADDRESS_TEXT_BYTES];
    if (sessions->login_hosts != NULL) {
        address_print_host(peer, name);
        HASH_FIND_STR(sessions->login_hosts->by_name, name, host);
    }
    return host;
}

static void forget(struct sessions *sessions, struct failing_host *host)
{
    HASH_DEL(sessions->login_hosts->by_name, host);
    memory_free(host);
}

bool login_hosts_is_blocked(const struct sessions *sessions, const struct address *peer)
{
    if (!is_counted(sessions, peer)) {
        return false;
    }
    const struct failing_host *host = find(sessions, peer);
    return host != NULL && host->until_us > loop_now_us(sessions->host.loop);
}

void login_hosts_note_failure(struct sessions *sessions, const struct address *peer)
{
    if (!is_counted(sessions, peer)) {
        return;
    }
    if (sessions->login_hosts == NULL) {
        sessions->login_hosts = memory_new(sizeof *sessions->login_hosts);
    }
    struct failing_host *host = find(sessions, peer);
    if (host == NULL) {
        if (HASH_COUNT(sessions->login_hosts->by_name) >= HOSTS_MAX) {
            forget(sessions, sessions->login_hosts->by_name);
        }
        host = memory_new(sizeof *host);
        address_print_host(peer, host->name);
    } else {
        HASH_DEL(sessions->login_hosts->by_name, host);
    }
    uint64_t now_us = loop_now_us(sessions->host.loop);
    if (host->until_us != 0 && host->until_us <= now_us) {
        host->until_us = host->failures = 0;
    }
    host->failed_us = now_us;
    HASH_ADD_STR(sessions->login_hosts->by_name, name, host); // now the last
    if (++host->failures >= (uint64_t)settings_of(sessions)->max_login_failures &&
        host->until_us == 0) {
        host->until_us = now_us + (uint64_t)settings_of(sessions)->login_block_ms * 1000;
        counter_add(&sessions->counters.hosts_blocked, 1);
        log_warning("%s: %u log-ins failed in a row; refused for %lld ms", host->name,
                    host->failures, (long long)settings_of(sessions)->login_block_ms);
    }
}

void login_hosts_note_success(struct sessions *sessions, const struct address *peer)
{
    struct failing_host *host = find(sessions, peer);
    if (host != NULL) {
        forget(sessions, host);
    }
}

void login_hosts_free(struct sessions *sessions)
{
    struct login_hosts *hosts = sessions->login_hosts;
    if (hosts == NULL) {
        return;
    }
    while (hosts->by_name != NULL) {
        forget(sessions, hosts->by_name);
    }
    memory_free(hosts);
    sessions->login_hosts = NULL;
}
