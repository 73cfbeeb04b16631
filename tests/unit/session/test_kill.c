// KILL: what it does to a session in each state, and what the asker is told.

#include "protocol/charset.h"
#include "session/kill.h"
#include "session/processlist.h"
#include "tests/unit/session/session_fixture.h"

static struct errand_result kill_now(bool is_query)
{
    struct errand order = {
        .asker = 99, .asker_user = "app", .is_query = is_query, .victim = fixture_session()->id};
    struct errand_result outcome;
    sessions_run_errand(fixture.sessions, &order, &outcome);
    fixture_turn();
    return outcome;
}

static void read_home(void)
{
    fixture_query("%s", "SELECT a FROM home");
}

static void test_a_query_that_runs_ends_on_its_server(void **state)
{
    (void)state;
    read_home();
    struct backend *backend = fixture_running(1);
    assert_int_equal(kill_now(true).killed, 1);
    assert_true(backend->is_killed && !backend->is_closed);
    fixture_error(backend, ER_QUERY_INTERRUPTED, "Query execution was interrupted");
    fixture_client_error(ER_QUERY_INTERRUPTED);
    read_home(); // it lives
    fixture_ok(fixture_running(1), &(struct ok_packet){.status = STATUS_AUTOCOMMIT});
    (void)fixture_client_ok();
}

static void test_all_servers_of_a_query_are_told(void **state)
{
    (void)state;
    fixture_query("%s", "SELECT v FROM t");
    struct backend *one = fixture_running(1), *two = fixture_running(3);
    assert_int_equal(kill_now(true).killed, 1);
    assert_true(one->is_killed && two->is_killed);
    fixture_error(one, ER_QUERY_INTERRUPTED, "Query execution was interrupted");
    fixture_rows(one, 3, NULL, 0); // SHOW WARNINGS
    fixture_client_error(ER_QUERY_INTERRUPTED);
    assert_true(two->is_closed || !two->is_lent);
}

static void test_a_query_that_waits_ends_here(void **state)
{
    (void)state;
    fixture.has_no_idle = true;
    read_home();
    assert_non_null(fixture.waiter);
    assert_int_equal(kill_now(true).killed, 1);
    fixture_client_error(ER_QUERY_INTERRUPTED);
    assert_null(fixture.waiter);
    fixture.snapshot->shards[0].primary = NO_SERVER; // held
    fixture_query("%s", "UPDATE home SET a = 1");
    assert_int_equal(kill_now(true).killed, 1);
    fixture_client_error(ER_QUERY_INTERRUPTED);
}

static void test_an_idle_session_minds_no_query_kill(void **state)
{
    (void)state;
    assert_int_equal(kill_now(true).killed, 1);
    read_home();
    fixture_ok(fixture_running(1), &(struct ok_packet){.status = STATUS_AUTOCOMMIT});
    (void)fixture_client_ok();
}

static void begin_and_write(void)
{
    char sql[100];
    fixture_query("%s", "BEGIN");
    (void)fixture_client_ok();
    snprintf(sql, sizeof sql, "UPDATE t SET v = 1 WHERE k = %llu", (unsigned long long)fixture.k1);
    fixture_query("%s", sql);
    fixture_ok_in(fixture_running(0));
    (void)fixture_client_ok();
}

static void test_the_transaction_stays(void **state)
{
    (void)state;
    begin_and_write();
    fixture_query("%s", "SELECT a FROM home");
    struct backend *backend = fixture_running(0);
    assert_int_equal(kill_now(true).killed, 1);
    assert_true(backend->is_killed);
    fixture_error(backend, ER_QUERY_INTERRUPTED, "Query execution was interrupted");
    fixture_client_error(ER_QUERY_INTERRUPTED);
    backend->is_killed = false;
    fixture_query("%s", "COMMIT");
    fixture_expect(fixture_running(0), "", "COMMIT");
    fixture_ok_out(backend);
    (void)fixture_client_ok();
}

