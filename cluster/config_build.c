// From sections to a config, and what all builders use for it. The builders run in this order:
// settings, servers, shards (they name servers), users, tables (they name shards), then what only
// shows when all is there. Each goes on after a mistake; a config with mistakes is thrown away.

#include "cluster/config_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/memory.h"
#include "cluster/coordination.h"
#include "cluster/row_id.h"

enum { FILE_MAX_BYTES = 16 * 1024 * 1024 };

// ---- looking at sections

struct section *build_next(const struct build *build, enum section_kind kind,
                           const struct section *after)
{
    struct section *section = after != NULL ? after->next : build->sections;
    while (section != NULL && section->kind != kind) {
        section = section->next;
    }
    return section;
}

size_t build_count(const struct build *build, enum section_kind kind)
{
    size_t count = 0;
    const struct section *section = NULL;
    while ((section = build_next(build, kind, section)) != NULL) {
        count++;
    }
    return count;
}

struct section *build_find(const struct build *build, enum section_kind kind, struct slice name)
{
    struct section *section = NULL;
    while ((section = build_next(build, kind, section)) != NULL) {
        struct slice here = slice_of_string(section->name);
        if (kind == SECTION_TABLE ? slice_equal_nocase(here, name) : slice_equal(here, name)) {
            return section;
        }
    }
    return NULL;
}

struct entry *section_find(const struct section *section, const char *name)
{
    struct entry *entry = section->entries;
    while (entry != NULL && strcmp(entry->name, name) != 0) {
        entry = entry->next;
    }
    return entry;
}

const char *build_keep(struct build *build, struct slice text)
{
    return (const char *)arena_format(&build->config->arena, "%.*s", (int)text.len,
                                      text.len > 0 ? (const char *)text.ptr : "")
        .ptr;
}

const char *section_text(struct build *build, const struct section *section, const char *name,
                         const char *missing)
{
    const struct entry *entry = section_find(section, name);
    return entry != NULL ? build_keep(build, entry->value) : missing;
}

int64_t section_integer(struct build *build, const struct section *section, const char *name,
                        struct integer_limits limits)
{
    const struct entry *entry = section_find(section, name);
    int64_t number = 0;
    if (entry == NULL) {
        return limits.missing;
    }
    if (!slice_to_int64(entry->value, &number) || number < limits.min || number > limits.max) {
        build_error(build, entry->line, "%s is a whole number between %lld and %lld, not '%s'",
                    name, (long long)limits.min, (long long)limits.max,
                    (const char *)entry->value.ptr);
        return limits.missing;
    }
    return number;
}

int section_choice(struct build *build, const struct section *section, const char *name,
                   const char *const *words, int missing)
{
    const struct entry *entry = section_find(section, name);
    if (entry == NULL) {
        return missing;
    }
    struct near_miss near = {.wanted = entry->value};
    for (int i = 0; words[i] != NULL; i++) {
        if (slice_is_nocase(entry->value, words[i])) {
            return i;
        }
        near_miss_consider(&near, words[i]);
    }
    struct text all;
    text_init(&all);
    for (int i = 0; words[i] != NULL; i++) {
        text_add_format(&all, "%s%s", i > 0 ? ", " : "", words[i]);
    }
    build_error(build, entry->line, "%s is one of %.*s, not '%s'%s", name, (int)all.len,
                (const char *)all.ptr, (const char *)entry->value.ptr,
                near_miss_text(build, &near));
    text_done(&all);
    return missing;
}

bool list_next(struct slice *rest, char separator, struct slice *item)
{
    *rest = slice_trim(*rest);
    if (rest->len == 0) {
        return false;
    }
    const uint8_t *end = memchr(rest->ptr, separator, rest->len);
    size_t len = end != NULL ? (size_t)(end - rest->ptr) : rest->len;
    *item = slice_trim(slice_part(*rest, 0, len));
    *rest = slice_part(*rest, len + (end != NULL), rest->len);
    return true;
}

