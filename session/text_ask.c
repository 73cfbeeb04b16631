// One question for all that is not known:
//
//     SELECT HEX(CONCAT('SELECT ', @a)), @b, @c
//
// It is asked where the session's variables are: on its own server when it is bound to one, else
// anywhere (they are carried). The text is used as it was answered, so it may be anything that does
// nothing else; of the values only variables are asked, since they are still the same when the
// statement runs.

#include "session/text_ask.h"

#include "protocol/charset.h"
#include "protocol/error_table.h"
#include "protocol/packet.h"
#include "session/aftermath.h"
#include "session/command.h"
#include "session/flow_single.h"
#include "session/gather.h"
#include "session/query.h"
#include "session/text_value.h"

// What an expression for a text may not do or read.
#define FACTS_OF_NO_TEXT (TEXT_ASK_NO_FACTS | (uint32_t)FACT_SUBQUERY)

enum { ER_SUBQUERIES = 1970 };

struct flow_ask {
    struct flow flow;
    struct gather gather;
    struct text_ask *ask;
    uint32_t *places; // of the values that were asked, in the order of the columns
    uint32_t count;
};

static const struct prepare_part *part_of(const struct text_ask *ask)
{
    return ask->outer->prepare;
}

static bool is_hex_digit(uint8_t letter)
{
    return (letter >= '0' && letter <= '9') || (letter >= 'A' && letter <= 'F');
}

static uint8_t hex_value(uint8_t letter)
{
    return (uint8_t)(letter <= '9' ? letter - '0' : letter - 'A' + 10);
}

// A text that is NULL is read as that word, as servers do.
static bool read_text(struct arena *arena, const struct field *field, struct slice *sql)
{
    if (field->is_null) {
        *sql = slice_of_string("NULL");
        return true;
    }
    uint8_t *bytes = arena_alloc(arena, field->bytes.len / 2 + 1);
    for (size_t i = 0; i + 1 < field->bytes.len; i += 2) {
        uint8_t high = field->bytes.ptr[i], low = field->bytes.ptr[i + 1];
        if (!is_hex_digit(high) || !is_hex_digit(low)) {
            return false;
        }
        bytes[i / 2] = (uint8_t)(hex_value(high) << 4 | hex_value(low));
    }
    *sql = slice_of(bytes, field->bytes.len / 2);
    return true;
}

static bool read_row(struct flow_ask *flow, struct slice payload, const uint8_t *types)
{
    struct session *session = flow->flow.session;
    struct text_ask *ask = flow->ask;
    uint32_t columns = flow->count + 1;
    struct field *fields = arena_alloc(&session->arena, columns * sizeof *fields);
    if (!row_text_read(payload, fields, columns)) {
        return false;
    }
    if (ask->sql.ptr == NULL && part_of(ask)->text != NULL &&
        !read_text(&session->arena, &fields[0], &ask->sql)) {
        return false;
    }
    for (uint32_t i = 0; i < flow->count; i++) {
        ask->values[flow->places[i]] =
            text_value_of_field(&session->arena, &fields[i + 1], types[i + 1]);
    }
    return true;
}

// One row, in packets that are each whole.
static bool read_answer(struct flow_ask *flow)
{
    struct session *session = flow->flow.session;
    uint8_t *types = arena_alloc(&session->arena, flow->count + 1);
    struct answer answer;
    uint32_t column_count = 0;
    answer_start(&answer, ANSWER_QUERY, session->capabilities);
    for (size_t at = 0; at + PACKET_HEADER_BYTES <= flow->gather.len;) {
        size_t len = packet_payload_bytes(flow->gather.bytes + at);
        if (len == PACKET_PAYLOAD_MAX || at + PACKET_HEADER_BYTES + len > flow->gather.len) {
            return false;
        }
        struct slice payload = slice_of(flow->gather.bytes + at + PACKET_HEADER_BYTES, len);
        struct column column;
        switch ((int)answer_packet(&answer, payload)) {
        case PART_COLUMN:
            if (column_count > flow->count ||
                !column_read(payload, &column, flow->flow.session->capabilities)) {
                return false;
            }
            types[column_count++] = column.type;
            break;
        case PART_ROW:
            return column_count == flow->count + 1 && read_row(flow, payload, types);
        default:
            break;
        }
        at += PACKET_HEADER_BYTES + len;
    }
    return false;
}

static void on_answer(struct flow *flow, struct leg *leg, const uint8_t *bytes, size_t len,
                      const struct answer *last)
{
    struct flow_ask *asking = CONTAINER_OF(flow, struct flow_ask, flow);
    struct session *session = flow->session;
    struct error error;
    (void)leg;
    gather_add(&asking->gather, &session->arena, bytes, len);
    if (last == NULL) {
        return;
    }
    if (last->is_error) {
        gather_error(&asking->gather, &error);
        flow_fail(flow, &error);
    } else if (!read_answer(asking)) {
        error_fill(&error, ER_UNKNOWN, "the text of a prepared statement could not be read");
        flow_fail(flow, &error);
    } else {
        session->flow = NULL; // this flow is over, the command is not
        asking->ask->then(session, flow->request, asking->ask);
    }
}

