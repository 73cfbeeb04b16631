// LAST_INSERT_ID() and the ids of OK packets: what waybill made, what a server made, what was only
// given. shop.t's ids are made by waybill.

#define FIXTURE_TABLES "[table shop.t]\nkey = k\nid = id\n"
#include "tests/unit/session/session_fixture.h"

static struct ok_packet done(uint64_t affected, uint64_t insert_id)
{
    return (struct ok_packet){
        .status = STATUS_AUTOCOMMIT, .affected_rows = affected, .insert_id = insert_id};
}

// The id that the client is told after the server's OK.
static uint64_t insert(const char *sql, struct ok_packet ok)
{
    fixture_query("%s", sql);
    uint16_t server = 0;
    for (uint16_t i = 0; i < fixture.backend_count; i++) {
        server = fixture.backends[i].is_running ? fixture.backends[i].server : server;
    }
    fixture_ok(fixture_running(server), &ok);
    return fixture_client_ok().insert_id;
}

// Into shop.t; # stands for a key on s1.
static uint64_t insert_t(const char *sql, uint64_t affected)
{
    char text[300] = "";
    size_t len = 0;
    for (; *sql != '\0'; sql++) {
        if (*sql == '#') {
            len += (size_t)snprintf(text + len, sizeof text - len, "%llu",
                                    (unsigned long long)fixture.k1);
        } else {
            text[len++] = *sql;
        }
    }
    return insert(text, done(affected, 0));
}

static void expect_last(uint64_t id)
{
    char ahead[60];
    snprintf(ahead, sizeof ahead, "SET last_insert_id=%llu;", (unsigned long long)id);
    fixture_query("%s", "SELECT LAST_INSERT_ID()");
    for (uint16_t i = 0; i < fixture.backend_count; i++) {
        if (fixture.backends[i].is_running) {
            fixture_expect(&fixture.backends[i], ahead, "SELECT LAST_INSERT_ID()");
            fixture_ok_out(&fixture.backends[i]);
        }
    }
    (void)fixture_client_ok();
}

static void expect_nobody_knows(void)
{
    fixture_query("%s", "SELECT LAST_INSERT_ID()");
    fixture_client_error(ER_NOT_SUPPORTED_YET);
}

static void test_made_ids(void **state)
{
    (void)state;
    uint64_t id = insert_t("INSERT INTO t (k) VALUES (#)", 1);
    assert_true(id > 0);
    expect_last(id);
    assert_int_equal(insert_t("INSERT IGNORE INTO t (k) VALUES (#)", 0), 0);
    expect_last(id);
    assert_int_equal(insert_t("INSERT INTO t (k) VALUES (#) ON DUPLICATE KEY UPDATE v = 1", 2), 0);
    expect_last(id);
    uint64_t next = insert_t("INSERT INTO t (k) VALUES (#) ON DUPLICATE KEY UPDATE v = 1", 1);
    assert_true(next > id);
    expect_last(next);
    next = insert_t("INSERT IGNORE INTO t (k) VALUES (#), (#)", 2);
    expect_last(next);
    next = insert_t("REPLACE INTO t (k) VALUES (#)", 2);
    expect_last(next);
    assert_int_equal(insert_t("INSERT IGNORE INTO t (k) VALUES (#), (#)", 1), 0);
    expect_nobody_knows();
    (void)insert_t("INSERT INTO t (k) VALUES (#)", 1);
    fixture_query("%s", "SELECT LAST_INSERT_ID()"); // known again
    fixture_ok_out(fixture_running(0));
    (void)fixture_client_ok();
}

static void test_found_rows(void **state)
{
    (void)state;
    fixture_session()->capabilities |= CAP_FOUND_ROWS; // 1: inserted, or found as it is
    assert_int_equal(insert_t("INSERT INTO t (k) VALUES (#) ON DUPLICATE KEY UPDATE v = 1", 1), 0);
    expect_nobody_knows();
}

static void test_ids_of_servers(void **state)
{
    (void)state;
    assert_int_equal(insert("INSERT INTO home (v) VALUES (5)", done(1, 77)), 77);
    expect_last(77); // no value of the statement is 77
    assert_int_equal(
        insert("INSERT INTO home (v) VALUES (5) ON DUPLICATE KEY UPDATE v = v + 1", done(2, 5)), 5);
    expect_last(77);
    (void)insert("UPDATE home SET v = LAST_INSERT_ID(9)", done(1, 9));
    expect_last(9);
}

// Given or made? Only the column tells, and it is asked for.
static void test_doubt(void **state)
{
    (void)state;
    static const uint8_t answer[] = {
        1,  0,  0, 1, 3, // three columns
        23, 0,  0, 2, 3,    'd', 'e', 'f', 0,    0,    0, 1, '1', 0,
        12, 63, 0, 1, 0,    0,   0,   253, 0,    0,    0, 0, 0, //
        23, 0,  0, 3, 3,    'd', 'e', 'f', 0,    0,    0, 1, '2', 0,
        12, 63, 0, 1, 0,    0,   0,   8,   0x81, 0,    0, 0, 0, //
        23, 0,  0, 4, 3,    'd', 'e', 'f', 0,    0,    0, 1, '3', 0,
        12, 63, 0, 1, 0,    0,   0,   253, 0,    0,    0, 0, 0, //
        6,  0,  0, 5, 2,    'I', 'D', 1,   '1',  0xfb,          // ID is the first, of no view
        7,  0,  0, 6, 0xfe, 0,   0,   2,   0,    0,    0,       //
    };
    static const char *const inserts[] = {"INSERT INTO home (v) VALUES (78)",
                                          "INSERT INTO home (id) VALUES (80)"};
    for (uint64_t i = 0; i < 2; i++) {
        (void)insert(inserts[i], done(1, 78 + 2 * i));
        fixture_query("%s", "SELECT LAST_INSERT_ID()");
        struct backend *backend = fixture_running(0);
        assert_non_null(memmem(backend->command.ptr, backend->command.len, "auto_increment", 14));
        fixture_feed(backend, answer, sizeof answer);
        fixture_expect(fixture_running(0), "SET last_insert_id=78;", "SELECT LAST_INSERT_ID()");
        fixture_ok_out(fixture_running(0));
        (void)fixture_client_ok();
    }
}

int main(void)
{
#define IN(test) cmocka_unit_test_setup_teardown(test, fixture_setup_logged_in, fixture_teardown)
    const struct CMUnitTest tests[] = {
        IN(test_made_ids),
        IN(test_found_rows),
        IN(test_ids_of_servers),
        IN(test_doubt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
