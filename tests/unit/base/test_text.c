// Bytes are added at the end and dropped at the front.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/text.h"

static void grows_and_shrinks(void **state)
{
    (void)state;
    struct text text;
    text_init(&text);
    assert_int_equal(text_slice(&text).len, 0);
    text_add_string(&text, "SELECT ");
    text_add_format(&text, "%d, '%s'", 12, "x");
    text_add_slice(&text, slice_of_string(" FROM t"));
    text_add(&text, NULL, 0);
    assert_true(slice_equal(text_slice(&text), slice_of_string("SELECT 12, 'x' FROM t")));
    text_drop_front(&text, 7);
    assert_true(slice_equal(text_slice(&text), slice_of_string("12, 'x' FROM t")));
    text_drop_front(&text, text.len);
    assert_int_equal(text.len, 0);
    for (int i = 0; i < 100000; i++) {
        text_add(&text, "abc", 3);
    }
    assert_int_equal(text.len, 300000);
    text_done(&text);
    assert_null(text.ptr);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_and_shrinks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
