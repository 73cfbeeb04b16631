// Users: what a client must know to log in, and the account that waybill uses on the servers for
// it. The servers' passwords are needed in clear, to answer their log-in; the clients' only as
// hashes.

#include "cluster/config_impl.h"

#include <stdio.h>

enum { USERS_MAX = 65535 };

static const char *const distributed_words[] = {"refuse", "best_effort", NULL};
static const char *const reads_words[] = {"replica", "primary", NULL};

static void build_hashes(struct build *build, const struct section *section,
                         struct user_config *user)
{
    const struct entry *native = section_find(section, "password_native");
    const struct entry *sha2 = section_find(section, "password_sha2");
    if (native != NULL) {
        user->has_native = auth_native_parse_hash(native->value, user->native_hash);
        if (!user->has_native) {
            build_error(build, native->line,
                        "password_native is * and 40 hexadecimal digits, as in mysql.user");
        }
    }
    if (sha2 != NULL) {
        user->has_sha2 = auth_sha2_parse_hash(sha2->value, user->sha2_hash);
        if (!user->has_sha2) {
            build_error(build, sha2->line, "password_sha2 is $W$ and 64 hexadecimal digits");
        }
    }
    if (native == NULL && sha2 == NULL) {
        build_error(build, section->line,
                    "[user %s] has no password (`password =` with nothing behind it means an "
                    "empty one)",
                    section->name);
    } else if (section_find(section, "server_password") == NULL) {
        build_error(build, section->line,
                    "[user %s] has only a hash of its password, so server_password must say how "
                    "to log in to the servers",
                    section->name);
    }
}

static void build_passwords(struct build *build, const struct section *section,
                            struct user_config *user)
{
    const struct entry *password = section_find(section, "password");
    if (password == NULL) {
        build_hashes(build, section, user);
        return;
    }
    const struct entry *native = section_find(section, "password_native");
    const struct entry *sha2 = section_find(section, "password_sha2");
    if (native != NULL || sha2 != NULL) {
        build_error(build, native != NULL ? native->line : sha2->line,
                    "%s stands instead of password (line %d), not beside it",
                    native != NULL ? native->name : sha2->name, password->line);
        return;
    }
    user->has_empty_password = password->value.len == 0;
    user->has_native = user->has_sha2 = !user->has_empty_password;
    if (!user->has_empty_password) {
        auth_native_hash(password->value, user->native_hash);
        auth_sha2_hash(password->value, user->sha2_hash);
    }
}

static void build_user(struct build *build, const struct section *section, struct user_config *user)
{
    const struct entry *password = section_find(section, "password");
    *user = (struct user_config){.id = section->id};
    user->name = build_keep(build, slice_of_string(section->name));
    build_passwords(build, section, user);
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

// As for servers: a name keeps its place over reloads.
static uint16_t place_of_user(const struct config *before, const char *name, uint16_t next)
{
    for (uint16_t i = 0; before != NULL && i < before->user_count; i++) {
        if (strcmp(before->users[i].name, name) == 0) {
            return i;
        }
    }
    return next;
}

void build_users(struct build *build)
{
    struct config *config = build->config;
    const struct config *before = build->before;
    struct section *section = build_next(build, SECTION_USER, NULL);
    uint16_t before_count = before != NULL ? before->user_count : 0;
    size_t most = (size_t)before_count + build_count(build, SECTION_USER);
    if (section == NULL) {
        build_error(build, 0, "there is no [user NAME]: nobody could log in");
        return;
    }
    if (most > USERS_MAX) {
        build_error(build, section->line, "there can be %d users", USERS_MAX);
        return;
    }
    config->users = arena_alloc(&config->arena, sizeof *config->users * most);
    config->user_count = before_count;
    for (uint16_t i = 0; i < before_count; i++) {
        config->users[i] = (struct user_config){.id = i, .is_removed = true};
        config->users[i].name = build_keep(build, slice_of_string(before->users[i].name));
        config->users[i].server_user = config->users[i].server_password = "";
        config->users[i].default_schema = "";
    }
    for (; section != NULL; section = build_next(build, SECTION_USER, section)) {
        section->id = place_of_user(before, section->name, config->user_count);
        config->user_count = (uint16_t)(config->user_count + (section->id == config->user_count));
        build_user(build, section, &config->users[section->id]);
    }
}
