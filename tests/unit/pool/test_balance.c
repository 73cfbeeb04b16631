// Reads go to the fit replicas by weight, and to the primary when none is fit.

#include "tests/unit/pool/pool_bench.h"

static void make_fit(uint16_t server, uint32_t weight)
{
    struct server_state *state = &bench.snapshot->servers[server];
    state->role = ROLE_REPLICA;
    state->is_up = state->is_applying = state->is_lag_known = true;
    state->seen_us = loop_now_us(bench.loop);
    state->applied_us = state->seen_us;
    bench.snapshot->config->servers[server].weight = weight;
}

static void goes_by_weight(void **state)
{
    (void)state;
    int counts[4] = {0};
    char order[9] = "";
    make_fit(1, 300);
    make_fit(2, 100);
    for (int i = 0; i < 400; i++) {
        uint16_t server = pool_choose(bench.pools, 0, false, 0);
        counts[server]++;
        if (i < 8) {
            order[i] = (char)('0' + server);
        }
    }
    assert_int_equal(counts[1], 300);
    assert_int_equal(counts[2], 100);
    assert_string_equal(order, "11211121");
}

static void the_primary_is_the_last_resort(void **state)
{
    (void)state;
    assert_int_equal(pool_choose(bench.pools, 0, false, 0), 0);
    make_fit(1, 100);
    assert_int_equal(pool_choose(bench.pools, 0, false, 0), 1);
    assert_int_equal(pool_choose(bench.pools, 0, true, 0), 0);
    // It has not yet applied what must be seen.
    uint64_t written_us = bench.snapshot->servers[1].applied_us + 1;
    assert_int_equal(pool_choose(bench.pools, 0, false, written_us), 0);
    bench.snapshot->config->servers[1].weight = 0;
    assert_int_equal(pool_choose(bench.pools, 0, false, 0), 0);
    bench.snapshot->shards[0].primary = NO_SERVER;
    assert_int_equal(pool_choose(bench.pools, 0, false, 0), NO_SERVER);
}

static void the_own_zone_goes_before(void **state)
{
    (void)state;
    struct server_config *servers = bench.snapshot->config->servers;
    make_fit(1, 300);
    make_fit(2, 100);
    servers[2].is_near = true;
    for (int i = 0; i < 8; i++) {
        assert_int_equal(pool_choose(bench.pools, 0, false, 0), 2);
    }
    bench.snapshot->servers[2].is_maintained = true; // (not fit any more)
    assert_int_equal(pool_choose(bench.pools, 0, false, 0), 1);
    bench.snapshot->servers[2].is_maintained = false;
    servers[2].weight = 0;
    assert_int_equal(pool_choose(bench.pools, 0, false, 0), 1);
    assert_int_equal(pool_choose(bench.pools, 0, true, 0), 0);
}

static void a_replica_that_refuses_is_left_out(void **state)
{
    (void)state;
    struct user user;
    char why[100];
    user_init(&user);
    make_fit(1, 100);
    // Nobody listens on the port of a closed listener.
    struct address *address = &bench.snapshot->config->servers[1].address;
    assert_true(address_parse(address, "127.0.0.1:0", why, sizeof why));
    int listener = sock_listen(address, false, 1);
    socklen_t len = sizeof address->at;
    getsockname(listener, &address->at.any, &len);
    sock_close(listener);
    struct pool_want want = {.server = 1};
    pool_wait(bench.pools, &want, &user.waiter);
    for (int i = 0; i < 50 && !user.is_failed; i++) {
        turn();
    }
    assert_true(user.is_failed);
    make_fit(1, 100);
    assert_int_equal(pool_choose(bench.pools, 0, false, 0), 0);
    user_done(&user);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_start, bench_finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(goes_by_weight),
        TEST(the_primary_is_the_last_resort),
        TEST(the_own_zone_goes_before),
        TEST(a_replica_that_refuses_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
