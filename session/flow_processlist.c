// SHOW [FULL] PROCESSLIST shows waybill's sessions, those of all workers, as a server shows its
// own. A server is asked the same: its columns (with the lengths that the client's character set
// gives them) are the answer's, its rows are dropped.
//
//     ASKING     the list of sessions comes from the workers
//     COLUMNS    the server's answer, up to the end of its columns; then they go to the client
//     ROWS       the server's rows are dropped; at their end the sessions follow

#include "session/flow_processlist.h"

#include <stdio.h>

#include "protocol/column.h"
#include "protocol/packet.h"
#include "router/plan.h"
#include "session/aftermath.h"
#include "session/errand.h"
#include "session/gather.h"
#include "session/processlist.h"
#include "session/query.h"

enum processlist_step { PROCESSLIST_ASKING, PROCESSLIST_COLUMNS, PROCESSLIST_ROWS };
enum { COLUMNS_MAX = 32, OUT_BYTES = 16384 };

struct flow_processlist {
    struct flow flow;
    enum processlist_step step;
    struct slice list; // in the arena
    struct gather head;
    uint32_t column_count;
    struct column columns[COLUMNS_MAX];
};

// ---- rows

struct cell {
    struct slice text; // ptr NULL: NULL, or a number
    uint64_t number;
    bool is_number;
};

static struct cell cell_of(const struct process *process, const struct column *column)
{
    const struct {
        const char *name;
        struct cell cell;
    } cells[] = {
        {"Id", {.number = process->id, .is_number = true}},
        {"Time", {.number = process->for_us / 1000000, .is_number = true}},
        {"User", {.text = process->user}},
        {"Host", {.text = process->host}},
        {"db", {.text = process->database}},
        {"Command", {.text = process->command}},
        {"State", {.text = process->state}},
        {"Info", {.text = process->info}},
    };
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
        if (slice_is_nocase(column->name, cells[i].name)) {
            return cells[i].cell;
        }
    }
    return (struct cell){.is_number = true}; // Progress, and what other servers add
}

static void add_text_cell(struct text *row, const struct column *column, const struct cell *cell)
{
    char digits[40];
    if (!cell->is_number && cell->text.ptr == NULL) {
        row_text_add_null(row);
    } else if (!cell->is_number) {
        row_text_add(row, cell->text);
    } else {
        int decimals = column->decimals < 31 ? column->decimals : 0;
        bool is_float = column->type == TYPE_DOUBLE || column->type == TYPE_FLOAT;
        int len = is_float
                      ? snprintf(digits, sizeof digits, "%.*f", decimals, (double)cell->number)
                      : snprintf(digits, sizeof digits, "%llu", (unsigned long long)cell->number);
        row_text_add(row, slice_of(digits, (size_t)len));
    }
}

static size_t number_bytes(uint8_t type)
{
    switch (type) {
    case TYPE_TINY:
        return 1;
    case TYPE_SHORT:
    case TYPE_YEAR:
        return 2;
    case TYPE_LONG:
    case TYPE_INT24:
    case TYPE_FLOAT:
        return 4;
    case TYPE_LONGLONG:
    case TYPE_DOUBLE:
        return 8;
    default:
        return 0; // as text
    }
}

static void add_binary_cell(struct text *row, const struct column *column, const struct cell *cell)
{
    size_t bytes = number_bytes(column->type);
    bool is_float = column->type == TYPE_DOUBLE || column->type == TYPE_FLOAT;
    if (!cell->is_number) {
        write_lenenc_bytes(row, cell->text);
    } else if (bytes == 0) {
        add_text_cell(row, column, cell);
    } else {
        for (size_t i = 0; i < bytes; i++) { // the only floating number is 0
            uint64_t number = is_float ? 0 : cell->number;
            write_u8(row, (uint8_t)(number >> (8 * i)));
        }
    }
}

static void add_row(struct flow_processlist *list, const struct process *process, struct text *out)
{
    struct text row;
    bool is_binary = list->flow.request->command == COM_STMT_EXECUTE;
    size_t bitmap_bytes = (list->column_count + 7 + 2) / 8;
    text_init(&row);
    for (size_t i = 0; is_binary && i < 1 + bitmap_bytes; i++) {
        write_u8(&row, 0);
    }
    for (uint32_t i = 0; i < list->column_count; i++) {
        struct cell cell = cell_of(process, &list->columns[i]);
        if (!is_binary) {
            add_text_cell(&row, &list->columns[i], &cell);
        } else if (!cell.is_number && cell.text.ptr == NULL) {
            row.ptr[1 + (i + 2) / 8] |= (uint8_t)(1 << ((i + 2) % 8));
        } else {
            add_binary_cell(&row, &list->columns[i], &cell);
        }
    }
    packet_append(out, text_slice(&row), &list->flow.request->sequence);
    text_done(&row);
}

