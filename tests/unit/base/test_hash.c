// The published test values of xxh64, which must never change: stored rows depend on them.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/hash.h"

static void is_xxh64(void **state)
{
    (void)state;
    assert_true(hash_bytes("", 0) == 0xef46db3751d8e999ULL);
    assert_true(hash_bytes("a", 1) == 0xd24ec4f1a98c6e5bULL);
    assert_true(hash_bytes("abc", 3) == 0x44bc2cf5ad770999ULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_xxh64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
