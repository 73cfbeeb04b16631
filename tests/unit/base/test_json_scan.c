// One member of a JSON text, found without a tree.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/json_scan.h"

static void expect(const char *text, const char *name, const char *expected)
{
    struct slice value;
    bool is_found = json_find(slice_of_string(text), name, &value);
    assert_int_equal(is_found, expected != NULL);
    if (expected != NULL) {
        assert_int_equal(value.len, strlen(expected));
        assert_memory_equal(value.ptr, expected, value.len);
    }
}

static void finds_members(void **state)
{
    (void)state;
    const char *answer =
        "{\"header\":{\"revision\":\"41\", \"term\" : 7},\"succeeded\":true,\"ID\":\"99\"}";
    expect(answer, "revision", "41");
    expect(answer, "term", "7");
    expect(answer, "succeeded", "true");
    expect(answer, "ID", "99");
    expect(answer, "TTL", NULL);
    expect(answer, "header", NULL); // no plain value
    uint64_t number = 0;
    assert_true(json_find_number(slice_of_string(answer), "revision", &number));
    assert_int_equal(number, 41);
    assert_false(json_find_number(slice_of_string(answer), "succeeded", &number));
    assert_true(json_is_true(slice_of_string(answer), "succeeded"));
    assert_false(json_is_true(slice_of_string(answer), "ID"));
}

static void a_value_is_no_name(void **state)
{
    (void)state;
    expect("[\"ID\",{\"a\":\"ID\"},\"ID\":5]", "ID", "5");
    expect("{\"a\":\"\\\"ID\\\":1\"}", "ID", NULL); // within a string
    expect("{\"ID\":{\"ID\":2}}", "ID", "2");
}

static void what_is_cut_off_is_not_found(void **state)
{
    (void)state;
    const char *answer = "{\"a\":\"b\\\\\",\"ID\":\"99\"}";
    for (size_t len = 0; len + 1 < strlen(answer); len++) {
        char *copy = malloc(len + 1); // (so that a reader past its end is seen)
        memcpy(copy, answer, len);
        struct slice value;
        assert_false(json_find(slice_of(copy, len), "ID", &value));
        free(copy);
    }
    expect(answer, "ID", "99");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_members),
        cmocka_unit_test(a_value_is_no_name),
        cmocka_unit_test(what_is_cut_off_is_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
