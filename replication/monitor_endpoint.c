#include "replication/monitor_endpoint.h"

#include <stdio.h>

enum {
    CONNECT_MS = 1000,
    ANSWER_MS = 2000 // more than the sessions' lock timeouts
};

static void copy_name(char *to, size_t to_bytes, const char *from)
{
    snprintf(to, to_bytes, "%s", from);
}

void monitor_fill_endpoint(const struct config *config, uint16_t server, struct endpoint *to)
{
    const struct server_config *wanted = &config->servers[server];
    const struct server_tls *tls = &wanted->link.tls;
    *to = (struct endpoint){.port = wanted->port,
                            .connect_ms = CONNECT_MS,
                            .answer_ms = ANSWER_MS,
                            .tls = {.mode = tls->mode, .min_version = tls->min_version}};
    copy_name(to->name, sizeof to->name, wanted->name);
    copy_name(to->host, sizeof to->host, wanted->host);
    copy_name(to->user, sizeof to->user, config->settings.monitor_user);
    copy_name(to->password, sizeof to->password, config->settings.monitor_password);
    copy_name(to->tls.ca, sizeof to->tls.ca, tls->ca);
    copy_name(to->tls.cert, sizeof to->tls.cert, tls->cert);
    copy_name(to->tls.key, sizeof to->tls.key, tls->key);
}
