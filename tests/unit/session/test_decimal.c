// Exact sums and averages of DECIMAL, and the text of DOUBLE: what a MariaDB 10.11 gave, and small
// numbers exhaustively against integers.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "session/decimal.h"
#include "session/double_text.h"

static void expect_text(struct text *out, const char *expected)
{
    text_add(out, "", 1);
    assert_string_equal((const char *)out->ptr, expected);
    text_done(out);
}

static void expect_decimal(const struct decimal *decimal, const char *expected)
{
    struct text out;
    text_init(&out);
    decimal_write(decimal, &out);
    expect_text(&out, expected);
}

static struct decimal decimal_of(const char *text)
{
    struct decimal decimal;
    assert_true(decimal_read(slice_of_string(text), &decimal));
    return decimal;
}

static void reads_and_writes(void **state)
{
    (void)state;
    static const char *const same[] = {
        "0", "0.00", "-0.01", "7", "-12.5", "10.50", "99999999999999999999.9999999999"};
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        struct decimal decimal = decimal_of(same[i]);
        expect_decimal(&decimal, same[i]);
    }
    struct decimal zero = decimal_of("-0.00"), filled = decimal_of("0000012.30");
    expect_decimal(&zero, "0.00");
    expect_decimal(&filled, "12.30");
    static const char *const bad[] = {
        "",
        "1.2.3",
        "x",
        "1e5",
        "--1",
        "1 ",
        "0.000000000000000000000000000000000000001",
        "123456789012345678901234567890123456789012345678901234567890123456"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(decimal_read(slice_of_string(bad[i]), &zero));
    }
}

// All sums of numbers with up to two digits behind the point, against integers.
static void adds_all_small_numbers(void **state)
{
    (void)state;
    for (int a = -130; a <= 130; a++) {
        for (int b = -130; b <= 130; b++) {
            char a_text[32], b_text[32], expected[32];
            snprintf(a_text, sizeof a_text, "%s%d.%02d", a < 0 ? "-" : "", abs(a) / 100,
                     abs(a) % 100);
            snprintf(b_text, sizeof b_text, "%s%d.%01d", b < 0 ? "-" : "", abs(b) / 10,
                     abs(b) % 10);
            int sum = a + 10 * b;
            snprintf(expected, sizeof expected, "%s%d.%02d", sum < 0 ? "-" : "", abs(sum) / 100,
                     abs(sum) % 100);
            struct decimal x = decimal_of(a_text), y = decimal_of(b_text);
            struct decimal z = y;
            assert_true(decimal_add(&x, &y));
            expect_decimal(&x, expected);
            y = decimal_of(a_text);
            assert_true(decimal_add(&z, &y));
            expect_decimal(&z, expected);
        }
    }
}

static void adds_to_65_digits(void **state)
{
    (void)state;
    struct decimal sum =
        decimal_of("99999999999999999999999999999999999999999999999999999999999999998");
    struct decimal one = decimal_of("1"), tenth = decimal_of("0.1");
    assert_true(decimal_add(&sum, &one));
    expect_decimal(&sum, "99999999999999999999999999999999999999999999999999999999999999999");
    struct decimal more = sum;
    assert_false(decimal_add(&more, &one));
    assert_false(decimal_add(&sum, &tenth));
}

// All small averages: the quotient rounded half away from zero.
static void averages_small_numbers(void **state)
{
    (void)state;
    for (int sum = -200; sum <= 200; sum++) {
        for (int count = 1; count <= 64; count++) {
            char text[32], expected[32];
            snprintf(text, sizeof text, "%s%d.%02d", sum < 0 ? "-" : "", abs(sum) / 100,
                     abs(sum) % 100);
            long scaled = (abs(sum) * 10000L * 2 + count) / (2 * count);
            snprintf(expected, sizeof expected, "%s%ld.%06ld", sum < 0 && scaled > 0 ? "-" : "",
                     scaled / 1000000, scaled % 1000000);
            struct decimal x = decimal_of(text);
            struct decimal average = decimal_average(&x, (uint64_t)count, 4);
            expect_decimal(&average, expected);
        }
    }
}

// Where the quotient's digits fill whole groups of nine, the servers cut off instead of rounding.
static void averages_as_the_servers(void **state)
{
    (void)state;
    static const struct {
        const char *sum;
        uint64_t count;
        uint32_t increment;
        const char *average;
    } cases[] = {
        {"3.00005", 3, 4, "1.000016666"},
        {"-3.00005", 3, 4, "-1.000016666"},
        {"3.00000000000001", 3, 4, "1.000000000000003333"},
        {"4", 3, 4, "1.3333"},
        {"2", 3, 4, "0.6667"},
        {"-2", 3, 4, "-0.6667"},
        {"3.3", 3, 4, "1.10000"},
        {"7", 2, 0, "3"},
        {"0.00", 9, 4, "0.000000"},
        {"99999999999999999999999999999999999999999999999999999999999999999",
         UINT64_C(1000000000000000000), 4, "100000000000000000000000000000000000000000000000.0000"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct decimal sum = decimal_of(cases[i].sum);
        struct decimal average = decimal_average(&sum, cases[i].count, cases[i].increment);
        expect_decimal(&average, cases[i].average);
    }
}

static void writes_doubles(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "0"},
        {-0.0, "0"},
        {1, "1"},
        {-2.5, "-2.5"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1e-14, "0.00000000000001"},
        {9.9e-15, "0.0000000000000099"},
        {1e-15, "0.000000000000001"},
        {1.5e-15, "0.0000000000000015"},
        {1e-16, "1e-16"},
        {1.5e-16, "1.5e-16"},
        {123456789012345, "123456789012345"},
        {999999999999999, "999999999999999"},
        {1234567890123456, "1.234567890123456e15"},
        {1e15, "1e15"},
        {1e14, "100000000000000"},
        {123456789012345678e0, "1.2345678901234568e17"},
        {12345678901234.5, "12345678901234.5"},
        {1.7976931348623157e308, "1.7976931348623157e308"},
        {5e-324, "5e-324"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct text out;
        text_init(&out);
        double_write(cases[i].value, &out);
        expect_text(&out, cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_and_writes),        cmocka_unit_test(adds_all_small_numbers),
        cmocka_unit_test(adds_to_65_digits),       cmocka_unit_test(averages_small_numbers),
        cmocka_unit_test(averages_as_the_servers), cmocka_unit_test(writes_doubles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