bool build_find_shard(struct build *build, int line, struct slice name, uint16_t *shard)
{
    const struct section *section = build_find(build, SECTION_SHARD, name);
    if (section != NULL) {
        *shard = section->id;
        return true;
    }
    struct near_miss near = {.wanted = name};
    while ((section = build_next(build, SECTION_SHARD, section)) != NULL) {
        near_miss_consider(&near, section->name);
    }
    build_error(build, line, "there is no shard '%.*s'%s", (int)name.len, (const char *)name.ptr,
                near_miss_text(build, &near));
    return false;
}

// ---- [waybill]

int section_line(const struct section *section, const char *name)
{
    const struct entry *entry = section != NULL ? section_find(section, name) : NULL;
    return entry != NULL ? entry->line : section != NULL ? section->line : 0;
}

// A reload must not seem to have changed what it can't change.
static void check_restart(struct build *build, const struct section *section)
{
    size_t count = 0;
    const struct setting *settings = setting_table(&count);
    for (size_t i = 0; build->before != NULL && i < count; i++) {
        if (!settings[i].is_reloadable &&
            !setting_is_same(&settings[i], &build->config->settings, &build->before->settings)) {
            struct text running;
            text_init(&running);
            setting_print(&settings[i], &build->before->settings, &running);
            build_error(build, section_line(section, settings[i].name),
                        "%s can't be changed without a restart (running with '%.*s')",
                        settings[i].name, (int)running.len,
                        running.len > 0 ? (const char *)running.ptr : "");
            text_done(&running);
        }
    }
}

static void check_listen(struct build *build, const struct section *section, const char *name,
                         const char *value)
{
    struct address address;
    char why[256];
    if (value[0] != '\0' && !address_parse(&address, value, why, sizeof why)) {
        build_error(build, section_line(section, name), "%s: %s", name, why);
    }
}

static void check_settings(struct build *build, const struct section *section)
{
    const struct settings *settings = &build->config->settings;
    if (settings->listen[0] == '\0') {
        build_error(build, section_line(section, "listen"),
                    "listen is empty: applications could not connect");
    }
    check_listen(build, section, "listen", settings->listen);
    check_listen(build, section, "admin_listen", settings->admin_listen);
    check_listen(build, section, "http_listen", settings->http_listen);
    char why[256];
    if (!coordination_check(settings->coordination, why, sizeof why)) {
        build_error(build, section_line(section, "coordination"), "coordination: %s", why);
    }
    if (!coordination_is_tls(settings->coordination) &&
        (settings->coordination_ca[0] != '\0' || settings->coordination_cert[0] != '\0' ||
         settings->coordination_key[0] != '\0')) {
        build_error(build, section_line(section, "coordination"),
                    "coordination_ca, coordination_cert and coordination_key need coordination = "
                    "etcds://...");
    }
    if (!coordination_is_name(settings->cluster_name)) {
        build_error(build, section_line(section, "cluster_name"),
                    "cluster_name may have up to 64 letters, digits, and . - _");
    }
    if (strcmp(settings->listen, settings->admin_listen) == 0) {
        build_error(build, section_line(section, "admin_listen"),
                    "admin_listen is the same address as listen");
    }
    if (settings->http_listen[0] != '\0' &&
        (strcmp(settings->http_listen, settings->listen) == 0 ||
         strcmp(settings->http_listen, settings->admin_listen) == 0)) {
        build_error(build, section_line(section, "http_listen"),
                    "http_listen is the same address as another door");
    }
    if (settings->http_listen[0] == '/') {
        build_error(build, section_line(section, "http_listen"),
                    "http_listen is host:port, not the path of a socket");
    }
    check_restart(build, section);
}

