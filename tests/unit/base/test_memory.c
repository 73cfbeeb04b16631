// The heap: zeroed, growing, and strings with their NUL.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/memory.h"

static void is_zeroed_and_grows(void **state)
{
    (void)state;
    uint8_t *bytes = memory_new(100);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(bytes[i], 0);
    }
    memset(bytes, 7, 100);
    bytes = memory_resize(bytes, 100000);
    assert_int_equal(bytes[99], 7);
    memory_free(bytes);
    memory_free(NULL);
    void *nothing = memory_new(0);
    assert_non_null(nothing);
    memory_free(nothing);
}

static void copies_strings(void **state)
{
    (void)state;
    char *copy = memory_copy_string(slice_of("hello world", 5));
    assert_string_equal(copy, "hello");
    memory_free(copy);
    copy = memory_copy_string(slice_of(NULL, 0));
    assert_string_equal(copy, "");
    memory_free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_zeroed_and_grows),
        cmocka_unit_test(copies_strings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
