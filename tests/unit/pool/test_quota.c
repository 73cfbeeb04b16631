// The workers' shares add up to the limit, as long as it is not below one for each.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "pool/pool_impl.h"

static void shares_add_up(void **state)
{
    (void)state;
    for (uint16_t workers = 1; workers < 20; workers++) {
        for (int64_t max = workers; max < 100; max++) {
            int64_t sum = 0;
            for (uint16_t worker = 0; worker < workers; worker++) {
                uint32_t share = quota_share(max, worker, workers);
                assert_true(share >= 1 && share <= max / workers + 1);
                sum += share;
            }
            assert_int_equal(sum, max);
        }
    }
    assert_int_equal(quota_share(1, 3, 8), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
