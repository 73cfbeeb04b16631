// Items come zeroed, also the second time, and only so many free ones are kept.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/slab.h"

static void takes_zeroed(void **state)
{
    (void)state;
    struct slab slab;
    slab_init(&slab, "test", 64, 0);
    for (int round = 0; round < 2; round++) {
        uint8_t *item = slab_take(&slab);
        assert_int_equal(slab.used_count, 1);
        for (int i = 0; i < 64; i++) {
            assert_int_equal(item[i], 0);
        }
        memset(item, 0xff, 64);
        slab_give(&slab, item);
    }
    assert_int_equal(slab.used_count, 0);
    slab_done(&slab);
}

static void keeps_so_many(void **state)
{
    (void)state;
    struct slab slab;
    void *items[5];
    slab_init(&slab, "test", 1, 2);
    for (int i = 0; i < 5; i++) {
        items[i] = slab_take_dirty(&slab);
    }
    for (int i = 0; i < 5; i++) {
        slab_give(&slab, items[i]);
    }
    assert_true(slab.free.count <= 2);
    slab_done(&slab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_zeroed),
        cmocka_unit_test(keeps_so_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
