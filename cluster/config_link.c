// How waybill speaks to a server, beside where it is: the PROXY protocol, TLS, compression.
//
// What stands in the files of certificates is a part of it: they are read anew with each
// configuration, and a server whose files have changed has another link. A TLS context is large, so
// servers that are alike share one, and so does a reload that changes nothing.

#include "cluster/config_impl.h"

#include <errno.h>

#include "base/hash.h"

enum { PATH_BYTES = 256 }; // those who connect to servers have no more room

static const char *const proxy_words[] = {"off", "v1", "v2", NULL};
static const char *const compression_words[] = {"off", "zlib", "zstd", NULL};
static const char *const tls_words[] = {"disabled",  "preferred",       "required",
                                        "verify-ca", "verify-identity", NULL};
static const char *const version_words[] = {"TLSv1.2", "TLSv1.3", NULL};

// Where a setting is: in the server's section, else in [waybill], else nowhere (the section's own
// line). `common` is its name there: server_NAME.
static int line_of(const struct build *build, const struct section *section, const char *common)
{
    const struct entry *entry = section_find(section, common + strlen("server_"));
    const struct section *all = build_next(build, SECTION_WAYBILL, NULL);
    if (entry == NULL && all != NULL) {
        entry = section_find(all, common);
    }
    return entry != NULL ? entry->line : section->line;
}

static bool is_same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool is_same_tls(const struct server_tls *a, const struct server_tls *b)
{
    return a->mode == b->mode && a->min_version == b->min_version &&
           a->files_hash == b->files_hash && is_same_text(a->ca, b->ca) &&
           is_same_text(a->cert, b->cert) && is_same_text(a->key, b->key);
}

// ---- the files

static bool note_file(struct build *build, int line, const char *path, struct server_tls *tls)
{
    if (strlen(path) >= PATH_BYTES) {
        build_error(build, line, "a path of more than %d bytes", PATH_BYTES - 1);
        return false;
    }
    struct text text;
    text_init(&text);
    if (path[0] != '\0' && !build_read_file(path, &text)) {
        build_error(build, line, "%s can't be read: %s", path, strerror(errno));
        text_done(&text);
        return false;
    }
    uint64_t pair[2] = {tls->files_hash, hash_bytes(text.ptr, text.len)};
    tls->files_hash = hash_bytes(pair, sizeof pair);
    text_done(&text);
    return true;
}

static bool note_files(struct build *build, const struct section *section, struct server_tls *tls)
{
    bool has_ca = note_file(build, line_of(build, section, "server_tls_ca"), tls->ca, tls);
    bool has_cert = note_file(build, line_of(build, section, "server_tls_cert"), tls->cert, tls);
    bool has_key = note_file(build, line_of(build, section, "server_tls_key"), tls->key, tls);
    return has_ca && has_cert && has_key;
}

// ---- the context

// What a complaint of base/tls begins with, and whose it is.
static const struct {
    const char *prefix, *setting;
} complaints[] = {
    {"certificate", "server_tls_cert"},
    {"private key", "server_tls_key"},
    {"CA file", "server_tls_ca"},
    {"", "server_tls"},
};

static void complain(struct build *build, const struct section *section, const char *what)
{
    size_t i = 0;
    while (strncmp(what, complaints[i].prefix, strlen(complaints[i].prefix)) != 0) {
        i++;
    }
    build_error(build, line_of(build, section, complaints[i].setting), "TLS towards servers: %s",
                what);
}

static struct tls_context *find_context(const struct config *config, const struct server_tls *tls)
{
    for (size_t i = 0; i < config->server_count; i++) {
        const struct server_tls *other = &config->servers[i].link.tls;
        if (other->context != NULL && is_same_tls(other, tls)) {
            return tls_context_hold(other->context);
        }
    }
    return NULL;
}

static struct tls_context *make_context(struct build *build, const struct section *section,
                                        const struct server_tls *tls)
{
    // The system's trust is read anew: nobody can see here whether it has changed.
    bool trusts_system = tls->mode >= TLS_VERIFY_CA && tls->ca[0] == '\0';
    struct tls_context *context = find_context(build->config, tls);
    if (context == NULL && build->before != NULL && !trusts_system) {
        context = find_context(build->before, tls);
    }
    if (context != NULL) {
        return context;
    }
    struct tls_files files = {
        .side = TLS_CONNECTS,
        .mode = tls->mode,
        .cert = tls->cert,
        .key = tls->key,
        .ca = tls->ca,
        .min_version = tls->min_version,
    };
    struct error error = {0};
    context = tls_context_new(&files, &error);
    if (context == NULL) {
        complain(build, section, error.text);
    }
    return context;
}

static void build_tls(struct build *build, const struct section *section, struct server_tls *tls)
{
    const struct settings *settings = &build->config->settings;
    struct server_tls wanted = {
        .mode = (enum tls_mode)section_choice(build, section, "tls", tls_words,
                                              (int)settings->server_tls),
        .min_version =
            (enum tls_version)section_choice(build, section, "tls_min_version", version_words,
                                             (int)settings->server_tls_min_version),
        .ca = section_text(build, section, "tls_ca", settings->server_tls_ca),
        .cert = section_text(build, section, "tls_cert", settings->server_tls_cert),
        .key = section_text(build, section, "tls_key", settings->server_tls_key),
    };
    if (wanted.mode != TLS_DISABLED && note_files(build, section, &wanted)) {
        wanted.context = make_context(build, section, &wanted);
    }
    *tls = wanted;
}

void build_link(struct build *build, const struct section *section, struct server_link *link)
{
    link->proxy = (enum server_proxy)section_choice(build, section, "proxy_protocol", proxy_words,
                                                    SERVER_PROXY_OFF);
    link->compression =
        (enum server_compression)section_choice(build, section, "compression", compression_words,
                                                (int)build->config->settings.server_compression);
    build_tls(build, section, &link->tls);
}

void server_link_done(struct server_link *link)
{
    tls_context_drop(link->tls.context);
    link->tls.context = NULL;
}

bool server_link_is_same(const struct server_link *a, const struct server_link *b)
{
    return a->proxy == b->proxy && a->compression == b->compression &&
           is_same_tls(&a->tls, &b->tls);
}
