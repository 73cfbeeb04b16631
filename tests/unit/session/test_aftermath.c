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

// SHOW WARNINGS from memory: a server gives the columns, and then the client has these rows, each
// "Level|Code|Message".
static void expect_list(const char *sql, uint16_t server, const char *const *rows, uint32_t count)
{
    fixture_query("%s", sql);
    fixture_expect(fixture_running(server), "",
                   strstr(sql, "ERRORS") != NULL ? "SHOW ERRORS LIMIT 0" : "SHOW WARNINGS LIMIT 0");
    fixture_rows(fixture_running(server), 3, NULL, 0);
    assert_int_equal(fixture_packet().ptr[0], 3);
    for (int i = 0; i < 3; i++) {
        assert_true(fixture_packet().len > 10);
    }
    for (uint32_t i = 0; i < count; i++) {
        struct field fields[3];
        char got[200];
        assert_true(row_text_read(fixture_packet(), fields, 3));
        snprintf(got, sizeof got, "%.*s|%.*s|%.*s", (int)fields[0].bytes.len, fields[0].bytes.ptr,
                 (int)fields[1].bytes.len, fields[1].bytes.ptr, (int)fields[2].bytes.len,
                 fields[2].bytes.ptr);
        assert_string_equal(got, rows[i]);
    }
    assert_int_equal(fixture_packet().ptr[0], 0xfe);
    assert_int_equal(fixture_packet().len, 0);
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
    expect_list("/* none */ SHOW WARNINGS", 0, NULL, 0); // any server, any list
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

// An error that waybill gives itself stands in the list as a server's would.
static void test_own_error(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "Error|1235|waybill doesn't yet support XA statements with the format id 22338, by which "
        "waybill knows its own"};
    fixture_query("%s", "XA START 'a','b',22338");
    fixture_client_error(ER_NOT_SUPPORTED_YET);
    expect_number("SHOW COUNT(*) ERRORS", "1");
    expect_list("SHOW ERRORS", 1, rows, 1);
    expect_list("SHOW WARNINGS LIMIT 1, 5", 1, rows, 0);
    fixture_query("%s", "BEGIN"); // leaves it
    (void)fixture_client_ok();
    fixture_query("%s", "SET @e = @@error_count, @r = ROW_COUNT()");
    fixture_expect(fixture_running(1), "", "SET @e = 1, @r = 0");
    fixture_ok_out(fixture_running(1));
    (void)fixture_client_ok();
    fixture_query("%s", "ROLLBACK");
    (void)fixture_client_ok();
    expect_list("SHOW WARNINGS", 1, rows, 1);
    expect_asked(0, "UPDATE home SET a = 1");
    expect_list("SHOW WARNINGS", 0, NULL, 0);
}

// What only the backend knows is fetched when a statement needs it in another form.
static void test_recalled(void **state)
{
    (void)state;
    static const char *const numbers[] = {"7", "1", "0"};
    static const char *const row[] = {"Warning", "1264", "too large"};
    static const char *const rows[] = {"Warning|1264|too large"};
    warn("UPDATE home SET a = 'x'", 0);
    fixture_query("%s", "INSERT INTO home (n) VALUES (ROW_COUNT())");
    struct backend *backend = fixture_running(0);
    fixture_expect(backend, "",
                   "SELECT FOUND_ROWS(), @@session.warning_count, @@session.error_count");
    fixture_rows(backend, 3, numbers, 1);
    fixture_expect(backend, "", "SHOW WARNINGS");
    fixture_rows(backend, 3, row, 1);
    assert_false(backend->is_lent && !backend->is_running);
    fixture_expect(fixture_running(0), "", "INSERT INTO home (n) VALUES (0)");
    fixture_error(fixture_running(0), 1146, "no");
    fixture_client_error(1146);
    warn("UPDATE home SET a = 'x'", 0);
    fixture_query("%s", "SET @n = @@warning_count");
    fixture_rows(fixture_running(0), 3, numbers, 1);
    fixture_rows(fixture_running(0), 3, row, 1);
    fixture_expect(fixture_running(0), "", "SET @n = 1");
    fixture_ok_out(fixture_running(0));
    (void)fixture_client_ok();
    expect_list("SHOW WARNINGS", 0, rows, 1);
}

