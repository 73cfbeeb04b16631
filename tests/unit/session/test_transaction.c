// Transactions: what each shard is sent, what the client is told, and that nothing of a transaction
// is ever lost in silence.

#include "session/branch.h"
#include "session/transaction.h"
#include "tests/unit/session/session_fixture.h"

static void query_on(const char *format, uint64_t key)
{
    char sql[200];
    snprintf(sql, sizeof sql, "%s%llu", format, (unsigned long long)key);
    fixture_query("%s", sql);
}

static void begin(void)
{
    fixture_query("%s", "BEGIN");
    assert_int_equal(fixture_client_ok().status, STATUS_IN_TRANS | STATUS_AUTOCOMMIT);
}

static void write_on(uint16_t server, uint64_t key)
{
    query_on("UPDATE t SET v = 1 WHERE k = ", key);
    fixture_ok_in(fixture_running(server));
    assert_int_equal(fixture_client_ok().affected_rows, 1);
}

static void read_on(uint16_t server, uint64_t key)
{
    query_on("SELECT v FROM t WHERE k = ", key);
    fixture_ok_in(fixture_running(server)); // any answer will do
    (void)fixture_client_ok();
}

static void test_empty(void **state)
{
    (void)state;
    begin();
    fixture_query("%s", "COMMIT");
    assert_int_equal(fixture_client_ok().status, STATUS_AUTOCOMMIT);
    assert_int_equal(fixture.backend_count, 0);
}

static void test_one_shard(void **state)
{
    (void)state;
    begin();
    query_on("UPDATE t SET v = 1 WHERE k = ", fixture.k1);
    struct backend *backend = fixture_running(0);
    assert_string_equal((char *)backend->ahead.ptr, "BEGIN;");
    assert_true(backend->is_careful); // without BEGIN it would commit by itself
    fixture_ok_in(backend);
    (void)fixture_client_ok();
    read_on(0, fixture.k1); // the primary, although a replica could
    assert_int_equal(backend->ahead.len, 0);
    fixture_query("%s", "COMMIT");
    fixture_expect(fixture_running(0), "", "COMMIT");
    fixture_ok_out(backend);
    assert_int_equal(fixture_client_ok().status, STATUS_AUTOCOMMIT);
    assert_false(backend->is_lent);
}

static void test_second_writer_is_refused(void **state)
{
    (void)state;
    begin();
    write_on(0, fixture.k1);
    query_on("UPDATE t SET v = 1 WHERE k = ", fixture.k2);
    fixture_client_error(ER_CROSS_SHARD_WRITE);
    read_on(2, fixture.k2); // reading is fine, and the transaction lives
    fixture_query("%s", "COMMIT");
    fixture_ok_out(fixture_running(2));
    assert_int_equal(fixture_packet().len, 0);
    fixture_ok_out(fixture_running(0));
    (void)fixture_client_ok();
}

static void test_best_effort(void **state)
{
    (void)state;
    fixture_login("both", "pw", NULL);
    (void)fixture_client_ok();
    begin();
    write_on(0, fixture.k1);
    write_on(2, fixture.k2);
    fixture_query("%s", "COMMIT");
    fixture_ok_out(fixture_running(0));
    fixture_error(fixture_running(2), 1180, "Got error 5 during COMMIT");
    fixture_client_error(ER_OUTCOME_UNKNOWN); // done on one, not on the other
}

