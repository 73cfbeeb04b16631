// information_schema.PROCESSLIST in a SELECT: what the server is asked instead.

#include "session/process_table.h"
#include "tests/unit/session/session_fixture.h"

enum { SERVER = 1 }; // b, the replica of s1

static void answer_columns(const char *const *names, uint8_t count)
{
    struct text packets, payload;
    uint8_t sequence = 1;
    text_init(&packets);
    text_init(&payload);
    write_u8(&payload, count);
    packet_append(&packets, text_slice(&payload), &sequence);
    for (uint8_t i = 0; i < count; i++) {
        struct column column = column_string(names[i]);
        bool is_number = strcmp(names[i], "ID") == 0 || strcmp(names[i], "TID") == 0;
        column.type = is_number ? TYPE_LONGLONG : TYPE_VAR_STRING;
        payload.len = 0;
        column_write(&payload, &column, 0);
        packet_append(&packets, text_slice(&payload), &sequence);
    }
    payload.len = 0;
    ok_write_eof(&payload, &(struct ok_packet){.status = STATUS_AUTOCOMMIT});
    packet_append(&packets, text_slice(&payload), &sequence);
    struct backend *backend = fixture_running(SERVER);
    fixture_expect(backend, "", "SELECT * FROM information_schema.PROCESSLIST LIMIT 0");
    fixture_feed(backend, packets.ptr, packets.len);
    text_done(&packets);
    text_done(&payload);
}

static void answer_list(void)
{
    struct errand_result result;
    assert_int_equal(fixture.kill.kind, ERRAND_TABLE);
    sessions_run_errand(fixture.sessions, &fixture.kill, &result);
    sessions_errand_done(fixture.sessions, &fixture.kill, &result);
    text_done(&result.list);
    fixture_turn();
}

// What the server is asked for the statement; %u: the session's id.
static void expect(const char *sql, const char *asked)
{
    static const char *const names[] = {"ID", "DB", "TID", "EXTRA"};
    char with_id[300];
    const char *mark = strstr(asked, "%u");
    snprintf(with_id, sizeof with_id, "%.*s%u%s", (int)(mark - asked), asked, fixture_session()->id,
             mark + 2);
    fixture_query("%s", sql);
    answer_columns(names, 4);
    answer_list();
    struct backend *backend = fixture_running(SERVER);
    fixture_expect(backend, "", with_id);
    fixture_error(backend, 1064, "enough");
    fixture_client_error(1064);
}

#define TABLE                                                                                      \
    "(SELECT * FROM information_schema.PROCESSLIST WHERE 1 = 0 UNION ALL SELECT "                  \
    "%u,_utf8'shop',0,NULL)"

static void test_the_table_is_replaced(void **state)
{
    (void)state;
    expect("SELECT * FROM information_schema.processlist WHERE DB = 'x'",
           "SELECT * FROM " TABLE " AS PROCESSLIST WHERE DB = 'x'");
    expect("SELECT p.ID FROM `information_schema` . PROCESSLIST AS p",
           "SELECT p.ID FROM " TABLE " AS p");
    expect("SELECT information_schema.PROCESSLIST.ID, `PROCESSLIST`.DB, 'PROCESSLIST.x' FROM "
           "information_schema.PROCESSLIST",
           "SELECT PROCESSLIST.ID, PROCESSLIST.DB, 'PROCESSLIST.x' FROM " TABLE " AS PROCESSLIST");
    expect("SELECT (SELECT COUNT(*) FROM information_schema.PROCESSLIST)",
           "SELECT (SELECT COUNT(*) FROM " TABLE " AS PROCESSLIST)");
}

static void test_what_is_left_to_the_server(void **state)
{
    static const char *const statements[] = {
        "SELECT 1 FROM information_schema.PROCESSLIST, information_schema.INNODB_TRX",
        "SELECT 1 FROM information_schema.PROCESSLIST p JOIN performance_schema.threads t",
        "SELECT 1 FROM information_schema.PROCESSLIST /*!50000 WHERE 1 */",
        "/* waybill: shard=s1 */ SELECT 1 FROM information_schema.PROCESSLIST",
    };
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        fixture_query("%s", statements[i]);
        struct backend *backend = fixture_running(SERVER);
        fixture_expect(backend, "", statements[i]);
        fixture_error(backend, 1064, "enough");
        fixture_client_error(1064);
    }
}

static void test_columns_that_cannot_be_read(void **state)
{
    const char *names[PROCESS_TABLE_COLUMNS_MAX + 1];
    (void)state;
    for (size_t i = 0; i <= PROCESS_TABLE_COLUMNS_MAX; i++) {
        names[i] = "ID";
    }
    fixture_query("%s", "SELECT * FROM information_schema.PROCESSLIST");
    answer_columns(names, PROCESS_TABLE_COLUMNS_MAX + 1);
    fixture_client_error(1105);
    fixture_query("%s", "SELECT * FROM information_schema.PROCESSLIST");
    fixture_error(fixture_running(SERVER), 1045, "no");
    fixture_client_error(1045);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup_logged_in, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_table_is_replaced),
        TEST(test_what_is_left_to_the_server),
        TEST(test_columns_that_cannot_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
