#pragma once
// What an operator can say. A command is one row of the table: its words, what it does, its help.

#include "admin/admin.h"
#include "admin/grid.h"
#include "base/arena.h"
#include "base/error.h"

// One command that runs, and its answer: an error, a grid (it has columns), or OK with a message.
struct command_run {
    const struct admin_host *host;
    const struct snapshot *snapshot;
    struct arena *arena;
    struct slice database;          // what USE said
    struct slice arguments;         // behind the command's words
    struct worker_report **reports; // by worker; NULL unless the row wants them
    uint16_t report_count;
    struct monitor_wish wish;           // for a row that waits
    const struct schema_report *schema; // NULL unless the row asks for it
    struct grid grid;
    struct error error;
    struct slice message; // of OK; in the arena
};

// What is asked before `run`; its answer is in the command_run.
enum command_asks {
    ASKS_NOTHING,
    ASKS_WORKERS, // reports
    ASKS_SCHEMA,  // schema: a job asks the servers
    ASKS_MONITOR, // `run` starts what ends later, and is answered then: `wish` is for that
};

struct command {
    const char *words; // "SHOW SHARDS"
    const char *form;  // what follows: "[LIKE 'pattern']"; empty: nothing may
    bool takes_like;   // `arguments` is taken by LIKE, the grid applies it
    enum command_asks asks;
    void (*run)(struct command_run *run);
    const char *help;
};

// The command that the statement is, with *arguments behind its words; NULL with *error that says
// what there is.
const struct command *admin_command_find(struct slice statement, struct slice *arguments,
                                         struct error *error);
// Runs it; `run` has host, snapshot, arena, database, arguments and reports. admin_command_done
// afterwards.
void admin_command_start(const struct command *command, struct command_run *run);
void admin_command_done(struct command_run *run);

// The next word of *rest (letters, digits, _, @, ., and the like; quotes are no word); empty at
// the end.
struct slice admin_command_next_word(struct slice *rest);

// show_cluster.c, show_workers.c, explain.c, schema.c: what the rows name
void admin_show_shards(struct command_run *run);
void admin_show_servers(struct command_run *run);
void admin_show_discovered(struct command_run *run);
void admin_show_tables(struct command_run *run);
void admin_show_declared(struct command_run *run);
void admin_show_users(struct command_run *run);
void admin_show_buckets(struct command_run *run);
void admin_show_settings(struct command_run *run);
void admin_show_events(struct command_run *run);
void admin_show_transactions(struct command_run *run);
void admin_resolve(struct command_run *run);
void admin_show_version(struct command_run *run);
void admin_show_pools(struct command_run *run);
void admin_show_sessions(struct command_run *run);
void admin_show_status(struct command_run *run);
void admin_kill(struct command_run *run);
void admin_switchover(struct command_run *run);
void admin_failover(struct command_run *run);
void admin_maintain(struct command_run *run);
void admin_resume(struct command_run *run);
void admin_clone(struct command_run *run);
void admin_explain_route(struct command_run *run);
void admin_show_schema(struct command_run *run);
// schema.c: what the command asks of the schema, and with which argument. False with *error.
bool admin_schema_order(const struct command *command, struct slice arguments,
                        enum schema_kind *kind, struct slice *argument,
                        struct error *error) MUST_CHECK;
