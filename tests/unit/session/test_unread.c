// Statements that waybill can't read: the server's own error, or the refusal; and what a hint does.

#include "tests/unit/session/session_fixture.h"

static void prepared_answer(struct backend *backend)
{
    static const uint8_t bytes[] = {12, 0, 0, 1, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    fixture_feed(backend, bytes, sizeof bytes);
}

// The backend that was asked to prepare the text.
static struct backend *asked(uint16_t server, const char *sql)
{
    struct backend *backend = fixture_running(server);
    fixture_expect(backend, "", sql);
    assert_int_equal(backend->command.ptr[0], COM_STMT_PREPARE);
    return backend;
}

static void client_error(uint16_t code, const char *part)
{
    struct error error = {0};
    struct slice payload = fixture_packet();
    if (!error_read(payload, &error) || error.code != code || strstr(error.text, part) == NULL) {
        fail_msg("%u %s, not %u %s", error.code, error.text, code, part);
    }
}

static void test_servers_error(void **state)
{
    (void)state;
    fixture_query("%s", "SELECT * FRM t");
    struct backend *backend = asked(1, "SELECT * FRM t");
    fixture_error(backend, ER_PARSE, "as the server says it");
    client_error(ER_PARSE, "as the server says it");
    assert_true(backend->is_lent);
    fixture_query("%s", "SHOW WARNINGS"); // it alone knows
    fixture_expect(fixture_running(1), "", "SHOW WARNINGS");
    fixture_ok_out(fixture_running(1));
    (void)fixture_client_ok();
    assert_int_equal(fixture_session()->stage, SESSION_IDLE);
}

static void test_error_in_pieces(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {12,  0,   0,   1,   0xff, 0x28, 0x04, '#',
                                    '4', '2', '0', '0', '0',  'b',  'a',  'd'};
    fixture_query("%s", "frobnicate");
    struct backend *backend = asked(1, "frobnicate");
    for (size_t i = 0; i < sizeof bytes; i++) {
        fixture_feed(backend, bytes + i, 1);
    }
    client_error(ER_PARSE, "bad");
}

static void test_refusal(void **state)
{
    (void)state;
    static const char refused[] = "can't read this statement near 'frobnicate t'";
    fixture_query("%s", "frobnicate t");
    prepared_answer(asked(1, "frobnicate t"));
    client_error(ER_PARSE, refused);
    // What says nothing about the statement.
    static const uint16_t codes[] = {1295, 1146, 1461};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        fixture_query("%s", "frobnicate t");
        fixture_error(asked(1, "frobnicate t"), codes[i], "not this");
        client_error(ER_PARSE, refused);
    }
    fixture_query("%s", "SHOW WARNINGS");
    fixture_expect(fixture_running(1), "", "SHOW WARNINGS LIMIT 0");
    fixture_rows(fixture_running(1), 3, NULL, 0);
    for (int i = 0; i < 4; i++) {
        (void)fixture_packet(); // the columns
    }
    struct slice row = fixture_packet();
    assert_non_null(memmem(row.ptr, row.len, refused, sizeof refused - 1));
    (void)fixture_packet();
}

static void test_prepare(void **state)
{
    (void)state;
    static const char sql[] = "frobnicate ?";
    fixture_command(COM_STMT_PREPARE, slice_of_string(sql));
    prepared_answer(asked(1, sql));
    client_error(ER_PARSE, "can't read");
    fixture_command(COM_STMT_PREPARE, slice_of_string(sql));
    fixture_error(asked(1, sql), 1295, "not in the prepared protocol");
    client_error(1295, "not in the prepared protocol");
}

static void test_runs_elsewhere(void **state)
{
    (void)state;
    fixture_query("%s", "frobnicate");
    fixture_lose(fixture_running(1), true);
    fixture_error(asked(0, "frobnicate"), ER_PARSE, "bad");
    client_error(ER_PARSE, "bad");
}

// Asking does not take part in the transaction, nor does it harm it.
static void test_in_a_transaction(void **state)
{
    (void)state;
    fixture_query("%s", "BEGIN");
    (void)fixture_client_ok();
    fixture_query("UPDATE t SET v = 1 WHERE k = %llu", (unsigned long long)fixture.k2);
    fixture_ok_in(fixture_running(2));
    (void)fixture_client_ok();
    fixture_query("%s", "frobnicate");
    fixture_error(asked(2, "frobnicate"), ER_PARSE, "bad"); // on its own backend
    client_error(ER_PARSE, "bad");
    fixture_query("%s", "COMMIT");
    fixture_ok_out(fixture_running(2));
    (void)fixture_client_ok();
}

static void test_hint(void **state)
{
    (void)state;
    static const char sql[] = "frobnicate t /* waybill: shard=s2 */";
    fixture_query("%s", sql);
    struct backend *backend = fixture_running(2); // the primary, and it is run
    fixture_expect(backend, "SET last_insert_id=0;", sql);
    assert_int_equal(backend->command.ptr[0], COM_QUERY);
    fixture_error(backend, ER_PARSE, "bad");
    client_error(ER_PARSE, "bad");
    fixture_query("UPDATE t SET v = 1 WHERE k = %llu", (unsigned long long)fixture.k1);
    fixture_ok_out(fixture_running(0)); // nothing was run: the session is still free
    (void)fixture_client_ok();
    fixture_query("%s", sql);
    fixture_ok_out(fixture_running(2));
    (void)fixture_client_ok();
    fixture_query("SELECT v FROM t WHERE k = %llu", (unsigned long long)fixture.k1);
    fixture_client_error(ER_PINNED);
}

// Whatever the session is bound to, the names are those of all shards.
static void test_names_of_a_pinned_session(void **state)
{
    (void)state;
    fixture_query("%s", "/* waybill: shard=s2 */ SELECT GET_LOCK('x', 1)");
    fixture_ok_out(fixture_running(2));
    (void)fixture_client_ok();
    fixture_query("%s", "SHOW TABLES");
    fixture_expect(fixture_running(2), "", "SHOW TABLES");
    fixture_expect(fixture_running(1), "", "SHOW TABLES");
    fixture_error(fixture_running(1), 1046, "No database selected");
    fixture_expect(fixture_running(1), "", "SHOW WARNINGS");
    fixture_rows(fixture_running(1), 3, NULL, 0);
    assert_int_equal(fixture_packet().len, 0); // the pinned backend is not cut off
    fixture_error(fixture_running(2), 1046, "No database selected");
    fixture_rows(fixture_running(2), 3, NULL, 0);
    client_error(1046, "No database selected");
}

int main(void)
{
#define IN(test) cmocka_unit_test_setup_teardown(test, fixture_setup_logged_in, fixture_teardown)
    const struct CMUnitTest tests[] = {
        IN(test_servers_error),  IN(test_error_in_pieces),
        IN(test_refusal),        IN(test_prepare),
        IN(test_runs_elsewhere), IN(test_in_a_transaction),
        IN(test_hint),           IN(test_names_of_a_pinned_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