static void build_proxy_networks(struct build *build, const struct section *section)
{
    struct config *config = build->config;
    struct slice rest = slice_of_string(config->settings.proxy_protocol_networks), item;
    config->proxy_networks =
        arena_alloc(&config->arena, (rest.len / 2 + 1) * sizeof *config->proxy_networks);
    while (list_next(&rest, ',', &item)) {
        if (!network_parse(&config->proxy_networks[config->proxy_network_count++], item)) {
            build_error(build, section_line(section, "proxy_protocol_networks"),
                        "proxy_protocol_networks: '%.*s' is no network", (int)item.len,
                        (const char *)item.ptr);
        }
    }
}

static void build_settings(struct build *build)
{
    struct settings *settings = &build->config->settings;
    settings_init_defaults(settings);
    const struct section *section = build_next(build, SECTION_WAYBILL, NULL);
    const struct entry *entry = section != NULL ? section->entries : NULL;
    for (; entry != NULL; entry = entry->next) {
        char why[512];
        if (!setting_parse(setting_find(slice_of_string(entry->name)), settings, entry->value,
                           &build->config->arena, why, sizeof why)) {
            build_error(build, entry->line, "%s", why);
        }
    }
    check_settings(build, section);
    build_proxy_networks(build, section);
    build_client_tls(build, section);
}

static void build_default_shard(struct build *build)
{
    const struct section *section = build_next(build, SECTION_SHARD, NULL);
    const char *name = build->config->settings.default_shard;
    if (section == NULL) {
        build_error(build, 0, "there is no [shard NAME]: nothing to send a statement to");
        return;
    }
    build->config->default_shard = section->id;
    if (name[0] != '\0' &&
        !build_find_shard(build,
                          section_line(build_next(build, SECTION_WAYBILL, NULL), "default_shard"),
                          slice_of_string(name), &build->config->default_shard)) {
        return;
    }
}

// ---- the whole

static struct config *new_config(void)
{
    struct config *config = memory_new(sizeof *config);
    arena_init(&config->arena, NULL);
    return config;
}

void config_free(struct config *config)
{
    if (config == NULL) {
        return;
    }
    struct config *file = config->file;
    if (file == NULL) {
        tls_context_drop(config->client_tls);
        row_id_list_drop(config->row_ids);
        for (size_t i = 0; i < config->server_count; i++) {
            if (!config->servers[i].is_discovered) { // (else it is another's)
                server_link_done(&config->servers[i].link);
            }
        }
    }
    arena_clear(&config->arena);
    memory_free(config);
    if (file != NULL && --file->use_count == 0) {
        config_free(file);
    }
}

struct config *config_read_text(struct slice text, const char *path, const struct config *before,
                                struct text *errors)
{
    struct build build = {.config = new_config(), .before = before};
    arena_init(&build.scratch, NULL);
    build.config->row_ids = before != NULL ? row_id_list_hold(before->row_ids) : row_id_list_new();
    build.path = build.config->path = build_keep(&build, slice_of_string(path));
    build_read_sections(&build, text);
    build_settings(&build);
    build_servers(&build);
    build_shards(&build);
    build_default_shard(&build);
    build_users(&build);
    build_tables(&build);
    build_indexes(&build);
    build_discovered(&build);
    build_keep_sections(&build);
    build_print_errors(&build, errors);
    struct config *config = build.config;
    if (build.error_count > 0) {
        config_free(config);
        config = NULL;
    }
    arena_clear(&build.scratch);
    return config;
}

bool build_read_file(const char *path, struct text *text)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    char bytes[16384];
    ssize_t got = 0;
    while ((got = read(fd, bytes, sizeof bytes)) > 0 && text->len < FILE_MAX_BYTES) {
        text_add(text, bytes, (size_t)got);
    }
    int why = got > 0 ? EFBIG : errno;
    close(fd);
    errno = why;
    return got == 0;
}

struct config *config_read(const char *path, const struct config *before, struct text *errors)
{
    struct text text;
    text_init(&text);
    struct config *config = NULL;
    if (build_read_file(path, &text)) {
        config = config_read_text(text_slice(&text), path, before, errors);
    } else {
        text_add_format(errors, "%s: can't be read: %s\n", path, strerror(errno));
    }
    text_done(&text);
    return config;
}
