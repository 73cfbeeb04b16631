// The answer reader: whatever way the bytes come, the answer is the same.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>

#include "base/memory.h"
#include "protocol/answer.h"
#include "protocol/packet.h"
#include "protocol/reply.h"
#include "tests/unit/protocol/recorded_answers.h"

static struct text bytes_of_hex(const char *hex)
{
    struct text out;
    text_init(&out);
    for (; hex[0] != '\0'; hex += 2) {
        char digits[3] = {hex[0], hex[1], '\0'};
        uint8_t byte = (uint8_t)strtoul(digits, NULL, 16);
        text_add(&out, &byte, 1);
    }
    return out;
}

// What a user of the reader can see.
static void assert_same(const struct answer *a, const struct answer *b)
{
    assert_int_equal(a->is_done, b->is_done);
    assert_int_equal(a->is_bad, b->is_bad);
    assert_int_equal(a->is_error, b->is_error);
    assert_int_equal(a->has_rows, b->has_rows);
    assert_int_equal(a->is_cursor_open, b->is_cursor_open);
    assert_int_equal(a->wants_file, b->wants_file);
    assert_int_equal(a->error_code, b->error_code);
    assert_string_equal(a->sqlstate, b->sqlstate);
    assert_int_equal(a->status, b->status);
    assert_int_equal(a->warnings, b->warnings);
    assert_int_equal(a->affected_rows, b->affected_rows);
    assert_int_equal(a->insert_id, b->insert_id);
    assert_int_equal(a->row_count, b->row_count);
    assert_int_equal(a->column_count, b->column_count);
    assert_int_equal(a->statement_id, b->statement_id);
    assert_int_equal(a->param_count, b->param_count);
    assert_int_equal(a->byte_count, b->byte_count);
    assert_int_equal(a->next_sequence, b->next_sequence);
}

static struct answer feed_whole(enum answer_kind kind, uint64_t capabilities, struct slice bytes,
                                size_t *eaten)
{
    struct answer answer;
    answer_start(&answer, kind, capabilities);
    *eaten = answer_feed(&answer, bytes.ptr, bytes.len);
    return answer;
}

// Every split into two pieces, and byte by byte, against whole.
static struct answer check_splits(enum answer_kind kind, uint64_t capabilities, struct slice bytes)
{
    size_t whole_eaten;
    struct answer whole = feed_whole(kind, capabilities, bytes, &whole_eaten);
    for (size_t cut = 0; cut <= bytes.len; cut++) {
        struct answer answer;
        answer_start(&answer, kind, capabilities);
        size_t eaten = answer_feed(&answer, bytes.ptr, cut);
        if (!answer.is_done && !answer.is_bad) {
            assert_int_equal(eaten, cut);
            eaten += answer_feed(&answer, bytes.ptr + cut, bytes.len - cut);
        }
        assert_int_equal(eaten, whole_eaten);
        assert_same(&answer, &whole);
    }
    for (size_t step = 1; step <= 7; step++) {
        struct answer answer;
        answer_start(&answer, kind, capabilities);
        size_t at = 0;
        while (at < bytes.len && !answer.is_done && !answer.is_bad) {
            size_t len = bytes.len - at < step ? bytes.len - at : step;
            at += answer_feed(&answer, bytes.ptr + at, len);
        }
        assert_int_equal(at, whole_eaten);
        assert_same(&answer, &whole);
    }
    return whole;
}

// The same answer, packet by packet.
static struct answer feed_packets(enum answer_kind kind, uint64_t capabilities, struct slice bytes)
{
    struct arena arena;
    arena_init(&arena, NULL);
    struct answer answer;
    answer_start(&answer, kind, capabilities);
    size_t at = 0;
    while (at < bytes.len && !answer.is_done && !answer.is_bad) {
        size_t raw, payload;
        uint8_t next;
        struct slice left = slice_part(bytes, at, bytes.len);
        assert_int_equal(packet_look(left, left.ptr[3], SIZE_MAX, &raw, &payload, &next),
                         PACKET_WHOLE);
        (void)answer_packet(&answer, packet_payload(&arena, left, payload));
        at += raw;
    }
    arena_clear(&arena);
    return answer;
}

static void test_recorded(void **state)
{
    (void)state;
    size_t count = sizeof recorded_answers / sizeof recorded_answers[0];
    for (size_t i = 0; i < count; i++) {
        const struct recorded_answer *row = &recorded_answers[i];
        struct text bytes = bytes_of_hex(row->hex);
        assert_int_equal(bytes.len, row->len);
        text_add_string(&bytes, "what comes behind the answer");
        struct answer whole = check_splits(row->kind, row->capabilities, text_slice(&bytes));
        if (!whole.is_done || whole.byte_count != row->len) {
            fail_msg("%s: done %d after %zu of %zu bytes", row->name, whole.is_done,
                     (size_t)whole.byte_count, row->len);
        }
        bytes.len = row->len;
        struct answer packets = feed_packets(row->kind, row->capabilities, text_slice(&bytes));
        assert_same(&packets, &whole);
        text_done(&bytes);
    }
}

