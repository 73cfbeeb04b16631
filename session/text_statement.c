// PREPARE and EXECUTE as text. The session keeps the text of what it has prepared, so that it is
// bound to no server:
//
//     PREPARE s FROM 'SELECT ... = ?'    the text is prepared on a server, for its errors; and kept
//     EXECUTE s USING @a                 routed like the statement itself with the value of @a,
//                                        then run, on each shard by its text there, as
//                                        EXECUTE IMMEDIATE 'SELECT ... = ?' USING @a
//
// User variables are carried, so that a server has the value; and its answer is what it would be
// for EXECUTE s: rows as text, the same columns (MariaDB 10.11: compared). Servers without EXECUTE
// IMMEDIATE are given PREPARE ahead of it, by a name of waybill's own; so are all, when the session
// has another sql_mode or character set than when the text was prepared.

#include "session/text_statement.h"

#include "protocol/charset.h"
#include "protocol/error_table.h"
#include "protocol/packet.h"
#include "session/aftermath.h"
#include "session/command.h"
#include "session/flow_prepare.h"
#include "session/flow_single.h"
#include "session/flow_unknown.h"
#include "session/gather.h"
#include "session/prepared.h"
#include "session/query.h"
#include "session/step_literal.h"
#include "session/text_ask.h"
#include "session/text_value.h"
#include "session/track.h"

enum {
    MARIADB_HAS_IMMEDIATE = 100203,
    ERROR_BYTES_MAX = 16 * 1024, // more is no ERR packet
    ER_INVALID_DEFAULT_PARAM = 4032,
};

#define OWN_NAME "`waybill`"

static bool has_immediate(const struct session *session)
{
    const struct snapshot *snapshot = session->sessions->snapshot;
    return snapshot->is_mariadb && snapshot->server_version >= MARIADB_HAS_IMMEDIATE;
}

static void tell_unknown(struct session *session, struct slice name, const char *command)
{
    struct error error;
    error_fill(&error, ER_UNKNOWN_STMT, (int)name.len, (const char *)name.ptr, command);
    command_error(session, &error);
}

// Makes the request's statement the one of that text. False: the client was told why not.
static bool enter_statement(struct session *session, struct request *request, struct slice sql,
                            const struct statement *outer)
{
    request->raw = flow_frame_query(&session->arena, sql);
    if (!query_parse(session, request, sql, false)) {
        return false;
    }
    if (request->statement->hint.len == 0) {
        request->statement->hint = outer->hint;
    }
    if (request->statement->kind == STATEMENT_PREPARE) {
        struct error error;
        error_fill(&error, ER_UNSUPPORTED_PS);
        command_error(session, &error);
        return false;
    }
    return true;
}

// ---- PREPARE

struct flow_check {
    struct flow flow;
    struct slice name;
    struct gather gather; // of the answer, as long as it may be an error
    uint16_t shard;
};

// `answer`: of the server that was asked on `shard`.
static void note_prepared(struct session *session, struct slice name, const struct answer *answer,
                          uint16_t shard)
{
    (void)prepared_add_named(session, name, session->request->statement->text, answer->param_count);
    aftermath_note_prepared(session, answer->warnings, shard);
    session->aftermath.row_count = 0;
    session->aftermath.is_behind = true; // a server has prepared it otherwise, or not at all
    track_note_changed(session);
    session_write_ok(session,
                     &(struct ok_packet){.warnings = answer->warnings,
                                         .message = slice_of_string("Statement prepared")});
}

static void on_checked(struct flow *flow, struct leg *leg, const uint8_t *bytes, size_t len,
                       const struct answer *last)
{
    struct flow_check *check = CONTAINER_OF(flow, struct flow_check, flow);
    struct session *session = flow->session;
    (void)leg;
    if (check->gather.len + len <= ERROR_BYTES_MAX) {
        gather_add(&check->gather, &session->arena, bytes, len);
    }
    if (last == NULL) {
        return;
    }
    if (last->is_error) {
        aftermath_note_refused(session, check->shard);
        counter_add(&session->sessions->counters.errors_sent, 1);
        session_write_payload(session, gather_payload(&check->gather));
    } else {
        note_prepared(session, check->name, last, check->shard);
    }
    flow_finish(flow);
}

