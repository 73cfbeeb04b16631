// PREPARE, EXECUTE, DEALLOCATE as text: what servers are sent, and what the session keeps.

#include "tests/unit/session/session_fixture.h"

static void prepared_answer(struct backend *backend, uint8_t params)
{
    uint8_t bytes[] = {12, 0, 0, 1, 0, 7, 0, 0, 0, 0, 0, params, 0, 0, 0, 0};
    static const uint8_t param[] = {23, 0,  0, 2, 3, 'd', 'e', 'f', 0, 0, 0, 1, '?', 0,
                                    12, 63, 0, 0, 0, 0,   0,   253, 0, 0, 0, 0, 0};
    fixture_feed(backend, bytes, sizeof bytes);
    for (uint8_t i = 0; i < params; i++) {
        uint8_t packet[sizeof param];
        memcpy(packet, param, sizeof param);
        packet[3] = (uint8_t)(i + 2);
        fixture_feed(backend, packet, sizeof packet);
    }
}

static void prepare(const char *sql, uint16_t server, const char *text, uint8_t params)
{
    fixture_query("%s", sql);
    struct backend *backend = fixture_running(server);
    fixture_expect(backend, "", text);
    assert_int_equal(backend->command.ptr[0], COM_STMT_PREPARE);
    prepared_answer(backend, params);
    struct ok_packet ok = fixture_client_ok();
    assert_true(slice_is_nocase(ok.message, "Statement prepared"));
}

static void set_ok(const char *sql)
{
    fixture_query("%s", sql);
    fixture_ok_out(fixture_running(1));
    (void)fixture_client_ok();
}

static void expect_and_answer(uint16_t server, const char *sql)
{
    fixture_expect(fixture_running(server), "", sql);
    fixture_ok_out(fixture_running(server));
    (void)fixture_client_ok();
}

static void test_routed_by_variables(void **state)
{
    (void)state;
    char sql[100];
    snprintf(sql, sizeof sql, "SET @a = %llu, @b = '%llu'", (unsigned long long)fixture.k1,
             (unsigned long long)fixture.k2);
    set_ok(sql);
    prepare("PREPARE s FROM 'UPDATE t SET v = 1 WHERE k = ?'", 0, "UPDATE t SET v = 1 WHERE k = ?",
            1);
    fixture_query("EXECUTE s USING @a");
    expect_and_answer(0, "EXECUTE IMMEDIATE 'UPDATE t SET v = 1 WHERE k = ?' USING @a");
    fixture_query("EXECUTE S USING @b");
    expect_and_answer(2, "EXECUTE IMMEDIATE 'UPDATE t SET v = 1 WHERE k = ?' USING @b");
    fixture_query("EXECUTE s USING %llu", (unsigned long long)fixture.k2);
    snprintf(sql, sizeof sql, "EXECUTE IMMEDIATE 'UPDATE t SET v = 1 WHERE k = ?' USING %llu",
             (unsigned long long)fixture.k2);
    expect_and_answer(2, sql);
    assert_null(fixture_session()->pin);
}

static void test_errors(void **state)
{
    (void)state;
    fixture_query("EXECUTE s");
    fixture_client_error(ER_UNKNOWN_STMT);
    fixture_query("DEALLOCATE PREPARE s");
    fixture_client_error(ER_UNKNOWN_STMT);
    prepare("PREPARE s FROM 'DO ?'", 1, "DO ?", 1);
    fixture_query("EXECUTE s");
    fixture_client_error(ER_WRONG_ARGUMENTS);
    fixture_query("PREPARE s FROM 'EXECUTE s'");
    fixture_client_error(ER_UNSUPPORTED_PS);
    fixture_query("EXECUTE s USING 1"); // the old one went, too
    fixture_client_error(ER_UNKNOWN_STMT);
    fixture_query("PREPARE s FROM 'SELEC'");
    fixture_error(fixture_running(1), ER_PARSE, "as the server says it");
    fixture_client_error(ER_PARSE);
    fixture_query("EXECUTE IMMEDIATE (SELECT 'DO 1')");
    static const char *const numbers[] = {"0", "1", "1"}, *const row[] = {"Error", "1064", "x"};
    fixture_rows(fixture_running(1), 3, numbers, 1); // the list of errors is fetched first
    fixture_rows(fixture_running(1), 3, row, 1);
    fixture_client_error(1970);
    fixture_command(COM_STMT_PREPARE, slice_of_string("EXECUTE s"));
    fixture_client_error(ER_UNSUPPORTED_PS);
}

