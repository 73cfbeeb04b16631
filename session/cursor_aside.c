// Rows put aside for a cursor.
//
// An answer goes by as bytes on its way to the client (client_io), and is cut into packets here:
//
//     count, columns  ----> head, until the end is known
//     rows            ----> the cursor's buffer                    FETCH takes them from its front
//     EOF or OK       ----> head, and an EOF that says "there is a cursor", go to the client
//     ERR             ----> goes to the client, all else is dropped
//     OK first        ----> goes to the client: no rows, no cursor
//
// So the client sees an error in place of a cursor, as servers tell it, whose cursors are filled
// when they are opened, too. What is beyond the limit is not kept, and becomes an error at the end.

#include "session/cursor_aside.h"

#include <stdio.h>

#include "base/memory.h"
#include "protocol/answer.h"
#include "protocol/error_table.h"
#include "protocol/packet.h"
#include "session/aftermath.h"
#include "session/client_io.h"
#include "session/gather.h"
#include "session/prepared.h"

enum {
    LOOK_BYTES = PACKET_HEADER_BYTES + 1, // what must be seen of a packet to know its kind
    OUT_BYTES = 32 * 1024,                // FETCH writes so much at once
};

// In the arena of the command that fills it; the buffer is the cursor's.
struct cursor_aside {
    struct answer answer; // the grammar of what went by
    struct gather head;   // count and columns
    struct gather held;   // the present packet, when it is no row
    struct buffer *rows;
    size_t max_bytes;      // of head and rows
    uint32_t passing;      // bytes of the present row's packet that are still to come
    uint8_t sequence;      // of the answer's first packet
    bool is_row_part;      // it is of 16 MB: what follows continues it
    bool is_too_large;     // ... and nothing more is kept
    bool is_over;          // the client was told
    bool has_first_packet; // `sequence` is known
};

// ---- which statements

// SHOW statements that servers make a SELECT of (MariaDB 10.11: tried); the others answer at once.
static bool is_show_select(struct slice name)
{
    static const char *const names[] = {
        "STATUS",       "VARIABLES",      "TABLES",          "TABLE STATUS",    "OPEN TABLES",
        "DATABASES",    "SCHEMAS",        "COLUMNS",         "INDEX",           "TRIGGERS",
        "EVENTS",       "ENGINES",        "COLLATION",       "CHARACTER SET",   "PLUGINS",
        "COUNT ERRORS", "COUNT WARNINGS", "STORAGE ENGINES", "FUNCTION STATUS", "PROCEDURE STATUS",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (slice_is_nocase(name, names[i])) {
            return true;
        }
    }
    return false;
}

static bool is_cursor_possible(const struct statement *statement)
{
    return statement->kind == STATEMENT_SELECT ||
           ((statement->kind == STATEMENT_SHOW || statement->kind == STATEMENT_DIAGNOSTICS) &&
            is_show_select(statement->name));
}

// Blocks count whole: a client may have many small cursors.
static size_t kept_bytes(const struct buffer *rows)
{
    return rows->chain.count * BUFFER_BLOCK_BYTES;
}

static size_t bytes_of_client(const struct session *session)
{
    size_t bytes = 0;
    struct prepared_statement *prepared = NULL;
    while ((prepared = prepared_next(session, prepared)) != NULL) {
        const struct cursor *cursor = prepared_cursor(prepared);
        bytes += cursor->rows != NULL ? kept_bytes(cursor->rows) : 0;
    }
    return bytes;
}

void cursor_put_aside(struct session *session, struct request *request)
{
    size_t limit = (size_t)session_config(session)->settings.cursor_buffer_bytes;
    if (request->aside != NULL || request->execute == NULL || request->prepared == NULL ||
        (request->execute->cursor_flags & CURSOR_READ_ONLY) == 0 || limit == 0 ||
        !is_cursor_possible(request->statement)) {
        return;
    }
    struct cursor_aside *aside = arena_alloc(&session->arena, sizeof *aside);
    struct cursor *cursor = prepared_cursor(request->prepared);
    size_t others = bytes_of_client(session);
    aside->max_bytes = limit > others ? limit - others : 0;
    aside->rows = cursor->rows = memory_new(sizeof *cursor->rows);
    buffer_init(aside->rows, session->output.blocks);
    answer_start(&aside->answer, ANSWER_EXECUTE, session->capabilities);
    request->aside = aside;
}

void cursor_aside_free(struct cursor *cursor)
{
    if (cursor->rows != NULL) {
        buffer_clear(cursor->rows);
        memory_free(cursor->rows);
        cursor->rows = NULL;
    }
}

// ---- the end of the answer

