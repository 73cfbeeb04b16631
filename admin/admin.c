// The admin room on the control thread: a listener for MySQL clients and a metrics page, both asked
// rarely and answered at once. A tick sees to clients that don't log in or say nothing for long.

#include "admin/admin_impl.h"

#include <errno.h>

#include "admin/http.h"
#include "base/memory.h"
#include "base/sock.h"

enum {
    CLIENTS_MAX = 100,
    BACKLOG = 64,
    TICK_MS = 1000,
    BLOCKS_KEPT = 4,
    ENDING_US = 2000000,
};

void worker_report_free(struct worker_report *report)
{
    if (report != NULL) {
        memory_free(report->pools);
        memory_free(report->sessions);
        memory_free(report);
    }
}

static struct client *client_of(struct node *node)
{
    return CONTAINER_OF(node, struct client, node);
}

static void on_sweep(struct later *later)
{
    struct admin *admin = CONTAINER_OF(later, struct admin, sweep);
    struct node *node;
    while ((node = list_first(&admin->closed)) != NULL) {
        admin_client_free(client_of(node));
    }
}

static bool is_overdue(const struct client *client, uint64_t now_us)
{
    const struct admin_host *host = &client->admin->host;
    const struct settings *settings = &host->current(host->owner)->config->settings;
    uint64_t age_us = now_us > client->since_us ? now_us - client->since_us : 0;
    switch (client->stage) {
    case CLIENT_GREETED:
    case CLIENT_SWITCHED:
        return age_us > (uint64_t)settings->login_timeout_ms * 1000;
    case CLIENT_IDLE:
        return settings->client_idle_ms > 0 && age_us > (uint64_t)settings->client_idle_ms * 1000;
    case CLIENT_ENDING:
        return age_us > ENDING_US;
    case CLIENT_ASKING: // the workers always answer
    case CLIENT_CLOSED:
        return false;
    }
    return false;
}

static void on_tick(struct timer *timer)
{
    struct admin *admin = CONTAINER_OF(timer, struct admin, tick);
    uint64_t now_us = loop_now_us(admin->host.loop);
    LIST_FOR_EACH_SAFE (&admin->clients, node) {
        if (is_overdue(client_of(node), now_us)) {
            admin_client_close(client_of(node));
        }
    }
    watch_set(&admin->accept_watch, WATCH_READ);
    if (!list_is_empty(&admin->clients)) {
        timer_start(&admin->tick, TICK_MS);
    }
}

static void on_accept(struct watch *watch, unsigned events)
{
    (void)events;
    struct admin *admin = CONTAINER_OF(watch, struct admin, accept_watch);
    struct address peer;
    int fd;
    while ((fd = sock_accept(admin->listener, &peer)) >= 0) {
        if (admin->clients.count >= CLIENTS_MAX) {
            sock_close(fd);
            continue;
        }
        admin_client_start(admin, fd);
    }
    bool is_short = errno != EAGAIN; // of descriptors: until the next tick
    if (is_short) {
        watch_set(&admin->accept_watch, 0);
    }
    if ((is_short || !list_is_empty(&admin->clients)) && !timer_is_running(&admin->tick)) {
        timer_start(&admin->tick, TICK_MS);
    }
}

static bool open_port(struct admin *admin, const char *listen, struct error *error)
{
    struct address address;
    char why[256];
    if (!address_parse(&address, listen, why, sizeof why)) {
        error_set(error, 1105, "HY000", "admin_listen %s: %s", listen, why);
        return false;
    }
    admin->listener = sock_listen(&address, false, BACKLOG);
    if (admin->listener < 0) {
        error_set(error, 1105, "HY000", "admin_listen %s: %s", listen, strerror(errno));
        return false;
    }
    watch_init(&admin->accept_watch, admin->host.loop, admin->listener, on_accept);
    watch_set(&admin->accept_watch, WATCH_READ);
    return true;
}

struct admin *admin_start(const struct admin_host *host, struct error *error)
{
    const struct settings *settings = &host->current(host->owner)->config->settings;
    struct admin *admin = memory_new(sizeof *admin);
    admin->host = *host;
    admin->listener = -1;
    slab_init(&admin->buffer_blocks, "admin buffer", BUFFER_BLOCK_BYTES, BLOCKS_KEPT);
    list_init(&admin->clients);
    list_init(&admin->closed);
    timer_init(&admin->tick, host->loop, on_tick);
    admin->sweep.on_later = on_sweep;
    bool is_good =
        settings->admin_listen[0] == '\0' || open_port(admin, settings->admin_listen, error);
    if (is_good && settings->http_listen[0] != '\0') {
        admin->http = http_start(&admin->host, settings->http_listen, error);
        is_good = admin->http != NULL;
    }
    if (!is_good) {
        admin_stop(admin);
        return NULL;
    }
    return admin;
}

void admin_stop(struct admin *admin)
{
    http_stop(admin->http);
    if (admin->listener >= 0) {
        watch_set(&admin->accept_watch, 0);
        sock_close(admin->listener);
    }
    timer_stop(&admin->tick);
    struct node *node;
    while ((node = list_first(&admin->clients)) != NULL) {
        admin_client_close(client_of(node));
    }
    on_sweep(&admin->sweep);
    loop_cancel_later(admin->host.loop, &admin->sweep);
    slab_done(&admin->buffer_blocks);
    memory_free(admin);
}
