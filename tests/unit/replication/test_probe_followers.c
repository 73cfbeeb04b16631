// Who replicates from a server and is none of the configuration's, from the list that the server
// gives.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "replication/probe_followers.h"

static const uint32_t known[] = {101, 102, 103};

static void check(const char *list, const char *expected)
{
    char text[60];
    probe_name_strangers(list, known, sizeof known / sizeof known[0], text, sizeof text);
    assert_string_equal(text, expected);
}

static void strangers_are_named(void **state)
{
    (void)state;
    check("", "");
    check("102=10.0.0.2:3306,103=10.0.0.3:3306,", "");
    check("102=10.0.0.2:3306,9=10.0.0.9:3307,103=:0,", "server_id 9 (10.0.0.9:3307)");
    check("9=:3306,12=b:1,", "server_id 9, server_id 12 (b:1)");
}

static void what_is_cut_off_is_no_harm(void **state)
{
    (void)state;
    check("9=10.0.0.9", "");
    check("9=a:1,x", "server_id 9 (a:1)");
    check("1=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:1,2=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:1,3=b:1,",
          "server_id 1 (aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:1), server_id 2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strangers_are_named),
        cmocka_unit_test(what_is_cut_off_is_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