static void on_failed(struct flow *flow, struct leg *leg, const struct error *error)
{
    (void)leg;
    flow_fail(flow, error);
}

static void on_drained(struct flow *flow)
{
    (void)flow; // nothing is written before the answer is whole
}

static const struct flow_kind flow_check_kind = {
    .name = "preparing",
    .on_answer = on_checked,
    .on_failed = on_failed,
    .on_drained = on_drained,
};

static struct slice frame_prepare(struct arena *arena, struct slice sql)
{
    struct slice framed = flow_frame_query(arena, sql);
    uint8_t *bytes = (uint8_t *)(uintptr_t)framed.ptr;
    bytes[PACKET_HEADER_BYTES] = COM_STMT_PREPARE;
    return framed;
}

static void check_on(struct session *session, struct request *request, struct slice name,
                     uint16_t shard, enum plan_access access)
{
    struct flow_check *check = arena_alloc(&session->arena, sizeof *check);
    check->name = name;
    check->shard = session->pin != NULL ? session->pin->shard : shard;
    struct leg_command command = {
        .shard = check->shard,
        .access = access,
        .kind = ANSWER_PREPARE,
        .packet = frame_prepare(&session->arena, request->statement->text),
        .is_outside = true,
        .may_linger = true, // SHOW WARNINGS
    };
    legs_release_lingering(session);
    flow_begin(&check->flow, &flow_check_kind, session, request);
    (void)leg_start(&check->flow, &command);
}

static void check_where_it_goes(struct session *session, struct request *request, struct slice name)
{
    struct error error;
    if (!query_plan(session, request, &error)) {
        query_refuse(session, request, &error);
        return;
    }
    check_on(session, request, name, request->plan->targets[0].shard,
             prepare_access(request->plan));
}

static void prepare_known(struct session *session, struct request *request, struct text_ask *ask)
{
    struct slice name = ask->outer->name;
    struct prepared_statement *old = prepared_find_named(session, name);
    uint32_t max = (uint32_t)session_config(session)->settings.max_prepared;
    if (old != NULL) { // also when the new one turns out to be wrong
        prepared_remove(session, old);
    }
    if (prepared_count(session) >= max) {
        struct error error;
        error_fill(&error, ER_TOO_MANY_STATEMENTS, max);
        command_error(session, &error);
        return;
    }
    request->is_preparing = true;
    if (!enter_statement(session, request, ask->sql, ask->outer)) {
        return;
    }
    if (!query_is_local_kind(request->statement->kind)) {
        check_where_it_goes(session, request, name);
    } else if (request->statement->param_count > 0) {
        check_on(session, request, name, query_any_shard(session), ACCESS_REPLICA);
    } else {
        note_prepared(session, name, &(struct answer){0}, NO_SHARD);
        request_finish(session);
    }
}

// ---- EXECUTE

// Errors of a server's.
static bool are_values_for_set(const struct request *request, struct error *error)
{
    const struct text_execute *text = request->text;
    if (text->value_count != request->statement->param_count) {
        error_fill(error, ER_WRONG_ARGUMENTS, "EXECUTE");
        return false;
    }
    for (uint32_t i = 0; i < text->value_count; i++) {
        if (text->values[i]->kind == EXPR_DEFAULT) {
            error_set(error, ER_INVALID_DEFAULT_PARAM, "HY000",
                      "Default/ignore value is not supported for such parameter usage");
            return false;
        }
    }
    return true;
}

static bool are_values_known(const struct request *request)
{
    for (uint32_t i = 0; i < request->text->value_count; i++) {
        if (text_value_is_unknown(&request->params[i])) {
            return false;
        }
    }
    return true;
}

// SET is remembered as the text that it was: with its values; or its server says what was set.
static void execute_set(struct session *session, struct request *request,
                        const struct statement *outer)
{
    struct error error;
    struct slice sql;
    bool is_fine = are_values_for_set(request, &error);
    if (is_fine && !are_values_known(request) && has_immediate(session)) {
        query_run_statement(session, request);
        return;
    }
    is_fine = is_fine && step_literal_text(session, request, &sql, &error);
    request->text = NULL;
    if (!is_fine) {
        command_error(session, &error);
    } else if (enter_statement(session, request, sql, outer)) {
        query_run_statement(session, request);
    }
}

