// The table of commands, and how a statement finds its row. Words are compared without case and
// with any blanks between them; a statement that is no row is answered with the rows there are.

#include "admin/command.h"

#include <stdio.h>

#include "protocol/error_table.h"

#define LIKE "[LIKE 'pattern']"

static void run_reload(struct command_run *run);
static void run_flush_hosts(struct command_run *run);
static void run_help(struct command_run *run);

// clang-format off
static const struct command table[] = {
    {"SHOW SHARDS",   LIKE, true, ASKS_NOTHING, admin_show_shards,   "the shards: primary, replicas, buckets"},
    {"SHOW SERVERS",  LIKE, true, ASKS_NOTHING, admin_show_servers,  "every server: role, lag, reads and writes sent to it, what is wrong"},
    {"SHOW DISCOVERED", LIKE, true, ASKS_NOTHING, admin_show_discovered, "replicas that were taken in (discover = on), as sections for the file"},
    {"SHOW TABLES",   LIKE, true, ASKS_NOTHING, admin_show_tables,   "the tables of the configuration and where their rows are"},
    {"SHOW DECLARED TABLES", "", false, ASKS_NOTHING, admin_show_declared, "tables that were declared by CREATE TABLE, as sections for the configuration file"},
    {"SHOW USERS",    LIKE, true, ASKS_NOTHING, admin_show_users,    "who may log in: the configuration's users, and the servers' accounts"},
    {"SHOW BUCKETS",  LIKE, true, ASKS_NOTHING, admin_show_buckets,  "runs of buckets and the shard of each (LIKE: by shard)"},
    {"SHOW POOLS",    LIKE, true, ASKS_WORKERS,  admin_show_pools,    "connections to servers, over all workers"},
    {"SHOW SESSIONS", LIKE, true, ASKS_WORKERS,  admin_show_sessions, "the clients, what they do, why one is bound to a server (LIKE: by user)"},
    {"SHOW SETTINGS", LIKE, true, ASKS_NOTHING, admin_show_settings, "every setting, its value and default"},
    {"SHOW STATUS",   LIKE, true, ASKS_WORKERS,  admin_show_status,   "the figures of the metrics page"},
    {"SHOW EVENTS",   "",   false, ASKS_NOTHING, admin_show_events,  "what happened to the cluster, newest last"},
    {"SHOW TRANSACTIONS", "", false, ASKS_NOTHING, admin_show_transactions,
     "transactions on several shards that are prepared and not ended: in doubt when they stay"},
    {"RESOLVE TRANSACTION", "name COMMIT | ROLLBACK", false, ASKS_NOTHING, admin_resolve,
     "ends one whose deciding shard is gone for good: its parts there may have ended otherwise"},
    {"SHOW VERSION",  "",   false, ASKS_NOTHING, admin_show_version, "waybill's version and how long it runs"},
    {"EXPLAIN ROUTE", "[FOR user] [FORMAT=JSON] statement", false, ASKS_NOTHING, admin_explain_route,
     "where a statement would go and why, without running it"},
    {"SWITCHOVER SHARD", "shard [TO server]", false, ASKS_MONITOR, admin_switchover,
     "makes a replica the primary, as planned; answers when it is done, or says why not"},
    {"FAILOVER SHARD", "shard", false, ASKS_MONITOR, admin_failover,
     "promotes a replica of a shard whose primary is dead (failover = manual); answers when it is done, or says why not"},
    {"MAINTAIN SERVER", "server", false, ASKS_MONITOR, admin_maintain,
     "no reads for a server, and the last to be promoted, until RESUME SERVER; if it is the primary another one is made it before"},
    {"CLONE SERVER", "server FROM server", false, ASKS_MONITOR, admin_clone,
     "makes a replica anew from a healthy server of its shard, all that it has is dropped; answers when it is done, or says why not"},
    {"RESUME SERVER", "server", false, ASKS_MONITOR, admin_resume, "the end of MAINTAIN SERVER"},
    {"SHOW SCHEMA DIFF", "[table]", false, ASKS_SCHEMA, admin_show_schema, "tables that are not the same on all shards, and DDL that is not done on all"},
    {"REPAIR SCHEMA", "[FORGET id]", false, ASKS_SCHEMA, admin_show_schema, "finishes DDL that was done on some shards only, where that is safe"},
    {"CHECK REFERENCE", "[table]", false, ASKS_SCHEMA, admin_show_schema, "whether the copies of reference tables are the same on all shards"},
    {"SHOW INDEXES", "", false, ASKS_SCHEMA, admin_show_schema, "global indexes: whether each shard's rows are in them"},
    {"CHECK INDEX", "[index]", false, ASKS_SCHEMA, admin_show_schema, "whether every row is in its global indexes; where one is missing the index is not used until it is entered"},
    {"REPAIR INDEX", "[index]", false, ASKS_SCHEMA, admin_show_schema, "builds global indexes anew from the rows that there are"},
    {"DROP INDEX", "index", false, ASKS_SCHEMA, admin_show_schema, "takes a global index off the servers that is in no configuration any more"},
    {"FLUSH WAYBILL COMMITS", "", false, ASKS_SCHEMA, admin_show_schema, "waits for a moment in which no commit over several shards is half done, and answers as SHOW POSITIONS"},
    {"SHOW POSITIONS", "", false, ASKS_SCHEMA, admin_show_schema, "every shard's GTID position at one such moment"},
    {"KILL",          "[CONNECTION | QUERY] id", false, ASKS_WORKERS, admin_kill, "ends a client of SHOW SESSIONS, or its statement"},
    {"FLUSH HOSTS",   "",   false, ASKS_NOTHING, run_flush_hosts,     "addresses that were put off after failed log-ins may try again"},
    {"RELOAD",        "",   false, ASKS_NOTHING, run_reload,          "reads the configuration file again; a mistake in it changes nothing"},
    {"SHOW HELP",     "",   false, ASKS_NOTHING, run_help,            "this (the mysql client answers HELP by itself)"},
    {"HELP",          "",   false, ASKS_NOTHING, run_help,            "this"},
};
// clang-format on

