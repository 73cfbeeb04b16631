// System variables that are set by an expression, or to what depends on the server's own settings:
// the SET is run, and the values asked in the same breath. The values are carried.
//
//     SET sql_mode = CONCAT(...)  |  SELECT @@session.sql_mode      -> sql_mode = 'STRICT...'
//     SET CHARACTER SET latin1    |  SELECT @@session.character_set_client, ...

#include "session/flow_set.h"

#include "protocol/charset.h"
#include "protocol/error_table.h"
#include "protocol/packet.h"
#include "session/aftermath.h"
#include "session/carried_value.h"
#include "session/command.h"
#include "session/flow_single.h"
#include "session/gather.h"
#include "session/track.h"
#include "session/variables.h"

enum {
    EVALUATED_MAX = 16,
    MARIADB_HAS_UTF8MB3 = 100600,
};

struct flow_set {
    struct flow flow;
    struct gather gather;
    struct slice names[EVALUATED_MAX]; // of the SELECT
    bool is_number[EVALUATED_MAX];     // by the column's type
    bool is_double[EVALUATED_MAX];
    bool is_unsigned[EVALUATED_MAX];
    uint32_t count;
    uint16_t shard;
    uint32_t told;     // columns
    uint16_t warnings; // of the SET
};

// A value is written as what it is: a server takes no string for a number.
static void note_type(struct flow_set *set, struct slice payload)
{
    static const uint8_t numbers[] = {TYPE_TINY,     TYPE_SHORT, TYPE_LONG,   TYPE_INT24,
                                      TYPE_LONGLONG, TYPE_FLOAT, TYPE_DOUBLE, TYPE_NEWDECIMAL};
    struct column column;
    if (set->told < set->count && column_read(payload, &column, set->flow.session->capabilities)) {
        set->is_number[set->told] = memchr(numbers, column.type, sizeof numbers) != NULL;
        set->is_unsigned[set->told] = (column.flags & COLUMN_UNSIGNED) != 0;
        set->is_double[set->told] = column.type == TYPE_FLOAT || column.type == TYPE_DOUBLE;
    }
    set->told++;
}

static struct flow_set *flow_set_of(struct flow *flow)
{
    return CONTAINER_OF(flow, struct flow_set, flow);
}

// The only row in the gathered answer.
static bool read_row(struct flow_set *set, struct field *fields)
{
    struct answer answer;
    answer_start(&answer, ANSWER_QUERY, set->flow.session->capabilities);
    size_t at = 0;
    while (at + PACKET_HEADER_BYTES <= set->gather.len) {
        size_t len = packet_payload_bytes(set->gather.bytes + at);
        if (at + PACKET_HEADER_BYTES + len > set->gather.len) {
            return false;
        }
        struct slice payload = slice_of(set->gather.bytes + at + PACKET_HEADER_BYTES, len);
        enum answer_part part = answer_packet(&answer, payload);
        if (part == PART_ROW) {
            return row_text_read(payload, fields, set->count);
        }
        if (part == PART_COLUMN) {
            note_type(set, payload);
        }
        at += PACKET_HEADER_BYTES + len;
    }
    return false;
}

// As a literal that means the same in every sql_mode: digits, or quotes without a backslash in it.
static void add_literal(struct text *out, const struct field *field, bool is_number)
{
    if (field->is_null) {
        text_add_string(out, "NULL");
    } else if (is_number) {
        text_add_slice(out, field->bytes);
    } else if (memchr(field->bytes.ptr, '\\', field->bytes.len) != NULL) {
        text_add_string(out, "_utf8mb4 x'");
        for (size_t i = 0; i < field->bytes.len; i++) {
            text_add_format(out, "%02x", field->bytes.ptr[i]);
        }
        text_add_string(out, "'");
    } else {
        text_add_string(out, "'");
        for (size_t i = 0; i < field->bytes.len; i++) {
            text_add(out, field->bytes.ptr + i, 1);
            if (field->bytes.ptr[i] == '\'') {
                text_add_string(out, "'");
            }
        }
        text_add_string(out, "'");
    }
}

static bool is_user_variable(struct slice name)
{
    return name.len > 0 && name.ptr[0] == '@';
}