static void test_limit_and_end(void **state)
{
    (void)state;
    prepare("PREPARE a FROM 'DO 1'", 1, "DO 1", 0);
    prepare("PREPARE b FROM 'DO 2'", 1, "DO 2", 0);
    fixture_query("PREPARE c FROM 'DO 3'");
    fixture_client_error(ER_TOO_MANY_STATEMENTS);
    prepare("PREPARE b FROM 'DO 4'", 1, "DO 4", 0); // in its place
    fixture_query("DROP PREPARE a");
    (void)fixture_client_ok();
    prepare("PREPARE c FROM 'DO 3'", 1, "DO 3", 0);
    fixture_command(COM_RESET_CONNECTION, slice_of(NULL, 0));
    (void)fixture_client_ok();
    fixture_query("EXECUTE b");
    fixture_client_error(ER_UNKNOWN_STMT);
}

// What is answered here needs no server.
static void test_local_kinds(void **state)
{
    (void)state;
    fixture_query("PREPARE s FROM 'BEGIN'");
    (void)fixture_client_ok();
    fixture_query("EXECUTE s");
    assert_int_equal(fixture_client_ok().status & STATUS_IN_TRANS, STATUS_IN_TRANS);
    fixture_query("EXECUTE IMMEDIATE 'COMMIT'");
    assert_int_equal(fixture_client_ok().status & STATUS_IN_TRANS, 0);
}

// SET is run with its values in it, or by a server that knows them.
static void test_set(void **state)
{
    (void)state;
    prepare("PREPARE s FROM 'SET @a = ?'", 1, "SET @a = ?", 1);
    fixture_query("EXECUTE s USING 5");
    expect_and_answer(1, "SET @a = 5");
    assert_null(fixture_session()->pin);
    fixture_query("EXECUTE s USING DEFAULT");
    fixture_client_error(4032);
    fixture_query("EXECUTE IMMEDIATE 'SET @a = ?' USING 1, 2");
    fixture_client_error(ER_WRONG_ARGUMENTS);
    fixture_query("EXECUTE s USING 1 + 1");
    expect_and_answer(0, "EXECUTE IMMEDIATE 'SET @a = ?' USING 1 + 1");
    assert_non_null(fixture_session()->pin);
}

// A server tells the text when only it can.
static void test_text_is_asked(void **state)
{
    (void)state;
    static const uint8_t answer[] = {
        1,  0,  0, 1,  1, // one column
        23, 0,  0, 2,  3,    'd', 'e', 'f', 0,   0,   0,   1,   't', 0,
        12, 45, 0, 64, 0,    0,   0,   253, 0,   0,   0,   0,   0,   //
        9,  0,  0, 3,  8,    '4', '4', '4', 'F', '2', '0', '3', '5', // DO 5
        7,  0,  0, 4,  0xfe, 0,   0,   2,   0,   0,   0};
    fixture_query("EXECUTE IMMEDIATE CONCAT('DO ', 5)");
    fixture_expect(fixture_running(1), "",
                   "SELECT HEX(IF(CONVERT(CHARSET(CONCAT('DO ', 5)) USING latin1) IN "
                   "(_latin1'binary', _latin1'utf8mb4'), "
                   "CAST(CONCAT('DO ', 5) AS BINARY), CONVERT(CONCAT('DO ', 5) USING utf8mb4)))");
    fixture_feed(fixture_running(1), answer, sizeof answer);
    expect_and_answer(1, "EXECUTE IMMEDIATE 'DO 5'");
}

