// Flags are put into every OK and EOF of an answer and into nothing else, whatever pieces the
// answer comes in; huge rows go through.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "protocol/packet.h"
#include "protocol/reply.h"
#include "protocol/session_track.h"
#include "session/answer_marks.h"
#include "session/client_io.h"
#include "session/track.h"

static struct session session;
static struct request request;
static struct text written;

bool client_io_write(struct session *to, const void *bytes, size_t len)
{
    assert_ptr_equal(to, &session);
    text_add(&written, bytes, len);
    return false;
}

static void begin(uint64_t capabilities)
{
    session.capabilities = capabilities;
    arena_init(&session.arena, NULL);
    request = (struct request){.session = &session};
    session.request = &request;
    answer_marks_add(&session, ANSWER_QUERY, STATUS_MORE_RESULTS);
    answer_marks_add(&session, ANSWER_QUERY, STATUS_IN_TRANS_READONLY);
}

static void end(void)
{
    arena_clear(&session.arena);
    text_done(&written);
}

static void write_piece(const uint8_t *bytes, size_t len)
{
    struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = len};
    assert_false(answer_marks_write(&session, &part, 1));
}

static void add(struct text *out, struct text *payload, uint8_t *sequence)
{
    packet_append(out, text_slice(payload), sequence);
    text_done(payload);
}

static void add_byte_packet(struct text *out, uint8_t byte, size_t count, uint8_t *sequence)
{
    struct text payload;
    text_init(&payload);
    while (payload.len < count) {
        uint8_t block[512];
        memset(block, byte, sizeof block);
        text_add(&payload, block,
                 count - payload.len < sizeof block ? count - payload.len : sizeof block);
    }
    add(out, &payload, sequence);
}

static void add_end(struct text *out, bool is_old, uint16_t status, uint8_t *sequence)
{
    struct text payload;
    text_init(&payload);
    if (is_old) {
        eof_write(&payload, 300, status);
    } else {
        ok_write_eof(&payload, &(struct ok_packet){.status = status, .warnings = 300});
    }
    add(out, &payload, sequence);
}

// A result set with a row that looks like an EOF but for its length, then an OK with a text.
static void write_answer(struct text *out, uint64_t capabilities, uint16_t flags)
{
    bool is_old = (capabilities & CAP_DEPRECATE_EOF) == 0;
    uint8_t sequence = 1;
    uint16_t status = STATUS_AUTOCOMMIT | STATUS_MORE_RESULTS | flags;
    add_byte_packet(out, 1, 1, &sequence);  // one column
    add_byte_packet(out, 3, 40, &sequence); // its definition is not looked at
    if (is_old) {
        add_end(out, true, status, &sequence);
    }
    add_byte_packet(out, 0x00, 1, &sequence); // an empty string
    add_byte_packet(out, 0xfb, 1, &sequence); // NULL
    add_byte_packet(out, 0x31, 300, &sequence);
    add_end(out, is_old, status, &sequence);
    struct text payload;
    text_init(&payload);
    struct ok_packet ok = {.affected_rows = 70000,
                           .insert_id = 1ull << 40,
                           .status = (uint16_t)(STATUS_AUTOCOMMIT | flags),
                           .message = slice_of_string("Rows matched: 3")};
    ok_write(&payload, &ok);
    add(out, &payload, &sequence);
}

static void check_pieces(uint64_t capabilities, size_t piece_bytes)
{
    struct text in, expected;
    text_init(&in);
    text_init(&expected);
    write_answer(&in, capabilities, 0);
    write_answer(&expected, capabilities, STATUS_MORE_RESULTS | STATUS_IN_TRANS_READONLY);
    begin(capabilities);
    for (size_t at = 0; at < in.len; at += piece_bytes) {
        size_t left = in.len - at;
        write_piece(in.ptr + at, left < piece_bytes ? left : piece_bytes);
    }
    assert_true(slice_equal(text_slice(&written), text_slice(&expected)));
    assert_true(request.marks->answer.is_done);
    assert_false(request.marks->answer.is_error || request.marks->answer.is_bad);
    end();
    text_done(&in);
    text_done(&expected);
}

static void marks_in_pieces_of_every_size(void **state)
{
    (void)state;
    for (size_t piece_bytes = 1; piece_bytes < 500; piece_bytes++) {
        check_pieces(0, piece_bytes);
        check_pieces(CAP_DEPRECATE_EOF, piece_bytes);
    }
}

// State changes: a schema beside whatever the server told.
void track_take(struct session *to, uint16_t shard, struct slice changes, struct text *block)
{
    assert_ptr_equal(to, &session);
    assert_int_equal(shard, 7);
    text_add_slice(block, changes);
    track_write(block, TRACK_SCHEMA, slice_of(NULL, 0), slice_of_string("shop"));
}