static void test_savepoints(void **state)
{
    (void)state;
    begin();
    write_on(0, fixture.k1);
    fixture_query("%s", "SAVEPOINT `a``b`");
    fixture_expect(fixture_running(0), "", "SAVEPOINT `a``b`");
    fixture_ok_in(fixture_running(0));
    (void)fixture_client_ok();
    query_on("SELECT v FROM t WHERE k = ", fixture.k2);
    struct backend *second = fixture_running(2);
    assert_string_equal((char *)second->ahead.ptr, "BEGIN;SAVEPOINT `a``b`;");
    second->ahead.len = 0;
    fixture_ok_in(second);
    (void)fixture_client_ok();
    fixture_query("%s", "ROLLBACK TO nosuch");
    fixture_client_error(1305);
    fixture_query("%s", "RELEASE SAVEPOINT `A``B`");
    fixture_ok_in(fixture_running(0));
    fixture_ok_in(fixture_running(2));
    (void)fixture_client_ok();
    fixture_query("%s", "ROLLBACK TO `a``b`");
    fixture_client_error(1305);
    fixture_query("%s", "ROLLBACK");
    fixture_ok_out(fixture_running(0));
    fixture_ok_out(fixture_running(2));
    (void)fixture_client_ok();
}

static void test_lost_running(void **state)
{
    (void)state;
    begin();
    write_on(0, fixture.k1);
    read_on(2, fixture.k2);
    query_on("UPDATE t SET v = 1 WHERE k = ", fixture.k1);
    fixture_lose(fixture_running(0), true);
    fixture_client_error(ER_LOCK_DEADLOCK);
    for (uint16_t i = 0; i < fixture.backend_count; i++) {
        assert_false(fixture.backends[i].is_lent); // rolled back everywhere
    }
    assert_false(fixture_session()->transaction.is_open);
}

static void test_lost_idle(void **state)
{
    (void)state;
    begin();
    write_on(0, fixture.k1);
    fixture_lose(&fixture.backends[0], false);
    assert_int_equal(fixture_packet().len, 0);
    fixture_query("%s", "COMMIT");
    fixture_client_error(ER_LOCK_DEADLOCK);
    begin();
    write_on(0, fixture.k1);
    fixture_lose(&fixture.backends[1], false);
    fixture_query("%s", "ROLLBACK");
    (void)fixture_client_ok();
}

static void test_lost_in_commit(void **state)
{
    (void)state;
    begin();
    write_on(0, fixture.k1);
    fixture_query("%s", "COMMIT");
    fixture_lose(fixture_running(0), true);
    fixture_client_error(ER_OUTCOME_UNKNOWN);
    begin();
    write_on(0, fixture.k1);
    read_on(2, fixture.k2);
    fixture_query("%s", "COMMIT");
    fixture_lose(fixture_running(2), true); // it had only read
    fixture_ok_out(fixture_running(0));
    (void)fixture_client_ok();
}

static void test_lost_before_begin_was_done(void **state)
{
    (void)state;
    begin();
    query_on("UPDATE t SET v = 1 WHERE k = ", fixture.k1);
    fixture_lose(fixture_running(0), false); // BEGIN went out, the statement did not
    struct backend *backend = fixture_running(0);
    assert_int_equal(backend->ahead.len, strlen("BEGIN;"));
    fixture_ok_in(backend);
    (void)fixture_client_ok();
    fixture_query("%s", "ROLLBACK");
    fixture_ok_out(backend);
    (void)fixture_client_ok();
}

static void test_deadlock_on_two(void **state)
{
    (void)state;
    begin();
    write_on(0, fixture.k1);
    read_on(2, fixture.k2);
    query_on("UPDATE t SET v = 1 WHERE k = ", fixture.k1);
    fixture_error(fixture_running(0), 1213, "Deadlock found");
    fixture_client_error(1213);
    assert_false(fixture_session()->transaction.is_open);
    assert_int_equal(fixture_session()->legs.count, 0);
}

static void test_failed_statement_keeps_it(void **state)
{
    (void)state;
    begin();
    write_on(0, fixture.k1);
    query_on("UPDATE t SET v = 1 WHERE k = ", fixture.k1);
    fixture_error(fixture_running(0), 1062, "Duplicate entry");
    fixture_client_error(1062);
    query_on("UPDATE t SET v = 1 WHERE k = ", fixture.k1);
    assert_int_equal(fixture_running(0)->ahead.len, 0);
    fixture_ok_in(fixture_running(0));
    (void)fixture_client_ok();
}

