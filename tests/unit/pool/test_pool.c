// Who gets a connection: limits, the line, giving back clean or dirty, back-off, new snapshots.

#include "tests/unit/pool/pool_bench.h"

static struct user users[8];

static int start(void **state)
{
    for (size_t i = 0; i < 8; i++) {
        user_init(&users[i]);
    }
    return bench_start(state);
}

static int finish(void **state)
{
    for (size_t i = 0; i < 8; i++) {
        pool_cancel(bench.pools, &users[i].waiter);
        if (users[i].backend != NULL) {
            user_give(&users[i]);
        }
        user_done(&users[i]);
    }
    return bench_finish(state);
}

static struct pool_figures figures(void)
{
    struct pool_figures first = {0};
    assert_true(pools_figures(bench.pools, &first, 1) >= 1);
    return first;
}

static void wait_for(struct user *user, uint16_t account)
{
    struct pool_want want = want_of(account, NULL);
    pool_wait(bench.pools, &want, &user->waiter);
}

static void turns(int count)
{
    for (int i = 0; i < count; i++) {
        turn();
    }
}

static void lends_the_same_again(void **state)
{
    (void)state;
    user_get(&users[0], 0, NULL);
    user_run(&users[0], (struct backend_command){0}, "SELECT 1");
    user_give(&users[0]);
    assert_int_equal(figures().idle, 1);
    user_get(&users[1], 0, NULL);
    assert_int_equal(bench.connection_count, 1);
    assert_int_equal(figures().lent, 1);
    assert_int_equal(figures().taken, 2);
}

static void the_line_is_fair(void **state)
{
    (void)state;
    user_get(&users[0], 0, NULL);
    user_get(&users[1], 0, NULL);
    assert_int_equal(bench.connection_count, 2); // pool_max
    wait_for(&users[2], 0);
    wait_for(&users[3], 0);
    turns(3);
    assert_null(users[2].backend);
    assert_int_equal(figures().waiting, 2);
    user_give(&users[1]);
    // Given back, but promised: nobody jumps the line.
    struct pool_want want = want_of(0, NULL);
    assert_null(pool_take(bench.pools, &want, &users[4].backend_user));
    assert_null(users[2].backend); // not from inside the call
    turn();
    assert_non_null(users[2].backend);
    assert_null(users[3].backend);
    user_give(&users[0]);
    turn();
    assert_non_null(users[3].backend);
    assert_int_equal(bench.connection_count, 2);
}

static void the_line_has_an_end_and_a_deadline(void **state)
{
    (void)state;
    user_get(&users[0], 0, NULL);
    user_get(&users[1], 0, NULL);
    bench.snapshot->config->settings.pool_wait_max = 2;
    for (int i = 2; i < 5; i++) {
        wait_for(&users[i], 0);
        assert_false(users[i].is_failed);
    }
    turn();
    assert_true(users[4].is_failed);
    assert_int_equal(users[4].error.code, ER_POOL_FULL);
    assert_false(users[2].is_failed);
    pool_cancel(bench.pools, &users[3].waiter);
    turns(30);
    assert_true(users[2].is_failed);
    assert_int_equal(users[2].error.code, ER_POOL_FULL);
    assert_non_null(strstr(users[2].error.text, "300 ms"));
    assert_false(users[3].is_failed); // cancelled
}

static void another_account_gets_its_turn(void **state)
{
    (void)state;
    user_get(&users[0], 0, NULL);
    user_get(&users[1], 0, NULL);
    wait_for(&users[2], 1);
    turns(5); // longer than FAIR_US
    user_give(&users[0]);
    turns(10);
    assert_non_null(users[2].backend);
    assert_int_equal(backend_account(users[2].backend), 1);
    assert_int_equal(bench.connection_count, 3);
    assert_int_equal(bench.open_count, 2);
}

static void an_idle_one_makes_room(void **state)
{
    (void)state;
    user_get(&users[0], 0, NULL);
    user_get(&users[1], 0, NULL);
    user_give(&users[0]);
    user_give(&users[1]);
    user_get(&users[2], 1, NULL);
    assert_non_null(users[2].backend);
    turn();
    assert_int_equal(bench.open_count, 2);
}

static void a_session_like_it_is_preferred(void **state)
{
    (void)state;
    struct session_state shop;
    state_init(&shop);
    state_set_database(&shop, slice_of_string("shop"));
    state_set_variable(&shop, slice_of_string("names"), slice_of_string("utf8mb4"));
    user_get(&users[0], 0, &shop);
    user_get(&users[1], 0, NULL);
    uint32_t first = backend_connection_id(users[0].backend);
    user_run(&users[0], (struct backend_command){.state = &shop}, "SELECT");
    user_give(&users[0]);
    user_give(&users[1]); // this one was used last
    user_get(&users[2], 0, &shop);
    assert_int_equal(backend_connection_id(users[2].backend), first);
    user_give(&users[2]);
    // Without a database: not the one that has one.
    struct session_state none;
    state_init(&none);
    user_get(&users[3], 0, &none);
    assert_int_not_equal(backend_connection_id(users[3].backend), first);
    user_get(&users[4], 0, &none); // the limit is reached: the idle one is replaced
    assert_non_null(users[4].backend);
    assert_int_not_equal(backend_connection_id(users[4].backend), first);
    assert_int_equal(backend_state(users[4].backend)->database.len, 0);
    state_done(&shop);
    state_done(&none);
}

