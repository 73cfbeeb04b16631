// One source's bytes, in pieces of every size, become the same packets; rows of more than 16 MB are
// joined; what is no answer is an error.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/memory.h"
#include "protocol/packet.h"
#include "protocol/row_text.h"
#include "session/leg.h"
#include "session/scatter_source.h"

struct story {
    struct arena arena;
    struct text bytes;
    uint8_t sequence;
};

static void begin(struct story *story)
{
    arena_init(&story->arena, NULL);
    text_init(&story->bytes);
    story->sequence = 1;
}

static void end(struct story *story)
{
    arena_clear(&story->arena);
    text_done(&story->bytes);
}

static void add(struct story *story, struct text *payload)
{
    packet_append(&story->bytes, text_slice(payload), &story->sequence);
    text_done(payload);
}

static void add_row(struct story *story, const char *value)
{
    struct text row;
    text_init(&row);
    row_text_add(&row, slice_of_string(value));
    add(story, &row);
}

static void add_head(struct story *story, uint64_t capabilities)
{
    struct text payload;
    text_init(&payload);
    write_lenenc(&payload, 1);
    add(story, &payload);
    struct column column = column_string("name");
    column_write(&payload, &column, 0);
    add(story, &payload);
    if ((capabilities & CAP_DEPRECATE_EOF) == 0) {
        eof_write(&payload, 0, STATUS_AUTOCOMMIT);
        add(story, &payload);
    }
}

static void add_end(struct story *story, uint64_t capabilities, uint16_t status)
{
    struct text payload;
    text_init(&payload);
    if ((capabilities & CAP_DEPRECATE_EOF) == 0) {
        eof_write(&payload, 3, status);
    } else {
        ok_write_eof(&payload, &(struct ok_packet){.warnings = 3, .status = status});
    }
    add(story, &payload);
}

static void reads_in_pieces(void **state)
{
    (void)state;
    static const uint32_t modes[] = {0, CAP_DEPRECATE_EOF};
    for (size_t mode = 0; mode < 2; mode++) {
        struct story story;
        begin(&story);
        add_head(&story, modes[mode]);
        add_row(&story, "one");
        add_row(&story, "two");
        add_end(&story, modes[mode], STATUS_AUTOCOMMIT);
        for (size_t piece = 1; piece <= story.bytes.len; piece++) {
            struct scatter_source source;
            struct leg leg = {.tries = 0};
            source_start(&source, &story.arena, "s1", ANSWER_QUERY, modes[mode]);
            source.leg = &leg;
            char rows[16] = "";
            for (size_t at = 0; at < story.bytes.len; at += piece) {
                size_t left = story.bytes.len - at;
                source_add(&source, story.bytes.ptr + at, left < piece ? left : piece);
                while (source_look(&source) == SOURCE_AT_ROW) {
                    strncat(rows, (const char *)source.row.ptr + 1, source.row.len - 1);
                    source_take(&source);
                }
            }
            assert_string_equal(rows, "onetwo");
            assert_int_equal(source.at, SOURCE_AT_END);
            assert_int_equal(source.ok.warnings, 3);
            assert_int_equal(source.column_count, 1);
            assert_true(source.has_columns);
            source_stop(&source);
        }
        end(&story);
    }
}

static void holds_a_row_while_bytes_come(void **state)
{
    (void)state;
    struct story story;
    begin(&story);
    add_head(&story, 0);
    add_row(&story, "first");
    size_t first = story.bytes.len;
    for (int i = 0; i < 1000; i++) {
        add_row(&story, "some other row");
    }
    struct leg leg = {.tries = 0};
    struct scatter_source source;
    source_start(&source, &story.arena, "s1", ANSWER_QUERY, 0);
    source.leg = &leg;
    source_add(&source, story.bytes.ptr, first);
    assert_int_equal(source_look(&source), SOURCE_AT_ROW);
    assert_int_equal(source_waiting_bytes(&source), 0);
    source_add(&source, story.bytes.ptr + first, story.bytes.len - first);
    assert_int_equal(source_waiting_bytes(&source), story.bytes.len - first);
    assert_memory_equal(source.row.ptr,
                        "\x05"
                        "first",
                        6);
    source_stop(&source);
    end(&story);
}

