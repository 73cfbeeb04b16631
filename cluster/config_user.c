// Users: what a client must know to log in, and the account that waybill uses on the servers for
// it. The servers' passwords are needed in clear, to answer their log-in; the clients' only as
// hashes.

#include "cluster/config_impl.h"

#include <stdio.h>

static const char *const distributed_words[] = {"refuse", "best_effort", NULL};
static const char *const reads_words[] = {"replica", "primary", NULL};

static const char *const plugin_words[] = {
    [AUTH_ANY] = "any",
    [AUTH_NATIVE] = "mysql_native_password",
    [AUTH_SHA2] = "caching_sha2_password",
    [AUTH_ED25519] = "client_ed25519",
    [AUTH_CLEAR] = "mysql_clear_password",
    NULL,
};
static const char *const locked_words[] = {"no", "yes", NULL};

// ---- from where

static void build_hosts(struct build *build, const struct section *section,
                        struct user_config *user)
{
    const struct entry *from = section_find(section, "from");
    user->from = "";
    if (from == NULL) {
        return;
    }
    user->from = build_keep(build, from->value);
    struct slice rest = from->value, item;
    size_t most = 1;
    for (size_t i = 0; i < rest.len; i++) {
        most += rest.ptr[i] == ',';
    }
    user->hosts = arena_alloc(&build->config->arena, most * sizeof *user->hosts);
    while (list_next(&rest, ',', &item)) {
        char why[300];
        if (!host_parse(&user->hosts[user->host_count], item, &build->config->arena, why,
                        sizeof why)) {
            build_error(build, from->line, "%s", why);
        } else {
            user->host_count++;
        }
    }
    if (user->host_count == 0 && from->value.len == 0) {
        build_error(build, from->line, "from names no host");
    }
}

// ---- require

// The next word, or text in quotes; false at the end.
static bool next_word(struct slice *rest, struct slice *word)
{
    *rest = slice_trim(*rest);
    if (rest->len == 0) {
        return false;
    }
    uint8_t quote = rest->ptr[0];
    bool is_quoted = quote == '\'' || quote == '"';
    size_t at = is_quoted;
    while (at < rest->len && (is_quoted ? rest->ptr[at] != quote : rest->ptr[at] != ' ')) {
        at++;
    }
    if (is_quoted && at == rest->len) {
        return false;
    }
    *word = slice_part(*rest, is_quoted, at);
    *rest = slice_part(*rest, at + is_quoted, rest->len);
    return true;
}

static const char **require_place(struct user_config *user, struct slice word)
{
    if (slice_is_nocase(word, "subject")) {
        return &user->require_subject;
    }
    if (slice_is_nocase(word, "issuer")) {
        return &user->require_issuer;
    }
    return slice_is_nocase(word, "cipher") ? &user->require_cipher : NULL;
}

static bool read_require(struct build *build, struct slice value, struct user_config *user)
{
    struct slice rest = value, word, text;
    if (slice_is_nocase(value, "none")) {
        return true;
    }
    if (slice_is_nocase(value, "ssl") || slice_is_nocase(value, "x509")) {
        user->require = slice_is_nocase(value, "ssl") ? REQUIRE_SSL : REQUIRE_X509;
        return true;
    }
    while (next_word(&rest, &word)) {
        const char **place = require_place(user, word);
        if (place == NULL && slice_is_nocase(word, "and")) {
            continue;
        }
        if (place == NULL || **place != '\0' || !next_word(&rest, &text) || text.len == 0) {
            return false;
        }
        *place = build_keep(build, text);
        user->require = REQUIRE_SPECIFIED;
    }
    return user->require == REQUIRE_SPECIFIED && rest.len == 0;
}

static void build_require(struct build *build, const struct section *section,
                          struct user_config *user)
{
    const struct entry *require = section_find(section, "require");
    if (require != NULL && !read_require(build, require->value, user)) {
        build_error(build, require->line,
                    "require is none, ssl, x509, or any of subject '...', issuer '...' and "
                    "cipher '...'");
        return;
    }
    const struct settings *settings = &build->config->settings;
    bool needs_ca = user->require == REQUIRE_X509 || user->require_subject[0] != '\0' ||
                    user->require_issuer[0] != '\0';
    if (user->require != REQUIRE_NONE &&
        (settings->tls == TLS_DISABLED || settings->tls_cert[0] == '\0')) {
        build_error(build, require->line,
                    "require = %s, but there is no TLS (tls, tls_cert): nobody could log in",
                    (const char *)require->value.ptr);
    } else if (needs_ca && settings->tls_ca[0] == '\0') {
        build_error(build, require->line,
                    "require = %s, but there is no tls_ca: no client is asked for a certificate",
                    (const char *)require->value.ptr);
    }
}

