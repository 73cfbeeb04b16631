// Others may take what was reserved before the statement comes to it: it asks again then, some
// times.

#include "session/row_id_wait.h"

#include "protocol/error_table.h"
#include "session/command.h"
#include "session/errand.h"

enum { ROUNDS_MAX = 100 };

struct row_id_wait {
    struct flow flow; // first
    void (*then)(struct session *session, struct request *request);
};

static void on_drained(struct flow *flow)
{
    (void)flow; // of an answer before this one
}

static const struct flow_kind row_id_wait_kind = {
    .name = "reserving ids",
    .on_drained = on_drained,
};

void row_id_wait_start(struct session *session, struct request *request,
                       void (*then)(struct session *session, struct request *request))
{
    struct error error;
    if (++request->row_id_rounds > ROUNDS_MAX) {
        error_fill(&error, ER_NO_ORDER_ID,
                   "No row id can be made: other statements take all that is reserved. Try again, "
                   "with fewer rows in a statement");
        command_error(session, &error);
        return;
    }
    struct row_id_wait *wait = arena_alloc(&session->arena, sizeof *wait);
    struct errand errand = {.kind = ERRAND_ROW_IDS, .row_ids = request->plan->row_id_wish};
    wait->then = then;
    flow_begin(&wait->flow, &row_id_wait_kind, session, request);
    errand_start(session, &errand);
}

void row_id_wait_answered(struct session *session, const struct errand_result *result)
{
    struct row_id_wait *wait = CONTAINER_OF(session->flow, struct row_id_wait, flow);
    if (error_is_set(&result->problem)) {
        flow_fail(&wait->flow, &result->problem);
        return;
    }
    session->flow = NULL; // this flow is over, the command is not
    wait->then(session, wait->flow.request);
}
