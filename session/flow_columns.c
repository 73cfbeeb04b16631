// Asks a primary of the table for its columns, ahead of a statement that doesn't name them, whose
// rows waybill must read (LOAD DATA), or in which a name may be a column or an alias (GROUP BY).
// Nothing is kept: the next statement asks again, for nobody tells waybill of an ALTER TABLE. An
// ALTER between question and statement does no harm: the statement goes out with the names written
// into it, as if it had come before the ALTER.

#include "session/flow_columns.h"

#include "parser/splice.h"
#include "protocol/error_table.h"
#include "protocol/packet.h"
#include "protocol/row_text.h"
#include "session/command.h"
#include "session/flow_single.h"
#include "session/gather.h"
#include "session/query.h"

enum { ANSWER_BYTES_MAX = 16 * 1024 * 1024, ROW_BYTES_MIN = PACKET_HEADER_BYTES + 8 };

enum question_field {
    AT_CHARSET,
    AT_NAME,
    AT_TYPE,
    AT_FULL_TYPE,
    AT_CHARS,
    AT_EXTRA,
    AT_GRANTS,
    AT_CONNECTION,
    QUESTION_FIELDS
};

struct flow_columns {
    struct flow flow; // first
    struct gather gather;
    void (*then)(struct session *session, struct request *request);
};

static struct flow_columns *flow_of(struct flow *flow)
{
    return CONTAINER_OF(flow, struct flow_columns, flow);
}

// Of a SELECT the only one (router/plan_group.c).
static const struct table_ref *table_of(const struct statement *statement)
{
    return statement->kind == STATEMENT_SELECT ? statement->query->tables : statement->tables;
}

// ---- the question

static struct slice schema_of(const struct session *session, const struct table_ref *table)
{
    return table->schema.len > 0 ? table->schema
                                 : text_slice(&session_state_now(session)->database);
}

static void add_hex(struct text *out, struct slice bytes)
{
    text_add_string(out, "_utf8mb4 x'");
    for (size_t i = 0; i < bytes.len; i++) {
        text_add_format(out, "%02x", bytes.ptr[i]);
    }
    text_add_string(out, "'");
}

static void add_condition(const struct session *session, const struct table_ref *table,
                          struct text *sql, const char *before)
{
    text_add_string(sql, before);
    text_add_string(sql, "C.TABLE_SCHEMA = ");
    add_hex(sql, schema_of(session, table));
    text_add_string(sql, " AND C.TABLE_NAME = ");
    add_hex(sql, table->name);
}

// The names in hexadecimal: whatever character set the client has for results.
static struct slice question(struct session *session, const struct table_ref *table)
{
    struct text sql;
    text_init(&sql);
    text_add_string(&sql, "SELECT @@character_set_database, HEX(CONVERT(C.COLUMN_NAME USING "
                          "utf8mb4)), C.DATA_TYPE, C.COLUMN_TYPE, C.CHARACTER_MAXIMUM_LENGTH, "
                          "C.EXTRA, (SELECT COUNT(*) FROM information_schema.COLUMN_PRIVILEGES C "
                          "WHERE C.GRANTEE = CONCAT('''', SUBSTRING_INDEX(CURRENT_USER(), "
                          "'@', 1), '''@''', SUBSTRING_INDEX(CURRENT_USER(), '@', -1), "
                          "'''')");
    add_condition(session, table, &sql, " AND ");
    text_add_string(&sql, "), @@character_set_connection FROM information_schema.COLUMNS C");
    add_condition(session, table, &sql, " WHERE ");
    text_add_string(&sql, " ORDER BY C.ORDINAL_POSITION LIMIT 5000"); // not sql_select_limit
    struct slice copy = arena_copy(&session->arena, text_slice(&sql));
    text_done(&sql);
    return copy;
}

// ---- the answer

static bool is_hex(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        bool is_digit = (text.ptr[i] >= '0' && text.ptr[i] <= '9') ||
                        (text.ptr[i] >= 'A' && text.ptr[i] <= 'F');
        if (!is_digit) {
            return false;
        }
    }
    return text.len > 0 && text.len % 2 == 0;
}

