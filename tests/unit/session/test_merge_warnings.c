// Lists of warnings: as servers send them, kept, and several as one.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "protocol/capability.h"
#include "protocol/column.h"
#include "protocol/packet.h"
#include "protocol/reply.h"
#include "protocol/row_text.h"
#include "session/merge_warnings.h"

static void add(struct warning_list *list, enum warning_level level, const char *message)
{
    struct warning warning = {.level = level, .code = 1000, .message = slice_of_string(message)};
    assert_true(warning_list_add(list, &warning));
}

static const char *text_of(const struct warning_list *list)
{
    static char out[500];
    struct warning warning;
    size_t at = 0;
    out[0] = '\0';
    while (warning_list_next(list, &at, &warning)) {
        size_t len = strlen(out);
        snprintf(out + len, sizeof out - len, "%s %u %.*s;", warning_level_name(warning.level),
                 warning.code, (int)warning.message.len, (const char *)warning.message.ptr);
    }
    return out;
}

static void keeps_rows(void **state)
{
    (void)state;
    struct warning_list *list = warning_list_new();
    add(list, LEVEL_NOTE, "a");
    assert_true(list->is_ascii);
    add(list, LEVEL_ERROR, "\xc3\xa4");
    assert_false(list->is_ascii);
    assert_string_equal(text_of(list), "Note 1000 a;Error 1000 \xc3\xa4;");
    assert_int_equal(list->errors, 1);
    warning_list_drop_error(list, 7); // another code
    assert_int_equal(list->total, 2);
    warning_list_drop_error(list, 1000);
    warning_list_drop_error(list, 1000); // the last one is no error now
    assert_string_equal(text_of(list), "Note 1000 a;");
    assert_int_equal(list->errors, 0);
    warning_list_free(list);
}

static void is_bounded(void **state)
{
    (void)state;
    struct warning_list *list = warning_list_new();
    char message[513];
    memset(message, 'x', 512);
    message[512] = '\0';
    struct warning warning = {.level = LEVEL_NOTE, .message = slice_of_string(message)};
    uint32_t added = 0;
    while (warning_list_add(list, &warning)) {
        added++;
    }
    assert_true(added >= 64 && list->rows.len <= WARNINGS_BYTES_MAX);
    warning_list_free(list);
}

static void append(struct text *packets, struct text *payload, uint8_t *sequence)
{
    packet_append(packets, text_slice(payload), sequence);
    payload->len = 0;
}

// What SHOW WARNINGS answers, with `columns` of them and this level.
static struct text answer(uint8_t columns, const char *level)
{
    struct text packets, payload;
    uint8_t sequence = 1;
    text_init(&packets);
    text_init(&payload);
    write_u8(&payload, columns);
    append(&packets, &payload, &sequence);
    for (uint8_t i = 0; i < columns; i++) {
        struct column column = column_string("x");
        column_write(&payload, &column, 0);
        append(&packets, &payload, &sequence);
    }
    row_text_add(&payload, slice_of_string(level));
    for (uint8_t i = 1; i < columns; i++) {
        row_text_add(&payload, slice_of_string(i == 1 ? "1264" : "text"));
    }
    append(&packets, &payload, &sequence);
    ok_write_eof(&payload, &(struct ok_packet){.status = 0});
    append(&packets, &payload, &sequence);
    text_done(&payload);
    return packets;
}

static bool reads(uint8_t columns, const char *level, size_t cut)
{
    struct text packets = answer(columns, level);
    struct warning_list *list = warning_list_new();
    bool is_read =
        warning_list_read(list, slice_of(packets.ptr, packets.len - cut), CAP_DEPRECATE_EOF);
    if (is_read) {
        assert_string_equal(text_of(list), "Warning 1264 text;");
    }
    warning_list_free(list);
    text_done(&packets);
    return is_read;
}

static void reads_what_servers_say(void **state)
{
    (void)state;
    assert_true(reads(3, "Warning", 0));
    assert_false(reads(3, "Verdict", 0));
    assert_false(reads(4, "Warning", 0));
    assert_false(reads(2, "Warning", 0));
    struct text packets = answer(3, "Warning");
    size_t len = packets.len;
    text_done(&packets);
    for (size_t cut = 1; cut <= len; cut++) {
        assert_false(reads(3, "Warning", cut));
    }
}

static void merges(void **state)
{
    (void)state;
    static const uint32_t first_rows[] = {1, 4, 6}, second_rows[] = {2, 3, 5};
    struct warning_list *first = warning_list_new(), *second = warning_list_new();
    add(first, LEVEL_WARNING, "big at row 1");
    add(first, LEVEL_WARNING, "twice"); // of the row before it, as far as anybody can tell
    add(first, LEVEL_WARNING, "big at row 3");
    add(second, LEVEL_WARNING, "big at row 2");
    add(second, LEVEL_ERROR, "big at row 9"); // no such row: as it is
    second->total = 70;
    struct warning_part parts[] = {
        {first, first_rows, 3}, {NULL, NULL, 0}, {second, second_rows, 3}};
    struct warning_list *all = merge_warnings(parts, 3, 64);
    assert_string_equal(text_of(all), "Warning 1000 big at row 1;Warning 1000 twice;"
                                      "Warning 1000 big at row 3;Warning 1000 big at row 6;"
                                      "Error 1000 big at row 9;");
    assert_int_equal(all->total, 73);
    assert_int_equal(all->errors, 1);
    warning_list_free(all);
    parts[0].rows = parts[2].rows = NULL; // not known: shard by shard
    all = merge_warnings(parts, 3, 4);
    assert_string_equal(text_of(all), "Warning 1000 big at row 1;Warning 1000 twice;"
                                      "Warning 1000 big at row 3;Warning 1000 big at row 2;");
    assert_int_equal(all->total, 73);
    warning_list_free(all);
    warning_list_free(first);
    warning_list_free(second);
}

static void corrects_rows_of_errors(void **state)
{
    (void)state;
    static const uint32_t rows[] = {7, 1234};
    struct warning_part part = {.rows = rows, .row_count = 2};
    static const char *const texts[][2] = {
        {"too long at row 2", "too long at row 1234"}, {"too long at row 3", "too long at row 3"},
        {"too long at row ", "too long at row "},      {"2", "2"},
        {"at row 2 it was", "at row 2 it was"},        {"", ""},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char text[40];
        snprintf(text, sizeof text, "%s", texts[i][0]);
        merge_row_number(&part, text, sizeof text);
        assert_string_equal(text, texts[i][1]);
    }
    char narrow[] = "x at row 2"; // no room for more
    merge_row_number(&part, narrow, sizeof narrow);
    assert_string_equal(narrow, "x at row 2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_rows),
        cmocka_unit_test(is_bounded),
        cmocka_unit_test(reads_what_servers_say),
        cmocka_unit_test(merges),
        cmocka_unit_test(corrects_rows_of_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
