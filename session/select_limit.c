// sql_select_limit over several shards. Each server holds its own part to it; of the whole no more
// than so many rows, or groups, go to the client, since one that is among the first n of all is
// among the first n of each shard that has it. A LIMIT in the statement goes before it.

#include "session/select_limit.h"

#include "protocol/error_table.h"

bool select_limit_apply(const struct session *session, const struct request *request,
                        struct error *error)
{
    struct plan *plan = request->plan;
    struct slice limit =
        state_find_variable(session_state_now(session), slice_of_string("sql_select_limit"));
    bool is_write = plan->merge == MERGE_OK || plan->merge == MERGE_FIRST;
    uint64_t rows;
    if (limit.ptr == NULL || slice_is_nocase(limit, "DEFAULT") ||
        slice_is_nocase(limit, SELECT_LIMIT_NONE) || is_write ||
        (request->statement->query != NULL && request->statement->query->limit != NULL)) {
        return true;
    }
    bool is_rows = plan->merge == MERGE_ROWS || plan->merge == MERGE_SORT ||
                   (plan->merge == MERGE_GROUP && !plan->counts_found);
    if (!is_rows || !slice_to_uint64(limit, &rows)) {
        error_fill(error, ER_CROSS_SHARD,
                   "sql_select_limit is set, and the statement concerns several shards: write "
                   "LIMIT into the statement instead");
        return false;
    }
    plan->limit = rows < plan->limit ? rows : plan->limit;
    return true;
}