static struct slice name_of(struct arena *arena, struct slice hex)
{
    uint8_t *name = arena_alloc(arena, hex.len / 2);
    for (size_t i = 0; i < hex.len; i++) {
        uint8_t digit = (uint8_t)(hex.ptr[i] <= '9' ? hex.ptr[i] - '0' : hex.ptr[i] - 'A' + 10);
        name[i / 2] = (uint8_t)(name[i / 2] << 4 | digit);
    }
    return slice_of(name, hex.len / 2);
}

static bool add_column(struct arena *arena, struct slice payload, bool wants_invisible,
                       struct table_columns *columns)
{
    struct field fields[QUESTION_FIELDS];
    if (!row_text_read(payload, fields, QUESTION_FIELDS) || !is_hex(fields[AT_NAME].bytes)) {
        return false;
    }
    if (slice_contains_nocase(fields[AT_EXTRA].bytes, "INVISIBLE") != wants_invisible) {
        return true;
    }
    struct table_column *column = &columns->items[columns->count++];
    column->name = name_of(arena, fields[AT_NAME].bytes);
    column->type = arena_copy(arena, fields[AT_TYPE].bytes);
    column->is_unsigned = slice_contains_nocase(fields[AT_FULL_TYPE].bytes, "unsigned");
    columns->charset = arena_copy(arena, fields[AT_CHARSET].bytes);
    columns->connection = arena_copy(arena, fields[AT_CONNECTION].bytes);
    columns->may_lack_some = !slice_equal(fields[AT_GRANTS].bytes, slice_of_string("0"));
    return fields[AT_CHARS].is_null || slice_to_uint64(fields[AT_CHARS].bytes, &column->max_chars);
}

// Goes over the rows of the answer, the visible or the invisible columns.
static bool read_rows(const struct flow_columns *ask, bool wants_invisible,
                      struct table_columns *columns)
{
    struct session *session = ask->flow.session;
    struct answer answer;
    answer_start(&answer, ANSWER_QUERY, session->capabilities);
    size_t at = 0;
    while (at + PACKET_HEADER_BYTES <= ask->gather.len) {
        size_t len = packet_payload_bytes(ask->gather.bytes + at);
        if (at + PACKET_HEADER_BYTES + len > ask->gather.len) {
            return false;
        }
        struct slice payload = slice_of(ask->gather.bytes + at + PACKET_HEADER_BYTES, len);
        if (answer_packet(&answer, payload) == PART_ROW &&
            !add_column(&session->arena, payload, wants_invisible, columns)) {
            return false;
        }
        at += PACKET_HEADER_BYTES + len;
    }
    return true;
}

// Can the names stand in the client's own text?
static bool can_be_written(const struct session *session, const struct table_columns *columns)
{
    const struct charset *charset = session->charset;
    bool is_ascii = true;
    for (uint32_t i = 0; i < columns->count; i++) {
        for (size_t k = 0; k < columns->items[i].name.len; k++) {
            is_ascii &= columns->items[i].name.ptr[k] < 0x80;
        }
    }
    return is_ascii || charset == NULL ||
           slice_is_nocase(slice_of_string(charset->name), "utf8mb4") ||
           slice_is_nocase(slice_of_string(charset->name), "utf8mb3");
}

static bool read_columns(const struct flow_columns *ask, struct error *error)
{
    struct session *session = ask->flow.session;
    const struct table_ref *table = table_of(ask->flow.request->statement);
    struct table_columns *columns = arena_alloc(&session->arena, sizeof *columns);
    columns->items = arena_alloc(&session->arena,
                                 (ask->gather.len / ROW_BYTES_MIN + 1) * sizeof *columns->items);
    if (!read_rows(ask, false, columns)) {
        error_fill(error, ER_UNKNOWN, "a server's answer about the columns can't be read");
        return false;
    }
    columns->visible_count = columns->count;
    if (!read_rows(ask, true, columns) || columns->visible_count == 0) {
        struct slice schema =
            arena_format(&session->arena, "%.*s", (int)schema_of(session, table).len,
                         (const char *)schema_of(session, table).ptr);
        struct slice name = arena_format(&session->arena, "%.*s", (int)table->name.len,
                                         (const char *)table->name.ptr);
        error_fill(error, ER_NO_SUCH_TABLE, (const char *)schema.ptr, (const char *)name.ptr);
        return false;
    }
    if (!can_be_written(session, columns)) {
        error_fill(error, ER_NOT_SUPPORTED_YET,
                   "writing the names of the table's columns in the client's character set: name "
                   "the columns in the statement, or SET NAMES utf8mb4");
        return false;
    }
    ask->flow.request->columns = columns;
    return true;
}

