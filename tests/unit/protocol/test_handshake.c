// Greeting, login and plugin switch: real ones and round trips.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "protocol/handshake.h"

static const uint8_t nonce[NONCE_BYTES] = "abcdefghijklmnopqrst";

static void test_greeting(void **state)
{
    (void)state;
    struct greeting greeting = {.version = slice_of_string("5.5.5-10.11.19-MariaDB"),
                                .connection_id = 77,
                                .capabilities = (CAP_OFFERED & ~CAP_LONG_PASSWORD) | CAP_PROGRESS |
                                                CAP_STMT_BULK,
                                .collation_id = 45,
                                .status = STATUS_AUTOCOMMIT,
                                .plugin = slice_of_string("mysql_native_password")};
    memcpy(greeting.nonce, nonce, NONCE_BYTES);
    struct text out;
    text_init(&out);
    greeting_write(&out, &greeting);
    struct greeting found;
    struct error error;
    assert_true(greeting_read(text_slice(&out), &found, &error));
    assert_true(slice_equal(found.version, greeting.version));
    assert_int_equal(found.connection_id, 77);
    assert_int_equal(found.capabilities, greeting.capabilities);
    assert_int_equal(found.collation_id, 45);
    assert_int_equal(found.status, STATUS_AUTOCOMMIT);
    assert_memory_equal(found.nonce, nonce, NONCE_BYTES);
    assert_true(slice_equal(found.plugin, greeting.plugin));
    for (size_t len = 0; len < out.len - greeting.plugin.len - 2; len++) {
        assert_false(greeting_read(slice_of(out.ptr, len), &found, &error));
        assert_int_equal(error.code, 1043);
    }
    text_done(&out);
}

static void test_greeting_may_be_an_error(void **state)
{
    (void)state;
    struct greeting greeting;
    struct error error;
    assert_false(
        greeting_read(slice_of("\xff\x10\x04Too many connections", 23), &greeting, &error));
    assert_int_equal(error.code, 1040);
    assert_string_equal(error.text, "Too many connections");
    assert_false(greeting_read(slice_of("\xff", 1), &greeting, &error));
    assert_int_equal(error.code, 1043);
    assert_false(greeting_read(slice_of("HTTP/1.1 400 Bad Request", 24), &greeting, &error));
    assert_int_equal(error.code, 1043);
}

static struct login a_login(uint32_t more)
{
    return (struct login){.zstd_level = 7,
                          .capabilities = CAP_PROTOCOL_41 | CAP_SECURE_CONNECTION | more,
                          .max_packet = 1 << 24,
                          .collation_id = 33,
                          .user = slice_of_string("app"),
                          .auth = slice_of(nonce, NONCE_BYTES),
                          .database = slice_of_string("shop"),
                          .plugin = slice_of_string("caching_sha2_password"),
                          .attributes = slice_of("\1a\1b", 4)};
}

static void check_login(uint32_t more)
{
    struct login login = a_login(more), found;
    struct text out;
    text_init(&out);
    login_write(&out, &login);
    assert_true(login_read(text_slice(&out), &found));
    assert_int_equal(found.capabilities, login.capabilities);
    assert_int_equal(found.max_packet, login.max_packet);
    assert_int_equal(found.collation_id, 33);
    assert_true(slice_equal(found.user, login.user));
    assert_true(slice_equal(found.auth, login.auth));
    assert_int_equal(found.database.len, more & CAP_CONNECT_WITH_DB ? 4 : 0);
    assert_int_equal(found.plugin.len, more & CAP_PLUGIN_AUTH ? 21 : 0);
    assert_int_equal(found.attributes.len, more & CAP_CONNECT_ATTRS ? 4 : 0);
    assert_int_equal(found.zstd_level, more & CAP_ZSTD ? 7 : 0);
    text_done(&out);
}

static void test_login(void **state)
{
    (void)state;
    check_login(0);
    check_login(CAP_CONNECT_WITH_DB);
    check_login(CAP_PLUGIN_AUTH);
    check_login(CAP_PLUGIN_AUTH_LENENC | CAP_PLUGIN_AUTH | CAP_CONNECT_WITH_DB);
    check_login(CAP_PLUGIN_AUTH_LENENC | CAP_PLUGIN_AUTH | CAP_CONNECT_WITH_DB | CAP_CONNECT_ATTRS);
    check_login(CAP_PLUGIN_AUTH | CAP_CONNECT_ATTRS | CAP_ZSTD);
}

static void test_login_cut_short(void **state)
{
    (void)state;
    struct login login = a_login(CAP_PLUGIN_AUTH), found;
    struct text out;
    text_init(&out);
    login_write(&out, &login);
    // Some clients end the last string with the packet, not with a NUL.
    assert_true(login_read(slice_of(out.ptr, out.len - 1), &found));
    assert_true(slice_equal(found.plugin, login.plugin));
    for (size_t len = 0; len < 32 + 4 + 21; len++) {
        assert_false(login_read(slice_of(out.ptr, len), &found));
    }
    text_done(&out);
}

static void test_tls_request(void **state)
{
    (void)state;
    struct login login = a_login(CAP_PLUGIN_AUTH), found;
    login.wants_tls = true;
    struct text out;
    text_init(&out);
    login_write(&out, &login);
    assert_int_equal(out.len, 32);
    assert_true(login_read(text_slice(&out), &found));
    assert_true(found.wants_tls);
    assert_int_equal(found.user.len, 0);
    text_done(&out);
}

static void test_class_names(void **state)
{
    (void)state;
    char text[CAPABILITY_CLASS_BYTES];
    capability_print_class(CAP_LONG_PASSWORD | CAP_IGNORE_SPACE, text);
    assert_string_equal(text, "");
    capability_print_class(CAP_DEPRECATE_EOF | CAP_FOUND_ROWS, text);
    assert_string_equal(text, "no_eof found_rows");
    for (int bit = 0; bit < 64; bit++) { // each of them has a name
        capability_print_class(1ull << bit, text);
        assert_int_equal(text[0] != '\0', (CAP_CLASS >> bit & 1) != 0);
    }
}

static void test_auth_switch(void **state)
{
    (void)state;
    struct text out;
    text_init(&out);
    auth_switch_write(&out, slice_of_string("mysql_native_password"), nonce);
    struct slice plugin, found;
    assert_true(auth_switch_read(text_slice(&out), &plugin, &found));
    assert_true(slice_equal(plugin, slice_of_string("mysql_native_password")));
    assert_int_equal(found.len, NONCE_BYTES + 1);
    assert_memory_equal(found.ptr, nonce, NONCE_BYTES);
    assert_true(auth_switch_read(slice_of("\xfemysql_clear_password\0", 22), &plugin, &found));
    assert_int_equal(found.len, 0);
    assert_false(auth_switch_read(slice_of("\xfe", 1), &plugin, &found)); // before MySQL 4.1
    text_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_greeting),    cmocka_unit_test(test_greeting_may_be_an_error),
        cmocka_unit_test(test_login),       cmocka_unit_test(test_login_cut_short),
        cmocka_unit_test(test_tls_request), cmocka_unit_test(test_auth_switch),
        cmocka_unit_test(test_class_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
