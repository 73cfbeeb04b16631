// Ids never repeat: over workers, over bursts, when the clock goes back. Their bucket and time can
// be read from them.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cluster/config.h"
#include "protocol/error_table.h"
#include "router/order_id.h"

#define NOW (ORDER_ID_EPOCH_MS + 200000000000ull)

// One shard has all buckets.
static struct shard_config shard = {.name = "s1"};
static struct config config = {.shards = &shard, .shard_count = 1, .settings = {.proxy_id = 5}};
static struct id_grant grant;

static uint64_t next(struct order_id_source *source, uint16_t bucket, uint64_t now_ms)
{
    uint64_t id = 0;
    struct error error;
    assert_true(order_id_next(source, &config, bucket, now_ms, &id, &error));
    return id;
}

static void source_init(struct order_id_source *source, uint16_t worker, uint16_t workers)
{
    *source = (struct order_id_source){.proxy_id = 5, .worker = worker, .worker_count = workers};
    grant = (struct id_grant){.upto_ms = ORDER_ID_END_MS};
    source->grants = &grant;
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
        uint64_t id = next(&source, (uint16_t)bucket, NOW + bucket / 100);
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
        uint64_t id = next(&source, 7, NOW);
        assert_true(order_id_ms(id) == NOW + i / 16);
        assert_int_equal(id & 15, i % 16);
    }
    // another bucket has its own sixteen
    assert_true(order_id_ms(next(&source, 8, NOW)) == NOW);
    // what was borrowed stays taken when its time comes
    uint64_t id = next(&source, 7, NOW + 6);
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
            ids[count] = next(&source, bucket, clock);
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
        uint64_t id = next(&source, 4095, NOW);
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
    uint64_t a = next(&source, 1, 0);
    uint64_t b = next(&source, 1, 5);
    assert_true(a > 0 && b > a && b <= INT64_MAX);
    free(source.sequence);
}

static void expect_refused(struct order_id_source *source, uint16_t bucket, uint64_t now_ms,
                           const char *why)
{
    uint64_t id = 0;
    struct error error = {0};
    assert_false(order_id_next(source, &config, bucket, now_ms, &id, &error));
    assert_int_equal(error.code, ER_NO_ORDER_ID);
    if (strstr(error.text, why) == NULL) {
        fail_msg("%s", error.text);
    }
}

static void only_for_times_that_were_granted(void **state)
{
    (void)state;
    for (uint16_t worker = 0; worker < 3; worker++) {
        struct order_id_source source;
        source_init(&source, worker, 3);
        grant = (struct id_grant){.upto_ms = 0};
        expect_refused(&source, 7, NOW, "has not written down");
        grant = (struct id_grant){.from_ms = NOW + 5000, .upto_ms = NOW + 5100};
        // the clock of this start is behind the end of the one before
        uint64_t id = next(&source, 7, NOW);
        assert_true(order_id_ms(id) >= grant.from_ms && order_id_ms(id) < grant.from_ms + 6);
        unsigned count = 1;
        struct error error;
        while (order_id_next(&source, &config, 7, NOW, &id, &error)) {
            assert_true(order_id_ms(id) >= grant.from_ms && order_id_ms(id) < grant.upto_ms);
            count++;
        }
        assert_in_range(count, 16 * 32, 16 * 33); // all of the worker's slots
        expect_refused(&source, 7, NOW, "is used up");
        assert_true(order_id_ms(next(&source, 8, NOW)) < grant.upto_ms); // others have theirs
        expect_refused(&source, 8, grant.upto_ms + 2, "is used up");
        grant.upto_ms += 3;
        assert_int_equal(next(&source, 7, NOW) & 15, 0); // nothing was lost by the refusal
        grant.is_taken = true;
        expect_refused(&source, 7, grant.upto_ms + 2, "another waybill in front of shard s1 has");
        free(source.sequence);
    }
}

static void tells_how_far_it_is(void **state)
{
    (void)state;
    struct order_id_source source;
    struct counter used = {0};
    source_init(&source, 0, 1);
    source.used_ms = &used;
    for (unsigned i = 0; i < 160; i++) {
        (void)next(&source, 7, NOW);
    }
    (void)next(&source, 8, NOW);
    assert_true(counter_get(&used) == NOW + 9);
    free(source.sequence);
}

static void no_bits_after_2089(void **state)
{
    (void)state;
    struct order_id_source source;
    source_init(&source, 0, 1);
    assert_true(next(&source, 4095, ORDER_ID_END_MS - 1) <= INT64_MAX);
    grant.upto_ms = UINT64_MAX;
    expect_refused(&source, 1, ORDER_ID_END_MS, "is used up");
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
        cmocka_unit_test(only_for_times_that_were_granted),
        cmocka_unit_test(tells_how_far_it_is),
        cmocka_unit_test(no_bits_after_2089),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