static struct answer recorded(const char *name)
{
    for (size_t i = 0; i < sizeof recorded_answers / sizeof recorded_answers[0]; i++) {
        const struct recorded_answer *row = &recorded_answers[i];
        if (strcmp(row->name, name) == 0) {
            struct text bytes = bytes_of_hex(row->hex);
            size_t eaten;
            struct answer answer =
                feed_whole(row->kind, row->capabilities, text_slice(&bytes), &eaten);
            text_done(&bytes);
            return answer;
        }
    }
    fail_msg("no recording named %s", name);
    return (struct answer){0};
}

static void test_what_is_known_afterwards(void **state)
{
    (void)state;
    struct answer answer = recorded("insert");
    assert_int_equal(answer.affected_rows, 3);
    assert_int_equal(answer.insert_id, 1);
    assert_false(answer.has_rows);
    assert_int_equal(recorded("begin").status & STATUS_IN_TRANS, STATUS_IN_TRANS);
    answer = recorded("select rows");
    assert_int_equal(answer.row_count, 3);
    assert_int_equal(answer.column_count, 3);
    assert_true(answer.has_rows);
    answer = recorded("syntax error");
    assert_true(answer.is_error);
    assert_int_equal(answer.error_code, 1064);
    assert_string_equal(answer.sqlstate, "42000");
    answer = recorded("error in the middle of rows");
    assert_true(answer.is_error && answer.has_rows && answer.is_done);
    assert_int_equal(answer.error_code, 1242);
    assert_int_equal(recorded("multi results").row_count, 3);
    assert_int_equal(recorded("call").row_count, 4);
    answer = recorded("prepare");
    assert_int_equal(answer.param_count, 2);
    assert_int_equal(answer.column_count, 3);
    assert_true(answer.statement_id > 0);
    assert_true(recorded("execute with cursor").is_cursor_open);
    assert_true(recorded("execute with cursor (deprecate eof)").is_cursor_open);
    assert_true(recorded("fetch some").is_cursor_open);
    assert_int_equal(recorded("fetch some").row_count, 2);
    assert_false(recorded("fetch the rest").is_cursor_open);
    assert_int_equal(recorded("fetch after the end").error_code, 1421);
}

// ---- answers made here

struct script {
    struct text bytes;
    uint8_t sequence;
};

static struct script script_new(void)
{
    struct script script = {.sequence = 1};
    text_init(&script.bytes);
    return script;
}

static void put(struct script *script, const void *payload, size_t len)
{
    packet_append(&script->bytes, slice_of(payload, len), &script->sequence);
}

static void put_eof(struct script *script, uint16_t status)
{
    struct text payload;
    text_init(&payload);
    eof_write(&payload, 0, status);
    put(script, payload.ptr, payload.len);
    text_done(&payload);
}

static void put_ok(struct script *script, uint16_t status, bool is_eof)
{
    struct text payload;
    text_init(&payload);
    struct ok_packet ok = {.affected_rows = 70000, .insert_id = UINT64_MAX, .status = status};
    (is_eof ? ok_write_eof : ok_write)(&payload, &ok);
    put(script, payload.ptr, payload.len);
    text_done(&payload);
}

static void put_columns(struct script *script, uint8_t count, bool is_eof_deprecated)
{
    put(script, &count, 1);
    for (uint8_t i = 0; i < count; i++) {
        put(script, "\3def and the rest of a column", 28);
    }
    if (!is_eof_deprecated) {
        put_eof(script, STATUS_AUTOCOMMIT | STATUS_MORE_RESULTS);
    }
}

// A row of one field that makes the payload exactly payload_bytes long.
static void put_big_row(struct script *script, size_t payload_bytes)
{
    struct text row;
    text_init(&row);
    write_u8(&row, 0xfe);
    write_u64(&row, payload_bytes - 9);
    uint8_t *filler = memory_new(payload_bytes - 9);
    memset(filler, 0xff, payload_bytes - 9); // a continuation that begins like an ERR packet
    text_add(&row, filler, payload_bytes - 9);
    memory_free(filler);
    put(script, row.ptr, row.len);
    text_done(&row);
}

static void feed_in_steps(struct answer *answer, struct slice bytes, size_t step)
{
    size_t at = 0;
    while (at < bytes.len && !answer->is_done && !answer->is_bad) {
        size_t len = bytes.len - at < step ? bytes.len - at : step;
        at += answer_feed(answer, bytes.ptr + at, len);
    }
}

