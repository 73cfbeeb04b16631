// Cursors: opened by EXECUTE on whatever backend it ran, read by FETCH on that very one.
//
//     NONE --EXECUTE: the answer says that there is one--> OPEN
//     OPEN --FETCH: the last row; RESET, CLOSE, EXECUTE again; FETCH failed--> NONE
//     NONE --EXECUTE: the rows are put aside--> ASIDE --FETCH: ..., as OPEN--> NONE
//     OPEN --the backend is lost, or the transaction is with all its legs--> LOST --EXECUTE--> ...
//
// Servers put a cursor's rows into a temporary table when they open it (MariaDB 10.11, MySQL 5.6:
// tried), so it survives COMMIT, ROLLBACK and what happens to its tables.
//
// FETCH's answer is relayed, but for its last packet: the status in it is that of a backend which
// may know nothing of the session's transaction or its autocommit.

#include "session/cursor.h"

#include <assert.h>

#include "protocol/error_table.h"
#include "protocol/packet.h"
#include "session/aftermath.h"
#include "session/command.h"
#include "session/cursor_aside.h"
#include "session/leg_impl.h"
#include "session/prepared.h"
#include "session/transaction.h"

enum {
    TAIL_BYTES = PACKET_HEADER_BYTES + 7, // the longest last packet: an OK of nothing
    STATUS_OF_SESSION = STATUS_IN_TRANS | STATUS_AUTOCOMMIT | STATUS_NO_BACKSLASH_ESCAPES,
};

struct fetch {
    struct flow flow;
    struct leg *leg;
    uint8_t tail[TAIL_BYTES]; // bytes that may be of the last packet: not yet written
    size_t tail_bytes;
};

// ---- opening and closing

bool cursor_may_open(const struct session *session)
{
    size_t count = 0;
    LIST_FOR_EACH (&session->legs, node) {
        count += CONTAINER_OF(node, struct leg, node)->cursors;
    }
    return count < (size_t)session_config(session)->settings.max_cursors;
}

void cursor_on_executed(struct leg *leg, const struct answer *answer)
{
    struct prepared_statement *prepared = leg->session->request->prepared;
    if (answer->is_cursor_open) {
        *prepared_cursor(prepared) = (struct cursor){
            .state = CURSOR_OPEN, .leg = leg, .statement_id = backend_statement(leg->backend)};
        leg->cursors++;
    }
}

static void forget(struct cursor *cursor, bool is_closed)
{
    backend_end_cursor(cursor->leg->backend, cursor->statement_id, is_closed);
    cursor->leg->cursors--;
    *cursor = (struct cursor){.state = CURSOR_NONE};
}

void cursor_end(struct prepared_statement *prepared)
{
    struct cursor *cursor = prepared_cursor(prepared);
    struct leg *leg = cursor->leg;
    if (cursor->state == CURSOR_OPEN) {
        forget(cursor, false);
        leg_let_go(leg);
    }
    cursor_aside_free(cursor);
    cursor->state = CURSOR_NONE;
}

void cursors_lose(struct leg *leg)
{
    struct prepared_statement *prepared = NULL;
    while ((prepared = prepared_next(leg->session, prepared)) != NULL) {
        struct cursor *cursor = prepared_cursor(prepared);
        if (cursor->state == CURSOR_OPEN && cursor->leg == leg) {
            *cursor = (struct cursor){.state = CURSOR_LOST};
        }
    }
    leg->cursors = 0;
}

// ---- FETCH

static void no_cursor(struct session *session, struct prepared_statement *prepared)
{
    bool is_lost = prepared_cursor(prepared)->state == CURSOR_LOST;
    struct error error;
    error_fill(&error, ER_NO_CURSOR, prepared_id(prepared),
               is_lost ? " any more: its server, or the transaction in it, was lost" : "");
    command_error(session, &error);
}

// All but the last bytes.
static bool relay(struct fetch *fetch, const uint8_t *bytes, size_t len)
{
    struct session *session = fetch->flow.session;
    size_t all = fetch->tail_bytes + len;
    size_t out = all > sizeof fetch->tail ? all - sizeof fetch->tail : 0;
    size_t old = out < fetch->tail_bytes ? out : fetch->tail_bytes;
    struct iovec parts[2] = {
        {.iov_base = fetch->tail, .iov_len = old},
        {.iov_base = (void *)(uintptr_t)bytes, .iov_len = out - old},
    };
    bool is_full = out > 0 && session_write_parts(session, parts, 2);
    memmove(fetch->tail, fetch->tail + old, fetch->tail_bytes - old);
    memcpy(fetch->tail + fetch->tail_bytes - old, bytes + out - old, len - (out - old));
    fetch->tail_bytes = all - out;
    return is_full;
}

