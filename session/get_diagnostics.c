// GET DIAGNOSTICS puts what is known of the statement before into user variables. Where a backend
// has the list, it does that itself, and is then asked for the values, which the session carries to
// others; so nothing binds it to that backend:
//
//     GET DIAGNOSTICS CONDITION 1 @m = MESSAGE_TEXT   |   SELECT HEX(@m)   -> @m = _utf8 x'...'
//
// A list in the session's memory has level, code and message of each condition; whatever else is
// asked of it is refused, but for errors that waybill gave itself.

#include "session/get_diagnostics.h"

#include <assert.h>
#include <inttypes.h>

#include "protocol/error_table.h"
#include "session/aftermath.h"
#include "session/command.h"
#include "session/flow_recall.h"
#include "session/flow_single.h"
#include "session/flow_unknown.h"
#include "session/gather.h"
#include "session/query.h"
#include "session/text_value.h"
#include "session/variables.h"
#include "session/warning_list.h"

enum { ITEMS_MAX = 16, ER_NO_CONDITION = 1758 };

struct get_diagnostics {
    struct flow flow;
    struct gather gather;
    bool is_reading; // the values are asked for
    uint16_t shard;
};

// ---- values

static bool is_item(const struct diagnostics_item *item, const char *name)
{
    return slice_is_nocase(item->name, name);
}

static bool is_unsigned(const struct diagnostics_item *item)
{
    return is_item(item, "NUMBER") || is_item(item, "MYSQL_ERRNO") || is_item(item, "ROW_NUMBER");
}

static void set_number(struct session *session, const struct diagnostics_item *item, int64_t value)
{
    variables_carry_user(
        session, item->variable,
        arena_format(&session->arena,
                     is_unsigned(item) ? "CAST(%" PRId64 " AS UNSIGNED)" : "%" PRId64, value));
}

// `hex`: of bytes in utf8.
static void set_text(struct session *session, const struct diagnostics_item *item, struct slice hex)
{
    variables_carry_user(
        session, item->variable,
        arena_format(&session->arena, "_utf8 x'%.*s'", (int)hex.len, (const char *)hex.ptr));
}

static struct slice hex_of(struct arena *arena, struct slice bytes)
{
    struct text hex;
    text_init(&hex);
    for (size_t i = 0; i < bytes.len; i++) {
        text_add_format(&hex, "%02x", bytes.ptr[i]);
    }
    struct slice copy = arena_copy(arena, text_slice(&hex));
    text_done(&hex);
    return copy;
}

static void answer_ok(struct session *session, uint16_t warnings)
{
    session->aftermath.is_behind = true; // no backend has run it, or it ran more than this
    session_write_ok(session, &(struct ok_packet){.warnings = warnings});
}

// ---- from memory

static bool is_known(const struct session *session, const struct diagnostics_item *item,
                     const struct warning *warning)
{
    if (is_item(item, "MESSAGE_TEXT")) {
        assert(session->warnings != NULL);
        return session->warnings->is_ascii;
    }
    return is_item(item, "MYSQL_ERRNO") || warning->sqlstate[0] != '\0';
}

static void set_of_condition(struct session *session, const struct diagnostics_item *item,
                             const struct warning *warning)
{
    struct arena *arena = &session->arena;
    if (is_item(item, "MYSQL_ERRNO")) {
        set_number(session, item, warning->code);
    } else if (is_item(item, "ROW_NUMBER")) {
        set_number(session, item, 0);
    } else if (is_item(item, "MESSAGE_TEXT")) {
        set_text(session, item, hex_of(arena, warning->message));
    } else if (is_item(item, "RETURNED_SQLSTATE")) {
        set_text(session, item, hex_of(arena, slice_of_string(warning->sqlstate)));
    } else {
        set_text(session, item, slice_of_string("")); // TABLE_NAME ...: as servers leave them
    }
}

