// Statements about accounts, where those are the servers' own: their OK comes when all workers know
// what has changed. And whom the anonymous account lets in.

#include "session/errand.h"
#include "tests/unit/session/session_fixture.h"

static int start(void **state)
{
    fixture_setup(state);
    fixture.config->settings.users = USERS_SERVERS; // with those of the file as well
    fixture_login("app", "pw", NULL);
    (void)fixture_client_ok();
    return 0;
}

static struct backend *ask(const char *sql, uint16_t server)
{
    fixture_query("%s", sql);
    return fixture_running(server);
}

static void ok(struct backend *backend)
{
    fixture_ok(backend, &(struct ok_packet){.status = STATUS_AUTOCOMMIT, .warnings = 0});
}

static bool is_answered(void)
{
    fixture_read_more();
    return fixture.in.len > 0;
}

static void accounts_are_read(void)
{
    loop_run_once(fixture.loop, 2);
    fixture.snapshot->accounts_us = loop_now_us(fixture.loop);
    sessions_set_snapshot(fixture.sessions, fixture.snapshot);
}

static void all_have_them(void)
{
    struct errand_result outcome;
    sessions_run_errand(fixture.sessions, &fixture.kill, &outcome);
    sessions_errand_done(fixture.sessions, &fixture.kill, &outcome);
}

static void test_the_ok_waits(void **state)
{
    (void)state;
    fixture.outdated_shard = NO_SHARD;
    fixture.snapshot->accounts_us = loop_now_us(fixture.loop) - 1;
    ok(ask("/* waybill: shard=s1 */ CREATE USER x IDENTIFIED BY 'y'", 0));
    assert_int_equal(fixture.certain_doubts, 1);
    sessions_set_snapshot(fixture.sessions, fixture.snapshot); // of before
    assert_false(is_answered());
    accounts_are_read();
    assert_false(is_answered());
    assert_int_equal(fixture.kill.kind, ERRAND_ACCOUNTS);
    accounts_are_read(); // once more
    assert_false(is_answered());
    all_have_them();
    (void)fixture_client_ok();
    assert_int_equal(fixture.outdated_shard, NO_SHARD); // it is known who has changed
    ok(ask("UPDATE home SET a = 1", 0));
    (void)fixture_client_ok();
    assert_int_equal(fixture.certain_doubts, 1);
}

static void test_not_for_ever(void **state)
{
    (void)state;
    ok(ask("/* waybill: shard=s1 */ GRANT SELECT ON *.* TO x", 0));
    for (int i = 0; i < 30 && !is_answered(); i++) {
        assert_true(i < 25);
        loop_run_once(fixture.loop, 100);
    }
    (void)fixture_client_ok();
    all_have_them(); // too late: nobody waits
    ok(ask("/* waybill: shard=s1 */ FLUSH PRIVILEGES", 0));
    accounts_are_read();
    assert_false(is_answered());
    all_have_them();
    (void)fixture_client_ok();
}

static void test_another_shard_is_not_read(void **state)
{
    (void)state;
    fixture.outdated_shard = NO_SHARD;
    ok(ask("/* waybill: shard=s2 */ REVOKE SELECT ON *.* FROM x", 2));
    assert_int_equal(fixture.certain_doubts, 0);
    assert_false(is_answered());
    all_have_them();
    (void)fixture_client_ok();
    assert_int_equal(fixture.outdated_shard, 1);
}

static void test_errors_do_not_wait(void **state)
{
    (void)state;
    fixture_error(ask("/* waybill: shard=s1 */ DROP USER nobody", 0), 1396, "Operation failed");
    fixture_client_error(1396);
    assert_int_equal(fixture.certain_doubts, 0);
    fixture_query("%s", "DROP USER nobody"); // refused
    fixture_client_error(ER_CROSS_SHARD);
}

static void test_accounts_of_the_file_do_not_wait(void **state)
{
    (void)state;
    fixture.config->settings.users = USERS_FILE;
    ok(ask("/* waybill: shard=s1 */ CREATE USER x", 0));
    (void)fixture_client_ok();
}

static void test_a_client_that_goes(void **state)
{
    (void)state;
    ok(ask("/* waybill: shard=s1 */ CREATE USER x", 0));
    assert_false(is_answered());
    shutdown(fixture.client, SHUT_RDWR);
    fixture_turn();
    accounts_are_read();
    assert_int_equal(fixture.sessions->account_waits.count, 0);
}

// ---- the anonymous account

static int start_anonymous(void **state)
{
    fixture_setup(state);
    struct config *config = fixture.config;
    config->settings.users = USERS_SERVERS;
    struct user_config *users = arena_alloc(&config->arena, 3 * sizeof *users);
    memcpy(users, config->users, 2 * sizeof *users);
    users[2] = (struct user_config){.id = 2,
                                    .name = "",
                                    .from = "",
                                    .server_user = "",
                                    .server_password = "",
                                    .default_schema = "",
                                    .require_subject = "",
                                    .require_issuer = "",
                                    .require_cipher = "",
                                    .has_empty_password = true,
                                    .is_from_servers = true};
    uint16_t *by_name = arena_alloc(&config->arena, 3 * sizeof *by_name);
    by_name[0] = 2;
    memcpy(by_name + 1, config->users_by_name, 2 * sizeof *by_name);
    config->users = users;
    config->users_by_name = by_name;
    config->user_count = 3;
    return 0;
}

static void login_without_password(const char *user)
{
    struct text packet;
    struct greeting greeting;
    struct error error;
    assert_true(greeting_read(fixture_packet(), &greeting, &error));
    struct login login = {.capabilities = CAP_PROTOCOL_41 | CAP_SECURE_CONNECTION | CAP_PLUGIN_AUTH,
                          .collation_id = 45,
                          .user = slice_of_string(user),
                          .plugin = slice_of_string("mysql_native_password")};
    text_init(&packet);
    uint8_t sequence = 1;
    size_t place = packet_begin(&packet);
    login_write(&packet, &login);
    packet_end(&packet, place, &sequence);
    fixture_send(packet.ptr, packet.len);
    text_done(&packet);
}

static void test_who_is_not_known_may_be_somebody(void **state)
{
    (void)state;
    login_without_password("new");
    assert_false(is_answered());
    assert_int_equal(fixture.doubts, 1);
    accounts_are_read();
    (void)fixture_client_ok();
    assert_string_equal(session_user(fixture_session())->name, "");
    assert_int_equal(fixture.doubts, 1);
}

static void test_who_has_no_name_is_nobody(void **state)
{
    (void)state;
    login_without_password("");
    (void)fixture_client_ok();
    assert_int_equal(fixture.doubts, 0);
}

// Read since this log-in began: nothing is newer.
static void test_once_is_enough_for_all(void **state)
{
    (void)state;
    accounts_are_read();
    login_without_password("new");
    (void)fixture_client_ok();
    assert_int_equal(fixture.doubts, 0);
}

int main(void)
{
#define IN(test)        cmocka_unit_test_setup_teardown(test, start, fixture_teardown)
#define ANONYMOUS(test) cmocka_unit_test_setup_teardown(test, start_anonymous, fixture_teardown)
    const struct CMUnitTest tests[] = {
        IN(test_the_ok_waits),
        IN(test_not_for_ever),
        IN(test_another_shard_is_not_read),
        IN(test_errors_do_not_wait),
        IN(test_accounts_of_the_file_do_not_wait),
        IN(test_a_client_that_goes),
        ANONYMOUS(test_who_is_not_known_may_be_somebody),
        ANONYMOUS(test_who_has_no_name_is_nobody),
        ANONYMOUS(test_once_is_enough_for_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