static void write_tail(struct fetch *fetch)
{
    struct session *session = fetch->flow.session;
    bool is_old = (session->capabilities & CAP_DEPRECATE_EOF) == 0;
    uint8_t *status = fetch->tail + fetch->tail_bytes - (is_old ? 2 : 4);
    unsigned own = (unsigned)(status[0] | status[1] << 8) & ~(unsigned)STATUS_OF_SESSION;
    own |= session_status(session);
    status[0] = (uint8_t)own;
    status[1] = (uint8_t)(own >> 8);
    (void)session_write(session, fetch->tail, fetch->tail_bytes);
}

static void on_fetched(struct leg *leg, const struct answer *answer)
{
    struct cursor *cursor = prepared_cursor(leg->session->request->prepared);
    if (!answer->is_cursor_open) {
        forget(cursor, true);
    }
}

// The server's words name its own id of the statement.
static void fail(struct fetch *fetch, const struct answer *last)
{
    struct session *session = fetch->flow.session;
    struct prepared_statement *prepared = fetch->flow.request->prepared;
    bool is_whole = last->byte_count <= fetch->tail_bytes;
    struct error error;
    size_t head = is_whole ? PACKET_HEADER_BYTES : fetch->tail_bytes;
    if (!error_read(slice_part(slice_of(fetch->tail, fetch->tail_bytes), head, fetch->tail_bytes),
                    &error)) {
        error_set(&error, last->error_code, last->sqlstate, "(a long message)");
    }
    cursor_end(prepared);
    if (last->error_code == ER_NO_CURSOR && is_whole) {
        error_fill(&error, ER_NO_CURSOR, prepared_id(prepared), "");
        aftermath_note_error(session, &error);
        session_write_error(session, &error);
    } else {
        aftermath_note_error(session, &error);
        (void)session_write(session, fetch->tail, fetch->tail_bytes);
        counter_add(&session->sessions->counters.errors_sent, 1);
    }
    flow_finish(&fetch->flow);
}

static void on_answer(struct flow *flow, struct leg *leg, const uint8_t *bytes, size_t len,
                      const struct answer *last)
{
    struct fetch *fetch = CONTAINER_OF(flow, struct fetch, flow);
    bool is_full = relay(fetch, bytes, len);
    if (last == NULL) {
        if (is_full) {
            leg_pause(leg);
        }
        return;
    }
    if (last->is_error) {
        fail(fetch, last);
        return;
    }
    write_tail(fetch);
    flow_finish(flow);
}

static void on_failed(struct flow *flow, struct leg *leg, const struct error *error)
{
    (void)leg;
    flow_fail(flow, error);
}

static void on_drained(struct flow *flow)
{
    leg_resume(CONTAINER_OF(flow, struct fetch, flow)->leg);
}

static const struct flow_kind fetch_kind = {
    .name = "fetching",
    .on_answer = on_answer,
    .on_failed = on_failed,
    .on_drained = on_drained,
};

static struct slice fetch_packet(struct arena *arena, uint32_t statement_id, uint32_t rows)
{
    struct text packet;
    text_init(&packet);
    uint8_t sequence = 0;
    size_t place = packet_begin(&packet);
    write_u8(&packet, COM_STMT_FETCH);
    write_u32(&packet, statement_id);
    write_u32(&packet, rows);
    packet_end(&packet, place, &sequence);
    struct slice framed = arena_copy(arena, text_slice(&packet));
    text_done(&packet);
    return framed;
}

static void start(struct session *session, struct request *request, uint32_t rows)
{
    const struct cursor *cursor = prepared_cursor(request->prepared);
    struct fetch *fetch = arena_alloc(&session->arena, sizeof *fetch);
    struct leg_command command = {
        .shard = cursor->leg->shard,
        .access = ACCESS_REPLICA,
        .kind = ANSWER_FETCH,
        .packet = fetch_packet(&session->arena, cursor->statement_id, rows),
        .is_outside = true,
        .is_stateless = true,
        .is_there = true,
        .wants_keep = cursor->leg->is_lingering,
        .on_ok = on_fetched,
    };
    flow_begin(&fetch->flow, &fetch_kind, session, request);
    fetch->leg = cursor->leg;
    leg_start_there(&fetch->flow, cursor->leg, &command);
}

void cursor_fetch(struct session *session, struct request *request)
{
    uint32_t id = command_number(request, 4);
    struct reader reader = reader_of(request->payload);
    (void)read_bytes(&reader, 5);
    uint32_t rows = read_u32(&reader);
    request->prepared = prepared_of_client(session, id);
    if (request->prepared == NULL) {
        prepared_tell_unknown(session, id, "mysqld_stmt_fetch");
        return;
    }
    if (session->transaction.is_broken) {
        transaction_tell_broken(session, request);
        return;
    }
    switch (prepared_cursor(request->prepared)->state) {
    case CURSOR_OPEN:
        start(session, request, rows);
        break;
    case CURSOR_ASIDE:
        cursor_aside_fetch(session, request->prepared, rows);
        break;
    case CURSOR_NONE:
    case CURSOR_LOST:
        no_cursor(session, request->prepared);
        break;
    }
}
