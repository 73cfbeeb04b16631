// Transactions on several shards that are in doubt, and the operator's word about one.

#include "admin/command.h"
#include "protocol/error_table.h"
#include "replication/job.h"

enum { BRANCHES_SHOWN = 1000 };

void admin_show_transactions(struct command_run *run)
{
    const struct monitor *monitor = run->host->monitor(run->host->owner);
    grid_column(&run->grid, "transaction");
    grid_column(&run->grid, "decider");
    grid_column(&run->grid, "shard");
    grid_column(&run->grid, "holder");
    grid_number_column(&run->grid, "age_ms");
    grid_column(&run->grid, "problem");
    if (monitor == NULL) {
        return; // it has not started yet
    }
    uint64_t now_us = job_now_us();
    struct recover_branch *branches = arena_alloc(run->arena, sizeof *branches * BRANCHES_SHOWN);
    size_t count = monitor_transactions(monitor, branches, BRANCHES_SHOWN);
    for (size_t i = 0; i < count; i++) {
        const struct recover_branch *branch = &branches[i];
        grid_text(&run->grid, branch->gtrid);
        grid_text(&run->grid, recover_decider(branch->gtrid));
        grid_text(&run->grid, run->snapshot->config->shards[branch->shard].name);
        grid_text(&run->grid, branch->bqual);
        grid_number(&run->grid, (int64_t)((now_us - branch->seen_us) / 1000));
        grid_text(&run->grid, branch->problem);
        grid_end_row(&run->grid);
    }
}

void admin_resolve(struct command_run *run)
{
    struct slice rest = run->arguments;
    struct slice name = admin_command_next_word(&rest);
    struct slice word = admin_command_next_word(&rest);
    bool is_commit = slice_is_nocase(word, "COMMIT");
    if (name.len == 0 || rest.len > 0 || (!is_commit && !slice_is_nocase(word, "ROLLBACK"))) {
        error_set(&run->error, ER_PARSE, "42000",
                  "RESOLVE TRANSACTION name COMMIT, or ROLLBACK; SHOW TRANSACTIONS has the names");
        return;
    }
    if (!run->host->resolve(run->host->owner, name, is_commit ? 'C' : 'A')) {
        error_set(&run->error, ER_UNKNOWN, "HY000",
                  "there is no transaction in doubt of that name");
        return;
    }
    run->message = slice_of_string(
        "it is done in the next second, unless the shard that decides can be asked and says "
        "otherwise: see SHOW EVENTS");
}