static bool find_condition(const struct session *session, uint64_t number, struct warning *warning)
{
    size_t at = 0;
    for (uint64_t i = 1;
         session->warnings != NULL && warning_list_next(session->warnings, &at, warning); i++) {
        if (i == number) {
            return true;
        }
    }
    return false;
}

// As servers do: a condition that is not there is one more error in the list.
static void answer_no_condition(struct session *session)
{
    static const char text[] = "Invalid condition number";
    struct warning row = {
        .level = LEVEL_ERROR,
        .code = ER_NO_CONDITION,
        .sqlstate = "35000",
        .message = slice_of_string(text),
    };
    struct warning_list *list = session->warnings;
    session->warnings = NULL;
    list = list != NULL ? list : warning_list_new();
    (void)!warning_list_add(list, &row); // a list that is so full stays as it is
    aftermath_keep_list(session, list);
    session->aftermath.row_count = -1;
    answer_ok(session, 1);
}

// A number, a string of digits, NULL, or a variable that was set to one. False: only a server
// knows.
static bool read_number(struct session *session, const struct expr *expr, uint64_t *number)
{
    struct binary_value value;
    if (expr->kind == EXPR_INTEGER) {
        return slice_to_uint64(expr->value, number);
    }
    if (!text_value_find(session, expr, &value)) {
        return false;
    }
    *number = 0; // NULL is the number of no condition
    if (value.is_null) {
        return true;
    }
    if (value.type == TYPE_LONGLONG && value.bytes.len == sizeof *number) {
        struct reader reader = reader_of(value.bytes);
        *number = read_u64(&reader);
        return true;
    }
    return value.type == TYPE_VAR_STRING && slice_to_uint64(value.bytes, number);
}

// False: something of it is not known.
static bool run_of_condition(struct session *session, const struct diagnostics_part *part)
{
    struct warning warning = {.level = LEVEL_NOTE};
    uint64_t number = 0;
    if (!read_number(session, part->condition, &number)) {
        return false;
    }
    if (!find_condition(session, number, &warning)) {
        answer_no_condition(session);
        return true;
    }
    for (const struct diagnostics_item *item = part->items; item != NULL; item = item->next) {
        if (!is_known(session, item, &warning)) {
            return false;
        }
    }
    for (const struct diagnostics_item *item = part->items; item != NULL; item = item->next) {
        set_of_condition(session, item, &warning);
    }
    answer_ok(session, 0);
    return true;
}

static void run_of_statement(struct session *session, const struct diagnostics_part *part)
{
    const struct warning_list *list = session->warnings;
    for (const struct diagnostics_item *item = part->items; item != NULL; item = item->next) {
        if (is_item(item, "NUMBER")) {
            set_number(session, item, list != NULL ? list->count : 0);
        } else {
            set_number(session, item, session->aftermath.row_count);
        }
    }
    answer_ok(session, 0);
}

static void refuse(struct session *session)
{
    struct error error;
    error_fill(&error, ER_NOT_SUPPORTED_YET,
               "this GET DIAGNOSTICS: of a statement on several shards, or whose server is gone, "
               "only NUMBER, ROW_COUNT, MYSQL_ERRNO and MESSAGE_TEXT are known; see SHOW WARNINGS");
    counter_add(&session->sessions->counters.queries_refused, 1);
    session_write_error(session, &error);
    request_finish(session);
}

static void run_in_memory(struct session *session, const struct diagnostics_part *part)
{
    bool is_here = session->warnings != NULL || aftermath_is_empty(session);
    if (is_here && part->condition == NULL) {
        run_of_statement(session, part);
        request_finish(session);
    } else if (is_here && run_of_condition(session, part)) {
        request_finish(session);
    } else {
        refuse(session);
    }
}

// ---- by the backend that has the list