static void finish(struct flow_processlist *list)
{
    struct session *session = list->flow.session;
    struct process process;
    struct text out;
    text_init(&out);
    while (processlist_read(&list->list, &process)) {
        add_row(list, &process, &out);
        if (out.len >= OUT_BYTES) {
            (void)session_write(session, out.ptr, out.len);
            out.len = 0;
        }
    }
    if (out.len > 0) {
        (void)session_write(session, out.ptr, out.len);
    }
    text_done(&out);
    session_write_rows_end(session, 0, 0);
    aftermath_note_ok(session);
    session->aftermath.row_count = -1;
    flow_finish(&list->flow);
}

// ---- the server's columns

// The packet at `at` of the head; false when it is not whole yet.
static bool packet_at(const struct gather *head, size_t at, struct slice *payload)
{
    if (head->len < at + PACKET_HEADER_BYTES) {
        return false;
    }
    size_t bytes = packet_payload_bytes(head->bytes + at);
    *payload = slice_of(head->bytes + at + PACKET_HEADER_BYTES, bytes);
    return head->len >= at + PACKET_HEADER_BYTES + bytes;
}

// All columns are there: they go to the client. False with *error: that is no list of processes.
static bool take_columns(struct flow_processlist *list, struct error *error)
{
    struct session *session = list->flow.session;
    struct slice payload;
    size_t at = 0;
    if (!packet_at(&list->head, at, &payload)) {
        return true;
    }
    uint32_t count = payload.len > 0 ? payload.ptr[0] : 0;
    for (uint32_t i = 0; i <= count && count <= COLUMNS_MAX; i++) {
        if (!packet_at(&list->head, at, &payload)) {
            return true;
        }
        at += PACKET_HEADER_BYTES + payload.len;
        if (i > 0 && !column_read(payload, &list->columns[i - 1], session->capabilities)) {
            count = 0;
        }
    }
    if (count == 0 || count > COLUMNS_MAX) {
        error_set(error, 1105, "HY000", "the server's list of processes can't be read");
        return false;
    }
    list->column_count = count;
    list->step = PROCESSLIST_ROWS;
    at = 0;
    for (uint32_t i = 0; i <= count && packet_at(&list->head, at, &payload); i++) {
        session_write_payload(session, payload);
        at += PACKET_HEADER_BYTES + payload.len;
    }
    if ((session->capabilities & CAP_DEPRECATE_EOF) == 0) {
        session_write_rows_end(session, 0, 0);
    }
    return true;
}

static void on_answer(struct flow *flow, struct leg *leg, const uint8_t *bytes, size_t len,
                      const struct answer *last)
{
    struct flow_processlist *list = CONTAINER_OF(flow, struct flow_processlist, flow);
    struct session *session = flow->session;
    struct error error = {0};
    (void)leg;
    if (list->step == PROCESSLIST_COLUMNS) {
        gather_add(&list->head, &session->arena, bytes, len);
        bool is_error = last != NULL && last->is_error;
        if (is_error) {
            gather_error(&list->head, &error);
        } else if (!take_columns(list, &error)) {
            is_error = true;
        }
        if (is_error) {
            flow_fail(flow, &error);
            return;
        }
    }
    if (last == NULL) {
        return;
    }
    if (list->step != PROCESSLIST_ROWS) {
        error_set(&error, 1105, "HY000", "the server's list of processes can't be read");
        flow_fail(flow, &error);
        return;
    }
    finish(list);
}

static void on_failed(struct flow *flow, struct leg *leg, const struct error *error)
{
    (void)leg;
    flow_fail(flow, error);
}

static void on_drained(struct flow *flow)
{
    (void)flow; // the list is there already: nothing to wait for
}

static const struct flow_kind processlist_kind = {
    .name = "listing", .on_answer = on_answer, .on_failed = on_failed, .on_drained = on_drained};

void processlist_answered(struct session *session, const struct errand_result *result)
{
    struct flow_processlist *list = CONTAINER_OF(session->flow, struct flow_processlist, flow);
    struct request *request = list->flow.request;
    struct leg_command command = {
        .shard = query_any_shard(session),
        .access = ACCESS_REPLICA,
        .kind = ANSWER_QUERY,
        .packet = request->raw,
        .is_outside = true,
    };
    if (request->execute != NULL) {
        struct execute *plain = arena_alloc(&session->arena, sizeof *plain);
        *plain = *request->execute;
        plain->cursor_flags = 0;
        command.kind = ANSWER_EXECUTE;
        command.prepare_sql = request->statement->text;
        command.execute = plain;
    }
    list->list = arena_copy(&session->arena, text_slice(&result->list));
    list->step = PROCESSLIST_COLUMNS;
    (void)leg_start(&list->flow, &command);
}

// ---- the question

static void start(struct session *session, struct request *request, bool is_full)
{
    struct flow_processlist *list = arena_alloc(&session->arena, sizeof *list);
    struct errand errand = {.kind = ERRAND_LIST, .is_full = is_full, .charset = session->charset};
    list->step = PROCESSLIST_ASKING;
    flow_begin(&list->flow, &processlist_kind, session, request);
    errand_start(session, &errand);
}

void processlist_run(struct session *session, struct request *request)
{
    start(session, request, request->statement->is_full);
}

void processlist_run_command(struct session *session, struct request *request)
{
    start(session, request, false);
}
