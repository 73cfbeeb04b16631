// A command on a backend: what goes ahead of it, whose answer is whose, and what happens when the
// server goes away.

#include "tests/unit/pool/pool_bench.h"

static struct user user;
static struct session_state session;

static int start(void **state)
{
    user_init(&user);
    state_init(&session);
    if (bench_start(state) != 0) {
        return -1;
    }
    user_get(&user, 0, NULL);
    return user.backend != NULL ? 0 : -1;
}

static int finish(void **state)
{
    if (user.backend != NULL) {
        user_give(&user);
    }
    user_done(&user);
    state_done(&session);
    return bench_finish(state);
}

static void set(const char *name, const char *value)
{
    state_set_variable(&session, slice_of_string(name), slice_of_string(value));
}

static void expect_error(uint16_t code)
{
    assert_true(user.is_answered);
    assert_true(backend_answer(user.backend)->is_error);
    assert_int_equal(backend_answer(user.backend)->error_code, code);
    assert_int_equal(user.bytes.len, packet_payload_bytes(user.bytes.ptr) + 4);
}

static void runs_a_command(void **state)
{
    (void)state;
    user_run(&user, (struct backend_command){0}, "SELECT 1");
    assert_string_equal(bench_heard(), "Q:SELECT 1|");
    assert_true(user.is_answered);
    assert_int_equal(user.bytes.ptr[4], 0);
    assert_true(backend_is_idle(user.backend));
    assert_int_equal(backend_connection_id(user.backend), 1);
    user_run(&user, (struct backend_command){0}, "BAD");
    expect_error(1064);
}

static void makes_the_session_alike_once(void **state)
{
    (void)state;
    struct backend_command command = {.state = &session};
    set("names", "utf8mb4");
    set("sql_mode", "'ANSI'");
    state_set_database(&session, slice_of_string("shop"));
    user_run(&user, command, "one");
    user_run(&user, command, "two");
    assert_string_equal(bench_heard(), "DB:shop|Q:SET sql_mode = 'ANSI'|Q:one|Q:two|");
    bench_forget();
    state_set_database(&session, slice_of_string("other"));
    user_run(&user, command, "three");
    assert_string_equal(bench_heard(), "DB:other|Q:three|");
    assert_true(state_equal(backend_state(user.backend), &session));
}

static void a_state_that_is_refused_is_the_answer(void **state)
{
    (void)state;
    struct backend_command command = {.state = &session};
    set("names", "utf8mb4");
    state_set_database(&session, slice_of_string("BADone"));
    user_run(&user, command, "INSERT");
    expect_error(1064);
    // It was never accepted, so the command was held back.
    assert_string_equal(bench_heard(), "DB:BADone|");
    // The connection can be used on.
    state_set_database(&session, slice_of_string("good"));
    bench_forget();
    user_run(&user, command, "INSERT");
    assert_string_equal(bench_heard(), "DB:good|Q:INSERT|");
    assert_false(backend_answer(user.backend)->is_error);
}

static void what_is_sent_ahead_is_not_seen(void **state)
{
    (void)state;
    struct slice ahead[] = {slice_of_string("BEGIN"), slice_of_string("SAVEPOINT a")};
    struct backend_command command = {.ahead = ahead, .ahead_count = 2};
    user_run(&user, command, "INSERT");
    assert_string_equal(bench_heard(), "Q:BEGIN|Q:SAVEPOINT a|Q:INSERT|");
    assert_true(backend_in_transaction(user.backend));
    size_t one_ok = user.bytes.len;
    assert_int_equal(packet_payload_bytes(user.bytes.ptr) + 4, one_ok);
    user_run(&user, (struct backend_command){0}, "COMMIT");
    assert_false(backend_in_transaction(user.backend));
}

static void what_fails_ahead_is_the_answer(void **state)
{
    (void)state;
    struct slice ahead[] = {slice_of_string("BAD"), slice_of_string("SAVEPOINT a")};
    struct backend_command command = {.ahead = ahead, .ahead_count = 2};
    user_run(&user, command, "SELECT");
    expect_error(1064);
    assert_string_equal(bench_heard(), "Q:BAD|Q:SAVEPOINT a|Q:SELECT|");
    bench_forget();
    command.is_careful = true;
    user_run(&user, command, "INSERT");
    expect_error(1064);
    assert_string_equal(bench_heard(), "Q:BAD|Q:SAVEPOINT a|");
    user_run(&user, (struct backend_command){0}, "SELECT 2");
    assert_false(backend_answer(user.backend)->is_error);
}

