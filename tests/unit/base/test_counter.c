// One thread writes, another reads.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/counter.h"

#include <pthread.h>

static void *count_up(void *argument)
{
    struct counter *counter = argument;
    for (int i = 0; i < 100000; i++) {
        counter_add(counter, 3);
        counter_sub(counter, 2);
    }
    return NULL;
}

static void is_read_by_another_thread(void **state)
{
    (void)state;
    struct counter counter = {0};
    pthread_t writer;
    assert_int_equal(pthread_create(&writer, NULL, count_up, &counter), 0);
    uint64_t seen = 0;
    while (seen < 1000) {
        seen = counter_get(&counter);
    }
    pthread_join(writer, NULL);
    assert_int_equal(counter_get(&counter), 100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_read_by_another_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
