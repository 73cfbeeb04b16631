// Statements ended on their servers: the right one, nothing else, and nobody waits for ever.

#include "tests/unit/pool/pool_bench.h"

static struct user victim, other;
static struct text packet, next_packet;

static int start(void **state)
{
    user_init(&victim);
    user_init(&other);
    text_init(&packet);
    text_init(&next_packet);
    return bench_start(state);
}

static int finish(void **state)
{
    if (victim.backend != NULL) {
        user_give(&victim);
    }
    if (other.backend != NULL) {
        user_give(&other);
    }
    user_done(&victim);
    user_done(&other);
    text_done(&packet);
    text_done(&next_packet);
    return bench_finish(state);
}

static void turns(int count)
{
    for (int i = 0; i < count; i++) {
        turn();
    }
}

static bool has_heard(const char *what)
{
    return strstr(bench_heard(), what) != NULL;
}

static void turn_until_heard(const char *what)
{
    for (int i = 0; i < 200 && !has_heard(what); i++) {
        turn();
    }
    assert_true(has_heard(what));
}

static void hang(const char *before)
{
    struct backend_command command = {0};
    user_get(&victim, 0, NULL);
    if (before != NULL) {
        user_run(&victim, command, before);
    }
    bench_forget();
    packet.len = 0;
    user_start(&victim, &command, "HANG", &packet);
    turns(2);
    assert_string_equal(bench_heard(), "Q:HANG|");
}

#define LOOK "Q:SELECT STATE FROM information_schema.PROCESSLIST WHERE ID = 1 LIMIT 1|"

static void the_statement_ends(void **state)
{
    (void)state;
    hang(NULL);
    assert_true(pool_kill(bench.pools, victim.backend));
    assert_true(pool_kill(bench.pools, victim.backend)); // once is enough
    user_await(&victim);
    assert_true(victim.is_answered);
    assert_int_equal(backend_answer(victim.backend)->error_code, 1317);
    assert_true(backend_was_killed(victim.backend));
    assert_string_equal(bench_heard(), "Q:HANG|" LOOK "Q:KILL QUERY 1|");
    turns(2);
    bench_forget();
    user_give(&victim); // it serves nobody else
    turns(2);
    user_get(&other, 0, NULL);
    user_run(&other, (struct backend_command){0}, "SELECT 1");
    assert_string_equal(bench_heard(), "QUIT|Q:SELECT 1|");
    assert_false(backend_was_killed(other.backend));
}

static void all_connections_may_be_busy(void **state)
{
    (void)state;
    bench.snapshot->config->settings.pool_max = 1;
    hang(NULL);
    assert_true(pool_kill(bench.pools, victim.backend));
    user_await(&victim);
    assert_true(victim.is_answered);
    assert_int_equal(bench.connection_count, 2);
    turns(3);
    assert_int_equal(bench.open_count, 1); // the one beyond the limit is gone
}

static void what_is_left_of_a_closed_one_ends(void **state)
{
    (void)state;
    hang(NULL);
    assert_true(pool_kill(bench.pools, victim.backend));
    pool_close(bench.pools, victim.backend);
    victim.backend = NULL;
    turn_until_heard(LOOK "Q:KILL 1|");
}

static void a_commit_is_left_alone(void **state)
{
    (void)state;
    bench.is_in_commit = true;
    hang(NULL);
    assert_true(pool_kill(bench.pools, victim.backend));
    turn_until_heard(LOOK);
    turns(3);
    assert_false(has_heard("KILL"));
    assert_false(victim.is_answered);
    assert_false(backend_was_killed(victim.backend));
    pool_close(bench.pools, victim.backend);
    victim.backend = NULL;
}

// The victim's statement ends while the killer still looks.
static void what_has_ended_is_not_killed(void **state)
{
    (void)state;
    bench.holds_looks = true;
    hang(NULL);
    assert_true(pool_kill(bench.pools, victim.backend));
    turn_until_heard(LOOK);
    bench.connections[0].hangs = false;
    fake_send_ok(&bench.connections[0], 1);
    user_await(&victim);
    user_give(&victim);
    fake_send_ok(&bench.connections[1], 1); // the killer's answer
    turns(3);
    assert_false(has_heard("KILL"));
    user_get(&other, 0, NULL);
    user_run(&other, (struct backend_command){0}, "SELECT 1");
    assert_int_equal(bench.connection_count, 2); // one of the two, as good as new
}

// In a transaction the connection goes on, but not before the KILL can't hit what comes next.
static void the_next_command_waits_for_the_kill(void **state)
{
    (void)state;
    struct backend_command command = {0};
    bench.holds_kills = true;
    hang("BEGIN");
    assert_true(pool_kill(bench.pools, victim.backend));
    user_await(&victim);
    assert_int_equal(backend_answer(victim.backend)->error_code, 1317);
    user_start(&victim, &command, "COMMIT", &next_packet);
    turns(5);
    assert_false(has_heard("COMMIT"));
    fake_send_ok(&bench.connections[1], 1); // the KILL is answered
    user_await(&victim);
    assert_true(victim.is_answered && has_heard("Q:COMMIT|"));
    assert_false(backend_was_killed(victim.backend)); // that was the statement before
    assert_false(backend_in_transaction(victim.backend));
}

static void a_kill_that_may_still_come_costs_the_connection(void **state)
{
    (void)state;
    struct backend_command command = {0};
    bench.holds_kills = true;
    hang("BEGIN");
    bench.snapshot->config->settings.connect_timeout_ms = 200;
    assert_true(pool_kill(bench.pools, victim.backend));
    user_await(&victim);
    user_start(&victim, &command, "COMMIT", &next_packet);
    user_await(&victim);
    assert_true(victim.is_lost);
    assert_false(victim.was_sent);
    assert_false(has_heard("COMMIT"));
}

static void a_silent_statement_is_ended_on_its_server(void **state)
{
    (void)state;
    hang(NULL);
    bench.snapshot->config->settings.query_timeout_ms = 100;
    user_await(&victim);
    assert_true(victim.is_lost);
    assert_int_equal(victim.error.code, ER_QUERY_TIMEOUT);
    bench.snapshot->config->settings.query_timeout_ms = 0;
    turn_until_heard(LOOK "Q:KILL 1|");
}

static void nothing_runs_nothing_is_killed(void **state)
{
    (void)state;
    user_get(&victim, 0, NULL);
    assert_false(pool_kill(bench.pools, victim.backend));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_statement_ends),
        TEST(all_connections_may_be_busy),
        TEST(what_is_left_of_a_closed_one_ends),
        TEST(a_commit_is_left_alone),
        TEST(what_has_ended_is_not_killed),
        TEST(the_next_command_waits_for_the_kill),
        TEST(a_kill_that_may_still_come_costs_the_connection),
        TEST(a_silent_statement_is_ended_on_its_server),
        TEST(nothing_runs_nothing_is_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
