// Users: what a client must know to log in, and the account that waybill uses on the servers for
// it. The servers' passwords are needed in clear, to answer their log-in; the clients' only as
// hashes.

#include "cluster/config_impl.h"
#include "cluster/distributed.h"

#include <stdio.h>

static const char *const scatter_words[] = {"allow", "warn", "deny", NULL};
static const char *const reads_words[] = {"replica", "primary", NULL};

static const char *const plugin_words[] = {
    [AUTH_ANY] = "any",
    [AUTH_NATIVE] = "mysql_native_password",
    [AUTH_SHA2] = "caching_sha2_password",
    [AUTH_ED25519] = "client_ed25519",
    [AUTH_CLEAR] = "mysql_clear_password",
    NULL,
};
static const char *const yes_words[] = {"no", "yes", NULL};
static const char *const wait_words[] = {"applied", "decided", NULL};
static const char *const on_words[] = {"off", "on", NULL};

// ---- from where

static void build_hosts(struct build *build, const struct section *section,
                        struct user_config *user)
{
    const struct entry *from = section_find(section, "from");
    if (from == NULL) {
        return;
    }
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
    if (require == NULL) {
        return;
    }
    if (!read_require(build, require->value, user)) {
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

// What he gets, beside how he comes in.
static void build_rights(struct build *build, const struct section *section,
                         struct user_config *user)
{
    const struct entry *password = section_find(section, "password");
    user->sees_all_sessions = section_choice(build, section, "all_sessions", yes_words, 0) == 1;
    user->kills_all_sessions = user->sees_all_sessions;
    user->server_password =
        section_text(build, section, "server_password",
                     password != NULL ? build_keep(build, password->value) : NULL);
    user->default_schema = section_text(build, section, "default_schema", "");
    user->distributed = (enum distributed)section_choice(build, section, "distributed",
                                                         distributed_words(), DISTRIBUTED_ATOMIC);
    user->waits_for_decision = section_choice(build, section, "commit_wait", wait_words, 0) == 1;
    user->commit_token = section_choice(build, section, "commit_token", on_words, 0) == 1;
    user->allow_key_change = section_choice(build, section, "allow_key_change", on_words, 0) == 1;
    user->scatter =
        (enum scatter_guard)section_choice(build, section, "scatter", scatter_words, GUARD_ALLOW);
    user->max_connections = (uint32_t)section_integer(build, section, "max_connections",
                                                      (struct integer_limits){0, 0, 1000000});
    user->reads_from_replicas = section_choice(build, section, "reads", reads_words, 0) == 0;
}

static void build_user(struct build *build, const struct section *section, struct user_config *user)
{
    build_hosts(build, section, user);
    build_password(build, section, user);
    build_require(build, section, user);
    user->plugin =
        (enum auth_plugin)section_choice(build, section, "plugin", plugin_words, AUTH_ANY);
    user->is_locked = section_choice(build, section, "locked", yes_words, 0) == 1;
    user->server_user = section_text(build, section, "server_user", user->name);
    build_rights(build, section, user);
}

// users = servers: a section without a password leaves it to the servers who comes in.
static bool is_profile(const struct build *build, const struct section *section)
{
    return build->config->settings.users == USERS_SERVERS && !section_has_password(section);
}

static void build_profile(struct build *build, const struct section *section)
{
    static const char *const theirs[] = {"from", "plugin", "require", "locked"};
    struct config *config = build->config;
    struct user_config *profile = &config->profiles[config->profile_count++];
    profile->name = build_keep(build, slice_of_string(section->name));
    profile->server_user = section_text(build, section, "server_user", NULL);
    build_rights(build, section, profile);
    for (size_t i = 0; i < sizeof theirs / sizeof theirs[0]; i++) {
        const struct entry *entry = section_find(section, theirs[i]);
        if (entry != NULL) {
            build_error(build, entry->line,
                        "[user %s] has no password, so it is for accounts of the servers, which "
                        "say `%s` themselves",
                        section->name, theirs[i]);
        }
    }
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

static const char *from_of(struct build *build, const struct section *section)
{
    const struct entry *from = section_find(section, "from");
    return from != NULL ? build_keep(build, from->value) : "";
}

// The servers' accounts stay as they were read last, until they are read again.
static void keep_accounts(struct build *build, struct roll *roll)
{
    const struct config *before = build->before;
    for (uint16_t i = 0; before != NULL && i < before->user_count; i++) {
        const struct user_config *account = &before->users[i];
        const struct section *section = NULL;
        if (build->config->settings.users != USERS_SERVERS || !account->is_from_servers ||
            account->is_removed) {
            continue;
        }
        do {
            section = build_next(build, SECTION_USER, section);
        } while (section != NULL &&
                 (is_profile(build, section) || strcmp(section->name, account->name) != 0));
        struct user_config *kept = section == NULL ? roll_copy(roll, account) : NULL;
        if (kept != NULL) {
            build->config->wants_rsa_key |= kept->sha2_crypt.len > 0;
            profile_apply(build->config, kept);
        }
    }
}

void build_users(struct build *build)
{
    struct config *config = build->config;
    const struct config *before = build->before;
    struct section *section = build_next(build, SECTION_USER, NULL);
    size_t count = build_count(build, SECTION_USER);
    struct roll roll;
    if (section == NULL && config->settings.users == USERS_FILE) {
        build_error(build, 0, "there is no [user NAME]: nobody could log in");
        return;
    }
    roll_begin(&roll, config, before, count + (before != NULL ? before->user_count : 0));
    config->profiles = arena_alloc(&config->arena, sizeof *config->profiles * count);
    for (; section != NULL; section = build_next(build, SECTION_USER, section)) {
        if (!is_first(build, section)) {
            continue;
        }
        if (is_profile(build, section)) {
            build_profile(build, section);
            continue;
        }
        struct user_config *user = roll_add(
            &roll, build_keep(build, slice_of_string(section->name)), from_of(build, section));
        if (user == NULL) {
            build_error(build, section->line, "there can be %d users", ACCOUNTS_MAX);
            break;
        }
        build_user(build, section, user);
    }
    keep_accounts(build, &roll);
    roll_end(&roll);
}
