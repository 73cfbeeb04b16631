// What lasts is said again once a minute, and what changes at once.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "replication/told.h"

enum { SECOND_US = 1000000 };

static void changes_are_said_at_once(void **state)
{
    (void)state;
    struct told told = {.at_us = 0};
    assert_false(told_is_news(&told, "", 5 * SECOND_US));
    assert_true(told_is_news(&told, "a", 5 * SECOND_US));
    assert_false(told_is_news(&told, "a", 6 * SECOND_US));
    assert_true(told_is_news(&told, "b", 6 * SECOND_US));
    assert_true(told_is_news(&told, "a", 6 * SECOND_US));
    assert_false(told_is_news(&told, "", 7 * SECOND_US));
    assert_true(told_is_news(&told, "a", 7 * SECOND_US)); // it had gone
}

static void what_lasts_is_said_every_minute(void **state)
{
    (void)state;
    struct told told = {.at_us = 0};
    int times = 0;
    for (uint64_t second = 1; second <= 300; second += 2) {
        times += told_is_news(&told, "the replica can't be reached", second * SECOND_US);
    }
    assert_int_equal(times, 5);
}

static void long_texts_are_cut(void **state)
{
    (void)state;
    struct told told = {.at_us = 0};
    char text[2 * TOLD_BYTES];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_true(told_is_news(&told, text, SECOND_US));
    assert_false(told_is_news(&told, text, SECOND_US));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_are_said_at_once),
        cmocka_unit_test(what_lasts_is_said_every_minute),
        cmocka_unit_test(long_texts_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