static void write_tracked(struct text *out, bool is_old, const char *changes)
{
    struct slice block = slice_of(changes, strlen(changes));
    uint8_t sequence = 1;
    struct text payload;
    text_init(&payload);
    add_byte_packet(out, 1, 1, &sequence);
    add_byte_packet(out, 3, 40, &sequence);
    if (is_old) {
        add_end(out, true, STATUS_MORE_RESULTS | STATUS_SESSION_CHANGED, &sequence);
        add_end(out, true, STATUS_MORE_RESULTS | STATUS_SESSION_CHANGED, &sequence);
    } else {
        struct ok_packet end = {.status = STATUS_MORE_RESULTS, .changes = block};
        ok_write_eof(&payload, &end);
        add(out, &payload, &sequence);
    }
    ok_write(&payload, &(struct ok_packet){.affected_rows = 3, .changes = block});
    add(out, &payload, &sequence);
}

static void changes_what_is_tracked(void **state)
{
    (void)state;
    struct track *has_some = (struct track *)(void *)&written;
    for (size_t piece_bytes = 1; piece_bytes < 400; piece_bytes++) {
        bool is_old = piece_bytes % 2 == 0;
        bool had_none = piece_bytes % 3 == 0;
        struct text in, expected;
        text_init(&in);
        text_init(&expected);
        write_tracked(&in, is_old,
                      had_none ? ""
                               : "\2\1"
                                 "1");
        write_tracked(&expected, is_old,
                      had_none ? "\1\5\4shop"
                               : "\2\1"
                                 "1"
                                 "\1\5\4shop");
        session.capabilities = is_old ? 0 : CAP_DEPRECATE_EOF;
        session.track = has_some;
        arena_init(&session.arena, NULL);
        request = (struct request){.session = &session};
        session.request = &request;
        answer_marks_add(&session, ANSWER_QUERY, 0);
        request.marks->has_tracking = true;
        request.marks->shard = 7;
        for (size_t at = 0; at < in.len; at += piece_bytes) {
            size_t left = in.len - at;
            write_piece(in.ptr + at, left < piece_bytes ? left : piece_bytes);
        }
        assert_true(slice_equal(text_slice(&written), text_slice(&expected)));
        assert_true(request.marks->answer.is_done);
        end();
        text_done(&in);
        text_done(&expected);
    }
    session.track = NULL;
}

static void leaves_errors_alone(void **state)
{
    (void)state;
    struct text in, payload;
    struct error error;
    uint8_t sequence = 1;
    text_init(&in);
    text_init(&payload);
    error_set(&error, 1064, "42000", "no");
    error_write(&payload, &error);
    add(&in, &payload, &sequence);
    begin(CAP_DEPRECATE_EOF);
    write_piece(in.ptr, in.len);
    assert_true(slice_equal(text_slice(&written), text_slice(&in)));
    assert_true(request.marks->answer.is_error);
    end();
    text_done(&in);
}

// A server that is lost in the middle of its first packet: what came of it is no part of the error.
static void drops_half_a_packet(void **state)
{
    (void)state;
    struct text in, payload;
    struct error error;
    uint8_t sequence = 1;
    text_init(&in);
    text_init(&payload);
    error_set(&error, 2013, "HY000", "lost");
    error_write(&payload, &error);
    add(&in, &payload, &sequence);
    for (size_t half = 1; half < 11; half++) {
        static const uint8_t an_ok[] = {7, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0};
        begin(CAP_DEPRECATE_EOF);
        write_piece(an_ok, half);
        assert_int_equal(written.len, 0);
        answer_marks_drop_part(&session);
        write_piece(in.ptr, in.len);
        assert_true(slice_equal(text_slice(&written), text_slice(&in)));
        assert_true(request.marks->answer.is_error);
        end();
    }
    text_done(&in);
}

// Two rows of exactly 16 MB and a bit more: the parts behind the first begin with anything.
static void passes_huge_rows(void **state)
{
    (void)state;
    struct text in, expected;
    uint8_t sequence = 1;
    text_init(&in);
    text_init(&expected);
    begin(CAP_DEPRECATE_EOF);
    add_byte_packet(&in, 1, 1, &sequence);
    add_byte_packet(&in, 3, 40, &sequence);
    add_byte_packet(&in, 0xfe, PACKET_PAYLOAD_MAX, &sequence);
    add_byte_packet(&in, 0xfe, PACKET_PAYLOAD_MAX + 5, &sequence);
    text_add_slice(&expected, text_slice(&in));
    uint8_t again = sequence;
    add_end(&in, false, STATUS_AUTOCOMMIT, &sequence);
    add_end(&expected, false, STATUS_AUTOCOMMIT | STATUS_MORE_RESULTS | STATUS_IN_TRANS_READONLY,
            &again);
    for (size_t at = 0; at < in.len; at += 65531) {
        write_piece(in.ptr + at, in.len - at < 65531 ? in.len - at : 65531);
    }
    assert_true(slice_equal(text_slice(&written), text_slice(&expected)));
    assert_true(request.marks->answer.is_done);
    assert_int_equal(request.marks->answer.row_count, 2);
    end();
    text_done(&in);
    text_done(&expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(marks_in_pieces_of_every_size),
        cmocka_unit_test(changes_what_is_tracked),
        cmocka_unit_test(leaves_errors_alone),
        cmocka_unit_test(drops_half_a_packet),
        cmocka_unit_test(passes_huge_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
