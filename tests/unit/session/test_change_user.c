// COM_CHANGE_USER, whose collation has two bytes where the log-in's has one.

#include "tests/unit/session/session_fixture.h"

enum { SWITCH_NONCE_AT = 1 + sizeof "mysql_native_password" };

static void change_user(uint16_t collation_id)
{
    static const char user[] = "app\0\0shop"; // no proof yet: it is asked for
    static const char plugin[] = "mysql_native_password";
    struct text argument;
    text_init(&argument);
    text_add(&argument, user, sizeof user);
    write_u16(&argument, collation_id);
    text_add(&argument, plugin, sizeof plugin);
    fixture_command(COM_CHANGE_USER, text_slice(&argument));
    text_done(&argument);
    struct slice asked = fixture_packet();
    assert_int_equal(asked.ptr[0], 0xfe);
    assert_true(asked.len >= SWITCH_NONCE_AT + NONCE_BYTES);
    uint8_t proof[NATIVE_BYTES];
    size_t proof_len = 0;
    auth_native_answer(slice_of_string("pw"), asked.ptr + SWITCH_NONCE_AT, proof, &proof_len);
    struct text packet;
    text_init(&packet);
    uint8_t sequence = 2;
    packet_append(&packet, slice_of(proof, proof_len), &sequence);
    fixture_send(packet.ptr, packet.len);
    text_done(&packet);
    (void)fixture_client_ok();
}

static void expect_names(const char *wanted)
{
    struct slice names = state_find_variable(&fixture_session()->carried, slice_of_string("names"));
    char got[100];
    snprintf(got, sizeof got, "%.*s", (int)names.len, (const char *)names.ptr);
    assert_string_equal(got, wanted);
}

// MariaDB falls back to its default for what it doesn't know: MySQL's 255 to 323.
static void test_foreign_collations(void **state)
{
    (void)state;
    static const uint16_t foreign[] = {255, 309, 310, 323};
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        change_user(foreign[i]);
        expect_names("utf8mb4");
    }
    change_user(8);
    expect_names("'latin1' COLLATE 'latin1_swedish_ci'");
}

static void test_collations_of_mysql(void **state)
{
    (void)state;
    fixture.snapshot->is_mariadb = false;
    change_user(323);
    expect_names("'utf8mb4' COLLATE 'utf8mb4_mn_cyrl_0900_as_cs'");
}

int main(void)
{
#define IN(test) cmocka_unit_test_setup_teardown(test, fixture_setup_logged_in, fixture_teardown)
    const struct CMUnitTest tests[] = {
        IN(test_foreign_collations),
        IN(test_collations_of_mysql),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
