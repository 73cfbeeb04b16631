// Asks a server for what is not known of LAST_INSERT_ID(), before a statement that reads it.
//
//     DOUBT_COLUMN   which column of the table is AUTO_INCREMENT? Any server of the shard knows.
//     DOUBT_BACKEND  the backend to which the session is bound has the value itself.

#include "protocol/error_table.h"
#include "protocol/packet.h"
#include "protocol/row_text.h"
#include "session/aftermath.h"
#include "session/command.h"
#include "session/flow_recall.h"
#include "session/flow_single.h"
#include "session/flow_unknown.h"
#include "session/gather.h"
#include "session/insert_id.h"

enum { ANSWER_COLUMNS = 2 };

struct flow_insert_id {
    struct flow flow;
    struct gather gather;
    void (*then)(struct session *session, struct request *request);
};

static struct flow_insert_id *flow_of(struct flow *flow)
{
    return CONTAINER_OF(flow, struct flow_insert_id, flow);
}

static bool is_needed(const struct statement *statement)
{
    return (statement->facts & FACT_LAST_INSERT_ID) != 0 || insert_id_is_opaque(statement) ||
           insert_id_is_set_by(statement);
}

bool insert_id_must_ask(const struct session *session, const struct statement *statement)
{
    return session->insert_id.doubt != DOUBT_NONE &&
           (is_needed(statement) || insert_id_would_blur(session, statement)) &&
           !(session->insert_id.doubt == DOUBT_BACKEND && insert_id_is_opaque(statement));
}

// False: nobody knows.
static bool settle(struct session *session, const struct flow_insert_id *ask)
{
    struct field fields[ANSWER_COLUMNS];
    const struct insert_id *doubt = &session->insert_id;
    uint64_t id = 0;
    if (doubt->doubt == DOUBT_BACKEND) {
        return insert_id_take(session, &ask->gather);
    }
    if (!gather_only_row(&ask->gather, session->capabilities, fields, ANSWER_COLUMNS)) {
        return false;
    }
    uint64_t place = 0;
    bool is_known;
    if (fields[0].is_null) { // no column is: nothing was made
        is_known = !doubt->is_old_lost && doubt->id == 0;
        id = session->last_insert_id;
    } else {
        is_known = slice_to_uint64(fields[1].bytes, &place) &&
                   insert_id_if_column(doubt, fields[0].bytes, place, &id);
    }
    if (is_known) {
        insert_id_set(session, id);
    }
    return is_known;
}

static void on_answer(struct flow *flow, struct leg *leg, const uint8_t *bytes, size_t len,
                      const struct answer *last)
{
    (void)leg;
    struct flow_insert_id *ask = flow_of(flow);
    struct session *session = flow->session;
    gather_add(&ask->gather, &session->arena, bytes, len);
    if (last == NULL) {
        return;
    }
    bool is_settled = !last->is_error && settle(session, ask);
    if (!is_settled && !is_needed(flow->request->statement)) {
        session->insert_id.doubt = DOUBT_LOST; // until somebody asks
    } else if (!is_settled) {
        struct error error;
        error_fill(&error, ER_NOT_SUPPORTED_YET, INSERT_ID_UNKNOWN);
        flow_fail(flow, &error);
        return;
    }
    session->flow = NULL; // this flow is over, the command is not
    ask->then(session, flow->request);
}

static void on_failed(struct flow *flow, struct leg *leg, const struct error *error)
{
    (void)leg;
    flow_fail(flow, error);
}

static const struct flow_kind flow_insert_id_kind = {
    .name = "asking for the insert id",
    .on_answer = on_answer,
    .on_failed = on_failed,
};

static struct slice question(struct session *session)
{
    const struct insert_id *doubt = &session->insert_id;
    if (doubt->doubt == DOUBT_BACKEND) {
        return slice_of_string(INSERT_ID_QUESTION);
    }
    return arena_format(&session->arena,
                        "SELECT C.COLUMN_NAME, C.ORDINAL_POSITION FROM information_schema.TABLES T "
                        "LEFT JOIN information_schema.COLUMNS C ON C.TABLE_SCHEMA = T.TABLE_SCHEMA "
                        "AND C.TABLE_NAME = T.TABLE_NAME AND C.EXTRA LIKE '%%auto_increment%%' "
                        "WHERE %.*s AND T.TABLE_TYPE = 'BASE TABLE'",
                        (int)doubt->table.len, (const char *)doubt->table.ptr);
}

// What can't be read is mostly a mistake.
static void refuse(struct session *session, struct request *request)
{
    if (request->statement->kind == STATEMENT_UNKNOWN && request->command == COM_QUERY) {
        struct error error;
        error_fill(&error, ER_NOT_SUPPORTED_YET, INSERT_ID_UNKNOWN);
        flow_unknown_start(session, request, &error);
    } else {
        command_refuse(session, INSERT_ID_UNKNOWN);
    }
}

void insert_id_ask(struct session *session, struct request *request,
                   void (*then)(struct session *session, struct request *request))
{
    const struct insert_id *doubt = &session->insert_id;
    if (doubt->doubt == DOUBT_LOST || (doubt->doubt == DOUBT_BACKEND && session->pin == NULL)) {
        refuse(session, request);
        return;
    }
    if (recall_is_due(session)) { // the question would clear the list of warnings
        recall_start(session, request, then);
        return;
    }
    aftermath_note_question(session);
    struct flow_insert_id *ask = arena_alloc(&session->arena, sizeof *ask);
    ask->then = then;
    struct leg_command command = {
        .shard = session->pin != NULL ? session->pin->shard : doubt->shard,
        .access = ACCESS_REPLICA,
        .kind = ANSWER_QUERY,
        .packet = flow_frame_query(&session->arena, question(session)),
        .is_outside = true,
    };
    flow_begin(&ask->flow, &flow_insert_id_kind, session, request);
    (void)leg_start(&ask->flow, &command);
}