static void fill_too_large(const struct session *session, struct error *error)
{
    char text[300];
    snprintf(text, sizeof text,
             "the rows of this client's cursors are more than cursor_buffer_bytes (%lld): fetch or "
             "close others first, ask for fewer rows (LIMIT), or execute without a cursor",
             (long long)session_config(session)->settings.cursor_buffer_bytes);
    error_fill(error, ER_TOO_LARGE, text);
}

bool cursor_is_too_large(const struct request *request, struct error *error)
{
    bool is_it = request->aside != NULL && request->aside->is_too_large && !request->aside->is_over;
    if (is_it) {
        fill_too_large(request->session, error);
    }
    return is_it;
}

static void drop_all(struct session *session)
{
    cursor_aside_free(prepared_cursor(session->request->prepared));
    session->request->aside->rows = NULL;
    session->request->aside->is_over = true;
}

static void put_packet(struct session *session, const struct text *payload, uint8_t sequence)
{
    struct text packet;
    text_init(&packet);
    packet_append(&packet, text_slice(payload), &sequence);
    (void)client_io_put(session, packet.ptr, packet.len);
    text_done(&packet);
}

static void tell_too_large(struct session *session)
{
    struct error error;
    struct text payload;
    text_init(&payload);
    fill_too_large(session, &error);
    error_write(&payload, &error);
    put_packet(session, &payload, session->request->aside->sequence);
    text_done(&payload);
    drop_all(session);
    aftermath_note_error(session, &error);
    counter_add(&session->sessions->counters.errors_sent, 1);
}

// The columns, and behind them what the end of the rows says of the statement.
static void tell_open(struct session *session, struct slice last)
{
    struct cursor_aside *aside = session->request->aside;
    struct ok_packet ok = {.status = aside->answer.status, .warnings = aside->answer.warnings};
    struct text payload;
    text_init(&payload);
    (void)client_io_put(session, aside->head.bytes, aside->head.len);
    if ((session->capabilities & CAP_DEPRECATE_EOF) == 0) {
        eof_write(&payload, ok.warnings, ok.status | STATUS_CURSOR_EXISTS);
    } else {
        if (!ok_read(last, &ok)) {
            ok.changes = slice_of(NULL, 0);
        }
        ok.status |= STATUS_CURSOR_EXISTS;
        ok_write_as(&payload, 0xfe, &ok);
    }
    // The count and a column for each came before it.
    put_packet(session, &payload, (uint8_t)(aside->sequence + 1 + aside->answer.column_count));
    text_done(&payload);
    aside->is_over = true;
    *prepared_cursor(session->request->prepared) =
        (struct cursor){.state = CURSOR_ASIDE, .rows = aside->rows};
}

void cursor_aside_drop(struct request *request)
{
    struct cursor_aside *aside = request->aside;
    if (aside != NULL && !aside->is_over) {
        drop_all(request->session);
        request->sequence = aside->has_first_packet ? aside->sequence : request->sequence;
    }
}

// ---- packets

// Stands the answer between the columns and the end of the rows?
static bool is_at_rows(const struct cursor_aside *aside)
{
    return aside->answer.has_rows && aside->answer.columns_left == 0;
}

static bool has_room(const struct cursor_aside *aside, size_t len)
{
    size_t blocks = (aside->rows->size_bytes + len) / BUFFER_BLOCK_BYTES + 2; // at most so many
    return !aside->is_too_large &&
           blocks * BUFFER_BLOCK_BYTES + aside->head.len <= aside->max_bytes;
}

static void keep_row(struct cursor_aside *aside, const uint8_t *bytes, size_t len)
{
    if (has_room(aside, len)) {
        buffer_append(aside->rows, bytes, len);
    } else {
        aside->is_too_large = true;
        buffer_clear(aside->rows);
    }
}

static void keep_head(struct session *session)
{
    struct cursor_aside *aside = session->request->aside;
    if (aside->head.len + aside->held.len <= aside->max_bytes) {
        gather_add(&aside->head, &session->arena, aside->held.bytes, aside->held.len);
    } else {
        aside->is_too_large = true;
    }
}