static void test_a_commit_is_not_interrupted(void **state)
{
    (void)state;
    begin_and_write();
    fixture_query("%s", "COMMIT");
    struct backend *backend = fixture_running(0);
    struct errand_result outcome = kill_now(true);
    assert_int_equal(outcome.killed, 0);
    assert_int_equal(outcome.committing, 1);
    assert_int_equal(kill_now(false).killed, 1);
    assert_false(backend->is_killed || backend->is_closed);
    fixture_ok_out(backend);
    (void)fixture_client_ok(); // he knows that it is committed
    assert_true(fixture_is_client_closed());
}

static void test_a_connection_is_closed_without_a_word(void **state)
{
    (void)state;
    fixture_query("%s", "UPDATE home SET a = 1");
    struct backend *backend = fixture_running(0);
    assert_int_equal(kill_now(false).killed, 1);
    assert_true(backend->is_killed && backend->is_closed);
    assert_true(fixture_is_client_closed());
}

// The server would say OK too when a KILL took it out of its wait for a replica.
static void test_no_ok_without_a_replica(void **state)
{
    (void)state;
    fixture.snapshot->servers[0].has_semi_sync = true;
    fixture_query("%s", "UPDATE home SET a = 1");
    assert_int_equal(kill_now(true).killed, 1);
    fixture_ok(fixture_running(0), &(struct ok_packet){.status = STATUS_AUTOCOMMIT});
    fixture_client_error(ER_OUTCOME_UNKNOWN);
}

// ---- a client that goes

static struct backend *leave_behind(const char *sql, uint16_t server)
{
    fixture_query("%s", sql);
    struct backend *backend = fixture_running(server);
    shutdown(fixture.client, SHUT_RDWR);
    fixture_turn();
    assert_true(backend->is_closed);
    return backend;
}

static void test_a_read_is_ended_when_the_client_has_gone(void **state)
{
    (void)state;
    assert_true(leave_behind("SELECT a FROM home", 1)->is_killed);
}

static void test_a_write_by_itself_is_done_although_the_client_has_gone(void **state)
{
    (void)state;
    assert_false(leave_behind("UPDATE home SET a = 1", 0)->is_killed);
}

static void test_a_write_in_a_transaction_is_ended_when_the_client_has_gone(void **state)
{
    (void)state;
    begin_and_write();
    assert_true(leave_behind("UPDATE home SET a = 1", 0)->is_killed);
}

static void test_a_commit_is_done_although_the_client_has_gone(void **state)
{
    (void)state;
    begin_and_write();
    assert_false(leave_behind("COMMIT", 0)->is_killed);
}

// ---- who may, and who is meant

static void test_only_his_own(void **state)
{
    (void)state;
    struct errand order = {.asker = 99, .victim = fixture_session()->id};
    struct errand_result outcome;
    strcpy(order.asker_user, "another");
    sessions_run_errand(fixture.sessions, &order, &outcome);
    assert_int_equal(outcome.denied, 1);
    assert_int_equal(outcome.killed, 0);
    order.may_all = true;
    sessions_run_errand(fixture.sessions, &order, &outcome);
    assert_int_equal(outcome.killed, 1);
    assert_true(fixture_is_client_closed());
}

static void test_a_users_sessions(void **state)
{
    (void)state;
    struct errand order = {
        .asker = 99, .is_query = true, .is_user = true, .user = "app", .asker_user = "app"};
    struct errand_result outcome;
    sessions_run_errand(fixture.sessions, &order, &outcome);
    assert_int_equal(outcome.killed, 1);
    order.asker = fixture_session()->id; // he himself is seen to elsewhere
    sessions_run_errand(fixture.sessions, &order, &outcome);
    assert_int_equal(outcome.killed, 0);
    struct user_config user = {.name = "app", .from = ""};
    assert_true(kill_is_meant(&order, &user));
    strcpy(order.host, "%");
    assert_true(kill_is_meant(&order, &user));
    user.from = "10.0.0.%";
    assert_false(kill_is_meant(&order, &user));
    strcpy(order.host, "10.0.0.%");
    assert_true(kill_is_meant(&order, &user));
    strcpy(order.user, "other");
    assert_false(kill_is_meant(&order, &user));
}

