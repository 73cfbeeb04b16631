// Spellings of one key, and days of the calendar.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cluster/key.h"

static void expect(enum key_type type, const char *text, const char *wanted)
{
    struct arena arena;
    arena_init(&arena, NULL);
    struct slice canonical;
    bool is_good = key_canonical(type, slice_of_string(text), &arena, &canonical);
    assert_int_equal(is_good, wanted != NULL);
    if (wanted != NULL) {
        assert_true(slice_equal(canonical, slice_of_string(wanted)));
    }
    arena_clear(&arena);
}

static void one_spelling(void **state)
{
    (void)state;
    expect(KEY_INTEGER, "5", "5");
    expect(KEY_INTEGER, "+005", "5");
    expect(KEY_INTEGER, "-0", "0");
    expect(KEY_INTEGER, "-12", "-12");
    expect(KEY_INTEGER, "18446744073709551615", "18446744073709551615");
    expect(KEY_INTEGER, "5.0", NULL);
    expect(KEY_INTEGER, "", NULL);
    expect(KEY_STRING, "Cn  ", "cn");
    expect(KEY_STRING, "", "");
    expect(KEY_STRING, "M\xc3\xbcnchen", NULL);
    expect(KEY_BINARY, "Cn ", "Cn ");
    expect(KEY_DATE, "0000-03-01", "0");
    expect(KEY_DATE, "2024-02", NULL);
}

static void days(void **state)
{
    (void)state;
    assert_int_equal(key_days(0, 3, 1), 0);
    assert_int_equal(key_days(1970, 1, 1), 719468);
    assert_int_equal(key_days(2000, 3, 1) - key_days(2000, 2, 29), 1);
    assert_int_equal(key_days(1900, 3, 1) - key_days(1900, 2, 28), 1);
    int64_t last = key_days(1999, 12, 31);
    for (int year = 2000; year < 2100; year++) {
        for (int month = 1; month <= 12; month++) {
            assert_int_equal(key_days(year, month, 1), last + 1);
            last = key_days(month < 12 ? year : year + 1, month < 12 ? month + 1 : 1, 1) - 1;
        }
    }
}

static void days_and_back(void **state)
{
    (void)state;
    assert_string_equal(key_day_of(key_days(2024, 2, 29)).text, "2024-02-29");
    for (int64_t day = -60; day < 3652000; day += 13) {
        enum date_unit unit;
        int64_t first = 0;
        int64_t last = 0;
        struct key_day written = key_day_of(day);
        assert_true(key_parse_period(slice_of_string(written.text), &unit, &first, &last));
        assert_int_equal(first, day);
    }
}

static void periods(void **state)
{
    (void)state;
    enum date_unit unit;
    int64_t first = 0;
    int64_t last = 0;
    assert_true(key_parse_period(slice_of_string("2024"), &unit, &first, &last));
    assert_int_equal(unit, DATE_YEAR);
    assert_int_equal(last - first, 365);
    assert_true(key_parse_period(slice_of_string("2023-02"), &unit, &first, &last));
    assert_int_equal(last - first, 27);
    assert_true(key_parse_period(slice_of_string("2024-02-29"), &unit, &first, &last));
    assert_int_equal(first, last);
    static const char *const wrong[] = {"",          "24",         "2024-",      "2024-13",
                                        "2024-00",   "2024-1",     "2023-02-29", "2024/02/01",
                                        "2024-02-1", "2024-02-011"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(key_parse_period(slice_of_string(wrong[i]), &unit, &first, &last));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_spelling),
        cmocka_unit_test(days),
        cmocka_unit_test(days_and_back),
        cmocka_unit_test(periods),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
