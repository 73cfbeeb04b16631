// Columns and rows of both protocols.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "protocol/row_binary.h"

static void check_column(uint64_t capabilities, const char *extended)
{
    struct column column = {.schema = slice_of_string("shop"),
                            .table = slice_of_string("o"),
                            .org_table = slice_of_string("orders"),
                            .name = slice_of_string("n"),
                            .org_name = slice_of_string("number"),
                            .collation_id = 63,
                            .length = 20,
                            .type = TYPE_LONGLONG,
                            .flags = COLUMN_NOT_NULL | COLUMN_UNSIGNED,
                            .decimals = 2};
    struct text out;
    text_init(&out);
    column.extended = slice_of_string(extended);
    column_write(&out, &column, capabilities);
    struct column found;
    assert_true(column_read(text_slice(&out), &found, capabilities));
    assert_true(slice_equal(found.extended, column.extended));
    assert_true(slice_equal(found.schema, column.schema));
    assert_true(slice_equal(found.org_name, column.org_name));
    assert_int_equal(found.length, 20);
    assert_int_equal(found.type, TYPE_LONGLONG);
    assert_int_equal(found.flags, column.flags);
    assert_int_equal(found.decimals, 2);
    for (size_t len = 0; len < out.len; len++) {
        assert_false(column_read(slice_of(out.ptr, len), &found, capabilities));
    }
    text_done(&out);
}

static void test_column(void **state)
{
    (void)state;
    check_column(0, "");
    check_column(CAP_EXTENDED_METADATA, "");
    check_column(CAP_EXTENDED_METADATA, "\1\4json");
    assert_int_equal(column_string("x").type, TYPE_VAR_STRING);
    assert_int_equal(column_int64("x").type, TYPE_LONGLONG);
}

static void test_text_row(void **state)
{
    (void)state;
    struct text out;
    text_init(&out);
    row_text_add(&out, slice_of_string("one"));
    row_text_add_null(&out);
    row_text_add(&out, slice_of_string(""));
    struct field fields[4];
    assert_true(row_text_read(text_slice(&out), fields, 3));
    assert_true(slice_equal(fields[0].bytes, slice_of_string("one")));
    assert_true(fields[1].is_null && !fields[2].is_null);
    assert_int_equal(fields[2].bytes.len, 0);
    assert_false(row_text_read(text_slice(&out), fields, 2));
    assert_false(row_text_read(text_slice(&out), fields, 4));
    text_done(&out);
}

static void test_binary_row(void **state)
{
    (void)state;
    struct column columns[] = {{.type = TYPE_TINY},     {.type = TYPE_VAR_STRING},
                               {.type = TYPE_DATETIME}, {.type = TYPE_LONG},
                               {.type = TYPE_TIME},     {.type = TYPE_DOUBLE},
                               {.type = TYPE_NULL}};
    // fields 1 and 6 are NULL: bits 3 and 8
    static const uint8_t row[] = {0, 0x08, 0x01, 0xff, 4, 0xe8, 7, 1, 2, 1, 0, 0,
                                  0, 0,    0,    0,    0, 0,    0, 0, 0, 0, 0};
    struct field fields[7];
    assert_true(row_binary_read(slice_of(row, sizeof row - 1), columns, 7, fields));
    assert_int_equal(fields[0].bytes.len, 1);
    assert_true(fields[1].is_null && fields[6].is_null);
    assert_int_equal(fields[2].bytes.len, 4);
    assert_int_equal(fields[4].bytes.len, 0);
    assert_int_equal(fields[5].bytes.len, 8);
    for (size_t len = 0; len < sizeof row - 1; len++) {
        assert_false(row_binary_read(slice_of(row, len), columns, 7, fields));
    }
    assert_false(row_binary_read(slice_of(row, sizeof row), columns, 7, fields));
    columns[0].type = 14; // no value has that type
    assert_false(row_binary_read(slice_of(row, sizeof row - 1), columns, 7, fields));
}