static void execute(const char *sql)
{
    struct execute parameters = {.iterations = 1};
    struct backend_command command = {
        .kind = ANSWER_EXECUTE, .prepare_sql = slice_of_string(sql), .execute = &parameters};
    user.is_answered = user.is_lost = false;
    user.bytes.len = 0;
    backend_start(user.backend, &command);
    user_await(&user);
}

static void prepares_once(void **state)
{
    (void)state;
    execute("one");
    execute("one");
    execute("two");
    assert_string_equal(bench_heard(), "P:one|E:255|E:1|P:two|E:255|");
    bench_forget();
    execute("three"); // two are kept (pool_prepared_max): the oldest goes with the next command
    execute("two");
    assert_string_equal(bench_heard(), "P:three|E:255|C:1|E:2|");
    bench_forget();
    execute("BAD");
    expect_error(1064);
    assert_string_equal(bench_heard(), "P:BAD|E:255|");
    bench_forget();
    execute("one");
    assert_string_equal(bench_heard(), "P:one|E:255|");
}

static void execute_as_read(const char *sql, const char *read_mode)
{
    struct execute parameters = {.iterations = 1};
    struct session_state read;
    state_init(&read);
    state_copy(&read, &session);
    state_set_variable(&read, slice_of_string("sql_mode"), slice_of_string(read_mode));
    struct backend_command command = {.kind = ANSWER_EXECUTE,
                                      .prepare_sql = slice_of_string(sql),
                                      .execute = &parameters,
                                      .state = &session,
                                      .read_state = &read};
    user.is_answered = user.is_lost = false;
    user.bytes.len = 0;
    backend_start(user.backend, &command);
    user_await(&user);
    state_done(&read);
}

// Between two SETs, and once; who has read it otherwise has another one.
static void prepares_as_it_was_read(void **state)
{
    (void)state;
    state_set_variable(&session, slice_of_string("sql_mode"), slice_of_string("'now'"));
    execute_as_read("one", "'then'");
    assert_string_equal(bench_heard(),
                        "Q:SET NAMES DEFAULT, sql_mode = 'now'|Q:SET sql_mode = 'then'|P:one|"
                        "Q:SET sql_mode = 'now'|E:1|");
    bench_forget();
    execute_as_read("one", "'then'");
    execute_as_read("one", "'now'");
    execute_as_read("one", "'then'");
    assert_string_equal(bench_heard(), "E:1|P:one|E:255|E:1|");
    bench_forget();
    execute_as_read("BAD", "'then'"); // it is back all the same
    expect_error(1064);
    execute_as_read("one", "'now'");
    assert_string_equal(bench_heard(), "Q:SET sql_mode = 'then'|P:BAD|Q:SET sql_mode = 'now'|E:2|");
}

// What was prepared in unknown settings is not kept; what they are now is not known either.
static void a_turn_that_fails_is_the_answer(void **state)
{
    (void)state;
    state_set_variable(&session, slice_of_string("sql_mode"), slice_of_string("'now'"));
    execute_as_read("one", "'BAD'");
    expect_error(1064);
    execute_as_read("one", "'now'");
    assert_string_equal(
        bench_heard(),
        "Q:SET NAMES DEFAULT, sql_mode = 'now'|Q:SET sql_mode = 'BAD'|P:one|Q:SET sql_mode = "
        "'now'|C:1|Q:SET NAMES DEFAULT, sql_mode = 'now'|P:one|E:255|");
}

static void prepares_a_text_as_it_was_read(void **state)
{
    (void)state;
    struct session_state read;
    state_init(&read);
    state_set_variable(&read, slice_of_string("names"), slice_of_string("'latin1'"));
    struct backend_command command = {.state = &session,
                                      .read_state = &read,
                                      .prepare_query = slice_of_string("PREPARE w FROM 'one'")};
    user_run(&user, (struct backend_command){.state = &session}, "SELECT 1");
    bench_forget();
    user_run(&user, command, "EXECUTE w");
    assert_string_equal(bench_heard(), "Q:SET NAMES 'latin1'|Q:PREPARE w FROM 'one'|Q:SET NAMES "
                                       "DEFAULT|Q:EXECUTE w|");
    bench_forget();
    command.prepare_query = slice_of_string("BAD");
    user_run(&user, command, "EXECUTE w");
    expect_error(1064);
    assert_string_equal(bench_heard(), "Q:SET NAMES 'latin1'|Q:BAD|Q:SET NAMES DEFAULT|");
    state_done(&read);
}