static void check_big_rows(uint64_t capabilities)
{
    static const size_t sizes[] = {PACKET_PAYLOAD_MAX - 1, PACKET_PAYLOAD_MAX,
                                   PACKET_PAYLOAD_MAX + 1, 2 * PACKET_PAYLOAD_MAX,
                                   2 * PACKET_PAYLOAD_MAX + 5};
    bool is_eof_deprecated = capabilities != 0;
    struct script script = script_new();
    put_columns(&script, 1, is_eof_deprecated);
    for (size_t i = 1; i < sizeof sizes / sizeof sizes[0]; i++) {
        put_big_row(&script, sizes[i]);
        put(&script, "\1a", 2);
    }
    if (is_eof_deprecated) {
        put_ok(&script, STATUS_AUTOCOMMIT, true);
    } else {
        put_eof(&script, STATUS_AUTOCOMMIT);
    }
    static const size_t steps[] = {SIZE_MAX, 16384, 65537, PACKET_PAYLOAD_MAX, 8388609, 5};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct answer answer;
        answer_start(&answer, ANSWER_QUERY, capabilities);
        feed_in_steps(&answer, text_slice(&script.bytes), steps[i]);
        assert_true(answer.is_done && !answer.is_bad);
        assert_int_equal(answer.byte_count, script.bytes.len);
        assert_int_equal(answer.row_count, 8);
        assert_int_equal(answer.next_sequence, script.sequence);
    }
    struct answer packets = feed_packets(ANSWER_QUERY, capabilities, text_slice(&script.bytes));
    assert_true(packets.is_done);
    assert_int_equal(packets.row_count, 8);
    assert_int_equal(packets.byte_count, script.bytes.len);
    text_done(&script.bytes);
}

static void test_big_rows(void **state)
{
    (void)state;
    check_big_rows(0);
    check_big_rows(CAP_DEPRECATE_EOF);
}

static void test_more_results_in_columns_end_ends_nothing(void **state)
{
    (void)state;
    struct script script = script_new();
    put_columns(&script, 2, false); // its EOF says MORE_RESULTS
    put(&script, "\1a\1b", 4);
    put_eof(&script, STATUS_AUTOCOMMIT);
    struct answer answer = check_splits(ANSWER_QUERY, 0, text_slice(&script.bytes));
    assert_true(answer.is_done);
    assert_int_equal(answer.row_count, 1);
    assert_int_equal(answer.byte_count, script.bytes.len);
    text_done(&script.bytes);
}

static void test_a_routines_own_cursor_is_none(void **state)
{
    (void)state;
    uint16_t flags = STATUS_AUTOCOMMIT | STATUS_CURSOR_EXISTS;
    struct script script = script_new(); // CALL: two results, and the OK behind them
    for (int i = 0; i < 2; i++) {
        put_columns(&script, 1, true);
        put(&script, "\0\0\1a", 4);
        put_eof(&script, flags | STATUS_MORE_RESULTS);
    }
    put_ok(&script, STATUS_AUTOCOMMIT, false);
    struct answer answer =
        check_splits(ANSWER_EXECUTE, CAP_DEPRECATE_EOF, text_slice(&script.bytes));
    assert_true(answer.is_done && !answer.is_cursor_open);
    assert_int_equal(answer.row_count, 2);
    assert_int_equal(answer.byte_count, script.bytes.len);
    text_done(&script.bytes);

    script = script_new(); // SELECT f()
    put_columns(&script, 1, true);
    put(&script, "\0\0\1a", 4);
    put_eof(&script, flags);
    answer = check_splits(ANSWER_EXECUTE, CAP_DEPRECATE_EOF, text_slice(&script.bytes));
    assert_true(answer.is_done && !answer.is_cursor_open);
    text_done(&script.bytes);
}

static void test_local_infile(void **state)
{
    (void)state;
    struct script script = script_new();
    put(&script, "\xfb/tmp/file", 10);
    script.sequence = 9; // the client's packets took numbers
    put_ok(&script, STATUS_AUTOCOMMIT, false);
    struct answer answer;
    answer_start(&answer, ANSWER_QUERY, 0);
    assert_int_equal(answer_feed(&answer, script.bytes.ptr, 14), 14);
    assert_true(answer.wants_file && !answer.is_done && !answer.is_bad);
    answer = check_splits(ANSWER_QUERY, 0, text_slice(&script.bytes));
    assert_true(answer.is_done && !answer.wants_file);
    assert_int_equal(answer.insert_id, UINT64_MAX);
    text_done(&script.bytes);
}

static void check_bad(enum answer_kind kind, uint64_t capabilities, struct script *script)
{
    struct answer answer = check_splits(kind, capabilities, text_slice(&script->bytes));
    assert_true(answer.is_bad);
    assert_false(answer.is_done);
    text_done(&script->bytes);
}

