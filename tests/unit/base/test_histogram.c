// A quantile is never below the truth and at most a sixteenth above it, at every magnitude.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/histogram.h"

static struct histogram histogram;

static void reset(void)
{
    memset(&histogram, 0, sizeof histogram);
}

static void is_exact_enough(void **state)
{
    (void)state;
    for (uint64_t value = 0; value < (1ULL << 42); value = value * 5 / 4 + 1) {
        reset();
        histogram_add(&histogram, value);
        uint64_t seen = histogram_quantile_us(&histogram, 0.5);
        assert_true(seen >= value);
        assert_true(seen <= value + value / 16);
    }
    reset();
    histogram_add(&histogram, UINT64_MAX);
    assert_int_equal(histogram_count(&histogram), 1);
    assert_true(histogram_quantile_us(&histogram, 1) > (1ULL << 42));
}

static void finds_quantiles(void **state)
{
    (void)state;
    reset();
    assert_int_equal(histogram_quantile_us(&histogram, 0.99), 0);
    for (uint64_t i = 1; i <= 1000; i++) {
        histogram_add(&histogram, i <= 990 ? 10 : 5000);
    }
    assert_int_equal(histogram_count(&histogram), 1000);
    assert_int_equal(histogram_quantile_us(&histogram, 0), 10);
    assert_int_equal(histogram_quantile_us(&histogram, 0.5), 10);
    assert_int_equal(histogram_quantile_us(&histogram, 0.99), 10);
    assert_true(histogram_quantile_us(&histogram, 0.991) >= 5000);
    assert_int_equal(counter_get(&histogram.sum_us), 990 * 10 + 10 * 5000);
}

static void merges(void **state)
{
    (void)state;
    static struct histogram sum;
    memset(&sum, 0, sizeof sum);
    reset();
    histogram_add(&histogram, 7);
    histogram_add(&histogram, 700);
    histogram_merge(&sum, &histogram);
    histogram_merge(&sum, &histogram);
    assert_int_equal(histogram_count(&sum), 4);
    assert_int_equal(counter_get(&sum.sum_us), 1414);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_exact_enough),
        cmocka_unit_test(finds_quantiles),
        cmocka_unit_test(merges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