static void test_failed_use_does_not_join(void **state)
{
    (void)state;
    begin();
    query_on("UPDATE t SET v = 1 WHERE k = ", fixture.k1);
    fixture_error(fixture_running(0), 1049, "Unknown database"); // before BEGIN
    fixture_client_error(1049);
    query_on("UPDATE t SET v = 1 WHERE k = ", fixture.k1);
    struct backend *backend = fixture_running(0);
    assert_int_equal(backend->ahead.len, strlen("BEGIN;")); // it must be said again
    fixture_ok_in(backend);
    (void)fixture_client_ok();
}

// The server commits by itself, and only if it takes the statement.
static void test_implicit_commit(void **state)
{
    (void)state;
    begin();
    write_on(0, fixture.k1);
    fixture_query("%s", "CREATE TABLE home2 (a INT)");
    fixture_expect(fixture_running(0), "", "CREATE TABLE home2 (a INT)");
    fixture_ok_out(fixture_running(0));
    (void)fixture_client_ok();
    assert_false(fixture_session()->transaction.is_open);
    assert_int_equal(fixture_session()->legs.count, 0);
}

static void test_implicit_commit_that_fails(void **state)
{
    (void)state;
    begin();
    write_on(0, fixture.k1);
    fixture_query("%s", "CREATE TABLE home2 (a nosuch)");
    fixture_error(fixture_running(0), 1064, "no such type");
    fixture_client_error(1064);
    fixture_expect(fixture_running(0), "", "DO 0"); // is it still open?
    fixture_ok_in(fixture_running(0));
    assert_int_equal(transaction_participants(fixture_session()), 1);
    fixture_query("%s", "CREATE TABLE home (a INT)");
    fixture_error(fixture_running(0), 1050, "exists");
    fixture_client_error(1050);
    fixture_ok_out(fixture_running(0));
    assert_false(session_in_transaction(fixture_session()));
    assert_true(fixture_session()->legs.count == 1); // lingers for SHOW WARNINGS
}

static void test_implicit_commit_elsewhere(void **state)
{
    (void)state;
    begin();
    write_on(2, fixture.k2);
    fixture_query("%s", "CREATE TABLE home2 (a INT)");
    fixture_client_error(ER_CROSS_SHARD);
    fixture_query("%s", "ALTER TABLE t ADD a INT");
    fixture_client_error(ER_CROSS_SHARD);
    assert_int_equal(transaction_participants(fixture_session()), 1);
    fixture_query("%s", "ROLLBACK");
    fixture_ok_out(fixture_running(2));
    (void)fixture_client_ok();
}

static void test_begin_in_transaction_commits(void **state)
{
    (void)state;
    begin();
    write_on(0, fixture.k1);
    fixture_query("%s", "START TRANSACTION READ ONLY");
    fixture_expect(fixture_running(0), "", "COMMIT");
    fixture_ok_out(fixture_running(0));
    (void)fixture_client_ok();
    query_on("SELECT v FROM t WHERE k = ", fixture.k1);
    assert_string_equal((char *)fixture_running(0)->ahead.ptr, "START TRANSACTION READ ONLY;");
    fixture_ok_in(fixture_running(0));
    (void)fixture_client_ok();
}

static void test_chain_and_once(void **state)
{
    (void)state;
    fixture_query("%s", "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE");
    (void)fixture_client_ok();
    begin();
    query_on("UPDATE t SET v = 1 WHERE k = ", fixture.k1);
    assert_string_equal((char *)fixture_running(0)->ahead.ptr,
                        "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;BEGIN;");
    fixture_ok_in(fixture_running(0));
    (void)fixture_client_ok();
    fixture_query("%s", "SET TRANSACTION READ ONLY");
    fixture_client_error(1568);
    fixture_query("%s", "COMMIT AND CHAIN");
    fixture_expect(fixture_running(0), "", "COMMIT");
    fixture_ok_out(fixture_running(0));
    assert_int_equal(fixture_client_ok().status, STATUS_IN_TRANS | STATUS_AUTOCOMMIT);
    fixture_query("%s", "ROLLBACK RELEASE");
    (void)fixture_client_ok();
    assert_true(fixture_is_client_closed());
}

