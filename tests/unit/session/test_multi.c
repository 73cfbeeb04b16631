// Several statements in one text: each runs by itself where it belongs, the answers become one, an
// error ends it, and a client that is slow or gone is not worked for.

#include "tests/unit/session/session_fixture.h"

static void allow(void)
{
    fixture_command(COM_SET_OPTION, slice_of("\0\0", 2));
    assert_int_equal(fixture_packet().ptr[0], 0xfe);
}

static void expect_ok(uint8_t sequence, uint16_t status)
{
    fixture_read_more();
    assert_true(fixture.in.len >= PACKET_HEADER_BYTES);
    assert_int_equal(packet_sequence(fixture.in.ptr), sequence);
    assert_int_equal(fixture_client_ok().status, status);
}

static void test_each_by_itself(void **state)
{
    (void)state;
    allow();
    fixture_query("UPDATE home SET a = 1; UPDATE t SET a = 2 WHERE k = %llu;\n BEGIN; COMMIT ;; ",
                  (unsigned long long)fixture.k2);
    fixture_expect(fixture_running(0), "", "UPDATE home SET a = 1");
    fixture_read_more();
    assert_int_equal(fixture.in.len, 0);
    fixture_ok_out(fixture_running(0));
    expect_ok(1, STATUS_AUTOCOMMIT | STATUS_MORE_RESULTS);
    struct backend *second = fixture_running(2);
    assert_int_equal(second->command.ptr[1], ' '); // the text as it stood there
    fixture_ok_out(second);
    expect_ok(2, STATUS_AUTOCOMMIT | STATUS_MORE_RESULTS);
    expect_ok(3, STATUS_AUTOCOMMIT | STATUS_IN_TRANS | STATUS_MORE_RESULTS);
    expect_ok(4, STATUS_AUTOCOMMIT);
    assert_int_equal(fixture_session()->stage, SESSION_IDLE);
    assert_null(fixture_session()->multi);
    session_check(fixture_session());
}

static void test_error_ends_it(void **state)
{
    (void)state;
    allow();
    fixture_query("%s", "UPDATE home SET a = 1; UPDATE home SET a = 2; UPDATE home SET a = 3");
    fixture_ok_out(fixture_running(0));
    expect_ok(1, STATUS_AUTOCOMMIT | STATUS_MORE_RESULTS);
    fixture_error(fixture_running(0), 1062, "there is one");
    fixture_client_error(1062);
    assert_int_equal(fixture_session()->stage, SESSION_IDLE);
    // So does one of waybill's own.
    fixture_query("%s", "SET @a = 1; SELECT 1 FROM t ORDER BY a + @b := 1 LIMIT 1; BEGIN");
    fixture_ok_out(fixture_running(0));
    expect_ok(1, STATUS_AUTOCOMMIT | STATUS_MORE_RESULTS);
    assert_int_equal(fixture_packet().ptr[0], 0xff);
    assert_false(fixture_session()->transaction.is_open);
}

static void test_not_allowed(void **state)
{
    (void)state;
    fixture_query("%s", "UPDATE home SET a = 1; SELECT 2"); // a server says what is wrong
    assert_int_equal(fixture_running(1)->command.ptr[0], COM_STMT_PREPARE);
    fixture_error(fixture_running(1), ER_PARSE, "near SELECT 2");
    fixture_client_error(ER_PARSE);
    allow();
    fixture_command(COM_SET_OPTION, slice_of("\1\0", 2));
    assert_int_equal(fixture_packet().ptr[0], 0xfe);
    fixture_query("%s", "BEGIN; COMMIT");
    fixture_error(fixture_running(1), ER_PARSE, "near COMMIT");
    fixture_client_error(ER_PARSE);
}

static void test_client_gone(void **state)
{
    (void)state;
    allow();
    fixture_query("%s", "UPDATE home SET a = 1; UPDATE home SET a = 2");
    struct backend *backend = fixture_running(0);
    close(fixture.client);
    fixture_turn();
    assert_false(backend->is_lent);
    assert_int_equal(backend->commands, 1);
    fixture_connect();
}

static void test_drain(void **state)
{
    (void)state;
    allow();
    fixture_query("%s", "UPDATE home SET a = 1; UPDATE home SET a = 2");
    sessions_drain(fixture.sessions, 60000);
    fixture_ok_out(fixture_running(0));
    expect_ok(1, STATUS_AUTOCOMMIT | STATUS_MORE_RESULTS);
    fixture_ok_out(fixture_running(0));
    expect_ok(2, STATUS_AUTOCOMMIT);
    assert_true(fixture_is_client_closed());
}

// 100,000 that are answered at once, for a client that does not read: neither a deep stack nor a
// long queue.
static void test_many_for_a_slow_client(void **state)
{
    (void)state;
    enum { COUNT = 100000 };
    static const char one[] = "SELECT CONNECTION_ID();";
    struct text sql;
    text_init(&sql);
    for (int i = 0; i < COUNT; i++) {
        text_add_string(&sql, one);
    }
    allow();
    struct text packet;
    text_init(&packet);
    uint8_t sequence = 0;
    size_t place = packet_begin(&packet);
    write_u8(&packet, COM_QUERY);
    text_add_slice(&packet, text_slice(&sql));
    packet_end(&packet, place, &sequence);
    size_t sent = 0;
    while (sent < packet.len) {
        ssize_t put = send(fixture.client, packet.ptr + sent, packet.len - sent, MSG_DONTWAIT);
        sent += put > 0 ? (size_t)put : 0;
        fixture_turn();
    }
    assert_int_equal(fixture_session()->stage, SESSION_RUNNING);
    assert_string_equal(fixture_session()->flow->kind->name, "waiting for the client");
    assert_true(fixture_session()->output.size_bytes < 2 * CLIENT_QUEUE_HIGH);
    size_t before;
    do { // 4 packets each: 5 + 60-odd + some + 11 bytes
        before = fixture.in.len;
        fixture_read_more();
    } while (fixture.in.len > before);
    assert_int_equal(fixture_session()->stage, SESSION_IDLE);
    size_t packets = 0;
    for (size_t at = 0; at < fixture.in.len; packets++) {
        assert_int_equal(packet_sequence(fixture.in.ptr + at), (uint8_t)(packets + 1));
        at += PACKET_HEADER_BYTES + packet_payload_bytes(fixture.in.ptr + at);
    }
    assert_int_equal(packets, 4 * COUNT);
    text_done(&sql);
    text_done(&packet);
}

int main(void)
{
#define IN(test) cmocka_unit_test_setup_teardown(test, fixture_setup_logged_in, fixture_teardown)
    const struct CMUnitTest tests[] = {
        IN(test_each_by_itself), IN(test_error_ends_it), IN(test_not_allowed),
        IN(test_client_gone),    IN(test_drain),         IN(test_many_for_a_slow_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