// Bytes that a server would read differently are sent as bytes; servers without EXECUTE IMMEDIATE
// get PREPARE ahead.
static void test_literals(void **state)
{
    (void)state;
    fixture_query("%s", "EXECUTE IMMEDIATE 'DO ''\\\\a'', 1'"); // DO '\a', 1
    expect_and_answer(1, "EXECUTE IMMEDIATE x'444f20275c61272c2031'");
    fixture_query("%s", "EXECUTE IMMEDIATE 'DO ''a'''");
    expect_and_answer(1, "EXECUTE IMMEDIATE 'DO ''a'''");
    fixture.snapshot->is_mariadb = false;
    fixture.snapshot->server_version = 50624;
    fixture_query("%s", "PREPARE s FROM 'DO ?, ''\\\\\\\\'''");
    fixture_expect(fixture_running(1), "", "DO ?, '\\\\'");
    prepared_answer(fixture_running(1), 1);
    (void)fixture_client_ok();
    fixture_query("EXECUTE s USING @a");
    fixture_expect(fixture_running(1), "PREPARE `waybill` FROM 'DO ?, ''\\\\\\\\''';",
                   "EXECUTE `waybill` USING @a");
    fixture_ok_out(fixture_running(1));
    (void)fixture_client_ok();
    fixture_query("EXECUTE IMMEDIATE 'DO 1'"); // there it is a mistake
    assert_int_equal(fixture_running(1)->command.ptr[0], COM_STMT_PREPARE);
    fixture_error(fixture_running(1), ER_PARSE, "near IMMEDIATE");
    fixture_client_error(ER_PARSE);
}

// It means what it meant at PREPARE: the database of that time.
static void test_database(void **state)
{
    (void)state;
    prepare("PREPARE s FROM 'UPDATE home SET v = 1'", 0, "UPDATE home SET v = 1", 0);
    fixture_query("USE other");
    fixture_ok_out(fixture_running(1));
    (void)fixture_client_ok();
    fixture_query("EXECUTE s");
    assert_true(slice_is_nocase(text_slice(&fixture_running(0)->state.database), "shop"));
    fixture_ok_out(fixture_running(0));
    (void)fixture_client_ok();
    assert_null(fixture_session()->elsewhere);
}

// Read as it was when it was prepared; also by waybill, which sends it where it belongs then.
static void test_settings(void **state)
{
    (void)state;
    struct backend *home = NULL;
    prepare("PREPARE s FROM 'UPDATE home SET v = 1 WHERE w = \"v\"'", 0,
            "UPDATE home SET v = 1 WHERE w = \"v\"", 0);
    fixture_query("PREPARE t FROM 'SET @x = \"y\"'");
    (void)fixture_client_ok();
    fixture_query("SET NAMES latin1, sql_mode = 'ANSI_QUOTES'");
    fixture_ok_out(fixture_running(1));
    (void)fixture_client_ok();
    fixture_query("EXECUTE s");
    home = fixture_running(0);
    fixture_expect(home,
                   "as ()(utf8mb4) PREPARE `waybill` FROM 'UPDATE home SET v = 1 WHERE w = \"v\"';",
                   "EXECUTE `waybill`");
    struct slice names = state_find_variable(&home->state, slice_of_string("names"));
    assert_true(slice_is_nocase(names, "'latin1'"));
    fixture_ok_out(home);
    (void)fixture_client_ok();
    assert_null(fixture_session()->elsewhere);
    fixture_query("EXECUTE t");
    fixture_client_error(ER_NOT_SUPPORTED_YET);
    fixture_query("SET NAMES utf8mb4, sql_mode = DEFAULT");
    fixture_ok_out(fixture_running(0));
    (void)fixture_client_ok();
}

int main(void)
{
#define IN(test) cmocka_unit_test_setup_teardown(test, fixture_setup_logged_in, fixture_teardown)
    const struct CMUnitTest tests[] = {
        IN(test_routed_by_variables),
        IN(test_errors),
        IN(test_limit_and_end),
        IN(test_local_kinds),
        IN(test_set),
        IN(test_text_is_asked),
        IN(test_literals),
        IN(test_database),
        IN(test_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
