// COM_QUERY of the admin port: what clients send by themselves, then the table of commands. A
// command that wants the workers' reports, or asks servers about the schema, waits for them in
// state ASKING.
//
// An ask outlives its client when the client leaves first: the reports still come, and are freed.

#include "admin/admin_impl.h"

#include <assert.h>

#include "admin/courtesy.h"
#include "base/memory.h"
#include "protocol/error_table.h"
#include "protocol/packet.h"

struct ask {
    struct client *client; // NULL: it has gone
    const struct command *command;
    struct text arguments; // owned: the packet will be gone
};

static void answer(struct client *client, const struct command_run *run)
{
    if (error_is_set(&run->error)) {
        admin_client_send_error(client, &run->error);
    } else if (run->grid.column_count == 0) {
        struct text message;
        text_init(&message);
        text_add_slice(&message, run->message);
        text_add(&message, "", 1);
        admin_client_send_ok(client, (const char *)message.ptr);
        text_done(&message);
    } else {
        struct text packets;
        text_init(&packets);
        grid_write(&run->grid, client->capabilities, &packets, &client->sequence);
        admin_client_send_bytes(client, text_slice(&packets));
        text_done(&packets);
    }
}

static void run_command(struct client *client, const struct command *command,
                        struct command_run run)
{
    const struct admin_host *host = &client->admin->host;
    struct arena arena;
    arena_init(&arena, NULL);
    run.host = host;
    run.snapshot = host->current(host->owner);
    run.arena = &arena;
    run.database = text_slice(&client->database);
    admin_command_start(command, &run);
    answer(client, &run);
    admin_command_done(&run);
    arena_clear(&arena);
}

// The client has its answer, or has gone.
static void ask_end(struct ask *ask)
{
    struct client *client = ask->client;
    if (client != NULL) {
        client->ask = NULL;
        admin_client_enter(client, CLIENT_IDLE);
        loop_do_later(client->admin->host.loop, &client->later);
    }
    text_done(&ask->arguments);
    memory_free(ask);
}

// ---- reports

static void on_reports(void *asker, struct worker_report **reports, uint16_t count)
{
    struct ask *ask = asker;
    struct client *client = ask->client;
    if (client != NULL) {
        struct command_run run = {
            .arguments = text_slice(&ask->arguments), .reports = reports, .report_count = count};
        run_command(client, ask->command, run);
    }
    for (uint16_t i = 0; i < count; i++) {
        worker_report_free(reports[i]);
    }
    ask_end(ask);
}

// ---- the schema

static void on_schema(void *asker, const struct schema_report *report)
{
    struct ask *ask = asker;
    struct client *client = ask->client;
    if (client != NULL && report != NULL) {
        struct command_run run = {.arguments = text_slice(&ask->arguments), .schema = report};
        run_command(client, ask->command, run);
    }
    ask_end(ask);
}

void admin_query_forget(struct client *client)
{
    client->ask->client = NULL;
    client->ask = NULL;
}

static struct ask *ask_new(struct client *client, const struct command *command,
                           struct slice arguments)
{
    struct ask *ask = memory_new(sizeof *ask);
    ask->client = client;
    ask->command = command;
    text_init(&ask->arguments);
    text_add_slice(&ask->arguments, arguments);
    client->ask = ask;
    admin_client_enter(client, CLIENT_ASKING);
    return ask;
}

static void ask_workers(struct client *client, const struct command *command,
                        struct slice arguments)
{
    struct ask *ask = ask_new(client, command, arguments);
    client->admin->host.ask_workers(client->admin->host.owner, on_reports, ask);
}

// ---- what ends later

static void on_wish_end(void *asker, bool is_done, const char *text)
{
    struct ask *ask = asker;
    struct error error;
    if (ask->client != NULL && is_done) {
        admin_client_send_ok(ask->client, text);
    } else if (ask->client != NULL) {
        error_set(&error, ER_UNKNOWN, "HY000", "%s", text);
        admin_client_send_error(ask->client, &error);
    }
    ask_end(ask);
}

static void start_wish(struct client *client, const struct command *command, struct command_run run)
{
    const struct admin_host *host = &client->admin->host;
    struct ask *ask = ask_new(client, command, run.arguments);
    struct arena arena;
    arena_init(&arena, NULL);
    run.wish = (struct monitor_wish){.on_end = on_wish_end, .asker = ask};
    run.host = host;
    run.snapshot = host->current(host->owner);
    run.arena = &arena;
    admin_command_start(command, &run);
    if (error_is_set(&run.error)) {
        admin_client_send_error(client, &run.error);
        ask_end(ask);
    }
    admin_command_done(&run);
    arena_clear(&arena);
}

// ---- asking servers

static void ask_schema(struct client *client, const struct command *command, struct slice arguments)
{
    enum schema_kind kind;
    struct slice argument;
    struct error error;
    if (!admin_schema_order(command, arguments, &kind, &argument, &error)) {
        admin_client_send_error(client, &error);
        return;
    }
    struct ask *ask = ask_new(client, command, arguments);
    client->admin->host.work_schema(client->admin->host.owner, kind, argument, on_schema, ask);
}

// ---- statements

void admin_query_run(struct client *client, struct slice sql)
{
    struct command_run run = {.arguments = {.ptr = NULL}};
    if (courtesy_answer(sql, &client->database, &run)) {
        answer(client, &run);
        admin_command_done(&run);
        return;
    }
    const struct command *command = admin_command_find(sql, &run.arguments, &run.error);
    if (command == NULL) {
        admin_client_send_error(client, &run.error);
    } else if (command->asks == ASKS_MONITOR) {
        start_wish(client, command, run);
    } else if (command->asks == ASKS_WORKERS) {
        ask_workers(client, command, run.arguments);
    } else if (command->asks == ASKS_SCHEMA) {
        ask_schema(client, command, run.arguments);
    } else {
        run_command(client, command, run);
    }
}
