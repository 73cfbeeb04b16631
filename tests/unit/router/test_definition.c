#include "router/definition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void expect_normal(const char *create, const char *expected)
{
    struct text normal;
    text_init(&normal);
    definition_normalise(slice_of_string(create), &normal);
    text_add(&normal, "", 1);
    assert_string_equal((const char *)normal.ptr, expected);
    text_done(&normal);
}

static void test_the_counter_is_left_out(void **state)
{
    (void)state;
    expect_normal("CREATE TABLE `t` (\n  `a` int(11) AUTO_INCREMENT\n) ENGINE=InnoDB "
                  "AUTO_INCREMENT=712 DEFAULT CHARSET=utf8mb4",
                  "CREATE TABLE `t` (\n  `a` int(11) AUTO_INCREMENT\n) ENGINE=InnoDB DEFAULT "
                  "CHARSET=utf8mb4");
    expect_normal("x AUTO_INCREMENT=1", "x");
    expect_normal("x AUTO_INCREMENT=", "x AUTO_INCREMENT=");
    expect_normal("", "");
}

static void test_what_is_quoted_stays(void **state)
{
    (void)state;
    const char *const texts[] = {
        "x COMMENT='an AUTO_INCREMENT=7 in it'",  "x COMMENT='it''s AUTO_INCREMENT=7'",
        "x COMMENT='\\' AUTO_INCREMENT=7'",       "` AUTO_INCREMENT=7`",
        "x COMMENT='not closed AUTO_INCREMENT=7", "x '\\",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        expect_normal(texts[i], texts[i]);
    }
}

static uint64_t hash_of(const char *create)
{
    return definition_hash(slice_of_string(create));
}

static void test_hashes(void **state)
{
    (void)state;
    assert_true(hash_of("a AUTO_INCREMENT=5 b") == hash_of("a AUTO_INCREMENT=77 b"));
    assert_true(hash_of("a") != hash_of("b"));
    uint64_t both = definition_hash_join(definition_hash_join(0, hash_of("a")), hash_of("b"));
    assert_true(both != definition_hash_join(definition_hash_join(0, hash_of("b")), hash_of("a")));
    assert_true(definition_hash_join(0, 0) != 0); // a table that isn't there is known, too
    assert_true(definition_hash_join(0, 0) != definition_hash_join(0, hash_of("a")));
}

static void expect_difference(const char *one, const char *other, const char *expected)
{
    struct text lines;
    text_init(&lines);
    definition_difference(slice_of_string(one), slice_of_string(other), &lines);
    text_add(&lines, "", 1);
    assert_string_equal((const char *)lines.ptr, expected);
    text_done(&lines);
}

static void test_differences(void **state)
{
    (void)state;
    const char *one =
        "CREATE TABLE `t` (\n  `a` int(11),\n  `b` int(11) COMMENT 'x\ny',\n  KEY (a)\n) "
        "ENGINE=InnoDB AUTO_INCREMENT=8";
    const char *other = "CREATE TABLE `t` (\n  `a` int(11),\n  KEY (a)\n) ENGINE=InnoDB";
    expect_difference(one, one, "");
    expect_difference(one, other, "has `b` int(11) COMMENT 'x\ny'");
    expect_difference(other, one, "lacks `b` int(11) COMMENT 'x\ny'");
    expect_difference("(\n a,\n b\n)", "(\n b,\n c\n)", "has a; lacks c");
    expect_difference("(\n a,\n b\n)", "(\n b,\n a\n)", "the same lines in another order");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_counter_is_left_out),
        cmocka_unit_test(test_what_is_quoted_stays),
        cmocka_unit_test(test_hashes),
        cmocka_unit_test(test_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
