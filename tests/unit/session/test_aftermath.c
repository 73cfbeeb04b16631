// What one statement leaves for the next ones to ask about: SHOW WARNINGS, ROW_COUNT(),
// FOUND_ROWS(), as a server's client knows them.

#include "tests/unit/session/session_fixture.h"

static void warn(const char *sql, uint16_t server)
{
    fixture_query("%s", sql);
    fixture_ok(fixture_running(server),
               &(struct ok_packet){.status = STATUS_AUTOCOMMIT, .warnings = 1});
    (void)fixture_client_ok();
}

static void expect_asked(uint16_t server, const char *sql)
{
    fixture_query("%s", sql);
    fixture_expect(fixture_running(server), "", sql);
    fixture_ok_out(fixture_running(server));
    (void)fixture_client_ok();
}

static void expect_number(const char *sql, const char *number)
{
    fixture_query("%s", sql);
    (void)fixture_packet();
    (void)fixture_packet();
    struct slice row = fixture_packet();
    assert_int_equal(row.ptr[0], strlen(number));
    assert_memory_equal(row.ptr + 1, number, strlen(number));
    (void)fixture_packet();
}

static void test_statement_without_table(void **state)
{
    (void)state;
    warn("UPDATE home SET a = 'x'", 0);
    expect_asked(0, "SELECT 1"); // elsewhere it would go to the replica
    expect_asked(0, "SET @x = 5");
    expect_asked(0, "SHOW WARNINGS");
    fixture_query("%s", "BEGIN");
    (void)fixture_client_ok();
    expect_asked(0, "SHOW WARNINGS");
    assert_true(fixture.backends[0].is_lent);
}

static void test_statement_with_table(void **state)
{
    (void)state;
    warn("UPDATE home SET a = 'x'", 0);
    expect_asked(0, "UPDATE home SET a = 1");
    assert_false(fixture.backends[0].is_lent);
    expect_number("SHOW COUNT(*) WARNINGS", "0");
    fixture_query("%s", "/* none */ SHOW WARNINGS");
    fixture_expect(fixture_running(0), "", "SHOW WARNINGS LIMIT 0"); // any server, any list
    fixture_ok_out(fixture_running(0));
    (void)fixture_client_ok();
}

// A write never goes to the replica that lingers.
static void test_lingering_replica(void **state)
{
    (void)state;
    fixture_query("%s", "SELECT 'a' + 1");
    struct backend *replica = fixture_running(1);
    fixture_ok(replica, &(struct ok_packet){.status = STATUS_AUTOCOMMIT, .warnings = 1});
    (void)fixture_client_ok();
    assert_true(replica->is_lent);
    fixture_query("%s", "SELECT @a := 5");
    fixture_ok_out(fixture_running(0));
    (void)fixture_client_ok();
    assert_false(replica->is_lent);
    fixture_query("%s", "SHOW WARNINGS");
    fixture_client_error(ER_NOT_SUPPORTED_YET);
}

static void test_lost_list(void **state)
{
    (void)state;
    warn("UPDATE home SET a = 'x'", 0);
    fixture_lose(&fixture.backends[0], false);
    expect_asked(0, "SELECT 1");
    fixture_query("%s", "SHOW WARNINGS");
    fixture_client_error(ER_NOT_SUPPORTED_YET);
    expect_asked(0, "UPDATE home SET a = 1");
    expect_asked(0, "UPDATE home SET a = 1");
    expect_number("SELECT @@warning_count", "0");
}

static void test_counts(void **state)
{
    (void)state;
    fixture_query("%s", "UPDATE home SET a = 2");
    fixture_ok(fixture_running(0),
               &(struct ok_packet){.status = STATUS_AUTOCOMMIT, .affected_rows = 7});
    (void)fixture_client_ok();
    expect_number("SELECT ROW_COUNT()", "7");
    expect_number("SELECT ROW_COUNT()", "-1");
    expect_asked(0, "UPDATE home SET a = 2");
    expect_number("SELECT FOUND_ROWS()", "1"); // of the rows before
}

int main(void)
{
#define IN(test) cmocka_unit_test_setup_teardown(test, fixture_setup_logged_in, fixture_teardown)
    const struct CMUnitTest tests[] = {
        IN(test_statement_without_table),
        IN(test_statement_with_table),
        IN(test_lingering_replica),
        IN(test_lost_list),
        IN(test_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