static void joins_huge_rows(void **state)
{
    (void)state;
    static const size_t sizes[] = {PACKET_PAYLOAD_MAX - 1, PACKET_PAYLOAD_MAX,
                                   2 * PACKET_PAYLOAD_MAX + 5};
    for (size_t i = 0; i < 3; i++) {
        struct story story;
        begin(&story);
        add_head(&story, 0);
        struct text row;
        text_init(&row);
        uint8_t *value = memory_new(sizes[i]);
        memset(value, 'x', sizes[i]);
        write_lenenc(&row, sizes[i] - 4);
        text_add(&row, value, sizes[i] - 4);
        size_t row_len = row.len;
        add(&story, &row);
        add_row(&story, "after");
        struct leg leg = {.tries = 0};
        struct scatter_source source;
        source_start(&source, &story.arena, "s1", ANSWER_QUERY, 0);
        source.leg = &leg;
        enum source_at at = SOURCE_AT_NOTHING;
        for (size_t done = 0; done < story.bytes.len; done += 65536) {
            size_t left = story.bytes.len - done;
            source_add(&source, story.bytes.ptr + done, left < 65536 ? left : 65536);
            at = source_look(&source);
        }
        assert_int_equal(at, SOURCE_AT_ROW);
        assert_int_equal(source.row.len, row_len);
        assert_int_equal(source.row.ptr[row_len - 1], 'x');
        source_take(&source);
        assert_int_equal(source_look(&source), SOURCE_AT_ROW);
        assert_memory_equal(source.row.ptr + 1, "after", 5);
        source_stop(&source);
        memory_free(value);
        end(&story);
    }
}

static void reads_errors_and_oks(void **state)
{
    (void)state;
    struct story story;
    struct text payload;
    struct scatter_source source;
    begin(&story);
    text_init(&payload);
    ok_write(&payload,
             &(struct ok_packet){.affected_rows = 7, .message = slice_of_string("Records: 7")});
    add(&story, &payload);
    source_start(&source, &story.arena, "s1", ANSWER_QUERY, 0);
    source_add(&source, story.bytes.ptr, story.bytes.len);
    assert_int_equal(source_look(&source), SOURCE_AT_OK);
    assert_int_equal(source.ok.affected_rows, 7);
    assert_true(slice_equal(source.ok.message, slice_of_string("Records: 7")));
    source_stop(&source);
    // An error between the rows.
    end(&story);
    begin(&story);
    add_head(&story, 0);
    add_row(&story, "x");
    struct error error;
    error_set(&error, 1317, "70100", "interrupted");
    error_write(&payload, &error);
    add(&story, &payload);
    source_start(&source, &story.arena, "s1", ANSWER_QUERY, 0);
    source_add(&source, story.bytes.ptr, story.bytes.len);
    assert_int_equal(source_look(&source), SOURCE_AT_ROW);
    source_take(&source);
    assert_int_equal(source_look(&source), SOURCE_AT_ERROR);
    assert_int_equal(source.error.code, 1317);
    source_stop(&source);
    end(&story);
}

static void refuses_what_is_no_single_answer(void **state)
{
    (void)state;
    struct story story;
    struct scatter_source source;
    // Several results.
    begin(&story);
    add_head(&story, 0);
    add_end(&story, 0, STATUS_MORE_RESULTS);
    source_start(&source, &story.arena, "s1", ANSWER_QUERY, 0);
    source_add(&source, story.bytes.ptr, story.bytes.len);
    assert_int_equal(source_look(&source), SOURCE_AT_ERROR);
    assert_int_equal(source.error.code, 9001);
    source_stop(&source);
    // The bytes end too early, and the leg is gone.
    source_start(&source, &story.arena, "s1", ANSWER_QUERY, 0);
    source_add(&source, story.bytes.ptr, 10);
    assert_int_equal(source_look(&source), SOURCE_AT_ERROR);
    assert_int_equal(source.error.code, 1835);
    source_stop(&source);
    end(&story);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_in_pieces),
        cmocka_unit_test(holds_a_row_while_bytes_come),
        cmocka_unit_test(joins_huge_rows),
        cmocka_unit_test(reads_errors_and_oks),
        cmocka_unit_test(refuses_what_is_no_single_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
