// An answer whose rows are put aside: the client sees the columns and "there is a cursor", FETCH
// brings the rows with numbers of its own, in whatever pieces the answer came; errors and OKs go to
// the client alone; nothing is kept of what is too much.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "protocol/error_table.h"
#include "protocol/packet.h"
#include "protocol/reply.h"
#include "session/aftermath.h"
#include "session/client_io.h"
#include "session/cursor_aside.h"
#include "session/prepared.h"

enum { LIMIT_BYTES = 4 * BUFFER_BLOCK_BYTES, FIRST = 3 };

static struct session session;
static struct request request;
static struct statement statement;
static struct execute execute;
static struct cursor cursor;
static struct config config;
static struct slab blocks;
static struct text written, fetched;
static struct prepared_statement *const the_one = (struct prepared_statement *)&cursor;

// ---- what is around it, played

const struct config *session_config(const struct session *of)
{
    (void)of;
    return &config;
}

struct cursor *prepared_cursor(struct prepared_statement *prepared)
{
    return (struct cursor *)prepared;
}

struct prepared_statement *prepared_next(const struct session *of,
                                         const struct prepared_statement *prepared)
{
    (void)of;
    return prepared == NULL ? the_one : NULL;
}

void cursor_end(struct prepared_statement *prepared)
{
    cursor_aside_free(prepared_cursor(prepared));
    cursor.state = CURSOR_NONE;
}

bool client_io_put(struct session *to, const void *bytes, size_t len)
{
    (void)to;
    text_add(&written, bytes, len);
    return false;
}

bool session_write(struct session *to, const void *bytes, size_t len)
{
    (void)to;
    text_add(&fetched, bytes, len);
    return false;
}

void session_write_rows_end(struct session *to, uint16_t warnings, uint16_t more_status)
{
    struct text payload;
    text_init(&payload);
    eof_write(&payload, warnings, more_status);
    packet_append(&fetched, text_slice(&payload), &to->request->sequence);
    text_done(&payload);
}

void request_finish(struct session *of)
{
    (void)of;
}

void aftermath_note_error(struct session *of, const struct error *error)
{
    (void)of;
    assert_int_equal(error->code, ER_TOO_LARGE);
}

// ---- answers

static void begin(uint64_t capabilities)
{
    memset(&session, 0, sizeof session);
    static struct sessions sessions;
    session.sessions = &sessions;
    session.capabilities = capabilities;
    arena_init(&session.arena, NULL);
    buffer_init(&session.output, &blocks);
    statement.kind = STATEMENT_SELECT;
    execute.cursor_flags = CURSOR_READ_ONLY;
    request = (struct request){
        .session = &session, .statement = &statement, .execute = &execute, .prepared = the_one};
    session.request = &request;
    cursor = (struct cursor){.state = CURSOR_NONE};
    cursor_put_aside(&session, &request);
    assert_non_null(request.aside);
    written.len = fetched.len = 0;
}

static void end(void)
{
    cursor_aside_free(&cursor);
    assert_int_equal(blocks.used_count, 0);
    arena_clear(&session.arena);
    text_done(&written);
    text_done(&fetched);
}

static void write_pieces(struct slice in, size_t piece_bytes)
{
    for (size_t at = 0; at < in.len; at += piece_bytes) {
        size_t left = in.len - at;
        struct iovec part = {.iov_base = (void *)(uintptr_t)(in.ptr + at),
                             .iov_len = left < piece_bytes ? left : piece_bytes};
        assert_false(cursor_aside_write(&session, &part, 1));
    }
}

static void add_bytes(struct text *out, uint8_t byte, size_t count, uint8_t *sequence)
{
    struct text payload;
    text_init(&payload);
    for (size_t i = 0; i < count; i++) {
        text_add(&payload, &byte, 1);
    }
    packet_append(out, text_slice(&payload), sequence);
    text_done(&payload);
}

static void add_end(struct text *out, uint64_t capabilities, uint16_t status, uint8_t *sequence)
{
    struct text payload;
    text_init(&payload);
    if ((capabilities & CAP_DEPRECATE_EOF) == 0) {
        eof_write(&payload, 7, status);
    } else {
        ok_write_eof(&payload, &(struct ok_packet){.status = status, .warnings = 7});
    }
    packet_append(out, text_slice(&payload), sequence);
    text_done(&payload);
}

