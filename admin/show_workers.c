// SHOW commands that need the workers' reports: pools and sessions belong to one worker each, and
// nobody else may look at them. The figures of SHOW STATUS are those of the metrics page.

#include <stdlib.h>

#include "admin/command.h"
#include "admin/metrics.h"
#include "protocol/capability.h"
#include "protocol/error_table.h"

static struct metrics_view view_of(const struct command_run *run)
{
    return (struct metrics_view){.host = run->host,
                                 .snapshot = run->snapshot,
                                 .reports = run->reports,
                                 .report_count = run->report_count};
}

// ---- pools

static void show_pool(struct command_run *run, const struct pool_figures *pool)
{
    const struct config *config = run->snapshot->config;
    struct grid *grid = &run->grid;
    if (pool->server >= config->server_count || pool->account >= config->user_count) {
        return;
    }
    grid_text(grid, config->servers[pool->server].name);
    grid_text(grid, config->users[pool->account].name);
    char kind[CAPABILITY_CLASS_BYTES];
    capability_print_class(pool->capabilities, kind);
    grid_text(grid, kind);
    grid_number(grid, pool->idle);
    grid_number(grid, pool->lent);
    grid_number(grid, pool->connecting);
    grid_number(grid, pool->waiting);
    grid_number(grid, (int64_t)pool->taken);
    grid_number(grid, (int64_t)pool->opened);
    grid_number(grid, (int64_t)pool->failed);
    grid_number(grid, (int64_t)pool->closed);
    grid_number(grid, (int64_t)pool->resets);
    grid_number(grid, (int64_t)pool->synced);
    grid_end_row(grid);
}

void admin_show_pools(struct command_run *run)
{
    static const char *const numbers[] = {"idle",   "lent",   "connecting", "waiting", "taken",
                                          "opened", "failed", "closed",     "resets",  "synced"};
    grid_column(&run->grid, "server");
    grid_column(&run->grid, "user");
    grid_column(&run->grid, "kind");
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        grid_number_column(&run->grid, numbers[i]);
    }
    struct metrics_view view = view_of(run);
    size_t count = 0;
    const struct pool_figures *pools = metrics_pools(&view, run->arena, &count);
    for (size_t i = 0; i < count; i++) {
        show_pool(run, &pools[i]);
    }
}

// ---- sessions

static void show_session(struct command_run *run, uint16_t worker,
                         const struct session_figures *session)
{
    const struct config *config = run->snapshot->config;
    struct grid *grid = &run->grid;
    uint64_t now_us = loop_now_us(run->host->loop);
    bool is_known = session->account < config->user_count;
    grid_text(grid, is_known ? config->users[session->account].name : "(logging in)");
    grid_number(grid, session->id);
    grid_number(grid, worker);
    grid_text(grid, session->peer);
    grid_text(grid, session->transport);
    grid_text(grid, session->database);
    grid_text(grid, session->state);
    grid_number(grid,
                now_us > session->since_us ? (int64_t)((now_us - session->since_us) / 1000) : 0);
    grid_yes_no(grid, session->in_transaction);
    grid_text(grid, session->shards);
    grid_text(grid, session->pinned);
    grid_number(grid, (int64_t)session->queries);
    grid_text(grid, session->statement);
    grid_end_row(grid);
}

void admin_show_sessions(struct command_run *run)
{
    grid_column(&run->grid, "user");
    grid_number_column(&run->grid, "id");
    grid_number_column(&run->grid, "worker");
    grid_column(&run->grid, "peer");
    grid_column(&run->grid, "transport");
    grid_column(&run->grid, "database");
    grid_column(&run->grid, "state");
    grid_number_column(&run->grid, "for_ms");
    grid_column(&run->grid, "in_transaction");
    grid_column(&run->grid, "shards");
    grid_column(&run->grid, "pinned");
    grid_number_column(&run->grid, "queries");
    grid_column(&run->grid, "statement");
    for (uint16_t i = 0; i < run->report_count; i++) {
        const struct worker_report *report = run->reports[i];
        for (size_t j = 0; j < report->session_count; j++) {
            show_session(run, report->worker, &report->sessions[j]);
        }
    }
}

// ---- KILL

static const struct session_figures *find_session(const struct command_run *run, uint64_t id)
{
    for (uint16_t i = 0; i < run->report_count; i++) {
        const struct worker_report *report = run->reports[i];
        for (size_t j = 0; j < report->session_count; j++) {
            if (report->sessions[j].id == id) {
                return &report->sessions[j];
            }
        }
    }
    return NULL;
}

void admin_kill(struct command_run *run)
{
    struct slice rest = run->arguments;
    struct slice word = admin_command_next_word(&rest);
    struct errand order = {.may_all = true};
    char digits[16] = "";
    char *end = digits;
    order.is_query = slice_is_nocase(word, "QUERY");
    if (order.is_query || slice_is_nocase(word, "CONNECTION")) {
        word = admin_command_next_word(&rest);
    }
    if (word.len > 0 && word.len < sizeof digits) {
        memcpy(digits, word.ptr, word.len);
    }
    uint64_t id = strtoull(digits, &end, 10);
    if (digits[0] < '0' || digits[0] > '9' || *end != '\0' || rest.len > 0) {
        error_fill(&run->error, ER_UNKNOWN,
                   "KILL [CONNECTION | QUERY] id, as SHOW SESSIONS has it");
        return;
    }
    if (find_session(run, id) == NULL) {
        error_fill(&run->error, ER_NO_SUCH_THREAD, (unsigned long long)id);
        return;
    }
    order.victim = (uint32_t)id;
    run->host->kill(run->host->owner, &order);
    run->message =
        slice_of_string(order.is_query ? "its statement is being ended" : "it is being ended");
}

// ---- status

struct status_reader {
    struct metrics_reader reader;
    struct grid *grid;
};

static void on_sample(struct metrics_reader *reader, const char *name, const char *labels,
                      const char *value, const char *help)
{
    struct grid *grid = CONTAINER_OF(reader, struct status_reader, reader)->grid;
    const char *prefix = "waybill_";
    grid_text(grid, strncmp(name, prefix, strlen(prefix)) == 0 ? name + strlen(prefix) : name);
    grid_text(grid, labels);
    grid_text(grid, value);
    grid_text(grid, help);
    grid_end_row(grid);
}

void admin_show_status(struct command_run *run)
{
    grid_column(&run->grid, "figure");
    grid_column(&run->grid, "of");
    grid_column(&run->grid, "value");
    grid_column(&run->grid, "help");
    struct metrics_view view = view_of(run);
    struct status_reader status = {.reader = {on_sample}, .grid = &run->grid};
    metrics_read(&view, &status.reader);
}