static void nothing_unclean_is_lent_again(void **state)
{
    (void)state;
    user_get(&users[0], 0, NULL);
    backend_mark_dirty(users[0].backend);
    user_give(&users[0]);
    assert_int_equal(figures().idle, 0);
    user_get(&users[1], 0, NULL);
    assert_string_equal(bench_heard(), "RESET|");
    assert_int_equal(bench.connection_count, 1);
    // In a transaction: closed.
    user_run(&users[1], (struct backend_command){0}, "BEGIN");
    user_give(&users[1]);
    assert_int_equal(figures().idle + figures().lent + figures().connecting, 0);
    // While a command runs: closed, too, and its user hears no more of it.
    struct text packet;
    struct backend_command command = {0};
    text_init(&packet);
    user_get(&users[2], 0, NULL);
    user_start(&users[2], &command, "HANG", &packet);
    user_give(&users[2]);
    turns(3);
    assert_false(users[2].is_lost);
    assert_int_equal(figures().closed, 2);
    text_done(&packet);
}

static void an_old_server_has_no_reset(void **state)
{
    (void)state;
    bench.version = "5.6.50-log";
    user_get(&users[0], 0, NULL);
    backend_mark_dirty(users[0].backend);
    user_give(&users[0]);
    turns(2);
    assert_int_equal(figures().closed, 1);
    assert_string_equal(bench_heard(), "QUIT|");
}

static void a_server_that_refuses_gets_a_pause(void **state)
{
    (void)state;
    fake_stop_listening();
    user_get(&users[0], 0, NULL);
    assert_true(users[0].is_failed);
    assert_int_equal(users[0].error.code, ER_CONNECT_SERVER);
    assert_int_equal(bench.troubles, 1);
    user_get(&users[0], 0, NULL); // in the pause: at once, without an attempt
    assert_true(users[0].is_failed);
    assert_int_equal(bench.troubles, 1);
    // After it there is a new attempt, and it works again.
    fake_listen(&bench.snapshot->config->servers[0].address);
    turns(15);
    user_get(&users[0], 0, NULL);
    assert_non_null(users[0].backend);
}

static void an_account_that_is_refused_pauses_alone(void **state)
{
    (void)state;
    bench.refuses_logins = true;
    user_get(&users[0], 0, NULL);
    assert_true(users[0].is_failed);
    assert_int_equal(users[0].error.code, ER_ACCESS_DENIED);
    assert_int_equal(bench.troubles, 0);
    bench.refuses_logins = false;
    user_get(&users[1], 1, NULL);
    assert_non_null(users[1].backend);
    user_get(&users[0], 0, NULL);
    assert_true(users[0].is_failed);
}

static void a_silent_server_is_given_up(void **state)
{
    (void)state;
    bench.is_silent = true;
    bench.snapshot->config->settings.pool_wait_ms = 10000;
    user_get(&users[0], 0, NULL);
    assert_true(users[0].is_failed);
    assert_int_equal(users[0].error.code, ER_CONNECT_SERVER);
    assert_non_null(strstr(users[0].error.text, "300 ms"));
}

static void idle_ones_are_trimmed(void **state)
{
    (void)state;
    bench.snapshot->config->settings.pool_idle_ms = 100;
    user_get(&users[0], 0, NULL);
    user_give(&users[0]);
    turns(20);
    assert_int_equal(figures().idle, 0);
    assert_int_equal(bench.open_count, 0);
    assert_string_equal(bench_heard(), "QUIT|");
    // And one that the server ends is simply forgotten.
    user_get(&users[0], 0, NULL);
    user_give(&users[0]);
    fake_close(&bench.connections[1]);
    turn();
    assert_int_equal(figures().idle, 0);
    assert_int_equal(bench.troubles, 0);
}

static void a_server_that_is_down_is_left(void **state)
{
    (void)state;
    user_get(&users[0], 0, NULL);
    user_get(&users[1], 0, NULL);
    user_give(&users[0]);
    struct snapshot *before = bench.snapshot;
    struct snapshot *down = snapshot_copy(before, NULL);
    down->servers[0].is_up = false;
    down->shards[0].primary = NO_SERVER;
    snprintf(down->servers[0].problem, sizeof down->servers[0].problem, "it burns");
    bench.snapshot = down;
    pools_set_snapshot(bench.pools, down);
    bench_free_snapshot(before, false);
    assert_int_equal(figures().idle, 0);
    assert_int_equal(pool_choose(bench.pools, 0, true, 0), NO_SERVER);
    user_get(&users[2], 0, NULL);
    assert_true(users[2].is_failed);
    assert_non_null(strstr(users[2].error.text, "it burns"));
    // Who has one keeps it until another server has taken the place.
    turns(2);
    assert_false(users[1].is_lost);
    down = snapshot_copy(bench.snapshot, NULL);
    down->shards[0].primary = 1;
    before = bench.snapshot;
    bench.snapshot = down;
    pools_set_snapshot(bench.pools, down);
    bench_free_snapshot(before, false);
    assert_false(users[1].is_lost); // not from inside the call
    turn();
    assert_true(users[1].is_lost);
    assert_false(users[1].was_sent);
}

