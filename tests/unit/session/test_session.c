// A session as its client and its servers see it: log-in, relaying, what is run again when a server
// is lost, what is held, what is refused.

#include "tests/unit/session/session_fixture.h"

static const uint8_t one_row[] = {
    1,  0,  0, 1, 1, // one column
    23, 0,  0, 2, 3,    'd', 'e', 'f', 0,    0, 0, 1, '1', 0,
    12, 63, 0, 1, 0,    0,   0,   8,   0x81, 0, 0, 0, 0, // its definition
    2,  0,  0, 3, 1,    '1',                             // the row
    7,  0,  0, 4, 0xfe, 0,   0,   2,   0,    0, 0,       // the end
};

static void expect_relayed(const void *bytes, size_t len)
{
    fixture_read_more();
    assert_int_equal(fixture.in.len, len);
    assert_memory_equal(fixture.in.ptr, bytes, len);
    fixture.in.len = 0;
}

static void test_login(void **state)
{
    (void)state;
    fixture_login("app", "pw", NULL);
    assert_int_equal(fixture_client_ok().status, STATUS_AUTOCOMMIT);
    session_check(fixture_session());
    assert_int_equal(fixture.backend_count, 0);
}

static void test_login_refused(void **state)
{
    (void)state;
    fixture_login("app", "wrong", NULL);
    fixture_client_error(ER_ACCESS_DENIED);
    assert_true(fixture_is_client_closed());
    close(fixture.client);
    fixture_connect();
    fixture_login("nobody", "pw", NULL);
    fixture_client_error(ER_ACCESS_DENIED);
}

static void test_login_database(void **state)
{
    (void)state;
    fixture_login("app", "pw", "other");
    struct backend *backend = fixture_running(1);
    fixture_expect(backend, "", "other"); // COM_INIT_DB
    fixture_error(backend, 1049, "Unknown database 'other'");
    fixture_client_error(1049);
    assert_true(fixture_is_client_closed());
}

static void test_max_clients(void **state)
{
    (void)state;
    int clients[3] = {fixture.client};
    for (int i = 1; i < 3; i++) {
        fixture_connect();
        clients[i] = fixture.client;
    }
    fixture_connect();
    fixture_client_error(ER_CON_COUNT);
    assert_true(fixture_is_client_closed());
    for (int i = 0; i < 3; i++) {
        close(clients[i]);
    }
}

static void test_relay(void **state)
{
    (void)state;
    fixture_query("SELECT 1 FROM t WHERE k = %llu", (unsigned long long)fixture.k2);
    struct backend *backend = fixture_running(3); // a replica of s2
    for (size_t i = 0; i < sizeof one_row; i++) {
        fixture_feed(backend, one_row + i, 1);
    }
    expect_relayed(one_row, sizeof one_row);
    assert_int_equal(backend->given, 1);
    session_check(fixture_session());
    assert_int_equal(fixture_session()->stage, SESSION_IDLE);
}

// A command in more packets than the client's had: the answer goes on from the client's number.
static void test_numbers(void **state)
{
    (void)state;
    for (size_t step = 1; step <= sizeof one_row; step += 7) {
        uint8_t moved[sizeof one_row];
        memcpy(moved, one_row, sizeof moved);
        for (size_t at = 0; at < sizeof moved; at += PACKET_HEADER_BYTES + moved[at]) {
            moved[at + 3]++;
        }
        fixture_query("SELECT 1 FROM t WHERE k = %llu", (unsigned long long)fixture.k2);
        struct backend *backend = fixture_running(3);
        for (size_t at = 0; at < sizeof moved; at += step) {
            fixture_feed(backend, moved + at, step < sizeof moved - at ? step : sizeof moved - at);
        }
        expect_relayed(one_row, sizeof one_row);
    }
}

static void test_own_write_is_read(void **state)
{
    (void)state;
    fixture_query("UPDATE t SET v = 1 WHERE k = %llu", (unsigned long long)fixture.k1);
    fixture_ok_out(fixture_running(0));
    (void)fixture_client_ok();
    fixture_query("SELECT 1 FROM t WHERE k = %llu", (unsigned long long)fixture.k1);
    fixture_feed(fixture_running(0), one_row, sizeof one_row);
    expect_relayed(one_row, sizeof one_row);
    fixture_query("SELECT 1 FROM t WHERE k = %llu", (unsigned long long)fixture.k2);
    fixture_feed(fixture_running(3), one_row, sizeof one_row); // s2 was not written
    expect_relayed(one_row, sizeof one_row);
}

