// A list keeps its order and its count, and a node knows whether it is in one.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/list.h"

struct item {
    int value;
    struct node node;
};

static void keeps_order_and_count(void **state)
{
    (void)state;
    struct list list;
    struct item items[3] = {{.value = 1}, {.value = 2}, {.value = 3}};
    list_init(&list);
    assert_null(list_pop_front(&list));
    list_push_back(&list, &items[1].node);
    list_push_back(&list, &items[2].node);
    list_push_front(&list, &items[0].node);
    assert_int_equal(list.count, 3);
    int expected = 1;
    LIST_FOR_EACH (&list, node) {
        assert_int_equal(CONTAINER_OF(node, struct item, node)->value, expected++);
    }
    list_remove(&list, &items[1].node);
    assert_false(node_is_linked(&items[1].node));
    assert_true(node_is_linked(&items[0].node));
    assert_ptr_equal(list_pop_front(&list), &items[0].node);
    assert_ptr_equal(list_first(&list), &items[2].node);
}

static void may_be_emptied_while_walked(void **state)
{
    (void)state;
    struct list list;
    struct item items[3] = {{.value = 1}, {.value = 2}, {.value = 3}};
    list_init(&list);
    for (int i = 0; i < 3; i++) {
        list_push_back(&list, &items[i].node);
    }
    LIST_FOR_EACH_SAFE (&list, node) {
        list_remove(&list, node);
    }
    assert_true(list_is_empty(&list));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_order_and_count),
        cmocka_unit_test(may_be_emptied_while_walked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