static void a_changed_account_means_new_connections(void **state)
{
    (void)state;
    user_get(&users[0], 0, NULL);
    user_get(&users[1], 0, NULL);
    user_give(&users[0]);
    struct snapshot *before = bench.snapshot;
    struct config *config = bench_config(4);
    config->servers[0].address = before->config->servers[0].address;
    config->users[0].server_password = "new";
    struct snapshot *after = snapshot_copy(before, config);
    bench.snapshot = after;
    pools_set_snapshot(bench.pools, after);
    bench_free_snapshot(before, true);
    assert_int_equal(figures().idle, 0);
    user_give(&users[1]);
    assert_int_equal(figures().idle, 0);
    user_get(&users[2], 0, NULL);
    assert_non_null(users[2].backend);
    assert_int_equal(bench.connection_count, 3);
}

// users[1] has one, users[0] had one.
static void set_snapshot(struct config *config, uint16_t primary, uint64_t applied_us)
{
    struct snapshot *before = bench.snapshot;
    struct snapshot *after = snapshot_copy(before, config);
    after->shards[0].primary = primary;
    after->servers[0].applied_us = applied_us;
    bench.snapshot = after;
    pools_set_snapshot(bench.pools, after);
    bench_free_snapshot(before, config != NULL);
}

static void change_privileges(uint16_t primary)
{
    struct config *config = bench_config(4);
    config->servers[0].address = bench.snapshot->config->servers[0].address;
    config->users[0].privileges = bench.snapshot->config->users[0].privileges + 1;
    set_snapshot(config, primary, 0);
}

static void other_privileges_mean_new_connections(void **state)
{
    (void)state;
    user_get(&users[0], 0, NULL);
    user_get(&users[1], 0, NULL);
    user_give(&users[0]);
    change_privileges(0);
    assert_int_equal(figures().idle, 0);
    user_give(&users[1]);
    assert_int_equal(figures().idle, 0);
    user_get(&users[2], 0, NULL);
    assert_int_equal(bench.connection_count, 3);
    user_give(&users[2]);
    set_snapshot(NULL, 0, loop_now_us(bench.loop) + 1000000);
    assert_int_equal(figures().idle, 1); // the primary has them at once
}

static void a_replica_has_them_later(void **state)
{
    (void)state;
    change_privileges(1); // there is a pool only from now on
    user_get(&users[0], 0, NULL);
    user_give(&users[0]);
    change_privileges(1);
    uint64_t then_us = loop_now_us(bench.loop);
    assert_int_equal(figures().idle, 0);
    user_get(&users[0], 0, NULL);
    user_give(&users[0]);
    set_snapshot(NULL, 1, then_us - 1);
    assert_int_equal(figures().idle, 1);
    set_snapshot(NULL, 1, then_us + 1000000);
    assert_int_equal(figures().idle, 0); // opened when it may not have had them
    user_get(&users[0], 0, NULL);
    user_give(&users[0]);
    set_snapshot(NULL, 1, then_us + 2000000);
    assert_int_equal(figures().idle, 1);
}

static void a_shard_of_which_nobody_knows(void **state)
{
    (void)state;
    user_get(&users[0], 0, NULL);
    user_get(&users[1], 0, NULL);
    user_give(&users[0]);
    pools_outdate(bench.pools, 1);
    assert_int_equal(figures().idle, 1);
    pools_outdate(bench.pools, 0);
    assert_int_equal(figures().idle, 0);
    user_give(&users[1]);
    assert_int_equal(figures().idle, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lends_the_same_again),
        TEST(the_line_is_fair),
        TEST(the_line_has_an_end_and_a_deadline),
        TEST(another_account_gets_its_turn),
        TEST(an_idle_one_makes_room),
        TEST(a_session_like_it_is_preferred),
        TEST(nothing_unclean_is_lent_again),
        TEST(an_old_server_has_no_reset),
        TEST(a_server_that_refuses_gets_a_pause),
        TEST(an_account_that_is_refused_pauses_alone),
        TEST(a_silent_server_is_given_up),
        TEST(idle_ones_are_trimmed),
        TEST(a_server_that_is_down_is_left),
        TEST(a_changed_account_means_new_connections),
        TEST(other_privileges_mean_new_connections),
        TEST(a_replica_has_them_later),
        TEST(a_shard_of_which_nobody_knows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