static void test_read_runs_elsewhere(void **state)
{
    (void)state;
    fixture_query("SELECT 1 FROM t WHERE k = %llu", (unsigned long long)fixture.k1);
    fixture_lose(fixture_running(1), true);
    fixture_feed(fixture_running(0), one_row, sizeof one_row);
    expect_relayed(one_row, sizeof one_row);
    assert_int_equal(counter_get(&sessions_counters(fixture.sessions)->retries), 1);
}

static void test_half_answer_closes(void **state)
{
    (void)state;
    fixture_query("SELECT 1 FROM t WHERE k = %llu", (unsigned long long)fixture.k1);
    struct backend *backend = fixture_running(1);
    fixture_feed(backend, one_row, 20);
    fixture_lose(backend, true);
    expect_relayed(one_row, 20);
    assert_true(fixture_is_client_closed());
}

static void test_write_lost(void **state)
{
    (void)state;
    fixture_query("UPDATE t SET v = 1 WHERE k = %llu", (unsigned long long)fixture.k1);
    fixture_lose(fixture_running(0), false); // it never went out
    fixture_lose(fixture_running(0), true);
    fixture_client_error(ER_OUTCOME_UNKNOWN);
    fixture_command(COM_PING, slice_of(NULL, 0));
    (void)fixture_client_ok();
}

static void test_read_only_primary(void **state)
{
    (void)state;
    fixture_query("UPDATE t SET v = 1 WHERE k = %llu", (unsigned long long)fixture.k1);
    fixture.snapshot->shards[0].primary = 1;
    fixture_error(fixture_running(0), 1290,
                  "The MariaDB server is running with the --read-only option");
    assert_int_equal(fixture_packet().len, 0); // the client waits
    sessions_set_snapshot(fixture.sessions, fixture.snapshot);
    fixture_ok_out(fixture_running(1));
    (void)fixture_client_ok();
}

static void test_held(void **state)
{
    (void)state;
    fixture.snapshot->shards[0].primary = NO_SERVER;
    fixture_query("UPDATE t SET v = 1 WHERE k = %llu", (unsigned long long)fixture.k1);
    assert_int_equal(fixture.backend_count, 0);
    struct session_figures figures;
    assert_int_equal(sessions_figures(fixture.sessions, &figures, 1), 1);
    assert_string_equal(figures.state, "held");
    fixture.snapshot->shards[0].primary = 1;
    sessions_set_snapshot(fixture.sessions, fixture.snapshot);
    fixture_ok_out(fixture_running(1));
    (void)fixture_client_ok();
}

static void wait_ms(int64_t ms)
{
    uint64_t until_us = loop_now_us(fixture.loop) + (uint64_t)ms * 1000;
    while (loop_now_us(fixture.loop) < until_us) {
        loop_run_once(fixture.loop, 20);
    }
}

static void test_held_too_long(void **state)
{
    (void)state;
    fixture.snapshot->shards[0].primary = NO_SERVER;
    fixture_query("UPDATE t SET v = 1 WHERE k = %llu", (unsigned long long)fixture.k1);
    wait_ms(600);
    fixture_client_error(ER_SHARD_UNAVAILABLE);
    assert_int_equal(fixture_session()->stage, SESSION_IDLE);
}

static void test_client_vanishes_in_line(void **state)
{
    (void)state;
    fixture.has_no_idle = true;
    fixture_query("SELECT 1 FROM t WHERE k = %llu", (unsigned long long)fixture.k1);
    assert_non_null(fixture.waiter);
    close(fixture.client);
    fixture_turn();
    assert_null(fixture.waiter);
    assert_int_equal(sessions_count(fixture.sessions), 0);
    fixture_connect();
}

static void test_line(void **state)
{
    (void)state;
    fixture.has_no_idle = true;
    fixture_query("SELECT 1 FROM t WHERE k = %llu", (unsigned long long)fixture.k1);
    struct pool_waiter *waiter = fixture.waiter;
    struct error error;
    error_fill(&error, ER_CONNECT_SERVER, "b", "refused");
    waiter->on_failed(waiter, &error); // the next try is the primary
    assert_int_equal(fixture.waiter->want.server, 0);
    error_fill(&error, ER_POOL_FULL, "full");
    waiter->on_failed(waiter, &error);
    fixture_client_error(ER_POOL_FULL);
}

static void test_pipelined(void **state)
{
    (void)state;
    static const char commands[] = "\1\0\0\0\x0e"
                                   "\x14\0\0\0\3UPDATE home SET a=1"
                                   "\1\0\0\0\x0e";
    fixture_send(commands, sizeof commands - 1);
    (void)fixture_client_ok();
    assert_int_equal(fixture_packet().len, 0);
    fixture_ok_out(fixture_running(0));
    (void)fixture_client_ok();
    (void)fixture_client_ok();
    assert_null(fixture_session()->input.ptr);
}

