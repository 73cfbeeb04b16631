// Positions of both flavours: read, compared, united, printed.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "replication/gtid.h"

#define UUID_A "3e11fa47-71ca-11e1-9e33-c80aa9429562"
#define UUID_B "4e11fa47-71ca-11e1-9e33-c80aa9429562"

static struct arena arena;

static struct gtid_set parse(enum gtid_flavor flavor, const char *text)
{
    struct gtid_set set;
    assert_true(gtid_parse(flavor, slice_of_string(text), &arena, &set));
    return set;
}

static void check_wrong(enum gtid_flavor flavor, const char *text)
{
    struct gtid_set set;
    assert_false(gtid_parse(flavor, slice_of_string(text), &arena, &set));
}

static void check_print(enum gtid_flavor flavor, const char *text, const char *expected)
{
    struct gtid_set set = parse(flavor, text);
    assert_string_equal((const char *)gtid_print(&set, &arena).ptr, expected);
}

static void check_order(enum gtid_flavor flavor, const char *left, const char *right,
                        enum gtid_order expected)
{
    struct gtid_set a = parse(flavor, left);
    struct gtid_set b = parse(flavor, right);
    assert_int_equal(gtid_compare(&a, &b), expected);
    static const enum gtid_order opposite[] = {[GTID_EQUAL] = GTID_EQUAL,
                                               [GTID_AHEAD] = GTID_BEHIND,
                                               [GTID_BEHIND] = GTID_AHEAD,
                                               [GTID_DIVERGED] = GTID_DIVERGED};
    assert_int_equal(gtid_compare(&b, &a), opposite[expected]);
}

static void check_union(enum gtid_flavor flavor, const char *left, const char *right,
                        const char *expected)
{
    struct gtid_set a = parse(flavor, left);
    struct gtid_set b = parse(flavor, right);
    struct gtid_set both = gtid_union(&a, &b, &arena);
    assert_string_equal((const char *)gtid_print(&both, &arena).ptr, expected);
    assert_true(gtid_contains(&both, &a));
}

static void reads_mariadb(void **state)
{
    (void)state;
    check_print(GTID_MARIADB, "", "");
    check_print(GTID_MARIADB, " \n", "");
    check_print(GTID_MARIADB, "1-101-27", "1-101-27");
    check_print(GTID_MARIADB, "2-1-5, 0-3-18446744073709551615", "0-3-18446744073709551615,2-1-5");
    static const char *const wrong[] = {"1",
                                        "1-2",
                                        "1-2-3-4",
                                        "1-2-3,",
                                        ",1-2-3",
                                        "a-2-3",
                                        "1-2-18446744073709551616",
                                        "1--3",
                                        "-1-2-3",
                                        "1-2-",
                                        "1-2-3 1-2",
                                        "+1-2-3",
                                        UUID_A ":1",
                                        "4294967296-1-1",
                                        "1-1-1,1-2-5"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        check_wrong(GTID_MARIADB, wrong[i]);
    }
}

static void reads_mysql(void **state)
{
    (void)state;
    check_print(GTID_MYSQL, "", "");
    check_print(GTID_MYSQL, UUID_A ":5", UUID_A ":5");
    check_print(GTID_MYSQL, "3E11FA47-71CA-11E1-9E33-C80AA9429562:1-5:7", UUID_A ":1-5:7");
    check_print(GTID_MYSQL, UUID_B ":1-3,\n" UUID_A ":7:1-5:6", UUID_A ":1-7," UUID_B ":1-3");
    check_print(GTID_MYSQL, UUID_A ":1-5:3-9:20-21", UUID_A ":1-9:20-21");
    static const char *const wrong[] = {UUID_A,
                                        UUID_A ":",
                                        UUID_A ":0",
                                        UUID_A ":5-4",
                                        UUID_A ":1-",
                                        UUID_A ":1-2-3",
                                        UUID_A ":a",
                                        "3e11fa47:1",
                                        UUID_A ":1,,",
                                        "1-2-3",
                                        "3e11fa47x71ca-11e1-9e33-c80aa9429562:1"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        check_wrong(GTID_MYSQL, wrong[i]);
    }
}

static void compares_mariadb(void **state)
{
    (void)state;
    check_order(GTID_MARIADB, "", "", GTID_EQUAL);
    check_order(GTID_MARIADB, "1-1-5", "", GTID_AHEAD);
    check_order(GTID_MARIADB, "1-1-5", "1-1-5", GTID_EQUAL);
    check_order(GTID_MARIADB, "1-2-6", "1-1-5", GTID_AHEAD); // a new primary went on
    check_order(GTID_MARIADB, "1-2-5", "1-1-5", GTID_DIVERGED);
    check_order(GTID_MARIADB, "1-1-5,2-1-1", "1-1-5", GTID_AHEAD);
    check_order(GTID_MARIADB, "1-1-6,2-1-1", "1-1-5,2-1-2", GTID_DIVERGED);
    check_order(GTID_MARIADB, "1-1-6", "2-1-2", GTID_DIVERGED);
}