// ---- the asker

static void answer(struct errand_result outcome)
{
    sessions_errand_done(fixture.sessions, &fixture.kill, &outcome);
    fixture_turn();
}

static void test_the_asker_is_told(void **state)
{
    (void)state;
    fixture_query("%s", "KILL 7");
    assert_int_equal(fixture.kill.victim, 7);
    assert_int_equal(fixture.kill.asker, fixture_session()->id);
    assert_false(fixture.kill.is_query || fixture.kill.is_user);
    assert_int_equal(fixture_packet().len, 0); // not yet
    answer((struct errand_result){.killed = 1});
    (void)fixture_client_ok();
    fixture_query("%s", "KILL QUERY '8'");
    assert_true(fixture.kill.is_query);
    assert_int_equal(fixture.kill.victim, 8);
    answer((struct errand_result){0});
    fixture_client_error(ER_NO_SUCH_THREAD);
    fixture_command(COM_PROCESS_KILL, slice_of("\x09\0\0\0", 4));
    assert_int_equal(fixture.kill.victim, 9);
    answer((struct errand_result){.denied = 1});
    fixture_client_error(ER_KILL_DENIED);
    fixture_query("%s", "KILL QUERY 7");
    answer((struct errand_result){.committing = 1});
    fixture_client_error(ER_NOT_SUPPORTED_YET);
    struct errand_result elsewhere = {.problem.code = 0};
    error_fill(&elsewhere.problem, ER_OUTCOME_UNKNOWN, "nobody knows");
    fixture_query("%s", "KILL 4000000000"); // another waybill's
    assert_int_equal(fixture.kill.victim, 4000000000);
    answer(elsewhere);
    fixture_client_error(ER_OUTCOME_UNKNOWN);
    fixture_query("%s", "KILL USER other@h");
    assert_string_equal(fixture.kill.user, "other");
    assert_string_equal(fixture.kill.host, "h");
    answer((struct errand_result){.killed = 3});
    assert_int_equal(fixture_client_ok().affected_rows, 3);
    fixture_query("%s", "KILL QUERY ID 7");
    fixture_client_error(ER_NOT_SUPPORTED_YET);
    fixture_query("%s", "KILL f(1)"); // of @a + 1 a server is asked
    fixture_client_error(ER_NOT_SUPPORTED_YET);
    fixture_query("%s", "KILL -1");
    fixture_client_error(ER_NO_SUCH_THREAD);
}

static void test_an_answer_that_comes_late_is_dropped(void **state)
{
    (void)state;
    fixture_query("%s", "KILL 7");
    struct errand first = fixture.kill;
    answer((struct errand_result){.killed = 1});
    (void)fixture_client_ok();
    answer((struct errand_result){.killed = 1}); // nobody waits
    fixture_query("%s", "KILL 8");
    sessions_errand_done(fixture.sessions, &first, &(struct errand_result){0});
    assert_int_equal(fixture_packet().len, 0); // that was the other question
    answer((struct errand_result){.killed = 1});
    (void)fixture_client_ok();
    fixture_query("%s", "KILL 9");
    shutdown(fixture.client, SHUT_RDWR);
    fixture_turn();
    answer((struct errand_result){.killed = 1}); // he has gone
}

static void test_whoever_kills_himself(void **state)
{
    (void)state;
    fixture_query("%s", "KILL QUERY CONNECTION_ID()");
    fixture_client_error(ER_QUERY_INTERRUPTED);
    fixture_query("%s", "KILL USER CURRENT_USER()");
    answer((struct errand_result){.killed = 2});
    assert_int_equal(fixture_client_ok().affected_rows, 3);
    assert_true(fixture_is_client_closed());
}

