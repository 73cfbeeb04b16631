// A backend that lingers has to go: after LINGER_MS, because others wait for it, or because the
// client's next statement needs what it knows in another form. It is asked first:
//
//     NUMBERS   SELECT FOUND_ROWS(), @@warning_count, @@error_count     changes no list
//     ROWS      SHOW WARNINGS, when there are any
//
// Between two commands of the client this is a command of waybill's own: what the client sends
// meanwhile waits as anything that comes while a command runs.

#include "session/flow_recall.h"

#include "session/aftermath.h"
#include "session/flow_single.h"
#include "session/gather.h"
#include "session/warning_list.h"

enum { NUMBER_COUNT = 3 };

enum recall_step { RECALL_NUMBERS, RECALL_ROWS };

struct flow_recall {
    struct flow flow;
    enum recall_step step;
    struct aftermath before;
    struct gather gather;
    uint64_t numbers[NUMBER_COUNT]; // FOUND_ROWS(), all warnings, errors among them
    void (*then)(struct session *session, struct request *request); // NULL: no client waits
};

static struct flow_recall *recall_of(struct flow *flow)
{
    return CONTAINER_OF(flow, struct flow_recall, flow);
}

// Not counted here, but the backend has run that statement and none after it.
static bool has_found_rows(const struct aftermath *aftermath)
{
    return aftermath->has_found_rows || (aftermath->is_found_lost && !aftermath->is_found_old);
}

bool recall_is_due(const struct session *session)
{
    const struct aftermath *aftermath = &session->aftermath;
    bool has_list = (aftermath->warnings > 0 || aftermath->is_error || aftermath->is_unclear) &&
                    session->warnings == NULL && !aftermath->is_lost;
    return (has_list || has_found_rows(aftermath)) && aftermath_leg(session) != NULL;
}

// ---- what comes of it

static void go_on(struct flow_recall *recall)
{
    struct session *session = recall->flow.session;
    if (recall->then == NULL) {
        flow_finish(&recall->flow);
        return;
    }
    session->flow = NULL; // this flow is over, the command is not
    recall->then(session, recall->flow.request);
}

static void lose(struct flow_recall *recall)
{
    struct session *session = recall->flow.session;
    session->aftermath = recall->before;
    session->aftermath.shard = NO_SHARD;
    aftermath_lose(session);
    legs_release_lingering(session);
    go_on(recall);
}

// `list` is the session's afterwards; NULL: it had one in memory already, or there is none.
static void keep(struct flow_recall *recall, struct warning_list *list)
{
    struct session *session = recall->flow.session;
    struct aftermath *aftermath = &session->aftermath;
    *aftermath = recall->before;
    if (has_found_rows(aftermath)) {
        aftermath->has_found_rows = aftermath->is_found_lost = false;
        aftermath->found_rows = recall->numbers[0];
    }
    aftermath->is_behind = aftermath->is_found_old = true; // a backend that stays has run this
    if (list != NULL) {
        list->total = (uint32_t)recall->numbers[1];
        list->errors = (uint32_t)recall->numbers[2];
        aftermath_keep_list(session, list);
    }
    legs_release_lingering(session);
    go_on(recall);
}

// ---- the questions

static void ask(struct flow_recall *recall, const char *sql)
{
    struct session *session = recall->flow.session;
    struct leg_command command = {
        .shard = recall->before.shard,
        .access = ACCESS_REPLICA,
        .kind = ANSWER_QUERY,
        .packet = flow_frame_query(&session->arena, slice_of_string(sql)),
        .is_outside = true,
        .is_stateless = true, // as the statement left it
        .is_there = true,
        .wants_keep = true,
    };
    recall->gather.len = 0;
    (void)leg_start(&recall->flow, &command);
}

static bool read_numbers(struct flow_recall *recall)
{
    struct field fields[NUMBER_COUNT];
    if (!gather_only_row(&recall->gather, recall->flow.session->capabilities, fields,
                         NUMBER_COUNT)) {
        return false;
    }
    for (int i = 0; i < NUMBER_COUNT; i++) {
        if (fields[i].is_null || !slice_to_uint64(fields[i].bytes, &recall->numbers[i])) {
            return false;
        }
    }
    return recall->numbers[1] <= UINT32_MAX && recall->numbers[2] <= UINT32_MAX;
}

static void on_numbers(struct flow_recall *recall)
{
    if (!read_numbers(recall)) {
        lose(recall);
    } else if (recall->flow.session->warnings != NULL || recall->before.is_lost) {
        keep(recall, NULL);
    } else if (recall->numbers[1] == 0) {
        keep(recall, warning_list_new());
    } else {
        recall->step = RECALL_ROWS;
        ask(recall, "SHOW WARNINGS");
    }
}

static void on_rows(struct flow_recall *recall)
{
    struct session *session = recall->flow.session;
    struct warning_list *list = warning_list_new();
    struct slice packets = slice_of(recall->gather.bytes, recall->gather.len);
    if (warning_list_read(list, packets, session->capabilities)) {
        keep(recall, list);
    } else {
        warning_list_free(list);
        lose(recall);
    }
}

static void on_answer(struct flow *flow, struct leg *leg, const uint8_t *bytes, size_t len,
                      const struct answer *last)
{
    (void)leg;
    struct flow_recall *recall = recall_of(flow);
    if (recall->gather.len + len <= 2 * WARNINGS_BYTES_MAX) { // more would not be kept
        gather_add(&recall->gather, &flow->session->arena, bytes, len);
    }
    if (last == NULL) {
        return;
    }
    if (recall->step == RECALL_NUMBERS) {
        on_numbers(recall);
    } else {
        on_rows(recall);
    }
}

static void on_failed(struct flow *flow, struct leg *leg, const struct error *error)
{
    (void)leg;
    const struct session *session = flow->session;
    bool is_more = session->transaction.is_lost || session->wants_close;
    if (is_more && recall_of(flow)->then != NULL) { // a client is there to be told
        flow_fail(flow, error);
    } else {
        lose(recall_of(flow));
    }
}

static void on_drained(struct flow *flow)
{
    (void)flow; // writes nothing
}

static const struct flow_kind flow_recall_kind = {
    .name = "keeping warnings",
    .on_answer = on_answer,
    .on_failed = on_failed,
    .on_drained = on_drained,
};

void recall_start(struct session *session, struct request *request,
                  void (*then)(struct session *session, struct request *request))
{
    struct flow_recall *recall = arena_alloc(&session->arena, sizeof *recall);
    recall->before = session->aftermath;
    recall->then = then;
    flow_begin(&recall->flow, &flow_recall_kind, session, request);
    ask(recall, "SELECT FOUND_ROWS(), @@session.warning_count, @@session.error_count");
}

bool recall_start_idle(struct session *session)
{
    if (session->stage != SESSION_IDLE && session->stage != SESSION_FLUSHING) {
        return false;
    }
    struct request *request = arena_alloc(&session->arena, sizeof *request);
    request->session = session;
    request->command = COM_SLEEP;
    request->began_us = session_now_us(session);
    session->request = request;
    recall_start(session, request, NULL);
    return true;
}