static void execute_known(struct session *session, struct request *request, struct text_ask *ask)
{
    const char *why = NULL;
    const struct prepare_part *part = ask->outer->prepare;
    if (ask->prepared != NULL) {
        why = prepared_find_world(ask->prepared, session, request);
    }
    if (why != NULL) {
        command_refuse(session, why);
        return;
    }
    if (!enter_statement(session, request, ask->sql, ask->outer)) {
        return;
    }
    if (ask->outer->set != NULL && query_is_local_kind(request->statement->kind)) {
        command_refuse(session, "SET STATEMENT ... FOR EXECUTE of SET, USE or a statement about "
                                "transactions");
        return;
    }
    struct text_execute *text = arena_alloc(&session->arena, sizeof *text);
    uint32_t params = request->statement->param_count;
    text->outer = ask->outer->text;
    text->settings = slice_part(ask->outer->text, 0, ask->outer->set != NULL ? part->begin : 0);
    text->values = part->values;
    text->value_count = part->value_count;
    struct binary_value *known = arena_alloc(&session->arena, (params + 1) * sizeof *known);
    for (uint32_t i = 0; i < params; i++) {
        known[i] = i < part->value_count ? ask->values[i] : text_value_unknown();
    }
    request->text = text;
    request->params = known;
    if (query_is_local_kind(request->statement->kind) && params > 0) {
        execute_set(session, request, ask->outer);
    } else {
        query_run_statement(session, request);
    }
}

// A copy: the statement's own may be gone before the answer, by DEALLOCATE in a later command only,
// but what the parser made of it is in the arena.
static void run_execute(struct session *session, struct request *request, struct text_ask *ask)
{
    struct slice name = ask->outer->name;
    struct error error;
    ask->prepared = prepared_find_named(session, name);
    if (ask->prepared == NULL) {
        tell_unknown(session, name, "EXECUTE");
    } else if (prepared_param_count(ask->prepared) != ask->outer->prepare->value_count) {
        error_fill(&error, ER_WRONG_ARGUMENTS, "EXECUTE");
        command_error(session, &error);
    } else {
        ask->sql = arena_copy(&session->arena, prepared_sql(ask->prepared));
        text_ask_start(session, request, ask);
    }
}

static void run_drop(struct session *session, struct slice name)
{
    struct prepared_statement *prepared = prepared_find_named(session, name);
    if (prepared == NULL) {
        tell_unknown(session, name, "DEALLOCATE PREPARE");
    } else {
        prepared_remove(session, prepared);
        track_note_changed(session);
        command_ok(session);
    }
}

void text_statement_run(struct session *session, struct request *request)
{
    struct text_ask *ask = arena_alloc(&session->arena, sizeof *ask);
    struct error error;
    ask->outer = request->statement;
    ask->then = execute_known;
    switch (request->statement->prepare->verb) {
    case PREPARE_TEXT:
        ask->then = prepare_known;
        text_ask_start(session, request, ask);
        break;
    case PREPARE_EXECUTE:
        run_execute(session, request, ask);
        break;
    case PREPARE_IMMEDIATE:
        if (has_immediate(session)) {
            text_ask_start(session, request, ask);
        } else { // a server says what it finds wrong
            error_fill(&error, ER_PARSE, "(EXECUTE IMMEDIATE)");
            flow_unknown_start(session, request, &error);
        }
        break;
    case PREPARE_DROP:
        run_drop(session, request->statement->name);
        break;
    }
}

// ---- what a server is sent

static bool is_plain(struct slice sql)
{
    for (size_t i = 0; i < sql.len; i++) {
        if (sql.ptr[i] >= 0x80 || sql.ptr[i] == '\\') {
            return false;
        }
    }
    return true;
}