enum { TABLE_COUNT = sizeof table / sizeof table[0], MISTAKES_SHOWN = 400 };

// ---- words

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static struct slice trim(struct slice text)
{
    while (text.len > 0 && is_blank(text.ptr[0])) {
        text = slice_part(text, 1, text.len);
    }
    while (text.len > 0 && (is_blank(text.ptr[text.len - 1]) || text.ptr[text.len - 1] == ';')) {
        text.len--;
    }
    return text;
}

struct slice admin_command_next_word(struct slice *rest)
{
    *rest = trim(*rest);
    size_t len = 0;
    while (len < rest->len && !is_blank(rest->ptr[len]) && rest->ptr[len] != '\'' &&
           rest->ptr[len] != '"') {
        len++;
    }
    struct slice word = slice_part(*rest, 0, len);
    *rest = trim(slice_part(*rest, len, rest->len));
    return word;
}

// Does the statement begin with the row's words? *arguments is what follows.
static bool begins_with(struct slice statement, const char *words, struct slice *arguments)
{
    struct slice wanted = slice_of_string(words);
    *arguments = statement;
    while (wanted.len > 0) {
        struct slice word = admin_command_next_word(&wanted);
        if (!slice_equal_nocase(word, admin_command_next_word(arguments))) {
            return false;
        }
    }
    return true;
}

// Names those that begin with the same word.
static void refuse_unknown(struct slice statement, struct error *error)
{
    char alike[400];
    size_t len = 0;
    struct slice first = admin_command_next_word(&statement);
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        struct slice words = slice_of_string(table[i].words);
        if (slice_equal_nocase(admin_command_next_word(&words), first)) {
            int more = snprintf(alike + len, sizeof alike - len, "%s%s", len > 0 ? ", " : "",
                                table[i].words);
            len += more > 0 && len + (size_t)more < sizeof alike ? (size_t)more : 0;
        }
    }
    error_set(error, ER_PARSE, "42000", "not known here; SHOW HELP tells all commands%s%.*s",
              len > 0 ? ", among them " : "", (int)len, alike);
}

const struct command *admin_command_find(struct slice statement, struct slice *arguments,
                                         struct error *error)
{
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        if (begins_with(statement, table[i].words, arguments)) {
            return &table[i];
        }
    }
    refuse_unknown(statement, error);
    return NULL;
}

// ---- running

// LIKE 'pattern' or nothing. False with the error set.
static bool read_like(const struct command *command, struct command_run *run, struct slice *pattern)
{
    struct slice rest = run->arguments;
    *pattern = (struct slice){.ptr = NULL};
    if (rest.len == 0) {
        return true;
    }
    struct slice word = admin_command_next_word(&rest);
    if (!slice_is_nocase(word, "LIKE") || rest.len < 2 ||
        (rest.ptr[0] != '\'' && rest.ptr[0] != '"') || rest.ptr[rest.len - 1] != rest.ptr[0]) {
        error_set(&run->error, ER_PARSE, "42000", "after %s comes nothing or LIKE 'pattern'",
                  command->words);
        return false;
    }
    *pattern = slice_part(rest, 1, rest.len - 1);
    return true;
}

void admin_command_start(const struct command *command, struct command_run *run)
{
    struct slice like = {.ptr = NULL};
    bool is_good = true;
    run->error.code = 0;
    run->message = (struct slice){.ptr = NULL};
    if (command->takes_like) {
        is_good = read_like(command, run, &like);
    } else if (command->form[0] == '\0' && run->arguments.len > 0) {
        error_set(&run->error, ER_PARSE, "42000", "nothing follows %s", command->words);
        is_good = false;
    }
    grid_init(&run->grid, like);
    if (is_good) {
        command->run(run);
    }
}

void admin_command_done(struct command_run *run)
{
    grid_done(&run->grid);
}

// ---- commands that are about nothing else

static void run_reload(struct command_run *run)
{
    struct text errors;
    text_init(&errors);
    if (run->host->reload(run->host->owner, &errors)) {
        run->message = slice_of_string("the configuration was read again");
    } else {
        // An ERR packet has little room: what does not fit is said to be missing.
        bool is_long = errors.len > MISTAKES_SHOWN;
        error_set(&run->error, ER_UNKNOWN, "HY000", "nothing was changed:\n%.*s%s",
                  is_long ? MISTAKES_SHOWN : (int)errors.len,
                  errors.len > 0 ? (const char *)errors.ptr : "",
                  is_long ? "...\n(waybill --check FILE shows all)" : "");
    }
    text_done(&errors);
}

static void run_flush_hosts(struct command_run *run)
{
    run->host->forget_hosts(run->host->owner);
    run->message = slice_of_string("failed log-ins are forgotten");
}

static void run_help(struct command_run *run)
{
    grid_column(&run->grid, "command");
    grid_column(&run->grid, "what it does");
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        grid_format(&run->grid, "%s%s%s", table[i].words, table[i].form[0] != '\0' ? " " : "",
                    table[i].form);
        grid_text(&run->grid, table[i].help);
        grid_end_row(&run->grid);
    }
}