// ---- the whole

static void build_user(struct build *build, const struct section *section, struct user_config *user)
{
    const struct entry *password = section_find(section, "password");
    user_config_init(user, section->id, build_keep(build, slice_of_string(section->name)));
    build_hosts(build, section, user);
    build_password(build, section, user);
    build_require(build, section, user);
    user->plugin =
        (enum auth_plugin)section_choice(build, section, "plugin", plugin_words, AUTH_ANY);
    user->is_locked = section_choice(build, section, "locked", locked_words, 0) == 1;
    user->server_user = section_text(build, section, "server_user", user->name);
    user->server_password =
        section_text(build, section, "server_password",
                     password != NULL ? build_keep(build, password->value) : NULL);
    user->default_schema = section_text(build, section, "default_schema", "");
    user->distributed = (enum distributed)section_choice(build, section, "distributed",
                                                         distributed_words, DISTRIBUTED_REFUSE);
    user->max_connections = (uint32_t)section_integer(build, section, "max_connections",
                                                      (struct integer_limits){0, 0, 1000000});
    user->reads_from_replicas = section_choice(build, section, "reads", reads_words, 0) == 0;
}

void user_config_init(struct user_config *user, uint16_t id, const char *name)
{
    *user = (struct user_config){.id = id, .name = name, .from = "", .reads_from_replicas = true};
    user->require_subject = user->require_issuer = user->require_cipher = "";
    user->server_user = name;
    user->default_schema = "";
}

uint16_t user_config_place(const struct config *before, const char *name, const char *from,
                           uint16_t next)
{
    for (uint16_t i = 0; before != NULL && i < before->user_count; i++) {
        if (strcmp(before->users[i].name, name) == 0 && strcmp(before->users[i].from, from) == 0) {
            return i;
        }
    }
    return next;
}

void user_config_remove(struct user_config *user, uint16_t id, const struct config *before,
                        struct arena *arena)
{
    const struct user_config *old = &before->users[id];
    user_config_init(user, id, (const char *)arena_format(arena, "%s", old->name).ptr);
    user->from = (const char *)arena_format(arena, "%s", old->from).ptr;
    user->is_removed = true;
}

// The same user from the same hosts must not be there twice.
static bool is_first(struct build *build, const struct section *section)
{
    const struct entry *from = section_find(section, "from");
    const struct section *other = NULL;
    while ((other = build_next(build, SECTION_USER, other)) != section) {
        const struct entry *other_from = section_find(other, "from");
        bool is_same_from = from == NULL || other_from == NULL
                                ? from == other_from
                                : slice_equal(from->value, other_from->value);
        if (strcmp(other->name, section->name) == 0 && is_same_from) {
            build_error(build, section->line,
                        "a second section [user %s]%s; the first is in line %d", section->name,
                        from != NULL ? " with the same `from`" : "", other->line);
            return false;
        }
    }
    return true;
}

void build_users(struct build *build)
{
    struct config *config = build->config;
    const struct config *before = build->before;
    struct section *section = build_next(build, SECTION_USER, NULL);
    uint16_t before_count = before != NULL ? before->user_count : 0;
    size_t most = (size_t)before_count + build_count(build, SECTION_USER);
    if (section == NULL && config->settings.users == USERS_FILE) {
        build_error(build, 0, "there is no [user NAME]: nobody could log in");
        return;
    }
    if (most > ACCOUNTS_MAX) {
        build_error(build, section != NULL ? section->line : 0, "there can be %d users",
                    ACCOUNTS_MAX);
        return;
    }
    config->users = arena_alloc(&config->arena, sizeof *config->users * most);
    config->user_count = before_count;
    for (uint16_t i = 0; i < before_count; i++) {
        user_config_remove(&config->users[i], i, before, &config->arena);
    }
    for (; section != NULL; section = build_next(build, SECTION_USER, section)) {
        if (!is_first(build, section)) {
            continue;
        }
        const struct entry *from = section_find(section, "from");
        section->id = user_config_place(before, section->name,
                                        from != NULL ? (const char *)from->value.ptr : "",
                                        config->user_count);
        config->user_count = (uint16_t)(config->user_count + (section->id == config->user_count));
        build_user(build, section, &config->users[section->id]);
    }
}