static void test_slow_client(void **state)
{
    (void)state;
    static uint8_t bytes[60000];
    fixture_query("SELECT 1 FROM t WHERE k = %llu", (unsigned long long)fixture.k1);
    struct backend *backend = fixture_running(1);
    fixture_feed(backend, one_row, 5 + 27);
    for (int i = 0; i < 100 && !backend->is_paused; i++) {
        bytes[0] = (uint8_t)(sizeof bytes - 4);
        bytes[1] = (uint8_t)((sizeof bytes - 4) >> 8);
        bytes[3] = (uint8_t)(3 + i);
        bytes[4] = 0xfc; // a row of one long string
        bytes[5] = (uint8_t)(sizeof bytes - 7);
        bytes[6] = (uint8_t)((sizeof bytes - 7) >> 8);
        fixture_feed(backend, bytes, sizeof bytes);
    }
    assert_true(backend->is_paused);
    assert_true(fixture_session()->output.size_bytes < 2 * CLIENT_QUEUE_HIGH);
    for (int i = 0; i < 100 && backend->is_paused; i++) {
        fixture_read_more();
    }
    assert_false(backend->is_paused);
    uint8_t end[11];
    memcpy(end, one_row + sizeof one_row - sizeof end, sizeof end);
    end[3] = backend->answer.next_sequence;
    fixture_feed(backend, end, sizeof end);
    fixture_read_more();
    assert_int_equal(fixture_session()->stage, SESSION_IDLE);
    session_check(fixture_session());
}

static void test_bad_sequence(void **state)
{
    (void)state;
    fixture_send("\1\0\0\7\x0e", 5);
    fixture_client_error(ER_PACKETS_OUT_OF_ORDER);
    assert_true(fixture_is_client_closed());
}

static void test_unknown_commands(void **state)
{
    (void)state;
    fixture_command(COM_TABLE_DUMP, slice_of(NULL, 0));
    fixture_client_error(ER_UNKNOWN_COM);
    fixture_command(COM_BINLOG_DUMP, slice_of(NULL, 0));
    fixture_client_error(ER_ACCESS_SPECIFIC);
    fixture_query("%s", " -- nothing\n");
    (void)fixture_client_ok(); // as the servers
    fixture_query("%s", " ;\n; ");
    fixture_client_error(ER_EMPTY_QUERY);
}

static void test_warnings(void **state)
{
    (void)state;
    fixture_query("%s", "UPDATE home SET a = 'x'");
    struct backend *backend = fixture_running(0);
    fixture_ok(backend, &(struct ok_packet){.status = STATUS_AUTOCOMMIT, .warnings = 1});
    (void)fixture_client_ok();
    assert_true(backend->is_lent); // it alone knows the warnings
    fixture_query("%s", "SHOW WARNINGS");
    fixture_expect(fixture_running(0), "", "SHOW WARNINGS");
    fixture_feed(backend, one_row, sizeof one_row);
    expect_relayed(one_row, sizeof one_row);
    fixture_query("%s", "UPDATE home SET a = 2");
    fixture_ok_out(fixture_running(0));
    (void)fixture_client_ok();
    assert_false(backend->is_lent);
}

static void test_row_count(void **state)
{
    (void)state;
    fixture_query("%s", "UPDATE home SET a = 2");
    fixture_ok(fixture_running(0),
               &(struct ok_packet){.status = STATUS_AUTOCOMMIT, .affected_rows = 7});
    (void)fixture_client_ok();
    fixture_query("%s", "SELECT ROW_COUNT()");
    (void)fixture_packet();
    (void)fixture_packet();
    struct slice row = fixture_packet();
    assert_memory_equal(row.ptr,
                        "\1"
                        "7",
                        2);
    fixture.in.len = 0;
}

int main(void)
{
#define IN(test)  cmocka_unit_test_setup_teardown(test, fixture_setup_logged_in, fixture_teardown)
#define OUT(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        OUT(test_login),
        OUT(test_login_refused),
        OUT(test_login_database),
        OUT(test_max_clients),
        IN(test_relay),
        IN(test_numbers),
        IN(test_own_write_is_read),
        IN(test_read_runs_elsewhere),
        IN(test_half_answer_closes),
        IN(test_write_lost),
        IN(test_read_only_primary),
        IN(test_held),
        IN(test_held_too_long),
        IN(test_client_vanishes_in_line),
        IN(test_line),
        IN(test_pipelined),
        IN(test_slow_client),
        IN(test_bad_sequence),
        IN(test_unknown_commands),
        IN(test_warnings),
        IN(test_row_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