static void add_quoted(struct text *out, const struct session *session, struct slice sql)
{
    const struct parse_options read = query_parse_options(session);
    bool has_escapes = (read.sql_mode & SQL_NO_BACKSLASH_ESCAPES) == 0;
    const uint8_t *end = sql.ptr + sql.len;
    text_add_string(out, "'");
    for (const uint8_t *at = sql.ptr; at < end;) {
        size_t len = 1;
        if (*at >= 0x80 && read.charset != NULL && read.charset->char_length != NULL) {
            len = read.charset->char_length(at, end);
        }
        text_add(out, at, len);
        if (len == 1 && (*at == '\'' || (*at == '\\' && has_escapes))) {
            text_add(out, at, 1);
        }
        at += len;
    }
    text_add_string(out, "'");
}

// The text as a literal. Between quotes a server takes it from the character set of the client to
// that of the connection and back; as bytes it stays what it is, where a server takes bytes.
static void add_literal(struct text *out, const struct session *session, struct slice sql)
{
    if (is_plain(sql) || !has_immediate(session)) {
        add_quoted(out, session, sql);
        return;
    }
    static const char digits[] = "0123456789abcdef";
    text_add_string(out, "x'");
    for (size_t i = 0; i < sql.len; i++) {
        char pair[2] = {digits[sql.ptr[i] >> 4], digits[sql.ptr[i] & 15]};
        text_add(out, pair, sizeof pair);
    }
    text_add_string(out, "'");
}

struct slice text_prepare_of(struct session *session, const struct prepared_statement *prepared)
{
    struct slice name = prepared_name(prepared);
    struct text out;
    text_init(&out);
    text_add_string(&out, "PREPARE `");
    for (size_t i = 0; i < name.len; i++) {
        text_add(&out, name.ptr + i, 1);
        if (name.ptr[i] == '`') {
            text_add_string(&out, "`");
        }
    }
    text_add_string(&out, "` FROM ");
    add_literal(&out, session, prepared_sql(prepared));
    struct slice sql = arena_copy(&session->arena, text_slice(&out));
    text_done(&out);
    return sql;
}

static void add_values(struct text *out, const struct text_execute *text,
                       const struct param_edit *edits, uint32_t edit_count)
{
    const char *before = " USING ";
    for (uint32_t i = 0; i < text->value_count; i++) {
        const struct span span = text->values[i]->span;
        const struct param_edit *edit = NULL;
        for (; edit_count > 0 && edits->index == i; edits++, edit_count--) {
            edit = edits;
        }
        if (edit != NULL && edit->kind == EDIT_DROP) {
            continue;
        }
        text_add_string(out, before);
        if (edit != NULL) {
            text_add_format(out, "%llu", (unsigned long long)edit->value);
        } else {
            text_add_slice(out, slice_part(text->outer, span.begin, span.end));
        }
        before = ", ";
    }
}

struct slice text_execute_sql(const struct request *request)
{
    struct session *session = request->session;
    struct text out;
    text_init(&out);
    text_add_string(&out, "EXECUTE IMMEDIATE ");
    add_literal(&out, session, request->statement->text);
    add_values(&out, request->text, NULL, 0);
    struct slice sql = arena_copy(&session->arena, text_slice(&out));
    text_done(&out);
    return sql;
}

void text_execute_command(struct request *request, const struct plan_target *target,
                          struct leg_command *command)
{
    struct session *session = request->session;
    struct slice sql = target->sql.ptr != NULL ? target->sql : request->statement->text;
    struct text out;
    text_init(&out);
    struct slice settings = request->text->settings; // the text is read without them
    if (has_immediate(session) && request->reading == NULL && settings.len == 0) {
        text_add_string(&out, "EXECUTE IMMEDIATE ");
        add_literal(&out, session, sql);
    } else {
        text_add_string(&out, "PREPARE " OWN_NAME " FROM ");
        add_literal(&out, session, sql);
        command->prepare_text = arena_copy(&session->arena, text_slice(&out));
        out.len = 0;
        text_add_slice(&out, settings);
        text_add_string(&out, "EXECUTE " OWN_NAME);
    }
    uint32_t edit_count = 0;
    const struct param_edit *edits = plan_edits(request->plan, target, &edit_count);
    add_values(&out, request->text, edits, edit_count);
    command->packet = flow_frame_query(&session->arena, text_slice(&out));
    text_done(&out);
}
