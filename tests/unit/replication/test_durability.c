// Which settings break the promise that an acknowledged write outlives its primary.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "replication/durability.h"

static const struct durability good = {.has_semi_sync = true,
                                       .waits_at_sync = true,
                                       .waits_alone = true,
                                       .timeout_ms = 4294967295,
                                       .sync_binlog = 1,
                                       .flush_log = 1};

static void expect(struct durability settings, const char *expected)
{
    char text[256];
    durability_explain(&settings, text, sizeof text);
    assert_string_equal(text, expected);
}

static void nothing_breaks_it(void **state)
{
    (void)state;
    expect(good, "");
    struct durability day = good;
    day.timeout_ms = 86400000;
    expect(day, "");
}

static void each_of_them_breaks_it(void **state)
{
    (void)state;
    struct durability one = good;
    one.timeout_ms = 10000;
    expect(one, "rpl_semi_sync_master_timeout = 10000 (4294967295)");
    one = good;
    one.waits_at_sync = false;
    expect(one, "rpl_semi_sync_master_wait_point = AFTER_COMMIT (AFTER_SYNC)");
    one = good;
    one.waits_alone = false;
    expect(one, "rpl_semi_sync_master_wait_no_slave = 0 (1)");
    one = good;
    one.sync_binlog = 0;
    expect(one, "sync_binlog = 0 (1)");
    one.flush_log = 2;
    expect(one, "sync_binlog = 0 (1), innodb_flush_log_at_trx_commit = 2 (1)");
    expect((struct durability){.sync_binlog = 1, .flush_log = 1}, "no semi-sync");
}

static void who_waits_on(void **state)
{
    (void)state;
    assert_true(durability_waits_on(&good));
    struct durability one = good;
    one.timeout_ms = 86399999;
    assert_false(durability_waits_on(&one));
    one = good;
    one.waits_alone = false;
    assert_false(durability_waits_on(&one));
    assert_false(
        durability_waits_on(&(struct durability){.timeout_ms = 86400000, .waits_alone = true}));
}

static void a_short_text_is_cut(void **state)
{
    (void)state;
    struct durability bad = {.has_semi_sync = true, .timeout_ms = 1};
    for (size_t bytes = 1; bytes < 200; bytes++) {
        char text[201];
        memset(text, 'x', sizeof text);
        durability_explain(&bad, text, bytes);
        assert_true(strlen(text) < bytes);
        assert_int_equal(text[bytes], 'x');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_breaks_it),
        cmocka_unit_test(each_of_them_breaks_it),
        cmocka_unit_test(who_waits_on),
        cmocka_unit_test(a_short_text_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