static void test_to_text(void **state)
{
    (void)state;
    static const struct {
        uint8_t type;
        bool is_unsigned;
        const char *bytes;
        size_t len;
        const char *text; // NULL: malformed
    } rows[] = {
        {TYPE_TINY, false, "\xff", 1, "-1"},
        {TYPE_TINY, true, "\xff", 1, "255"},
        {TYPE_SHORT, false, "\x00\x80", 2, "-32768"},
        {TYPE_YEAR, true, "\xe8\x07", 2, "2024"},
        {TYPE_YEAR, true, "\0\0", 2, "0000"},
        {TYPE_LONG, false, "\xff\xff\xff\x7f", 4, "2147483647"},
        {TYPE_INT24, false, "\xff\xff\xff\xff", 4, "-1"},
        {TYPE_LONGLONG, false, "\0\0\0\0\0\0\0\x80", 8, "-9223372036854775808"},
        {TYPE_LONGLONG, true, "\xff\xff\xff\xff\xff\xff\xff\xff", 8, "18446744073709551615"},
        {TYPE_FLOAT, false, "\xcd\xcc\xcc\x3d", 4, "0.1"},
        {TYPE_DOUBLE, false, "\x9a\x99\x99\x99\x99\x99\xb9\x3f", 8, "0.1"},
        {TYPE_DOUBLE, false, "\0\0\0\0\0\0\xf8\x7f", 8, NULL},
        {TYPE_VAR_STRING, false, "abc", 3, "abc"},
        {TYPE_NEWDECIMAL, false, "1.50", 4, "1.50"},
        {TYPE_DATE, false, "\xe8\x07\x02\x1d", 4, "2024-02-29"},
        {TYPE_DATE, false, "", 0, "0000-00-00"},
        {TYPE_DATETIME, false, "", 0, "0000-00-00 00:00:00"},
        {TYPE_DATETIME, false, "\xe8\x07\x02\x1d", 4, "2024-02-29 00:00:00"},
        {TYPE_DATETIME, false, "\xe8\x07\x02\x1d\x17\x3b\x3b", 7, "2024-02-29 23:59:59"},
        {TYPE_TIMESTAMP, false, "\xe8\x07\x02\x1d\x17\x3b\x3b\x01\0\0\0", 11,
         "2024-02-29 23:59:59.000001"},
        {TYPE_DATETIME, false, "\xe8\x07\x0d\x1d", 4, NULL},
        {TYPE_DATETIME, false, "\xe8\x07\x02", 3, NULL},
        {TYPE_TIME, false, "", 0, "00:00:00"},
        {TYPE_TIME, false, "\1\4\0\0\0\4\1\2", 8, "-100:01:02"},
        {TYPE_TIME, false, "\0\0\0\0\0\4\1\2\x40\x42\x0f\0", 12, NULL},
        {TYPE_TIME, false, "\0\0\0\0\0\4\1\2\x3f\x42\x0f\0", 12, "04:01:02.999999"},
        {TYPE_LONG, false, "\1", 1, NULL},
        {14, false, "\1", 1, NULL},
    };
    struct arena arena;
    arena_init(&arena, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct binary_value value = {.type = rows[i].type,
                                     .is_unsigned = rows[i].is_unsigned,
                                     .bytes = slice_of(rows[i].bytes, rows[i].len)};
        struct slice text;
        assert_int_equal(binary_to_text(&arena, &value, &text), rows[i].text != NULL);
        if (rows[i].text != NULL && !slice_equal(text, slice_of_string(rows[i].text))) {
            fail_msg("row %zu: '%.*s'", i, (int)text.len, (const char *)text.ptr);
        }
    }
    arena_clear(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_column),
        cmocka_unit_test(test_text_row),
        cmocka_unit_test(test_binary_row),
        cmocka_unit_test(test_to_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