static void add_columns(struct text *out, uint64_t capabilities, uint8_t *sequence)
{
    add_bytes(out, 2, 1, sequence);
    add_bytes(out, 3, 40, sequence);
    add_bytes(out, 3, 300, sequence);
    if ((capabilities & CAP_DEPRECATE_EOF) == 0) {
        add_end(out, capabilities, STATUS_AUTOCOMMIT, sequence);
    }
}

static void add_error(struct text *out, uint8_t *sequence)
{
    struct error error;
    struct text payload;
    text_init(&payload);
    error_fill(&error, ER_QUERY_INTERRUPTED);
    error_write(&payload, &error);
    packet_append(out, text_slice(&payload), sequence);
    text_done(&payload);
}

static void check_pieces(uint64_t capabilities, size_t piece_bytes)
{
    struct text in, head, rows;
    uint8_t sequence = FIRST;
    text_init(&in);
    text_init(&head);
    text_init(&rows);
    add_columns(&in, capabilities, &sequence);
    add_bytes(&in, 0x00, 9, &sequence);
    add_bytes(&in, 0x00, 1, &sequence);
    add_bytes(&in, 0x00, 400, &sequence);
    add_end(&in, capabilities, STATUS_AUTOCOMMIT | STATUS_NO_INDEX, &sequence);
    sequence = FIRST;
    add_columns(&head, CAP_DEPRECATE_EOF, &sequence);
    add_end(&head, capabilities, STATUS_AUTOCOMMIT | STATUS_NO_INDEX | STATUS_CURSOR_EXISTS,
            &sequence);
    begin(capabilities);
    write_pieces(text_slice(&in), piece_bytes);
    assert_true(slice_equal(text_slice(&written), text_slice(&head)));
    assert_int_equal(cursor.state, CURSOR_ASIDE);

    request = (struct request){.session = &session, .sequence = 1};
    cursor_aside_fetch(&session, the_one, 2);
    request.sequence = 1;
    cursor_aside_fetch(&session, the_one, 1);
    assert_int_equal(cursor.state, CURSOR_ASIDE); // that it was the last one is not seen yet
    request.sequence = 1;
    cursor_aside_fetch(&session, the_one, 1);
    sequence = 1;
    add_bytes(&rows, 0x00, 9, &sequence);
    add_bytes(&rows, 0x00, 1, &sequence);
    struct text payload;
    text_init(&payload);
    eof_write(&payload, 0, STATUS_CURSOR_EXISTS);
    packet_append(&rows, text_slice(&payload), &sequence);
    sequence = 1;
    add_bytes(&rows, 0x00, 400, &sequence);
    packet_append(&rows, text_slice(&payload), &sequence);
    payload.len = 0;
    eof_write(&payload, 0, STATUS_LAST_ROW_SENT);
    sequence = 1;
    packet_append(&rows, text_slice(&payload), &sequence);
    assert_true(slice_equal(text_slice(&fetched), text_slice(&rows)));
    assert_int_equal(cursor.state, CURSOR_NONE);
    assert_null(cursor.rows);
    end();
    text_done(&payload);
    text_done(&in);
    text_done(&head);
    text_done(&rows);
}

static void rows_in_pieces_of_every_size(void **state)
{
    (void)state;
    for (size_t piece_bytes = 1; piece_bytes < 900; piece_bytes++) {
        check_pieces(0, piece_bytes);
        check_pieces(CAP_DEPRECATE_EOF, piece_bytes);
    }
}

// The client has heard nothing of the columns: the error stands where they would have begun.
static void an_error_is_all(void **state)
{
    (void)state;
    for (size_t piece_bytes = 1; piece_bytes < 500; piece_bytes += 7) {
        struct text in, expected;
        uint8_t sequence = FIRST;
        text_init(&in);
        text_init(&expected);
        add_columns(&in, 0, &sequence);
        add_bytes(&in, 0x00, 90, &sequence);
        add_error(&in, &sequence);
        sequence = FIRST;
        add_error(&expected, &sequence);
        begin(0);
        write_pieces(text_slice(&in), piece_bytes);
        assert_true(slice_equal(text_slice(&written), text_slice(&expected)));
        assert_int_equal(cursor.state, CURSOR_NONE);
        assert_null(cursor.rows);
        end();
        text_done(&in);
        text_done(&expected);
    }
}

