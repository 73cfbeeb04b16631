// The block of row ids that workers share: nothing comes twice, whatever is put, taken and passed
// over at the same time.

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/memory.h"
#include "cluster/row_id.h"

enum { LATER_US = 1000 };

static void put(struct row_ids *ids, uint64_t begin, uint64_t end)
{
    struct row_id_block block = {.begin = begin, .end = end, .until_us = LATER_US};
    row_ids_put(ids, &block);
}

static void one_after_the_other(void **state)
{
    (void)state;
    struct row_ids ids = {.begin = 0};
    uint64_t first = 0;
    assert_false(row_ids_take(&ids, 1, 0, &first));
    put(&ids, 10, 20);
    assert_true(row_ids_take(&ids, 1, 0, &first));
    assert_int_equal(first, 10);
    assert_true(row_ids_take(&ids, 4, 0, &first));
    assert_int_equal(first, 11);
    assert_false(row_ids_take(&ids, 6, 0, &first));
    assert_false(row_ids_take(&ids, 1, LATER_US, &first)); // its time is over
    assert_true(row_ids_take(&ids, 5, LATER_US - 1, &first));
    assert_int_equal(first, 15);
    assert_false(row_ids_take(&ids, 1, 0, &first));
    put(&ids, 100, 101);
    assert_true(row_ids_take(&ids, 1, 0, &first));
    assert_int_equal(first, 100);
}

static void given_ids(void **state)
{
    (void)state;
    struct row_ids ids = {.begin = 0};
    uint64_t first = 0;
    assert_false(row_ids_pass(&ids, 5, 0)); // nothing is known
    put(&ids, 10, 20);
    assert_false(row_ids_pass(&ids, 9, 0)); // another waybill's?
    row_ids_raise(&ids, 8, 20);
    assert_true(row_ids_pass(&ids, 7, 0));
    assert_false(row_ids_pass(&ids, 8, 0));
    assert_true(row_ids_pass(&ids, 14, 0));
    assert_true(row_ids_take(&ids, 1, 0, &first));
    assert_int_equal(first, 15);
    assert_true(row_ids_pass(&ids, 12, 0)); // passed over
    assert_false(row_ids_pass(&ids, 20, 0));
    assert_false(row_ids_pass(&ids, 17, LATER_US)); // not ours any more
    assert_true(row_ids_reach(&ids, 19) && !row_ids_reach(&ids, 20));
    assert_true(row_ids_pass(&ids, 19, 0));
    assert_false(row_ids_take(&ids, 1, 0, &first));
    row_ids_raise(&ids, 3, 4); // it never goes back
    assert_true(row_ids_pass(&ids, 7, 0));
}

static void what_would_do(void **state)
{
    (void)state;
    struct row_ids ids = {.begin = 0};
    assert_true(row_ids_have(&ids, 0, 0, 0) && !row_ids_have(&ids, 1, 0, 0));
    put(&ids, 10, 20);
    row_ids_raise(&ids, 10, 20);
    assert_true(row_ids_have(&ids, 10, 0, 0) && !row_ids_have(&ids, 11, 0, 0));
    assert_true(row_ids_have(&ids, 4, 15, 0) && !row_ids_have(&ids, 5, 15, 0));
    assert_true(row_ids_may_pass(&ids, 15, 0) && row_ids_may_pass(&ids, 3, 0));
    assert_false(row_ids_may_pass(&ids, 20, 0));
    assert_false(row_ids_have(&ids, 1, 0, LATER_US));
}

static void the_list_keeps_its_own(void **state)
{
    (void)state;
    struct row_id_list *list = row_id_list_new();
    struct row_id_list *again = row_id_list_hold(list);
    struct row_ids *carts = row_id_list_get(list, "shop", "carts", "id");
    assert_ptr_equal(row_id_list_get(again, "Shop", "CARTS", "ID"), carts);
    assert_ptr_not_equal(row_id_list_get(list, "shop", "carts", "no"), carts);
    row_id_list_drop(list);
    assert_string_equal(carts->table, "carts");
    row_id_list_drop(again);
}

// ---- many threads

enum { TAKERS = 3, BLOCKS = 400, BLOCK_IDS = 50 };

struct race {
    struct row_ids ids;
    _Atomic bool is_over;
    _Atomic unsigned char seen[(BLOCKS + 1) * BLOCK_IDS * 2]; // how often it was made
};

static void *take_all(void *argument)
{
    struct race *race = argument;
    uint64_t first = 0;
    while (!atomic_load(&race->is_over)) {
        for (uint64_t count = 1; count <= 3; count++) {
            if (row_ids_take(&race->ids, count, 0, &first)) {
                for (uint64_t i = 0; i < count; i++) {
                    atomic_fetch_add(&race->seen[first + i], 1);
                }
            }
        }
    }
    return NULL;
}

// What is passed over counts as made: it may not be made as well, later.
static void *pass_some(void *argument)
{
    struct race *race = argument;
    while (!atomic_load(&race->is_over)) {
        uint64_t id = atomic_load(&race->ids.end) - 1;
        bool was_free = id > 0 && atomic_load(&race->seen[id]) == 0;
        if (was_free && row_ids_pass(&race->ids, id, 0)) {
            atomic_fetch_add(&race->seen[id], 16);
        }
    }
    return NULL;
}

static void threads_never_make_one_twice(void **state)
{
    (void)state;
    struct race *race = memory_new(sizeof *race);
    pthread_t threads[TAKERS + 1];
    for (int i = 0; i <= TAKERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, i < TAKERS ? take_all : pass_some, race),
                         0);
    }
    for (uint64_t i = 1; i <= BLOCKS; i++) { // with gaps, which are others'
        put(&race->ids, i * BLOCK_IDS * 2, i * BLOCK_IDS * 2 + BLOCK_IDS);
        for (int spin = 0; spin < 200 && row_ids_have(&race->ids, 1, 0, 0); spin++) {
        }
    }
    atomic_store(&race->is_over, true);
    for (int i = 0; i <= TAKERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    for (size_t i = 0; i < sizeof race->seen; i++) {
        bool is_other = i % (BLOCK_IDS * 2) >= BLOCK_IDS || i < BLOCK_IDS * 2;
        assert_true((race->seen[i] & 15) <= (is_other ? 0 : 1));
    }
    memory_free(race);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_after_the_other),
        cmocka_unit_test(given_ids),
        cmocka_unit_test(what_would_do),
        cmocka_unit_test(the_list_keeps_its_own),
        cmocka_unit_test(threads_never_make_one_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
