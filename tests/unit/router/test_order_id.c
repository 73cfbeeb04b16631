// Ids never repeat: over workers, over bursts, when the clock goes back. Their bucket and time can
// be read from them.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "cluster/config.h"
#include "router/order_id.h"

#define NOW (ORDER_ID_EPOCH_MS + 200000000000ull)

static void source_init(struct order_id_source *source, uint16_t worker, uint16_t workers)
{
    *source = (struct order_id_source){.proxy_id = 5, .worker = worker, .worker_count = workers};
    source->sequence = calloc(BUCKET_COUNT, sizeof *source->sequence);
    assert_non_null(source->sequence);
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void expect_unique(uint64_t *ids, size_t count)
{
    qsort(ids, count, sizeof *ids, compare);
    for (size_t i = 1; i < count; i++) {
        assert_true(ids[i - 1] < ids[i]);
    }
}

static void carries_bucket_time_and_proxy(void **state)
{
    (void)state;
    struct order_id_source source;
    source_init(&source, 0, 1);
    for (unsigned bucket = 0; bucket < BUCKET_COUNT; bucket++) {
        uint64_t id = order_id_next(&source, (uint16_t)bucket, NOW + bucket / 100);
        assert_int_equal(order_id_bucket(id), bucket);
        assert_true(order_id_ms(id) == NOW + bucket / 100);
        assert_int_equal(id >> 4 & 63, 5);
        assert_true(id <= INT64_MAX);
    }
    free(source.sequence);
}

static void sixteen_in_a_slot_then_the_following_ones(void **state)
{
    (void)state;
    struct order_id_source source;
    source_init(&source, 0, 1);
    for (unsigned i = 0; i < 100; i++) {
        uint64_t id = order_id_next(&source, 7, NOW);
        assert_true(order_id_ms(id) == NOW + i / 16);
        assert_int_equal(id & 15, i % 16);
    }
    // another bucket has its own sixteen
    assert_true(order_id_ms(order_id_next(&source, 8, NOW)) == NOW);
    // what was borrowed stays taken when its time comes
    uint64_t id = order_id_next(&source, 7, NOW + 6);
    assert_true(order_id_ms(id) == NOW + 6);
    assert_int_equal(id & 15, 4);
    free(source.sequence);
}

static void unique_over_workers_bursts_and_clocks(void **state)
{
    (void)state;
    enum { WORKERS = 5, EACH = 40000 };
    uint64_t *ids = malloc(sizeof *ids * WORKERS * EACH);
    assert_non_null(ids);
    size_t count = 0;
    for (uint16_t worker = 0; worker < WORKERS; worker++) {
        struct order_id_source source;
        source_init(&source, worker, WORKERS);
        uint64_t clock = NOW;
        for (unsigned i = 0; i < EACH; i++) {
            unsigned step = (unsigned)rand() % 1000;
            if (step < 5) {
                clock -= 50; // back
            } else if (step < 200) {
                clock += step % 7;
            }
            uint16_t bucket = (uint16_t)(step % 3 == 0 ? 9 : (unsigned)rand() % 4);
            ids[count] = order_id_next(&source, bucket, clock);
            assert_int_equal(order_id_ms(ids[count]) % WORKERS, worker);
            count++;
        }
        free(source.sequence);
    }
    expect_unique(ids, count);
    free(ids);
}

static void endless_burst_at_a_standing_clock(void **state)
{
    (void)state;
    enum { COUNT = 200000 };
    struct order_id_source source;
    uint64_t last = 0;
    source_init(&source, 1, 2);
    for (unsigned i = 0; i < COUNT; i++) {
        uint64_t id = order_id_next(&source, 4095, NOW);
        assert_true(id > last);
        assert_int_equal(order_id_bucket(id), 4095);
        last = id;
    }
    free(source.sequence);
}

static void a_clock_before_the_epoch(void **state)
{
    (void)state;
    struct order_id_source source;
    source_init(&source, 0, 3);
    uint64_t a = order_id_next(&source, 1, 0);
    uint64_t b = order_id_next(&source, 1, 5);
    assert_true(a > 0 && b > a && b <= INT64_MAX);
    free(source.sequence);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(carries_bucket_time_and_proxy),
        cmocka_unit_test(sixteen_in_a_slot_then_the_following_ones),
        cmocka_unit_test(unique_over_workers_bursts_and_clocks),
        cmocka_unit_test(endless_burst_at_a_standing_clock),
        cmocka_unit_test(a_clock_before_the_epoch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