static void on_failed(struct flow *flow, struct leg *leg, const struct error *error)
{
    (void)leg;
    flow_fail(flow, error);
}

static void on_drained(struct flow *flow)
{
    (void)flow; // nothing was written
}

static const struct flow_kind flow_ask_kind = {
    .name = "asking for a statement's text",
    .on_answer = on_answer,
    .on_failed = on_failed,
    .on_drained = on_drained,
};

static void add_expr(struct text *out, const struct text_ask *ask, const struct expr *expr)
{
    text_add_slice(out, slice_part(ask->outer->text, expr->span.begin, expr->span.end));
}

// As bytes in the character set of the connection. Servers take a text as it is that is in that
// set, or in none, also when it is not well formed (get_dynamic_sql_string of MariaDB).
static void add_text(struct text *out, const struct text_ask *ask, const char *charset)
{
    const struct expr *expr = part_of(ask)->text;
    // Compared in one collation, whatever that of the connection's literals is.
    text_add_string(out, "HEX(IF(CONVERT(CHARSET(");
    add_expr(out, ask, expr);
    text_add_format(out, ") USING latin1) IN (_latin1'binary', _latin1'%s'), CAST(", charset);
    add_expr(out, ask, expr);
    text_add_string(out, " AS BINARY), CONVERT(");
    add_expr(out, ask, expr);
    text_add_format(out, " USING %s)))", charset);
}

static void ask_server(struct session *session, struct request *request, struct flow_ask *asking)
{
    const struct text_ask *ask = asking->ask;
    const struct prepare_part *part = part_of(ask);
    struct text sql;
    text_init(&sql);
    text_add_string(&sql, "SELECT ");
    if (ask->sql.ptr == NULL && part->text != NULL) {
        add_text(&sql, ask, session->charset != NULL ? session->charset->name : "utf8mb4");
    } else {
        text_add_string(&sql, "NULL");
    }
    for (uint32_t i = 0; i < asking->count; i++) {
        text_add_string(&sql, ", ");
        add_expr(&sql, ask, part->values[asking->places[i]]);
    }
    struct leg_command command = {
        .shard = query_any_shard(session),
        .access = ACCESS_REPLICA,
        .kind = ANSWER_QUERY,
        .packet = flow_frame_query(&session->arena, text_slice(&sql)),
        .is_outside = true,
    };
    text_done(&sql);
    aftermath_lose(session); // the question may clear the list of warnings
    flow_begin(&asking->flow, &flow_ask_kind, session, request);
    (void)leg_start(&asking->flow, &command);
}

// A constant, or a variable that was set to one.
static void find_text(struct session *session, struct text_ask *ask)
{
    const struct expr *expr = part_of(ask)->text;
    struct binary_value value;
    if (expr == NULL || ask->sql.ptr != NULL || !text_value_find(session, expr, &value)) {
        return;
    }
    if (value.is_null) {
        ask->sql = slice_of_string("NULL");
    } else if (value.type == TYPE_VAR_STRING) {
        ask->sql = value.bytes.ptr != NULL ? value.bytes : slice_of_string("");
    } // a number: a server writes it out
}

// As MariaDB says it.
static void tell_no_subqueries(struct session *session, const struct prepare_part *part)
{
    struct error error;
    error_set(&error, ER_SUBQUERIES, "42000", "%s does not support subqueries or stored functions",
              part->verb == PREPARE_TEXT ? "PREPARE..FROM" : "EXECUTE IMMEDIATE");
    command_error(session, &error);
}

void text_ask_start(struct session *session, struct request *request, struct text_ask *ask)
{
    const struct prepare_part *part = part_of(ask);
    struct flow_ask *asking = arena_alloc(&session->arena, sizeof *asking);
    asking->ask = ask;
    asking->places = arena_alloc(&session->arena, (part->value_count + 1) * sizeof(uint32_t));
    ask->values = arena_alloc(&session->arena, (part->value_count + 1) * sizeof *ask->values);
    find_text(session, ask);
    for (uint32_t i = 0; i < part->value_count; i++) {
        if (!text_value_find(session, part->values[i], &ask->values[i])) {
            ask->values[i] = text_value_unknown();
            if (part->values[i]->kind == EXPR_VARIABLE && session->pin != NULL) {
                asking->places[asking->count++] = i;
            }
        }
    }
    bool is_text_asked = ask->sql.ptr == NULL && part->text != NULL;
    if (is_text_asked && part->verb != PREPARE_EXECUTE &&
        (ask->outer->facts & (uint32_t)FACT_SUBQUERY) != 0 &&
        session->sessions->snapshot->is_mariadb) {
        tell_no_subqueries(session, part);
    } else if (is_text_asked && (ask->outer->facts & FACTS_OF_NO_TEXT) != 0) {
        command_refuse(session, "an expression like this as the text of a statement: put the text "
                                "into a user variable first");
    } else if (is_text_asked || asking->count > 0) {
        ask_server(session, request, asking);
    } else {
        ask->then(session, request, ask);
    }
}
