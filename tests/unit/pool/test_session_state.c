// What a session has set: equality whatever the order, and the one SET that makes another like it.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "pool/session_state.h"

static struct session_state have, want;

static int start(void **state)
{
    (void)state;
    state_init(&have);
    state_init(&want);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    state_done(&have);
    state_done(&want);
    return 0;
}

static void set(struct session_state *state, const char *name, const char *value)
{
    state_set_variable(state, slice_of_string(name), slice_of_string(value));
}

static void expect_difference(const char *expected)
{
    struct text sql;
    text_init(&sql);
    state_difference(&have, &want, &sql);
    text_add(&sql, "", 1);
    assert_string_equal((const char *)sql.ptr, expected);
    text_done(&sql);
}

static void order_and_case_don_t_matter(void **state)
{
    (void)state;
    assert_true(state_equal(&have, &want));
    set(&have, "sql_mode", "''");
    set(&have, "@x", "5");
    set(&want, "@X", "5");
    set(&want, "SQL_MODE", "'x'");
    assert_false(state_equal(&have, &want));
    set(&want, "Sql_Mode", "''");
    assert_true(have.hash == want.hash);
    assert_true(state_equal(&have, &want));
    state_set_database(&have, slice_of_string("shop"));
    assert_false(state_equal(&have, &want));
    state_set_database(&want, slice_of_string("other"));
    assert_false(state_equal(&have, &want));
    state_set_database(&want, slice_of_string("shop"));
    assert_true(state_equal(&have, &want));
    set(&want, "@y", "1");
    assert_false(state_equal(&have, &want));
}

static void values_that_change_places_are_seen(void **state)
{
    (void)state;
    set(&have, "@a", "1");
    set(&have, "@b", "2");
    set(&want, "@a", "2");
    set(&want, "@b", "1");
    assert_false(have.hash == want.hash);
}

static void sends_what_differs(void **state)
{
    (void)state;
    expect_difference("");
    set(&have, "sql_mode", "'ANSI'");
    set(&have, "time_zone", "'+00:00'");
    set(&have, "@old", "1");
    set(&want, "time_zone", "'+00:00'");
    set(&want, "autocommit", "0");
    set(&want, "names", "'latin1' COLLATE 'latin1_bin'");
    expect_difference("SET NAMES 'latin1' COLLATE 'latin1_bin', sql_mode = DEFAULT, "
                      "@old = _binary'', @old = NULL, autocommit = 0");
    state_copy(&have, &want);
    expect_difference("");
    assert_true(state_equal(&have, &want));
    assert_true(have.is_autocommit_off);
}

static void character_sets_are_one_knot(void **state)
{
    (void)state;
    set(&have, "names", "utf8mb4");
    set(&have, "character_set_results", "NULL");
    set(&want, "names", "utf8mb4");
    expect_difference("SET NAMES utf8mb4");
    set(&want, "character_set_results", "NULL");
    expect_difference("");
    set(&want, "names", "latin1"); // forgets what was set behind it
    expect_difference("SET NAMES latin1");
    set(&want, "character_set_results", "NULL");
    expect_difference("SET NAMES latin1, character_set_results = NULL");
    state_done(&want);
    expect_difference("SET NAMES DEFAULT");
}

static void what_is_dropped_was_never_set(void **state)
{
    (void)state;
    set(&want, "names", "'latin1'");
    set(&want, "sql_mode", "''");
    set(&want, "autocommit", "0");
    set(&have, "names", "'latin1'");
    state_drop_variable(&want, slice_of_string("SQL_MODE"));
    assert_true(want.is_autocommit_off);
    state_drop_variable(&want, slice_of_string("autocommit"));
    state_drop_variable(&want, slice_of_string("never_set"));
    assert_false(want.is_autocommit_off);
    assert_true(state_equal(&have, &want));
    expect_difference("");
}

static void autocommit_is_known(void **state)
{
    (void)state;
    set(&have, "autocommit", "OFF");
    assert_true(have.is_autocommit_off);
    set(&have, "autocommit", "1");
    assert_false(have.is_autocommit_off);
    assert_true(slice_is_nocase(state_find_variable(&have, slice_of_string("AutoCommit")), "1"));
    assert_null(state_find_variable(&have, slice_of_string("nothing")).ptr);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(order_and_case_don_t_matter, start, finish),
        cmocka_unit_test_setup_teardown(values_that_change_places_are_seen, start, finish),
        cmocka_unit_test_setup_teardown(sends_what_differs, start, finish),
        cmocka_unit_test_setup_teardown(character_sets_are_one_knot, start, finish),
        cmocka_unit_test_setup_teardown(what_is_dropped_was_never_set, start, finish),
        cmocka_unit_test_setup_teardown(autocommit_is_known, start, finish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
