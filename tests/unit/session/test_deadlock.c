// Deadlocks over shards: whom the worker lists, and what becomes of the victim.

#include "session/deadlock.h"
#include "session/transaction.h"
#include "tests/unit/session/session_fixture.h"

static struct errand_result result;

static int set_up(void **state)
{
    fixture_setup(state);
    fixture_login("whole", "pw", NULL);
    (void)fixture_client_ok();
    fixture.config->settings.deadlock_check_ms = 1;
    return 0;
}

static void query_on(const char *format, uint64_t key)
{
    char sql[200];
    snprintf(sql, sizeof sql, "%s%llu", format, (unsigned long long)key);
    fixture_query("%s", sql);
}

static void begin_on_first(void)
{
    fixture_query("%s", "BEGIN");
    (void)fixture_client_ok();
    query_on("UPDATE home SET a = ", fixture.k1);
    fixture_ok_in(fixture_running(0));
    (void)fixture_client_ok();
}

static void wait_a_while(void)
{
    usleep(2000);
    fixture_turn();
}

// On both servers; its statement runs on the second. A read, so that no table is asked for before.
static struct backend *begin_and_wait(const char *format)
{
    begin_on_first();
    query_on(format, fixture.k2);
    wait_a_while();
    struct backend *backend = fixture_running(2);
    backend->in_transaction = true; // XA START is answered
    return backend;
}

static const struct waiter *list_waiters(size_t expected)
{
    struct errand errand = {.kind = ERRAND_WAITERS};
    text_done(&result.list);
    sessions_run_errand(fixture.sessions, &errand, &result);
    assert_int_equal(result.list.len / sizeof(struct waiter), expected);
    return (const struct waiter *)(const void *)result.list.ptr;
}

static uint32_t end_victim(const struct waiter *who)
{
    struct errand errand = {.kind = ERRAND_VICTIM, .victim = who->session, .waiter = *who};
    struct errand_result outcome;
    sessions_run_errand(fixture.sessions, &errand, &outcome);
    fixture_turn();
    return outcome.killed;
}

static int tear_down(void **state)
{
    text_done(&result.list);
    return fixture_teardown(state);
}

static void tells_of_who_waits(void **state)
{
    (void)state;
    struct backend *backend = begin_and_wait("SELECT v FROM t WHERE k = ");
    deadlock_look(fixture.sessions);
    deadlock_look(fixture.sessions);
    assert_int_equal(fixture.waiting, 1); // not all the time
    const struct waiter *waiters = list_waiters(2);
    assert_int_equal(waiters[0].session, fixture_session()->id);
    assert_true(waiters[0].server + waiters[1].server == 2);
    assert_int_equal(waiters[0].began_us, waiters[1].began_us);
    fixture_ok_in(backend);
    (void)fixture_client_ok();
    (void)list_waiters(0); // nothing runs
    fixture.config->settings.deadlock_check_ms = 60000;
    query_on("SELECT v FROM t WHERE k = ", fixture.k2);
    wait_a_while();
    (void)list_waiters(0); // not for long
    fixture_ok_in(fixture_running(2));
}

static void not_of_one_server_and_not_of_a_commit(void **state)
{
    (void)state;
    begin_on_first();
    query_on("UPDATE home SET a = ", fixture.k1);
    wait_a_while();
    (void)list_waiters(0);
    fixture_ok_in(fixture_running(0));
    (void)fixture_client_ok();
    query_on("SELECT v FROM t WHERE k = ", fixture.k2);
    fixture_ok_in(fixture_running(2));
    (void)fixture_client_ok();
    fixture_query("%s", "ROLLBACK");
    wait_a_while();
    (void)list_waiters(0);
}

static void the_victim_hears_1213_and_all_is_rolled_back(void **state)
{
    (void)state;
    struct backend *backend = begin_and_wait("SELECT v FROM t WHERE k = ");
    assert_int_equal(end_victim(list_waiters(2)), 1);
    assert_true(backend->is_killed);
    (void)list_waiters(0); // not twice
    fixture_error(backend, ER_QUERY_INTERRUPTED, "Query execution was interrupted");
    fixture_client_error(ER_LOCK_DEADLOCK);
    assert_false(session_in_transaction(fixture_session()));
    for (uint16_t i = 0; i < fixture.backend_count; i++) {
        assert_false(fixture.backends[i].is_lent && !fixture.backends[i].is_closed);
    }
}

// Columns and a row, and no end of them yet. Returns the next packet's sequence.
static uint8_t feed_row(struct backend *backend)
{
    struct text packets, payload;
    struct column column = column_string("v");
    uint8_t sequence = 1;
    text_init(&packets);
    text_init(&payload);
    packet_append(&packets, slice_of((const uint8_t[]){1}, 1), &sequence);
    column_write(&payload, &column, 0);
    packet_append(&packets, text_slice(&payload), &sequence);
    payload.len = 0;
    row_text_add(&payload, slice_of_string("7"));
    packet_append(&packets, text_slice(&payload), &sequence);
    fixture_feed(backend, packets.ptr, packets.len);
    text_done(&payload);
    text_done(&packets);
    return sequence;
}

static void rows_that_came_before_stay_rows(void **state)
{
    (void)state;
    struct backend *backend = begin_and_wait("SELECT v FROM t WHERE k = ");
    struct text payload, packet;
    struct error error;
    uint8_t sequence = feed_row(backend);
    text_init(&payload);
    text_init(&packet);
    assert_int_equal(end_victim(list_waiters(2)), 1);
    error_fill(&error, ER_QUERY_INTERRUPTED);
    error_write(&payload, &error);
    packet_append(&packet, text_slice(&payload), &sequence);
    fixture_feed(backend, packet.ptr, packet.len);
    text_done(&payload);
    text_done(&packet);
    assert_int_equal(fixture_packet().len, 1);
    assert_true(fixture_packet().len > 10);
    assert_int_equal(fixture_packet().len, 2); // "7"
    fixture_client_error(ER_LOCK_DEADLOCK);
    assert_false(fixture_is_client_closed());
}

static void who_goes_on_meanwhile_is_left_alone(void **state)
{
    (void)state;
    struct backend *backend = begin_and_wait("SELECT v FROM t WHERE k = ");
    struct waiter who = list_waiters(2)[0];
    fixture_ok_in(backend);
    (void)fixture_client_ok();
    assert_int_equal(end_victim(&who), 0); // idle
    query_on("SELECT v FROM t WHERE k = ", fixture.k2);
    wait_a_while();
    assert_int_equal(end_victim(&who), 0); // another statement
    assert_false(backend->is_killed);
    struct waiter other = *list_waiters(2);
    other.began_us++;
    assert_int_equal(end_victim(&other), 0); // another transaction
    assert_int_equal(end_victim(list_waiters(2)), 1);
    fixture_ok_in(backend); // it was faster than the KILL
    (void)fixture_client_ok();
    assert_true(session_in_transaction(fixture_session()));
}

static void a_plain_kill_is_none(void **state)
{
    (void)state;
    struct backend *backend = begin_and_wait("SELECT v FROM t WHERE k = ");
    fixture_error(backend, ER_QUERY_INTERRUPTED, "Query execution was interrupted");
    fixture_client_error(ER_QUERY_INTERRUPTED);
    assert_true(session_in_transaction(fixture_session()));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tells_of_who_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(not_of_one_server_and_not_of_a_commit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_victim_hears_1213_and_all_is_rolled_back, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(rows_that_came_before_stay_rows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_goes_on_meanwhile_is_left_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_plain_kill_is_none, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
