// TLS towards clients: the context that the settings of [waybill] make, held by the config. It is
// made anew whenever the file is read, so that certificates which were replaced in place count for
// clients that come then; those that are connected keep the one they began with.

#include "cluster/config_impl.h"

#include <stdio.h>

// What a complaint of base/tls begins with, and whose it is.
static const struct {
    const char *prefix, *setting;
} complaints[] = {
    {"private key", "tls_key"}, {"CA file", "tls_ca"}, {"clients' certificates", "tls_ca"},
    {"ciphers", "tls_ciphers"}, {"", "tls_cert"},
};

static void complain(struct build *build, const struct section *section, const char *what)
{
    size_t i = 0;
    while (strncmp(what, complaints[i].prefix, strlen(complaints[i].prefix)) != 0) {
        i++;
    }
    const char *setting = complaints[i].setting;
    if (section_find(section, setting) == NULL) {
        setting = strcmp(setting, "tls_key") == 0 ? "tls_cert" : "tls"; // what is missing there
    }
    build_error(build, section_line(section, setting), "%s: %s", setting, what);
}

void build_client_tls(struct build *build, const struct section *section)
{
    const struct settings *settings = &build->config->settings;
    enum tls_mode mode = (enum tls_mode)settings->tls;
    bool is_wanted = mode > TLS_PREFERRED || settings->tls_cert[0] != '\0';
    if (mode == TLS_DISABLED || section == NULL || !is_wanted) {
        return;
    }
    if (settings->tls_cert[0] == '\0') {
        build_error(build, section_line(section, "tls"), "tls = %s needs a tls_cert",
                    (const char *)section_find(section, "tls")->value.ptr);
        return;
    }
    struct tls_files files = {
        .side = TLS_LISTENS,
        .mode = mode,
        .cert = settings->tls_cert,
        .key = settings->tls_key,
        .ca = settings->tls_ca,
        .min_version = (enum tls_version)settings->tls_min_version,
        .ciphers = settings->tls_ciphers,
    };
    struct error error;
    build->config->client_tls = tls_context_new(&files, &error);
    if (build->config->client_tls == NULL) {
        complain(build, section, error.text);
    }
}