static void test_bad(void **state)
{
    (void)state;
    struct script script = script_new(); // a progress report
    put(&script, "\xff\xff\xff\1\1\1", 6);
    check_bad(ANSWER_QUERY, 0, &script);

    script = script_new(); // an empty packet for an answer, and for a row
    put(&script, "", 0);
    check_bad(ANSWER_QUERY, 0, &script);
    script = script_new();
    put_columns(&script, 1, true);
    put(&script, "", 0);
    check_bad(ANSWER_QUERY, CAP_DEPRECATE_EOF, &script);

    script = script_new(); // EOF first
    put_eof(&script, 0);
    check_bad(ANSWER_QUERY, 0, &script);

    script = script_new(); // no EOF after the columns
    put_columns(&script, 1, true);
    put(&script, "\1a", 2);
    check_bad(ANSWER_QUERY, 0, &script);

    script = script_new(); // a sequence number is missing
    put_columns(&script, 1, true);
    script.sequence++;
    put(&script, "\1a", 2);
    check_bad(ANSWER_QUERY, CAP_DEPRECATE_EOF, &script);

    script = script_new(); // a short row that begins like a long field
    put_columns(&script, 1, false);
    put(&script, "\xfe\1\0\0\0\0\0\0\0a", 10);
    check_bad(ANSWER_QUERY, 0, &script);

    script = script_new(); // short OK
    put(&script, "\0\1", 2);
    check_bad(ANSWER_SIMPLE, 0, &script);

    script = script_new(); // no columns
    put(&script, "\xfc\0\0", 3);
    check_bad(ANSWER_QUERY, 0, &script);

    script = script_new(); // a count and more
    put(&script, "\1\2", 2);
    check_bad(ANSWER_QUERY, 0, &script);
}

static void test_first_sequence_is_free(void **state)
{
    (void)state;
    struct script script = script_new(); // the answer to a command of more than 16 MB
    script.sequence = 255;
    put_columns(&script, 1, true);
    put(&script, "\1a", 2);
    put_ok(&script, STATUS_AUTOCOMMIT, true);
    struct answer answer = check_splits(ANSWER_QUERY, CAP_DEPRECATE_EOF, text_slice(&script.bytes));
    assert_true(answer.is_done);
    assert_int_equal(answer.next_sequence, 3);
    text_done(&script.bytes);
}

static void test_parts(void **state)
{
    (void)state;
    struct answer answer;
    answer_start(&answer, ANSWER_QUERY, 0);
    assert_int_equal(answer_packet(&answer, slice_of("\1", 1)), PART_COLUMN_COUNT);
    assert_int_equal(answer_packet(&answer, slice_of("\3def", 4)), PART_COLUMN);
    assert_int_equal(answer_packet(&answer, slice_of("\xfe\0\0\2\0", 5)), PART_COLUMNS_END);
    assert_int_equal(answer_packet(&answer, slice_of("\xfb", 1)), PART_ROW);
    assert_int_equal(answer_packet(&answer, slice_of("\xfe\0\0\2\0", 5)), PART_ROWS_END);
    assert_true(answer.is_done);
    answer_start(&answer, ANSWER_PREPARE, CAP_DEPRECATE_EOF);
    assert_int_equal(answer_packet(&answer, slice_of("\0\7\0\0\0\1\0\1\0\0\0\0", 12)),
                     PART_PREPARED);
    assert_int_equal(answer_packet(&answer, slice_of("\3def", 4)), PART_PARAM);
    assert_int_equal(answer_packet(&answer, slice_of("\3def", 4)), PART_COLUMN);
    assert_true(answer.is_done);
    assert_int_equal(answer.statement_id, 7);
}

// MariaDB's query cache gives what a client that caches metadata has read to others, too: with the
// byte "the columns follow". That they are left out was not agreed on.
static void test_count_from_query_cache(void **state)
{
    (void)state;
    struct answer answer;
    answer_start(&answer, ANSWER_QUERY, CAP_DEPRECATE_EOF);
    assert_int_equal(answer_packet(&answer, slice_of("\2\1", 2)), PART_COLUMN_COUNT);
    assert_int_equal(answer.column_count, 2);
    answer_start(&answer, ANSWER_QUERY, CAP_DEPRECATE_EOF);
    (void)answer_packet(&answer, slice_of("\2\0", 2));
    assert_true(answer.is_bad);
    answer_start(&answer, ANSWER_QUERY, CAP_DEPRECATE_EOF);
    (void)answer_packet(&answer, slice_of("\2\1\1", 3));
    assert_true(answer.is_bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded),
        cmocka_unit_test(test_what_is_known_afterwards),
        cmocka_unit_test(test_big_rows),
        cmocka_unit_test(test_more_results_in_columns_end_ends_nothing),
        cmocka_unit_test(test_a_routines_own_cursor_is_none),
        cmocka_unit_test(test_local_infile),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_first_sequence_is_free),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_count_from_query_cache),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