static struct slice quoted(struct arena *arena, struct slice variable)
{
    struct text out;
    text_init(&out);
    variables_add_user_name(&out, variable);
    struct slice copy = arena_copy(arena, text_slice(&out));
    text_done(&out);
    return copy;
}

// Its variables are nobody else's.
static void on_set(struct leg *leg, const struct answer *answer)
{
    (void)answer;
    backend_mark_dirty(leg->backend);
}

// The backend's variables have what it has put into them, which is not always what the client is to
// see there: they are set again before they are read.
static void note_set(const struct leg *leg, const struct diagnostics_part *part)
{
    struct session *session = leg->session;
    for (const struct diagnostics_item *item = part->items; item != NULL; item = item->next) {
        state_set_variable(backend_state(leg->backend), quoted(&session->arena, item->variable),
                           slice_of_string("?"));
    }
}

static void ask(struct get_diagnostics *get, struct slice packet)
{
    struct leg_command command = {
        .shard = get->shard,
        .access = ACCESS_REPLICA,
        .kind = ANSWER_QUERY,
        .packet = packet,
        .is_outside = true,
        .wants_keep = true,
        .is_there = true,
        .on_ok = on_set,
    };
    get->gather.len = 0;
    (void)leg_start(&get->flow, &command);
}

static void ask_values(struct get_diagnostics *get)
{
    struct session *session = get->flow.session;
    const struct diagnostics_part *part = get->flow.request->statement->diagnostics;
    struct text sql;
    text_init(&sql);
    for (const struct diagnostics_item *item = part->items; item != NULL; item = item->next) {
        bool is_number = is_unsigned(item) || is_item(item, "ROW_COUNT");
        struct slice name = quoted(&session->arena, item->variable);
        text_add_format(&sql, "%s%s%.*s%s", item == part->items ? "SELECT " : ", ",
                        is_number ? "" : "HEX(", (int)name.len, (const char *)name.ptr,
                        is_number ? "" : ")");
    }
    get->is_reading = true;
    ask(get, flow_frame_query(&session->arena, text_slice(&sql)));
    text_done(&sql);
}

static uint32_t count_items(const struct diagnostics_part *part)
{
    uint32_t count = 0;
    for (const struct diagnostics_item *item = part->items; item != NULL; item = item->next) {
        count++;
    }
    return count;
}

static bool note_values(struct get_diagnostics *get)
{
    struct session *session = get->flow.session;
    const struct diagnostics_part *part = get->flow.request->statement->diagnostics;
    struct field fields[ITEMS_MAX];
    if (!gather_only_row(&get->gather, session->capabilities, fields, count_items(part))) {
        return false;
    }
    const struct field *field = fields;
    for (const struct diagnostics_item *item = part->items; item != NULL; item = item->next) {
        int64_t number = 0;
        if (is_item(item, "ROW_COUNT")) { // others may have run there meanwhile
            set_number(session, item, session->aftermath.row_count);
        } else if (is_unsigned(item)) {
            if (field->is_null || !slice_to_int64(field->bytes, &number)) {
                return false;
            }
            set_number(session, item, number);
        } else {
            set_text(session, item, field->bytes);
        }
        field++;
    }
    return true;
}

static void on_got(struct get_diagnostics *get, const struct answer *last)
{
    struct session *session = get->flow.session;
    if (last->is_error) {
        aftermath_note(session, last, get->shard);
        counter_add(&session->sessions->counters.errors_sent, 1);
        session_write_payload(session, gather_payload(&get->gather));
        flow_finish(&get->flow);
    } else if (last->warnings > 0) { // no such condition: one more error in the list
        session->aftermath.is_error = true;
        session->aftermath.row_count = -1;
        answer_ok(session, last->warnings);
        flow_finish(&get->flow);
    } else {
        ask_values(get);
    }
}