static void compares_mysql(void **state)
{
    (void)state;
    check_order(GTID_MYSQL, UUID_A ":1-5", UUID_A ":1-5", GTID_EQUAL);
    check_order(GTID_MYSQL, UUID_A ":1-5", UUID_A ":2-3:5", GTID_AHEAD);
    check_order(GTID_MYSQL, UUID_A ":1-5:7", UUID_A ":1-6", GTID_DIVERGED);
    check_order(GTID_MYSQL, UUID_A ":1-5," UUID_B ":1", UUID_A ":1-5", GTID_AHEAD);
    check_order(GTID_MYSQL, UUID_A ":1-5", UUID_B ":1-5", GTID_DIVERGED);
    check_order(GTID_MYSQL, UUID_A ":1-3:4-5", UUID_A ":1-5", GTID_EQUAL);
}

static void unites(void **state)
{
    (void)state;
    check_union(GTID_MARIADB, "", "", "");
    check_union(GTID_MARIADB, "", "1-1-5", "1-1-5");
    check_union(GTID_MARIADB, "1-1-5,3-1-1", "2-1-7,1-2-6", "1-2-6,2-1-7,3-1-1");
    check_union(GTID_MARIADB, "1-1-5", "1-2-5", "1-1-5");
    check_union(GTID_MYSQL, UUID_A ":1-5", UUID_A ":6-9," UUID_B ":2", UUID_A ":1-9," UUID_B ":2");
    check_union(GTID_MYSQL, UUID_A ":1-5", "", UUID_A ":1-5");
}

static void knows_its_own_tail(void **state)
{
    (void)state;
    static const struct {
        enum gtid_flavor flavor;
        const char *set, *cut;
        bool is_own;
    } cases[] = {
        {GTID_MARIADB, "1-2-101", "1-1-100", true},
        {GTID_MARIADB, "1-2-109", "1-1-100", true},
        {GTID_MARIADB, "1-1-100,2-1-7", "1-1-100,2-1-7", true},
        {GTID_MARIADB, "1-1-101", "1-1-100", false}, // received
        {GTID_MARIADB, "1-2-101,2-1-8", "1-1-100,2-1-7", false},
        {GTID_MARIADB, "1-1-1", "", false},
        {GTID_MYSQL, UUID_A ":1-100," UUID_B ":1-2", UUID_A ":1-100," UUID_B ":1", true},
        {GTID_MYSQL, UUID_A ":1-101," UUID_B ":1", UUID_A ":1-100", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct gtid_set set = parse(cases[i].flavor, cases[i].set);
        struct gtid_set cut = parse(cases[i].flavor, cases[i].cut);
        assert_int_equal(gtid_is_own_tail(&set, &cut, 2, UUID_B), cases[i].is_own);
    }
}

// Every set of the numbers 1 to 6, against its bits.
static void mysql_sets_are_sets(void **state)
{
    (void)state;
    struct gtid_set sets[64];
    for (unsigned bits = 0; bits < 64; bits++) {
        char text[128] = "";
        size_t len = 0;
        for (unsigned i = 0; i < 6; i++) {
            if ((bits >> i & 1) != 0) {
                len += (size_t)snprintf(text + len, sizeof text - len, "%s:%u",
                                        len == 0 ? UUID_A : "", i + 1);
            }
        }
        sets[bits] = parse(GTID_MYSQL, text);
    }
    for (unsigned a = 0; a < 64; a++) {
        for (unsigned b = 0; b < 64; b++) {
            assert_int_equal(gtid_contains(&sets[a], &sets[b]), (a & b) == b);
            struct gtid_set both = gtid_union(&sets[a], &sets[b], &arena);
            assert_int_equal(gtid_compare(&both, &sets[a | b]), GTID_EQUAL);
        }
    }
}

static int done(void **state)
{
    (void)state;
    arena_clear(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(reads_mariadb, done),
        cmocka_unit_test_teardown(reads_mysql, done),
        cmocka_unit_test_teardown(compares_mariadb, done),
        cmocka_unit_test_teardown(compares_mysql, done),
        cmocka_unit_test_teardown(unites, done),
        cmocka_unit_test_teardown(knows_its_own_tail, done),
        cmocka_unit_test_teardown(mysql_sets_are_sets, done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
