// What came of DDL goes to the control thread as a note that ends the one it began with.

#include "session/ddl_run.h"

#include <stdio.h>

#include "protocol/error_table.h"
#include "session/errand.h"

void ddl_run_set(struct ddl_run *run, uint16_t target, const struct error *error)
{
    struct ddl_shard *shard = &run->shards[target];
    if (error == NULL) {
        shard->state = DDL_DONE;
        return;
    }
    bool is_unknown = error->code == ER_OUTCOME_UNKNOWN || error->code == ER_SERVER_LOST ||
                      error->code == ER_QUERY_TIMEOUT;
    shard->state = is_unknown ? DDL_UNKNOWN : DDL_FAILED;
    snprintf(shard->problem, sizeof shard->problem, "%.199s", error->text);
}

static struct ddl_note *end_note(uint64_t id, const struct ddl_run *run)
{
    struct ddl_note *note = ddl_note_new();
    note->is_end = true;
    note->id = id;
    for (uint16_t i = 0; run != NULL && i < run->count; i++) {
        note->shards[i] = run->shards[i];
        note->shard_count = run->count;
    }
    return note;
}

bool ddl_run_end(struct session *session, struct ddl_run *run)
{
    if (run != NULL && !run->is_told) {
        run->is_told = true;
        struct errand errand = {.kind = ERRAND_DDL, .is_end = true, .ddl = end_note(run->id, run)};
        errand_start(session, &errand);
    }
    return run != NULL;
}

// Nobody waits for the answer.
static void send_end(struct sessions *sessions, uint64_t id, const struct ddl_run *run)
{
    struct errand errand = {.kind = ERRAND_DDL, .is_end = true, .ddl = end_note(id, run)};
    sessions->host.on_errand(sessions->host.owner, &errand);
}

void ddl_run_never(struct sessions *sessions, uint64_t id)
{
    send_end(sessions, id, NULL);
}

void ddl_run_abandon(struct sessions *sessions, struct ddl_run *run)
{
    if (run == NULL || run->is_told) {
        return;
    }
    run->is_told = true;
    for (uint16_t i = 0; i < run->count; i++) {
        run->shards[i].state = DDL_UNKNOWN;
    }
    send_end(sessions, run->id, run);
}

void ddl_run_limit_waiting(struct session *session, struct request *request)
{
    int64_t wait_ms = session_config(session)->settings.ddl_lock_wait_ms;
    struct slice name = slice_of_string("lock_wait_timeout");
    if (wait_ms == 0 || state_find_variable(session_state_now(session), name).ptr != NULL) {
        return; // the client has said how long
    }
    struct session_state *state = session_state_copy(session);
    struct slice value = arena_format(&session->arena, "%lld", (long long)(wait_ms + 999) / 1000);
    state_set_variable(state, name, value);
    request->state = state;
}
