// Which block of row ids follows.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "replication/row_id_block.h"

struct block_case {
    uint64_t counter, known_end, given, size;
    uint64_t begin, end; // 0, 0: none
};

// clang-format off
static const struct block_case cases[] = {
    {.counter = 1,    .size = 1000, .begin = 1,    .end = 1001},
    {.counter = 5001, .known_end = 4000, .size = 10, .begin = 5001, .end = 5011},
    {.counter = 900,  .known_end = 4000, .size = 10, .begin = 4000, .end = 4010}, // a failover has lost it
    {.counter = 900,  .given = 7000, .size = 10, .begin = 7000, .end = 7010},
    {.counter = 9000, .given = 7000, .size = 10, .begin = 9000, .end = 9010},
    {.counter = 1,    .given = ROW_ID_MAX, .size = 10, .begin = ROW_ID_MAX, .end = ROW_ID_MAX + 1},
    {.counter = ROW_ID_MAX - 3, .size = 10, .begin = ROW_ID_MAX - 3, .end = ROW_ID_MAX + 1},
    {.counter = ROW_ID_MAX + 1, .size = 10},
    {.counter = 0,    .size = 10},
};
// clang-format on

static void blocks(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct block_case *one = &cases[i];
        struct row_id_order order = {
            .known_end = one->known_end, .given = one->given, .size = one->size};
        struct row_id_block block;
        bool has_block = row_id_block_choose(&order, one->counter, &block);
        assert_int_equal(has_block, one->end > 0);
        if (has_block) {
            assert_int_equal(block.begin, one->begin);
            assert_int_equal(block.end, one->end);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(blocks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