// A list whose backend is lost while it is fetched is lost, and nothing else.
static void test_recall_fails(void **state)
{
    (void)state;
    warn("UPDATE home SET a = 'x'", 0);
    fixture_query("%s", "SET @n = @@warning_count");
    fixture_lose(fixture_running(0), true);
    fixture_client_error(ER_NOT_SUPPORTED_YET);
    expect_number("SELECT ROW_COUNT()", "0");
    fixture_query("%s", "SHOW WARNINGS");
    fixture_client_error(ER_NOT_SUPPORTED_YET);
}

// COMMIT leaves the list as it is, and the backend that has it.
static void test_list_over_commit(void **state)
{
    (void)state;
    fixture_query("%s", "BEGIN");
    (void)fixture_client_ok();
    fixture_query("%s", "UPDATE home SET a = 'x'");
    fixture_ok(fixture_running(0),
               &(struct ok_packet){.status = STATUS_IN_TRANS | STATUS_AUTOCOMMIT, .warnings = 1});
    (void)fixture_client_ok();
    fixture_query("%s", "COMMIT");
    fixture_ok_out(fixture_running(0));
    (void)fixture_client_ok();
    assert_true(fixture.backends[0].is_lent);
    expect_asked(0, "SHOW WARNINGS");
    expect_asked(0, "UPDATE home SET a = 1");
    assert_false(fixture.backends[0].is_lent);
}

// What GET DIAGNOSTICS sets is carried to other backends.
static void test_get_diagnostics(void **state)
{
    (void)state;
    static const char *const values[] = {"61", "1264"};
    fixture_query("%s", "XA START 'a','b',22338");
    fixture_client_error(ER_NOT_SUPPORTED_YET);
    fixture_query("%s", "GET DIAGNOSTICS @n = NUMBER, @r = ROW_COUNT");
    (void)fixture_client_ok();
    fixture_query("%s", "GET CURRENT DIAGNOSTICS CONDITION 1 @c = MYSQL_ERRNO, @s = "
                        "RETURNED_SQLSTATE");
    (void)fixture_client_ok();
    const struct session_state *carried = &fixture_session()->carried;
    struct slice number = state_find_variable(carried, slice_of_string("@`n`"));
    assert_true(slice_equal(number, slice_of_string("CAST(1 AS UNSIGNED)")));
    struct slice state_text = state_find_variable(carried, slice_of_string("@`s`"));
    assert_true(slice_equal(state_text, slice_of_string("_utf8 x'3432303030'")));
    warn("UPDATE home SET a = 'x'", 0);
    fixture_query("%s", "GET DIAGNOSTICS CONDITION 1 @m = MESSAGE_TEXT, @c = MYSQL_ERRNO");
    fixture_ok_out(fixture_running(0));
    fixture_expect(fixture_running(0), "", "SELECT HEX(@`m`), @`c`");
    fixture_rows(fixture_running(0), 2, values, 1);
    (void)fixture_client_ok();
    struct slice message = state_find_variable(carried, slice_of_string("@`m`"));
    assert_true(slice_equal(message, slice_of_string("_utf8 x'61'")));
    fixture_query("%s", "GET DIAGNOSTICS CONDITION 2 @m = MESSAGE_TEXT");
    fixture_ok(fixture_running(0), &(struct ok_packet){.status = STATUS_AUTOCOMMIT, .warnings = 1});
    assert_int_equal(fixture_client_ok().warnings, 1);
    expect_number("SELECT ROW_COUNT()", "-1");
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
        IN(test_own_error),
        IN(test_recalled),
        IN(test_recall_fails),
        IN(test_list_over_commit),
        IN(test_get_diagnostics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
