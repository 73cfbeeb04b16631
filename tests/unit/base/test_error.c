// An error is a number, a state and a sentence, each cut to its room.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/error.h"

static void is_set_and_cut(void **state)
{
    (void)state;
    struct error error = {0};
    assert_false(error_is_set(&error));
    error_set(&error, 1213, "40001 and more", "shard %d is gone", 3);
    assert_true(error_is_set(&error));
    assert_string_equal(error.sqlstate, "40001");
    assert_string_equal(error.text, "shard 3 is gone");
    error_set(&error, 1, "HY000", "%1000d", 1);
    assert_int_equal(strlen(error.text), sizeof error.text - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_set_and_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