// In a user variable types and collations can be seen: a number keeps its own, and a string is in
// the character set of system variables.
static void add_user_value(const struct flow_set *set, struct text *out, uint32_t at,
                           const struct field *field)
{
    const struct snapshot *snapshot = set->flow.session->sessions->snapshot;
    bool has_utf8mb3 = snapshot->is_mariadb && snapshot->server_version >= MARIADB_HAS_UTF8MB3;
    if (field->is_null || set->is_number[at]) {
        bool is_cast = !field->is_null && set->is_unsigned[at];
        text_add_string(out, is_cast ? "CAST(" : "");
        add_literal(out, field, true);
        text_add_string(out, is_cast ? " AS UNSIGNED)" : "");
        text_add_string(out, !field->is_null && set->is_double[at] ? "e0" : "");
        return;
    }
    text_add_string(out, has_utf8mb3 ? "_utf8mb3 x'" : "_utf8 x'");
    for (size_t i = 0; i < field->bytes.len; i++) {
        text_add_format(out, "%02x", field->bytes.ptr[i]);
    }
    text_add_string(out,
                    has_utf8mb3 ? "' COLLATE utf8mb3_general_ci" : "' COLLATE utf8_general_ci");
}

static void add_value(const struct flow_set *set, struct text *out, uint32_t at,
                      const struct field *field)
{
    if (is_user_variable(set->names[at])) {
        add_user_value(set, out, at, field);
    } else {
        add_literal(out, field, set->is_number[at]);
    }
}

// What a user variable is set to came in the character set of results: only ASCII is the same.
static bool are_values_clear(const struct flow_set *set, const struct field *fields)
{
    for (uint32_t i = 0; i < set->count; i++) {
        if (is_user_variable(set->names[i]) && !fields[i].is_null &&
            !slice_is_ascii(fields[i].bytes)) {
            return false;
        }
    }
    return true;
}

static void on_set_ok(struct leg *leg, const struct answer *answer)
{
    (void)answer; // the session's own are noted when the row was read
    struct flow_set *set = flow_set_of(leg->flow);
    set->warnings = backend_ahead_warnings(leg->backend);
    leg->command.wants_keep |= set->warnings > 0; // for SHOW WARNINGS
    track_gather(leg->session, leg->shard, backend_ahead_changes(leg->backend));
    variables_note_backend(leg);
    backend_mark_dirty(leg->backend);
}

static void note_value(const struct flow_set *set, uint32_t at, const struct field *field)
{
    struct session *session = set->flow.session;
    struct slice name = set->names[at];
    struct text value;
    text_init(&value);
    add_value(set, &value, at, field);
    state_set_variable(&session->carried, name, text_slice(&value));
    if (slice_is_nocase(name, "sql_mode")) {
        variables_note_sql_mode(session, &field->bytes);
    } else if (slice_is_nocase(name, "character_set_client")) {
        session->charset = charset_find(field->bytes);
    } else if (slice_is_nocase(name, "session_track_transaction_info")) {
        track_note_level(session, true);
    }
    text_done(&value);
}

// The backend has it already; it may stay with the session's transaction.
static void note_backend(const struct flow_set *set, struct leg *leg, const struct field *fields)
{
    for (uint32_t i = 0; leg->backend != NULL && i < set->count; i++) {
        struct text value;
        text_init(&value);
        add_value(set, &value, i, &fields[i]);
        state_set_variable(backend_state(leg->backend), set->names[i], text_slice(&value));
        text_done(&value);
    }
}

static bool has_oracle(const struct flow_set *set, const struct field *fields)
{
    for (uint32_t i = 0; i < set->count; i++) {
        if (slice_is_nocase(set->names[i], "sql_mode") &&
            variables_is_oracle(set->flow.session, fields[i].bytes)) {
            return true;
        }
    }
    return false;
}