// A server is lost in the middle of a row.
static void a_failure_begins_anew(void **state)
{
    (void)state;
    struct text in;
    uint8_t sequence = FIRST;
    text_init(&in);
    add_columns(&in, 0, &sequence);
    add_bytes(&in, 0x00, 90, &sequence);
    begin(0);
    write_pieces(slice_part(text_slice(&in), 0, in.len - 20), 50);
    request.sequence = sequence;
    cursor_aside_drop(&request);
    assert_int_equal(request.sequence, FIRST);
    in.len = 0;
    sequence = FIRST;
    add_error(&in, &sequence);
    write_pieces(text_slice(&in), 5);
    assert_true(slice_equal(text_slice(&written), text_slice(&in)));
    end();
    text_done(&in);
}

static void what_has_no_rows_has_no_cursor(void **state)
{
    (void)state;
    struct text in, payload;
    uint8_t sequence = 1;
    text_init(&in);
    text_init(&payload);
    ok_write(&payload, &(struct ok_packet){.affected_rows = 5});
    packet_append(&in, text_slice(&payload), &sequence);
    begin(CAP_DEPRECATE_EOF);
    write_pieces(text_slice(&in), 3);
    assert_true(slice_equal(text_slice(&written), text_slice(&in)));
    assert_int_equal(cursor.state, CURSOR_NONE);
    end();
    text_done(&payload);
    text_done(&in);
}

static void too_much_is_an_error(void **state)
{
    (void)state;
    struct text in;
    uint8_t sequence = FIRST;
    struct error error;
    size_t most = 0;
    text_init(&in);
    add_columns(&in, 0, &sequence);
    begin(0);
    write_pieces(text_slice(&in), in.len);
    for (int i = 0; i < 500; i++) {
        in.len = 0;
        add_bytes(&in, 0x00, 1000, &sequence);
        write_pieces(text_slice(&in), in.len);
        most = blocks.used_count > most ? blocks.used_count : most;
    }
    assert_true(most <= LIMIT_BYTES / BUFFER_BLOCK_BYTES && most > 1);
    assert_int_equal(blocks.used_count, 0);
    assert_true(cursor_is_too_large(&request, &error) && error.code == ER_TOO_LARGE);
    in.len = 0;
    add_end(&in, 0, 0, &sequence);
    write_pieces(text_slice(&in), in.len);
    assert_int_equal(packet_sequence(written.ptr), FIRST);
    assert_true(
        error_read(slice_part(text_slice(&written), PACKET_HEADER_BYTES, written.len), &error));
    assert_int_equal(error.code, ER_TOO_LARGE);
    assert_false(cursor_is_too_large(&request, &error));
    end();
    text_done(&in);
}

static void not_for_statements_that_answer_at_once(void **state)
{
    (void)state;
    begin(0);
    request.aside = NULL;
    cursor_aside_free(&cursor);
    statement.kind = STATEMENT_SHOW;
    statement.name = slice_of_string("CREATE TABLE");
    cursor_put_aside(&session, &request);
    assert_null(request.aside);
    statement.name = slice_of_string("VARIABLES");
    execute.cursor_flags = 0;
    cursor_put_aside(&session, &request);
    assert_null(request.aside);
    execute.cursor_flags = CURSOR_READ_ONLY;
    cursor_put_aside(&session, &request);
    assert_non_null(request.aside);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_in_pieces_of_every_size),
        cmocka_unit_test(an_error_is_all),
        cmocka_unit_test(a_failure_begins_anew),
        cmocka_unit_test(what_has_no_rows_has_no_cursor),
        cmocka_unit_test(too_much_is_an_error),
        cmocka_unit_test(not_for_statements_that_answer_at_once),
    };
    config.settings.cursor_buffer_bytes = LIMIT_BYTES;
    slab_init(&blocks, "buffer", BUFFER_BLOCK_BYTES, 4);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    slab_done(&blocks);
    return failed;
}
