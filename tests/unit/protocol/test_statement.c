// Prepared statements: the answer to PREPARE, and EXECUTE read and written again.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "protocol/statement.h"

// id 7, no cursor, once; two parameters with types: BIGINT 5 and VAR_STRING "abc"
static const uint8_t full[] = {0x17, 7, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1,   8,   0x80,
                               253,  0, 5, 0, 0, 0, 0, 0, 0, 0, 3, 'a', 'b', 'c'};

static struct arena arena;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_clear(&arena);
    return 0;
}

static void test_prepared(void **state)
{
    (void)state;
    struct prepared prepared = {
        .statement_id = 70000, .column_count = 3, .param_count = 2, .warnings = 1};
    struct text out;
    text_init(&out);
    prepared_write(&out, &prepared);
    assert_int_equal(out.len, 12);
    struct prepared found;
    assert_true(prepared_read(text_slice(&out), &found));
    assert_int_equal(found.statement_id, 70000);
    assert_int_equal(found.column_count, 3);
    assert_int_equal(found.param_count, 2);
    assert_int_equal(found.warnings, 1);
    assert_false(prepared_read(slice_of(out.ptr, 11), &found));
    text_done(&out);
}

static void test_execute_with_types(void **state)
{
    (void)state;
    struct execute execute;
    struct slice payload = slice_of(full, sizeof full);
    assert_true(execute_read(&arena, payload, 2, NULL, NULL, &execute));
    assert_int_equal(execute.statement_id, 7);
    assert_true(execute.has_types);
    assert_true(execute.params[0].is_unsigned);
    struct slice text;
    assert_true(binary_to_text(&arena, &execute.params[0], &text));
    assert_true(slice_equal(text, slice_of_string("5")));
    assert_true(slice_equal(execute.params[1].bytes, slice_of_string("abc")));
    for (size_t len = 0; len < sizeof full; len++) {
        assert_false(execute_read(&arena, slice_of(full, len), 2, NULL, NULL, &execute));
    }
}

static void test_written_again_is_the_same(void **state)
{
    (void)state;
    struct execute execute;
    assert_true(execute_read(&arena, slice_of(full, sizeof full), 2, NULL, NULL, &execute));
    struct text out;
    text_init(&out);
    execute_write(&out, &execute, 7);
    assert_true(slice_equal(text_slice(&out), slice_of(full, sizeof full)));
    text_done(&out);
}

static void test_types_of_the_last_time(void **state)
{
    (void)state;
    static const uint8_t again[] = {0x17, 7, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 2, 'h', 'i'};
    static const uint8_t types[] = {8, 0, 253, 0};
    struct execute execute;
    struct slice payload = slice_of(again, sizeof again);
    assert_false(execute_read(&arena, payload, 2, NULL, NULL, &execute));
    assert_true(execute_read(&arena, payload, 2, types, NULL, &execute));
    assert_false(execute.has_types);
    assert_true(execute.params[0].is_null);
    assert_true(slice_equal(execute.params[1].bytes, slice_of_string("hi")));
    struct text out; // another backend needs the types
    text_init(&out);
    execute_write(&out, &execute, 99);
    assert_true(execute_read(&arena, text_slice(&out), 2, NULL, NULL, &execute));
    assert_int_equal(execute.statement_id, 99);
    assert_true(execute.has_types && execute.params[0].is_null);
    text_done(&out);
}

static void test_long_data(void **state)
{
    (void)state;
    static const uint8_t packet[] = {0x17, 7, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 252, 0, 1, 0, 9};
    static const bool has_long_data[] = {true, false};
    struct execute execute;
    assert_true(
        execute_read(&arena, slice_of(packet, sizeof packet), 2, NULL, has_long_data, &execute));
    assert_true(execute.params[0].is_long_data);
    assert_int_equal(execute.params[1].bytes.ptr[0], 9);
    struct text out;
    text_init(&out);
    execute_write(&out, &execute, 7);
    assert_true(slice_equal(text_slice(&out), slice_of(packet, sizeof packet)));
    text_done(&out);
}

static void test_changed_parameter(void **state)
{
    (void)state;
    struct execute execute;
    assert_true(execute_read(&arena, slice_of(full, sizeof full), 2, NULL, NULL, &execute));
    execute.params[1] = binary_from_uint64(&arena, UINT64_MAX);
    struct text out;
    text_init(&out);
    execute_write(&out, &execute, 8);
    assert_true(execute_read(&arena, text_slice(&out), 2, NULL, NULL, &execute));
    struct slice text;
    assert_true(binary_to_text(&arena, &execute.params[1], &text));
    assert_true(slice_equal(text, slice_of_string("18446744073709551615")));
    text_done(&out);
    // Without parameters there is nothing behind the iterations.
    assert_true(execute_read(&arena, slice_of(full, 10), 0, NULL, NULL, &execute));
    assert_false(execute_read(&arena, slice_of(full, 9), 0, NULL, NULL, &execute));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prepared),
        cmocka_unit_test(test_execute_with_types),
        cmocka_unit_test(test_written_again_is_the_same),
        cmocka_unit_test(test_types_of_the_last_time),
        cmocka_unit_test(test_long_data),
        cmocka_unit_test(test_changed_parameter),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