static void finish(struct flow_set *set, struct leg *leg, const struct answer *last)
{
    struct session *session = set->flow.session;
    struct error error;
    struct field fields[EVALUATED_MAX];
    if (last->is_error) {
        gather_error(&set->gather, &error);
        flow_fail(&set->flow, &error);
        return;
    }
    if (!read_row(set, fields)) {
        error_fill(&error, ER_UNKNOWN, "the value of a variable could not be read");
        flow_fail(&set->flow, &error);
        return;
    }
    if (!are_values_clear(set, fields)) {
        error_fill(&error, ER_NOT_SUPPORTED_YET,
                   "a user variable set to a system variable with letters beyond ASCII in it");
        flow_fail(&set->flow, &error);
        return;
    }
    note_backend(set, leg, fields);
    if (has_oracle(set, fields)) {
        error_fill(&error, ER_NOT_SUPPORTED_YET, VARIABLES_NO_ORACLE);
        counter_add(&session->sessions->counters.queries_refused, 1);
        flow_fail(&set->flow, &error);
        return;
    }
    variables_note_session(session);
    for (uint32_t i = 0; i < set->count; i++) {
        note_value(set, i, &fields[i]);
    }
    struct answer ok = *last; // the rows are waybill's own
    ok.has_rows = false;
    ok.warnings = set->warnings;
    aftermath_note(session, &ok, set->shard);
    aftermath_note_question(session);
    session_write_ok(session, &(struct ok_packet){.warnings = set->warnings});
    flow_finish(&set->flow);
}

static void on_answer(struct flow *flow, struct leg *leg, const uint8_t *bytes, size_t len,
                      const struct answer *last)
{
    struct flow_set *set = flow_set_of(flow);
    gather_add(&set->gather, &flow->session->arena, bytes, len);
    if (last != NULL) {
        finish(set, leg, last);
    }
}

static void on_failed(struct flow *flow, struct leg *leg, const struct error *error)
{
    (void)leg;
    flow_fail(flow, error);
}

static const struct flow_kind flow_set_kind = {
    .name = "setting",
    .on_answer = on_answer,
    .on_failed = on_failed,
};

// False: there is no room for so many.
static bool add_name(struct flow_set *set, struct text *sql, struct slice name)
{
    if (set->count == EVALUATED_MAX) {
        return false;
    }
    text_add_string(sql, set->count == 0 ? "SELECT " : ", ");
    text_add_string(sql, is_user_variable(name) ? "" : "@@session.");
    text_add_slice(sql, name);
    set->names[set->count++] = name;
    return true;
}

static bool add_names(struct flow_set *set, struct text *sql, const struct set_item *item)
{
    static const char *const character_set[] = {"character_set_client", "character_set_results",
                                                "collation_connection"};
    if (carried_value_is_of_system(item)) {
        struct text name;
        text_init(&name);
        variables_add_user_name(&name, item->name);
        struct slice kept = arena_copy(&set->flow.session->arena, text_slice(&name));
        text_done(&name);
        return add_name(set, sql, kept);
    }
    if (item->scope != SCOPE_SESSION || !variables_is_carried(item->name)) {
        return true;
    }
    if (!slice_is_nocase(item->name, "character set")) {
        bool is_known =
            (item->is_constant && !carried_value_is_of_parts(item)) || item->value == NULL;
        return is_known || add_name(set, sql, item->name);
    }
    for (size_t i = 0; i < sizeof character_set / sizeof character_set[0]; i++) {
        if (!add_name(set, sql, slice_of_string(character_set[i]))) {
            return false;
        }
    }
    return true;
}

void flow_set_start(struct session *session, struct request *request,
                    const struct leg_command *pattern)
{
    struct flow_set *set = arena_alloc(&session->arena, sizeof *set);
    struct text sql;
    text_init(&sql);
    set->flow.session = session;
    for (const struct set_item *item = request->statement->set; item != NULL; item = item->next) {
        if (!add_names(set, &sql, item)) {
            text_done(&sql);
            command_refuse(session, "so many expressions in one SET");
            return;
        }
    }
    struct leg_command command = *pattern;
    command.packet = flow_frame_query(&session->arena, text_slice(&sql));
    text_done(&sql);
    command.on_ok = on_set_ok;
    set->shard = command.shard;
    flow_begin(&set->flow, &flow_set_kind, session, request);
    (void)leg_start(&set->flow, &command);
}
