// The columns of SHOW WARNINGS depend on the connection's collation, and on the kind of server. So
// a server is asked for them, with LIMIT 0, and the rows of the list are put behind them:
//
//     server:   count, columns, [EOF], end
//     client:   count, columns, [EOF], rows of session->warnings, end

#include "session/flow_warnings.h"

#include <stdio.h>

#include "protocol/error_table.h"
#include "protocol/packet.h"
#include "protocol/row_text.h"
#include "session/command.h"
#include "session/flow_single.h"
#include "session/gather.h"
#include "session/query.h"
#include "session/warning_list.h"

enum { COLUMNS_BYTES_MAX = 16 * 1024 };

struct flow_warnings {
    struct flow flow;
    struct gather gather;
    bool is_errors_only;
    uint64_t offset, limit;
};

// ---- what is asked

// A literal or a parameter. False: it is neither.
static bool read_number(const struct request *request, const struct expr *expr, uint64_t *number)
{
    if (expr == NULL) {
        return true; // as it is
    }
    if (expr->kind == EXPR_PARAM && request->params != NULL &&
        expr->param_index < request->statement->param_count) {
        struct slice text;
        return binary_to_text(&request->session->arena, &request->params[expr->param_index],
                              &text) &&
               slice_to_uint64(text, number);
    }
    return expr->kind == EXPR_INTEGER && slice_to_uint64(expr->value, number);
}

static bool read_limits(struct flow_warnings *show, const struct request *request)
{
    const struct query *shown = request->statement->shown;
    show->limit = UINT64_MAX;
    return shown == NULL ||
           (!shown->has_limit_expr && read_number(request, shown->limit, &show->limit) &&
            read_number(request, shown->offset, &show->offset));
}

// ---- the answer

static void write_row(struct session *session, const struct warning *warning)
{
    bool is_binary = session->request->execute != NULL;
    struct text row;
    text_init(&row);
    if (is_binary) {
        write_u16(&row, 0); // the row's mark and a bitmap without NULL
    }
    write_lenenc_bytes(&row, slice_of_string(warning_level_name(warning->level)));
    if (is_binary) {
        write_u32(&row, warning->code);
    } else {
        char digits[8];
        int len = snprintf(digits, sizeof digits, "%u", warning->code);
        row_text_add(&row, slice_of(digits, (size_t)len));
    }
    write_lenenc_bytes(&row, warning->message);
    session_write_payload(session, text_slice(&row));
    text_done(&row);
}

static void write_rows(const struct flow_warnings *show)
{
    struct session *session = show->flow.session;
    struct warning warning;
    size_t at = 0;
    uint64_t number = 0;
    while (session->warnings != NULL && warning_list_next(session->warnings, &at, &warning)) {
        if (show->is_errors_only && warning.level != LEVEL_ERROR) {
            continue;
        }
        if (number >= show->offset && number - show->offset < show->limit) {
            write_row(session, &warning);
        }
        number++;
    }
    session_write_rows_end(session, 0, 0);
}

// The packets up to the rows; false: the answer is none of this kind, nothing was written.
static bool write_head(const struct flow_warnings *show)
{
    struct session *session = show->flow.session;
    bool is_old = (session->capabilities & CAP_DEPRECATE_EOF) == 0;
    size_t at = 0, packets = 0;
    struct answer answer;
    answer_start(&answer, ANSWER_QUERY, session->capabilities);
    while (show->gather.len - at >= PACKET_HEADER_BYTES) {
        size_t end = at + PACKET_HEADER_BYTES + packet_payload_bytes(show->gather.bytes + at);
        if (end > show->gather.len) {
            return false;
        }
        struct slice payload =
            slice_of(show->gather.bytes + at + PACKET_HEADER_BYTES, end - at - PACKET_HEADER_BYTES);
        enum answer_part part = answer_packet(&answer, payload);
        if (part == PART_ROWS_END) {
            return packets > 0;
        }
        if (part != PART_COLUMN_COUNT && part != PART_COLUMN && part != PART_COLUMNS_END) {
            return false;
        }
        if (part == PART_COLUMNS_END && is_old) {
            session_write_rows_end(session, 0, 0);
        } else {
            session_write_payload(session, payload);
        }
        packets++;
        at = end;
    }
    return false;
}

static void on_answer(struct flow *flow, struct leg *leg, const uint8_t *bytes, size_t len,
                      const struct answer *last)
{
    struct flow_warnings *show = CONTAINER_OF(flow, struct flow_warnings, flow);
    struct session *session = flow->session;
    (void)leg;
    if (show->gather.len + len <= COLUMNS_BYTES_MAX) {
        gather_add(&show->gather, &session->arena, bytes, len);
    }
    if (last == NULL) {
        return;
    }
    struct error error;
    if (last->is_error) {
        gather_error(&show->gather, &error);
        flow_fail(flow, &error);
    } else if (!write_head(show)) {
        error_fill(&error, ER_MALFORMED_PACKET);
        flow_fail(flow, &error);
    } else {
        write_rows(show);
        session->aftermath.row_count = -1;
        session->aftermath.is_behind = true;
        flow_finish(flow);
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

static const struct flow_kind flow_warnings_kind = {
    .name = "showing warnings",
    .on_answer = on_answer,
    .on_failed = on_failed,
    .on_drained = on_drained,
};

void flow_warnings_start(struct session *session, struct request *request)
{
    struct flow_warnings *show = arena_alloc(&session->arena, sizeof *show);
    struct slice name = request->statement->name;
    if (!read_limits(show, request)) {
        command_refuse(session, "this LIMIT of SHOW WARNINGS: give whole numbers");
        return;
    }
    show->is_errors_only = slice_is_nocase(name, "ERRORS");
    struct slice sql =
        arena_format(&session->arena, "SHOW %.*s LIMIT 0", (int)name.len, (const char *)name.ptr);
    struct leg_command command = {
        .shard = query_any_shard(session),
        .access = ACCESS_REPLICA,
        .kind = ANSWER_QUERY,
        .packet = flow_frame_query(&session->arena, sql),
        .is_outside = true,
    };
    flow_begin(&show->flow, &flow_warnings_kind, session, request);
    (void)leg_start(&show->flow, &command);
}
