// What may stand in `coordination` and `cluster_name`.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "cluster/coordination.h"

static bool is_fine(const char *text)
{
    char why[256] = "";
    bool is_right = coordination_check(text, why, sizeof why);
    assert_true(is_right || why[0] != '\0');
    return is_right;
}

static void what_is_right(void **state)
{
    (void)state;
    assert_true(is_fine("servers"));
    assert_null(coordination_etcd("servers"));
    assert_true(is_fine("etcd://127.0.0.1:2379"));
    assert_true(is_fine("etcd://a.example:2379,b:1,[::1]:65535"));
    assert_string_equal(coordination_etcd("etcd://a:1,b:2"), "a:1,b:2");
    assert_false(coordination_is_tls("etcd://a:1"));
    assert_true(is_fine("etcds://a:1,b:2"));
    assert_string_equal(coordination_etcd("etcds://a:1,b:2"), "a:1,b:2");
    assert_true(coordination_is_tls("etcds://a:1,b:2"));
}

static void what_is_not(void **state)
{
    (void)state;
    const char *const wrong[] = {"",
                                 "etcd",
                                 "Servers",
                                 "etcd://",
                                 "etcds://a",
                                 "etcdss://a:1",
                                 "etcd://a",
                                 "etcd://a:",
                                 "etcd://:1",
                                 "etcd://a:0",
                                 "etcd://a:65536",
                                 "etcd://a:1,",
                                 "etcd://a:1,,b:1",
                                 "etcd://a:1/x",
                                 "etcd://user@a:1",
                                 "etcd://a:1 ,b:1"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(is_fine(wrong[i]));
    }
    char endless[600] = "etcd://a:1";
    for (size_t i = strlen(endless); i + 4 < sizeof endless; i += 4) {
        memcpy(endless + i, ",a:1", 5);
    }
    assert_false(is_fine(endless));
}

static void names(void **state)
{
    (void)state;
    assert_true(coordination_is_name("main"));
    assert_true(coordination_is_name("eu-1.shop_2"));
    assert_false(coordination_is_name(""));
    assert_false(coordination_is_name("a/b"));
    assert_false(coordination_is_name("a b"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_right),
        cmocka_unit_test(what_is_not),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