static void test_autocommit_off(void **state)
{
    (void)state;
    fixture_query("%s", "SET autocommit = 0");
    struct backend *backend = fixture_running(1);
    fixture_ok(backend, &(struct ok_packet){.status = 0});
    (void)fixture_client_ok();
    write_on(0, fixture.k1);
    assert_true(fixture.backends[1].is_lent); // it is in a transaction now
    assert_int_equal(fixture.backends[1].ahead.len, 0);
    query_on("UPDATE t SET v = 1 WHERE k = ", fixture.k2);
    fixture_client_error(ER_CROSS_SHARD_WRITE);
    fixture_query("%s", "SET autocommit = 1");
    fixture_expect(fixture_running(0), "", "COMMIT");
    fixture_ok(fixture_running(0), &(struct ok_packet){.status = 0});
    fixture_ok_out(fixture_running(0)); // s1 was written: its replica may not have that yet
    assert_int_equal(fixture_client_ok().status & STATUS_AUTOCOMMIT, STATUS_AUTOCOMMIT);
}

static void test_client_vanishes(void **state)
{
    (void)state;
    begin();
    write_on(0, fixture.k1);
    close(fixture.client);
    fixture_turn();
    assert_true(fixture.backends[0].is_closed); // rolled back
    fixture_connect();
}

static void expect_refusal(uint16_t code, const char *why)
{
    struct error error = {0};
    assert_true(error_read(fixture_packet(), &error));
    assert_int_equal(error.code, code);
    assert_non_null(strstr(error.text, why));
}

// Who has chosen nothing has atomic; where the servers can't, a write to several shards is refused
// with that reason.
static void test_default(void **state)
{
    (void)state;
    fixture_login("whole", "pw", NULL);
    (void)fixture_client_ok();
    assert_int_equal(branch_mode(fixture_session(), NULL), DISTRIBUTED_ATOMIC);
    fixture.snapshot->is_mariadb = false;
    fixture.snapshot->server_version = 50624;
    static const char *const whole[] = {"UPDATE t SET v = 1", "INSERT INTO t (k) VALUES (1), (2), "
                                                              "(3), (4), (5), (6), (7), (8)"};
    const char *why = "can't be done atomically on servers that are not MariaDB 10.5";
    for (size_t i = 0; i < 2; i++) {
        fixture_query("%s", whole[i]);
        expect_refusal(9002, why);
    }
    begin();
    write_on(0, fixture.k1);
    query_on("UPDATE t SET v = 1 WHERE k = ", fixture.k2);
    expect_refusal(9002, why);
    fixture_query("%s", "COMMIT");
    fixture_ok_out(fixture_running(0));
    (void)fixture_client_ok();
}

int main(void)
{
#define IN(test) cmocka_unit_test_setup_teardown(test, fixture_setup_logged_in, fixture_teardown)
    const struct CMUnitTest tests[] = {
        IN(test_empty),
        IN(test_one_shard),
        IN(test_second_writer_is_refused),
        cmocka_unit_test_setup_teardown(test_best_effort, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_default, fixture_setup, fixture_teardown),
        IN(test_savepoints),
        IN(test_lost_running),
        IN(test_lost_idle),
        IN(test_lost_in_commit),
        IN(test_lost_before_begin_was_done),
        IN(test_deadlock_on_two),
        IN(test_failed_statement_keeps_it),
        IN(test_failed_use_does_not_join),
        IN(test_implicit_commit),
        IN(test_implicit_commit_that_fails),
        IN(test_implicit_commit_elsewhere),
        IN(test_begin_in_transaction_commits),
        IN(test_chain_and_once),
        IN(test_autocommit_off),
        IN(test_client_vanishes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