static void on_answer(struct flow *flow, struct leg *leg, const uint8_t *bytes, size_t len,
                      const struct answer *last)
{
    struct get_diagnostics *get = CONTAINER_OF(flow, struct get_diagnostics, flow);
    struct session *session = flow->session;
    gather_add(&get->gather, &session->arena, bytes, len);
    if (last == NULL) {
        return;
    }
    if (!get->is_reading) {
        on_got(get, last);
        return;
    }
    note_set(leg, flow->request->statement->diagnostics);
    if (note_values(get)) {
        answer_ok(session, 0);
        flow_finish(flow);
    } else {
        struct error error;
        error_fill(&error, ER_UNKNOWN, "what GET DIAGNOSTICS has set could not be read");
        flow_fail(flow, &error);
    }
}

static void on_failed(struct flow *flow, struct leg *leg, const struct error *error)
{
    (void)leg;
    flow_fail(flow, error);
}

static void on_drained(struct flow *flow)
{
    (void)flow; // all is written at once
}

static const struct flow_kind get_diagnostics_kind = {
    .name = "getting diagnostics",
    .on_answer = on_answer,
    .on_failed = on_failed,
    .on_drained = on_drained,
};

static void start(struct session *session, struct request *request)
{
    struct get_diagnostics *get = arena_alloc(&session->arena, sizeof *get);
    get->shard = session->aftermath.shard;
    flow_begin(&get->flow, &get_diagnostics_kind, session, request);
    ask(get, flow_frame_query(&session->arena, request->statement->text));
}

// ---- SIGNAL, RESIGNAL

// Only these can be a condition's number: all else is an error, which a server words better.
static bool is_simple(const struct expr *expr)
{
    return expr->kind <= EXPR_PARAM || expr->kind == EXPR_VARIABLE ||
           expr->kind == EXPR_SYSTEM_VARIABLE;
}

// And in front of one shard, when the session's own server has run the statement before: what it
// puts into variables stays there.
static bool is_for_server(const struct session *session, const struct diagnostics_part *part)
{
    bool is_there = session->pin != NULL && session->warnings == NULL &&
                    !session->aftermath.is_behind &&
                    config_only_shard(session_config(session)) != NO_SHARD;
    return is_there || (part->condition != NULL && !is_simple(part->condition));
}

static void run_signal(struct session *session, struct request *request)
{
    bool is_resignal = request->statement->diagnostics->kind == DIAGNOSTICS_RESIGNAL;
    struct leg *leg = aftermath_leg(session);
    bool is_there = is_resignal && leg != NULL && session->warnings == NULL;
    if (!is_there) {
        legs_release_lingering(session);
    }
    struct leg_command command = {
        .shard = is_there ? leg->shard : query_any_shard(session),
        .access = ACCESS_REPLICA,
        .kind = ANSWER_QUERY,
        .packet = flow_frame_query(&session->arena, request->statement->text),
        .is_outside = true,
        .may_linger = true,
        .pin_reason = session->pin_reason, // when it is bound, the variables are set there
        .pin_facts = FACT_SETS_USER_VARIABLE,
    };
    flow_single_relay(session, request, &command);
}

void get_diagnostics_run(struct session *session, struct request *request)
{
    const struct diagnostics_part *part = request->statement->diagnostics;
    if (request->statement->param_count > 0) {
        struct error error; // which the server words better
        error_fill(&error, ER_PARSE, "(a parameter)");
        flow_unknown_start(session, request, &error);
    } else if (part->kind != DIAGNOSTICS_GET || is_for_server(session, part)) {
        run_signal(session, request);
    } else if (count_items(part) > ITEMS_MAX) {
        command_refuse(session, "so many items in one GET DIAGNOSTICS");
    } else if (session->warnings != NULL || aftermath_is_empty(session) ||
               session->aftermath.is_lost || aftermath_leg(session) == NULL) {
        run_in_memory(session, part);
    } else if (session->aftermath.has_found_rows) { // what follows would spoil it
        recall_start(session, request, query_run_statement);
    } else {
        start(session, request);
    }
}
