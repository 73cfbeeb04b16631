// Names without case and whole numbers, to the edges of their types.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/slice.h"

static void compares_without_case(void **state)
{
    (void)state;
    assert_true(slice_is_nocase(slice_of_string("SeLeCT"), "select"));
    assert_false(slice_is_nocase(slice_of_string("selec"), "select"));
    assert_false(slice_is_nocase(slice_of_string("[a"), "{A"));
    // Letters outside ASCII are bytes.
    assert_false(slice_is_nocase(slice_of_string("\xc3\x84"), "\xc3\xa4"));
    assert_true(slice_equal_nocase(slice_of(NULL, 0), slice_of("", 0)));
}

static void reads_signed_numbers(void **state)
{
    (void)state;
    int64_t value = 0;
    assert_true(slice_to_int64(slice_of_string("-9223372036854775808"), &value));
    assert_true(value == INT64_MIN);
    assert_true(slice_to_int64(slice_of_string("9223372036854775807"), &value));
    assert_true(value == INT64_MAX);
    assert_true(slice_to_int64(slice_of_string("+7"), &value));
    assert_true(value == 7);
    assert_true(slice_to_int64(slice_of_string("-0"), &value));
    assert_true(value == 0);
    const char *wrong[] = {"",    "-",  "+",   "9223372036854775808", "-9223372036854775809",
                           "1.0", "1 ", "0x1", "99999999999999999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(slice_to_int64(slice_of_string(wrong[i]), &value));
    }
}

static void reads_unsigned_numbers(void **state)
{
    (void)state;
    uint64_t value = 0;
    assert_true(slice_to_uint64(slice_of_string("18446744073709551615"), &value));
    assert_true(value == UINT64_MAX);
    assert_false(slice_to_uint64(slice_of_string("18446744073709551616"), &value));
    assert_false(slice_to_uint64(slice_of_string("-1"), &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compares_without_case),
        cmocka_unit_test(reads_signed_numbers),
        cmocka_unit_test(reads_unsigned_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