static void test_whoever_kills_his_own_connection(void **state)
{
    (void)state;
    fixture_query("%s", "KILL CONNECTION_ID()");
    fixture_client_error(ER_CONNECTION_KILLED);
    assert_true(fixture_is_client_closed());
}

// ---- the list

static struct slice list_for(const char *user, bool may_all, struct errand_result *result)
{
    struct errand errand = {.kind = ERRAND_LIST, .may_all = may_all};
    strcpy(errand.asker_user, user);
    sessions_run_errand(fixture.sessions, &errand, result);
    return text_slice(&result->list);
}

static void test_the_list(void **state)
{
    (void)state;
    struct errand_result result;
    struct process process;
    struct slice list = list_for("app", false, &result);
    assert_true(processlist_read(&list, &process));
    assert_int_equal(process.id, fixture_session()->id);
    assert_true(slice_is_nocase(process.user, "app"));
    assert_true(slice_is_nocase(process.command, "Sleep"));
    assert_int_equal(process.state.len, 0);
    assert_null(process.info.ptr);
    assert_false(processlist_read(&list, &process));
    text_done(&result.list);
    assert_int_equal(list_for("another", false, &result).len, 0);
    text_done(&result.list);
    fixture_query("%s", "SELECT a FROM home WHERE b = '\xc3\xa4'");
    list = list_for("another", true, &result);
    assert_true(processlist_read(&list, &process));
    assert_true(slice_is_nocase(process.command, "Query"));
    assert_true(slice_is_nocase(process.info, "SELECT a FROM home WHERE b = '\xc3\xa4'"));
    text_done(&result.list);
    const struct charset *own = fixture_session()->charset; // another one than the asker's
    fixture_session()->charset = charset_find(slice_of_string("latin1"));
    list = list_for("app", false, &result);
    assert_true(processlist_read(&list, &process));
    assert_true(slice_is_nocase(process.info, "SELECT a FROM home WHERE b = '?\?'"));
    text_done(&result.list);
    fixture_session()->charset = own;
    fixture_ok(fixture_running(1), &(struct ok_packet){.status = STATUS_AUTOCOMMIT});
    (void)fixture_client_ok();
}

// Every prefix of a list ends, one way or the other.
static void test_a_list_that_is_cut(void **state)
{
    (void)state;
    struct errand_result result;
    struct process process;
    struct slice whole = list_for("app", false, &result);
    for (size_t len = 0; len < whole.len; len++) {
        struct slice list = slice_part(whole, 0, len);
        assert_false(processlist_read(&list, &process));
    }
    text_done(&result.list);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup_logged_in, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_query_that_runs_ends_on_its_server),
        TEST(test_all_servers_of_a_query_are_told),
        TEST(test_a_query_that_waits_ends_here),
        TEST(test_an_idle_session_minds_no_query_kill),
        TEST(test_the_transaction_stays),
        TEST(test_a_commit_is_not_interrupted),
        TEST(test_a_connection_is_closed_without_a_word),
        TEST(test_no_ok_without_a_replica),
        TEST(test_a_read_is_ended_when_the_client_has_gone),
        TEST(test_a_write_by_itself_is_done_although_the_client_has_gone),
        TEST(test_a_write_in_a_transaction_is_ended_when_the_client_has_gone),
        TEST(test_a_commit_is_done_although_the_client_has_gone),
        TEST(test_only_his_own),
        TEST(test_a_users_sessions),
        TEST(test_the_asker_is_told),
        TEST(test_an_answer_that_comes_late_is_dropped),
        TEST(test_the_list),
        TEST(test_a_list_that_is_cut),
        TEST(test_whoever_kills_himself),
        TEST(test_whoever_kills_his_own_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
