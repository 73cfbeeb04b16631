// EXPLAIN ROUTE [FOR user] [FORMAT=JSON] statement: parses and plans as a session of that user
// would (the first user of the configuration when none is named), with the current snapshot, and
// runs nothing.

#include "admin/command.h"

#include <time.h>

#include "parser/parse.h"
#include "protocol/error_table.h"
#include "router/explain.h"

static const struct user_config *first_user(const struct config *config)
{
    for (uint16_t i = 0; i < config->user_count; i++) {
        if (!config->users[i].is_removed) {
            return &config->users[i];
        }
    }
    return NULL; // not in a config that was read from a file
}

static struct slice skip_blanks(struct slice text)
{
    while (text.len > 0 && (text.ptr[0] == ' ' || (text.ptr[0] >= '\t' && text.ptr[0] <= '\r'))) {
        text = slice_part(text, 1, text.len);
    }
    return text;
}

// Takes FORMAT=JSON off, with or without blanks.
static bool take_json(struct slice *sql)
{
    static const char *const words[] = {"FORMAT", "=", "JSON"};
    struct slice rest = *sql;
    for (size_t i = 0; i < 3; i++) {
        struct slice wanted = slice_of_string(words[i]);
        rest = skip_blanks(rest);
        if (rest.len < wanted.len || !slice_equal_nocase(slice_part(rest, 0, wanted.len), wanted)) {
            return false;
        }
        rest = slice_part(rest, wanted.len, rest.len);
    }
    *sql = skip_blanks(rest);
    return true;
}

// Takes FOR user and FORMAT=JSON off the arguments. False with the error set.
static bool read_options(struct command_run *run, struct slice *sql,
                         const struct user_config **user, bool *is_json)
{
    const struct config *config = run->snapshot->config;
    struct slice rest = run->arguments;
    *sql = run->arguments;
    *user = first_user(config);
    if (slice_is_nocase(admin_command_next_word(&rest), "FOR")) {
        struct slice name = admin_command_next_word(&rest);
        *user = config_find_user(config, name);
        *sql = rest;
        if (*user == NULL) {
            error_set(&run->error, ER_UNKNOWN, "HY000", "there is no user '%.*s' (SHOW USERS)",
                      (int)name.len, (const char *)name.ptr);
            return false;
        }
    }
    *is_json = take_json(sql);
    if (sql->len == 0) {
        error_set(&run->error, ER_PARSE, "42000",
                  "a statement follows EXPLAIN ROUTE [FOR user] [FORMAT=JSON]");
        return false;
    }
    return true;
}

static bool parse(struct command_run *run, struct slice sql, struct statement **statement)
{
    struct parse_options options = {
        .sql_mode = parse_sql_mode(slice_of_string(run->snapshot->sql_mode)),
        .is_mariadb = run->snapshot->is_mariadb,
        .server_version = run->snapshot->server_version,
    };
    switch (parse_statement(run->arena, sql, &options, statement)) {
    case PARSE_OK:
        return true;
    case PARSE_MULTIPLE:
        error_set(&run->error, ER_PARSE, "42000",
                  "EXPLAIN ROUTE takes one statement; here are several");
        return false;
    case PARSE_TOO_DEEP:
        error_set(&run->error, ER_PARSE, "42000", "the statement is nested too deeply");
        return false;
    }
    return false;
}

static void print_lines(struct command_run *run, struct slice lines)
{
    grid_column(&run->grid, "route");
    while (lines.len > 0) {
        const uint8_t *end = memchr(lines.ptr, '\n', lines.len);
        size_t len = end != NULL ? (size_t)(end - lines.ptr) : lines.len;
        grid_slice(&run->grid, slice_part(lines, 0, len));
        grid_end_row(&run->grid);
        lines = slice_part(lines, len + (end != NULL), lines.len);
    }
}

static enum distributed distributed_of(const struct command_run *run,
                                       const struct user_config *user, const char **why)
{
    if (user == NULL ||
        (user->distributed == DISTRIBUTED_ATOMIC && !snapshot_may_decide(run->snapshot, why))) {
        return DISTRIBUTED_REFUSE;
    }
    return user->distributed;
}

void admin_explain_route(struct command_run *run)
{
    struct slice sql;
    const struct user_config *user = NULL;
    struct statement *statement = NULL;
    bool is_json = false;
    if (!read_options(run, &sql, &user, &is_json) || !parse(run, sql, &statement)) {
        return;
    }
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    const char *why = NULL;
    enum distributed mode = distributed_of(run, user, &why);
    bool has_database = run->database.len > 0 || user == NULL;
    struct route_request request = {
        .statement = statement,
        .config = run->snapshot->config,
        .database = has_database ? run->database : slice_of_string(user->default_schema),
        .is_prepared = statement->param_count > 0,
        .is_strict = (parse_sql_mode(slice_of_string(run->snapshot->sql_mode)) & SQL_STRICT) != 0,
        .distributed = mode,
        .why_not_several = why,
        .allows_key_change = user != NULL && user->allow_key_change,
        .scatter = user != NULL ? user->scatter : GUARD_ALLOW,
        .may_gather = snapshot_may_gather(run->snapshot),
        .last_shard = NO_SHARD,
        .now_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000,
    };
    const struct explanation *explanation = explain_statement(run->arena, &request);
    if (is_json) {
        grid_column(&run->grid, "route");
        grid_slice(&run->grid, explain_json(run->arena, explanation));
        grid_end_row(&run->grid);
    } else {
        print_lines(run, explain_text(run->arena, explanation));
    }
}
