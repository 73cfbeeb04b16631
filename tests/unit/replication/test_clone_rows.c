// How a value is asked for and written down again, by type; and INSERTs of several rows.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "replication/clone_rows.h"

static void check(const struct text *text, const void *expected, size_t len)
{
    assert_int_equal(text->len, len);
    assert_memory_equal(text->ptr, expected, len);
}

static void check_type(const char *data_type, const char *selected, struct slice value,
                       const char *written)
{
    enum clone_type type;
    struct text sql;
    text_init(&sql);
    assert_true(clone_type_of(slice_of_string(data_type), &type));
    clone_add_column(&sql, type, slice_of_string("a`b"));
    check(&sql, selected, strlen(selected));
    sql.len = 0;
    clone_add_value(&sql, type, value);
    check(&sql, written, strlen(written));
    sql.len = 0;
    clone_add_value(&sql, type, (struct slice){.ptr = NULL});
    check(&sql, "NULL", 4);
    text_done(&sql);
}

static void each_type_keeps_all_of_a_value(void **state)
{
    (void)state;
    check_type("bigint", "`a``b`", slice_of_string("18446744073709551615"), "18446744073709551615");
    check_type("decimal", "`a``b`", slice_of_string("-0.50"), "-0.50");
    check_type("float", "`a``b` * 1E0", slice_of_string("16777217"), "16777217");
    check_type("enum", "CAST(`a``b` AS UNSIGNED)", slice_of_string("0"), "0");
    check_type("SET", "CAST(`a``b` AS UNSIGNED)", slice_of_string("5"), "5");
    check_type("bit", "`a``b`", slice_of("\x01\xff", 2), "X'01FF'");
    check_type("varchar", "`a``b`", slice_of_string("it's"), "'it\\'s'");
    check_type("timestamp", "`a``b`", slice_of_string("1970-01-01 00:00:01"),
               "'1970-01-01 00:00:01'");
    check_type("uuid", "`a``b`", slice_of_string("12-3"), "_latin1'12-3'");
    check_type("json", "`a``b`", slice_of_string("\"\\\\\""), "_utf8mb4'\"\\\\\\\\\"'");
}

static void bytes_stay_what_they_are(void **state)
{
    (void)state;
    static const char bytes[] = "\0a\\'\n\x1a\xff\"\0";
    static const char written[] = "'\\0a\\\\\\'\n\x1a\xff\"\\0'";
    struct text sql;
    text_init(&sql);
    clone_add_value(&sql, CLONE_BYTES, slice_of(bytes, sizeof bytes - 1));
    check(&sql, written, sizeof written - 1);
    sql.len = 0;
    clone_add_value(&sql, CLONE_BYTES, slice_of(bytes, 0));
    check(&sql, "''", 2);
    text_done(&sql);
}

static void unknown_types_are_refused(void **state)
{
    (void)state;
    enum clone_type type;
    assert_false(clone_type_of(slice_of_string("vector"), &type));
    assert_false(clone_type_of(slice_of_string(""), &type));
    assert_false(clone_type_of(slice_of_string("integer"), &type));
}

static void rows_become_one_insert(void **state)
{
    (void)state;
    static const enum clone_type types[] = {CLONE_NUMBER, CLONE_BYTES};
    struct slice one[] = {slice_of_string("1"), slice_of_string("x")};
    struct slice two[] = {slice_of_string("-2"), {.ptr = NULL}};
    static const char both[] = "INSERT INTO `t` (`a`, `b`) VALUES (1, 'x'), (-2, NULL)";
    static const char last[] = "INSERT INTO `t` (`a`, `b`) VALUES (-2, NULL)";
    struct clone_batch batch;
    clone_batch_init(&batch);
    clone_batch_begin(&batch, slice_of_string("`t` (`a`, `b`)"));
    assert_int_equal(batch.row_count, 0);
    clone_batch_add(&batch, types, one, 2);
    clone_batch_add(&batch, types, two, 2);
    assert_int_equal(batch.row_count, 2);
    check(&batch.sql, both, sizeof both - 1);
    clone_batch_empty(&batch);
    assert_int_equal(batch.row_count, 0);
    clone_batch_add(&batch, types, two, 2);
    check(&batch.sql, last, sizeof last - 1);
    clone_batch_done(&batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_type_keeps_all_of_a_value),
        cmocka_unit_test(bytes_stay_what_they_are),
        cmocka_unit_test(unknown_types_are_refused),
        cmocka_unit_test(rows_become_one_insert),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
