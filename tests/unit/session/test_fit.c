// What is known of tables, for how long; and what is said of those that are not fit.

#include "session/fit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct fit_table table_on(uint16_t shard, const char *schema, const char *name)
{
    return (struct fit_table){
        .shard = shard, .schema = slice_of_string(schema), .name = slice_of_string(name)};
}

static void test_what_is_kept(void **state)
{
    (void)state;
    struct fit *fit = fit_new();
    struct fit_table table = table_on(1, "shop", "orders");
    assert_false(fit_is_known(fit, &table, 1000, 0));
    fit_note(fit, &table, 1000, 7);
    assert_true(fit_is_known(fit, &table, 1000 + FIT_KEPT_US - 1, 7));
    assert_false(fit_is_known(fit, &table, 1000 + FIT_KEPT_US, 7));
    assert_false(fit_is_known(fit, &table, 1000, 8)); // DDL since
    const struct fit_table others[] = {table_on(2, "shop", "orders"), table_on(1, "sho", "porders"),
                                       table_on(1, "shop", "Orders"), table_on(1, "", "orders")};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_false(fit_is_known(fit, &others[i], 1000, 7));
    }
    fit_note(fit, &table, 5000, 8);
    assert_true(fit_is_known(fit, &table, 5000 + FIT_KEPT_US - 1, 8));
    fit_free(fit);
}

static void test_is_bounded(void **state)
{
    (void)state;
    struct fit *fit = fit_new();
    char name[32];
    for (int i = 0; i <= FIT_TABLES_MAX; i++) {
        snprintf(name, sizeof name, "t%d", i);
        struct fit_table table = table_on(0, "s", name);
        fit_note(fit, &table, 0, 0);
        assert_true(fit_is_known(fit, &table, 0, 0));
    }
    struct fit_table first = table_on(0, "s", "t0");
    assert_false(fit_is_known(fit, &first, 0, 0));
    fit_free(fit);
}

static void expect(const char *number, enum unfit unfit)
{
    enum unfit found = UNFIT_MANY;
    assert_true(fit_read(slice_of_string(number), &found));
    assert_int_equal(found, unfit);
}

static void test_answers(void **state)
{
    (void)state;
    enum unfit unfit;
    expect("0", UNFIT_ABSENT);
    expect("15", UNFIT_NOT);
    expect("7", UNFIT_KEY);
    expect("11", UNFIT_ENGINE);
    expect("3", UNFIT_ENGINE);
    expect("5", UNFIT_KIND); // a sequence
    expect("1", UNFIT_KIND); // a view
    expect("31", UNFIT_TRIGGER);
    assert_false(fit_read(slice_of_string(""), &unfit));
    assert_false(fit_read(slice_of_string("x"), &unfit));
}

static void test_refusals(void **state)
{
    (void)state;
    struct error error;
    struct fit_table table = table_on(0, "shop", "log");
    fit_explain(&table, "s1", UNFIT_KEY, true, &error);
    assert_int_equal(error.code, 9010);
    assert_non_null(strstr(error.text, "table 'shop.log' on shard 's1' has no PRIMARY KEY"));
    assert_non_null(strstr(error.text, "COMMIT first"));
    struct fit_table none = {.shard = 0};
    fit_explain(&none, "s2", UNFIT_ROUTINE, false, &error);
    assert_non_null(strstr(error.text, "the statement on shard 's2' calls a procedure"));
    char longest[65];
    memset(longest, 'x', 64);
    longest[64] = 0;
    for (int why = UNFIT_KIND; why <= UNFIT_TRIGGER; why++) { // nothing is cut off
        struct fit_table wide = table_on(0, longest, longest);
        fit_explain(&wide, "a_shard_with_24_letters_", (enum unfit)why, true, &error);
        assert_non_null(strstr(error.text, "COMMIT first"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_kept),
        cmocka_unit_test(test_is_bounded),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