// A whole packet that is no row.
static void take_packet(struct session *session)
{
    struct cursor_aside *aside = session->request->aside;
    struct gather *held = &aside->held;
    bool was_at_rows = is_at_rows(aside);
    if (!aside->has_first_packet) {
        aside->has_first_packet = true;
        aside->sequence = packet_sequence(held->bytes);
    }
    (void)!answer_feed(&aside->answer, held->bytes, held->len);
    if (aside->answer.is_error || !aside->answer.has_rows || aside->answer.is_bad) {
        held->bytes[PACKET_HEADER_BYTES - 1] = aside->sequence;
        (void)client_io_put(session, held->bytes, held->len);
        drop_all(session);
    } else if (!aside->answer.is_done && !was_at_rows) {
        keep_head(session);
    } else if (aside->answer.is_done && aside->is_too_large) {
        tell_too_large(session);
    } else if (aside->answer.is_done) {
        tell_open(session, gather_payload(held));
    }
    held->len = 0;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

// How many bytes of the present packet are still wanted before it is known, or whole.
static size_t wanted(const struct cursor_aside *aside)
{
    size_t have = aside->held.len;
    if (have < PACKET_HEADER_BYTES) {
        return PACKET_HEADER_BYTES - have;
    }
    size_t whole = PACKET_HEADER_BYTES + packet_payload_bytes(aside->held.bytes);
    return have < LOOK_BYTES && whole >= LOOK_BYTES ? LOOK_BYTES - have : whole - have;
}

// What is held begins a row, or continues one.
static bool is_row(const struct cursor_aside *aside)
{
    size_t payload_bytes = packet_payload_bytes(aside->held.bytes);
    return aside->is_row_part ||
           (is_at_rows(aside) && aside->held.len >= LOOK_BYTES &&
            answer_is_in_list(&aside->answer, aside->held.bytes[PACKET_HEADER_BYTES],
                              payload_bytes));
}

static void begin_row(struct cursor_aside *aside)
{
    size_t payload_bytes = packet_payload_bytes(aside->held.bytes);
    aside->is_row_part = payload_bytes == PACKET_PAYLOAD_MAX;
    aside->passing = (uint32_t)(PACKET_HEADER_BYTES + payload_bytes - aside->held.len);
    (void)!answer_feed(&aside->answer, aside->held.bytes, aside->held.len);
    keep_row(aside, aside->held.bytes, aside->held.len);
    aside->held.len = 0;
}

// Takes some bytes; returns how many.
static size_t take(struct session *session, const uint8_t *bytes, size_t len)
{
    struct cursor_aside *aside = session->request->aside;
    if (aside->passing > 0) {
        size_t step = least(aside->passing, len);
        (void)!answer_feed(&aside->answer, bytes, step);
        keep_row(aside, bytes, step);
        aside->passing -= (uint32_t)step;
        return step;
    }
    size_t step = least(wanted(aside), len);
    gather_add(&aside->held, &session->arena, bytes, step);
    if (aside->held.len < PACKET_HEADER_BYTES) {
        return step;
    }
    if (is_row(aside)) {
        begin_row(aside);
    } else if (wanted(aside) == 0) {
        take_packet(session);
    }
    return step;
}

bool cursor_aside_write(struct session *session, const struct iovec *parts, int count)
{
    for (int i = 0; i < count; i++) {
        const uint8_t *bytes = parts[i].iov_base;
        size_t len = parts[i].iov_len;
        while (len > 0 && !session->request->aside->is_over) {
            size_t step = take(session, bytes, len);
            bytes += step;
            len -= step;
        }
        if (len > 0) {
            (void)client_io_put(session, bytes, len);
        }
    }
    return session->is_output_full;
}

// ---- FETCH

static void flush(struct session *session, struct text *out)
{
    (void)session_write(session, out->ptr, out->len); // what the client doesn't take is bounded
    out->len = 0;
}

// A packet of the buffer with the number that is due. True: the row goes on in another one.
static bool move_packet(struct session *session, struct buffer *rows, struct text *out)
{
    uint8_t piece[4096];
    buffer_take(rows, piece, PACKET_HEADER_BYTES);
    size_t left = packet_payload_bytes(piece);
    bool is_part = left == PACKET_PAYLOAD_MAX;
    piece[PACKET_HEADER_BYTES - 1] = session->request->sequence++;
    text_add(out, piece, PACKET_HEADER_BYTES);
    while (left > 0) {
        size_t step = least(left, sizeof piece);
        buffer_take(rows, piece, step);
        text_add(out, piece, step);
        left -= step;
        if (out->len >= OUT_BYTES) {
            flush(session, out);
        }
    }
    return is_part;
}

void cursor_aside_fetch(struct session *session, struct prepared_statement *prepared, uint32_t rows)
{
    struct cursor *cursor = prepared_cursor(prepared);
    struct text out;
    text_init(&out);
    for (; rows > 0 && cursor->rows->size_bytes > 0; rows--) {
        while (move_packet(session, cursor->rows, &out)) {
        }
    }
    if (out.len > 0) {
        flush(session, &out);
    }
    text_done(&out);
    // As servers: that there are no more is found when one more is asked for.
    if (rows > 0) {
        cursor_end(prepared);
    }
    session_write_rows_end(session, 0, rows > 0 ? STATUS_LAST_ROW_SENT : STATUS_CURSOR_EXISTS);
    request_finish(session);
}