static void another_server_tells_the_id_first(void **state)
{
    (void)state;
    user_give(&user);
    fake_close(&bench.connections[0]);
    turn();
    bench.version = "8.0.36";
    user_get(&user, 0, NULL);
    bench_forget();
    execute("one");
    execute("one");
    assert_string_equal(bench_heard(), "P:one|E:1|E:1|");
    execute("BAD");
    expect_error(1064);
    assert_string_equal(bench_heard(), "P:one|E:1|E:1|P:BAD|");
}

static void a_statement_belongs_to_its_database(void **state)
{
    (void)state;
    execute("one");
    state_copy(&session, backend_state(user.backend));
    state_set_database(&session, slice_of_string("shop"));
    user_run(&user, (struct backend_command){.state = &session}, "SELECT");
    bench_forget();
    execute("one");
    assert_string_equal(bench_heard(), "P:one|E:255|");
}

static void a_server_that_goes_away(void **state)
{
    (void)state;
    user_run(&user, (struct backend_command){0}, "DIE");
    assert_true(user.is_lost);
    assert_true(user.was_sent);
    assert_int_equal(user.error.code, ER_SERVER_LOST);
    assert_null(user.backend);
    assert_int_equal(bench.troubles, 1);
}

static void a_server_that_goes_away_before_the_command(void **state)
{
    (void)state;
    struct slice ahead[] = {slice_of_string("DIE")};
    struct backend_command command = {.ahead = ahead, .ahead_count = 1, .is_careful = true};
    user_run(&user, command, "INSERT");
    assert_true(user.is_lost);
    assert_false(user.was_sent);
}

static void nobody_is_called_inside_his_own_call(void **state)
{
    (void)state;
    struct text packet;
    struct backend_command command = {0};
    text_init(&packet);
    // The connection is reset before the command is written: writing fails inside backend_start.
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(bench.connections[0].stream.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    fake_close(&bench.connections[0]);
    user_start(&user, &command, "SELECT", &packet);
    assert_false(user.is_lost);
    user_await(&user);
    assert_true(user.is_lost);
    text_done(&packet);
}

static void silence_has_an_end(void **state)
{
    (void)state;
    bench.snapshot->config->settings.query_timeout_ms = 150;
    user_run(&user, (struct backend_command){0}, "HANG");
    assert_true(user.is_lost);
    assert_true(user.was_sent);
    assert_int_equal(user.error.code, ER_QUERY_TIMEOUT);
}

static void a_pause_stops_the_reading(void **state)
{
    (void)state;
    struct text packet;
    struct backend_command command = {0};
    text_init(&packet);
    bench.snapshot->config->settings.query_timeout_ms = 100;
    user_start(&user, &command, "SELECT", &packet);
    backend_pause(user.backend);
    for (int i = 0; i < 20; i++) {
        turn();
    }
    assert_false(user.is_answered);
    assert_false(user.is_lost); // the silence is not the server's
    backend_resume(user.backend);
    user_await(&user);
    assert_true(user.is_answered);
    text_done(&packet);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(runs_a_command),
        TEST(makes_the_session_alike_once),
        TEST(a_state_that_is_refused_is_the_answer),
        TEST(what_is_sent_ahead_is_not_seen),
        TEST(what_fails_ahead_is_the_answer),
        TEST(prepares_once),
        TEST(prepares_as_it_was_read),
        TEST(a_turn_that_fails_is_the_answer),
        TEST(prepares_a_text_as_it_was_read),
        TEST(another_server_tells_the_id_first),
        TEST(a_statement_belongs_to_its_database),
        TEST(a_server_that_goes_away),
        TEST(a_server_that_goes_away_before_the_command),
        TEST(nobody_is_called_inside_his_own_call),
        TEST(silence_has_an_end),
        TEST(a_pause_stops_the_reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
