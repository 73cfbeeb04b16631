// Words, and who may choose what.

#include "cluster/distributed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void test_words(void **state)
{
    (void)state;
    static const enum distributed all[] = {DISTRIBUTED_REFUSE, DISTRIBUTED_BEST_EFFORT,
                                           DISTRIBUTED_ATOMIC};
    enum distributed found;
    for (size_t i = 0; i < 3; i++) {
        assert_true(distributed_find(slice_of_string(distributed_words()[all[i]]), &found));
        assert_int_equal(found, all[i]);
    }
    assert_true(distributed_find(slice_of_string("Atomic"), &found));
    assert_false(distributed_find(slice_of_string(""), &found));
    assert_false(distributed_find(slice_of_string("atomi"), &found));
}

static void test_bounds(void **state)
{
    (void)state;
    static const bool may[3][3] = {
        // of the user, then what is wanted
        [DISTRIBUTED_REFUSE] = {[DISTRIBUTED_REFUSE] = true},
        [DISTRIBUTED_ATOMIC] = {[DISTRIBUTED_REFUSE] = true, [DISTRIBUTED_ATOMIC] = true},
        [DISTRIBUTED_BEST_EFFORT] = {true, true, true},
    };
    for (int of_user = 0; of_user < 3; of_user++) {
        for (int wanted = 0; wanted < 3; wanted++) {
            assert_int_equal(
                distributed_may_choose((enum distributed)of_user, (enum distributed)wanted),
                may[of_user][wanted]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_words), cmocka_unit_test(test_bounds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
