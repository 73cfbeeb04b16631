// Asks a server for what is not known of LAST_INSERT_ID(), before a statement that reads it.
//
//     DOUBT_COLUMN   which column of the table is AUTO_INCREMENT? Any server of the shard knows. Of
//     a
//                    view's columns information_schema does not say it, but their definitions do:
//                    it is asked in two steps.
//     DOUBT_BACKEND  the backend to which the session is bound has the value itself.

#include "protocol/error_table.h"
#include "protocol/column.h"
#include "protocol/packet.h"
#include "protocol/row_text.h"
#include "session/aftermath.h"
#include "session/command.h"
#include "session/flow_recall.h"
#include "session/flow_single.h"
#include "session/flow_unknown.h"
#include "session/gather.h"
#include "session/insert_id.h"

enum answer_field { AT_COLUMN, AT_PLACE, AT_VIEW, ANSWER_COLUMNS };

struct flow_insert_id {
    struct flow flow;
    bool is_of_view; // the question that runs
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

// The column of a view. When it has none the id was made, and LAST_INSERT_ID() stays as it was (the
// manual says so).
struct view_column {
    const struct insert_id *doubt;
    uint64_t capabilities;
    uint64_t place;
    uint64_t id;
    bool is_there, is_known;
};

static bool take_column(void *owner, struct slice payload)
{
    struct view_column *view = owner;
    struct column column;
    view->place++;
    if (!column_read(payload, &column, view->capabilities)) {
        return false;
    }
    if ((column.flags & COLUMN_AUTO_INCREMENT) != 0) {
        view->is_known = !view->is_there &&
                         insert_id_if_column(view->doubt, column.name, view->place, &view->id);
        view->is_there = true;
    }
    return true;
}

static bool settle_view(const struct session *session, const struct flow_insert_id *ask,
                        uint64_t *id)
{
    struct view_column view = {.doubt = &session->insert_id, .capabilities = session->capabilities};
    if (!gather_each_column(&ask->gather, session->capabilities, take_column, &view)) {
        return false;
    }
    *id = view.is_there ? view.id : session->last_insert_id;
    return view.is_there ? view.is_known : !view.doubt->is_old_lost;
}

static bool settle_table(const struct session *session, const struct flow_insert_id *ask,
                         uint64_t *id)
{
    struct field fields[ANSWER_COLUMNS];
    const struct insert_id *doubt = &session->insert_id;
    uint64_t place = 0;
    if (!gather_only_row(&ask->gather, session->capabilities, fields, ANSWER_COLUMNS) ||
        !fields[AT_VIEW].is_null) {
        return false;
    }
    if (fields[AT_COLUMN].is_null) { // no column is: nothing was made
        *id = session->last_insert_id;
        return !doubt->is_old_lost && doubt->id == 0;
    }
    return slice_to_uint64(fields[AT_PLACE].bytes, &place) &&
           insert_id_if_column(doubt, fields[AT_COLUMN].bytes, place, id);
}

// False: nobody knows.
static bool settle(struct session *session, const struct flow_insert_id *ask)
{
    uint64_t id = 0;
    if (session->insert_id.doubt == DOUBT_BACKEND) {
        return insert_id_take(session, &ask->gather);
    }
    if (ask->is_of_view ? !settle_view(session, ask, &id) : !settle_table(session, ask, &id)) {
        return false;
    }
    insert_id_set(session, id);
    return true;
}

static void start(struct flow_insert_id *ask, struct slice sql)
{
    struct session *session = ask->flow.session;
    struct leg_command command = {
        .shard = session->pin != NULL ? session->pin->shard : session->insert_id.shard,
        .access = ACCESS_REPLICA,
        .kind = ANSWER_QUERY,
        .packet = flow_frame_query(&session->arena, sql),
        .is_outside = true,
    };
    ask->gather = (struct gather){.len = 0};
    (void)leg_start(&ask->flow, &command);
}

// With autocommit off a SELECT of it would begin a transaction that nobody ends.
static bool is_view(const struct session *session, const struct flow_insert_id *ask,
                    struct field *fields)
{
    return session->insert_id.doubt == DOUBT_COLUMN && !ask->is_of_view &&
           !session->carried.is_autocommit_off &&
           gather_only_row(&ask->gather, session->capabilities, fields, ANSWER_COLUMNS) &&
           !fields[AT_VIEW].is_null;
}

static void ask_view(struct flow_insert_id *ask, struct slice name)
{
    ask->is_of_view = true;
    start(ask, arena_format(&ask->flow.session->arena, "SELECT * FROM %.*s LIMIT 0", (int)name.len,
                            (const char *)name.ptr));
}

static void on_answer(struct flow *flow, struct leg *leg, const uint8_t *bytes, size_t len,
                      const struct answer *last)
{
    (void)leg;
    struct flow_insert_id *ask = flow_of(flow);
    struct session *session = flow->session;
    struct field fields[ANSWER_COLUMNS];
    gather_add(&ask->gather, &session->arena, bytes, len);
    if (last == NULL) {
        return;
    }
    if (!last->is_error && is_view(session, ask, fields)) {
        ask_view(ask, fields[AT_VIEW].bytes);
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

// Columns that are INVISIBLE have no place among the values.
static struct slice question(struct session *session)
{
    const struct insert_id *doubt = &session->insert_id;
    if (doubt->doubt == DOUBT_BACKEND) {
        return slice_of_string(INSERT_ID_QUESTION);
    }
    int len = (int)doubt->table.len;
    const char *table = (const char *)doubt->table.ptr;
    return arena_format(
        &session->arena,
        "SELECT C.COLUMN_NAME, IF(C.EXTRA LIKE '%%INVISIBLE%%', 0, C.ORDINAL_POSITION - (SELECT "
        "COUNT(*) FROM information_schema.COLUMNS T WHERE %.*s AND T.EXTRA LIKE '%%INVISIBLE%%' "
        "AND T.ORDINAL_POSITION < C.ORDINAL_POSITION)), IF(T.TABLE_TYPE <> 'VIEW', NULL, "
        "CONCAT('`', REPLACE(T.TABLE_SCHEMA, '`', '``'), '`.`', REPLACE(T.TABLE_NAME, '`', '``'), "
        "'`')) FROM information_schema.TABLES T LEFT JOIN information_schema.COLUMNS C ON "
        "C.TABLE_SCHEMA = T.TABLE_SCHEMA AND C.TABLE_NAME = T.TABLE_NAME AND C.EXTRA LIKE "
        "'%%auto_increment%%' WHERE %.*s",
        len, table, len, table);
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
    flow_begin(&ask->flow, &flow_insert_id_kind, session, request);
    start(ask, question(session));
}

void insert_id_ask_there(struct flow *flow, struct leg *leg)
{
    struct session *session = flow->session;
    struct leg_command command = {
        .shard = leg->shard,
        .access = ACCESS_PRIMARY,
        .kind = ANSWER_QUERY,
        .packet = flow_frame_query(&session->arena, slice_of_string(INSERT_ID_QUESTION)),
        .is_outside = true,
        .is_there = true,
        .wants_keep = aftermath_needs(session, leg),
    };
    aftermath_note_question(session);
    leg_start_there(flow, leg, &command);
}