// ---- INSERT without a list

static bool lacks_list(const struct request *request)
{
    const struct insert_part *insert = request->statement->insert;
    return insert != NULL && insert->column_count == 0 && !request->columns->may_lack_some;
}

// The statement is from now on the one with the list. False: the client was told why not.
static bool write_list(struct session *session, struct request *request)
{
    const struct statement *before = request->statement;
    const struct insert_part *insert = before->insert;
    bool is_empty_list = insert->columns_span.end > insert->columns_span.begin;
    struct splice splice = {.span = is_empty_list
                                        ? insert->columns_span
                                        : (struct span){insert->values_at, insert->values_at},
                            .with = columns_list(&session->arena, request->columns)};
    splice.with =
        arena_format(&session->arena, "%.*s ", (int)splice.with.len, (const char *)splice.with.ptr);
    struct slice sql = splice_text(&session->arena, before->text, &splice, 1);
    request->raw = flow_frame_query(&session->arena, sql);
    if (!query_parse(session, request, sql, false)) {
        return false;
    }
    if (request->statement->hint.len == 0) {
        request->statement->hint = before->hint;
    }
    return true;
}

// ---- the flow

static void on_answer(struct flow *flow, struct leg *leg, const uint8_t *bytes, size_t len,
                      const struct answer *last)
{
    (void)leg;
    struct flow_columns *ask = flow_of(flow);
    struct session *session = flow->session;
    struct error error;
    gather_add(&ask->gather, &session->arena, bytes, len);
    if (last == NULL && ask->gather.len <= ANSWER_BYTES_MAX) {
        return;
    }
    if (last == NULL) {
        error_fill(&error, ER_UNKNOWN, "a server's answer about the columns is too long");
    } else if (last->is_error) {
        gather_error(&ask->gather, &error);
    } else if (read_columns(ask, &error)) {
        session->flow = NULL; // this flow is over, the command is not
        if (!lacks_list(flow->request) || write_list(session, flow->request)) {
            ask->then(session, flow->request);
        }
        return;
    }
    flow_fail(flow, &error);
}

static void on_failed(struct flow *flow, struct leg *leg, const struct error *error)
{
    (void)leg;
    flow_fail(flow, error);
}

static const struct flow_kind flow_columns_kind = {
    .name = "asking for the columns",
    .on_answer = on_answer,
    .on_failed = on_failed,
};

// Where the session is bound to, or where the statement goes anyway.
static uint16_t where(const struct session *session, const struct plan *plan)
{
    if (session->pin != NULL) {
        return session->pin->shard;
    }
    for (uint16_t i = 0; i < plan->target_count; i++) {
        if (plan->targets[i].shard == session->transaction.first_shard) {
            return session->transaction.first_shard;
        }
    }
    return plan->targets[0].shard;
}

void columns_ask(struct session *session, struct request *request,
                 void (*then)(struct session *session, struct request *request))
{
    struct flow_columns *ask = arena_alloc(&session->arena, sizeof *ask);
    ask->then = then;
    struct leg_command command = {
        .shard = where(session, request->plan),
        .access = ACCESS_PRIMARY,
        .kind = ANSWER_QUERY,
        .packet =
            flow_frame_query(&session->arena, question(session, table_of(request->statement))),
        .is_outside = true,
        .state = request->state,
    };
    flow_begin(&ask->flow, &flow_columns_kind, session, request);
    (void)leg_start(&ask->flow, &command);
}
