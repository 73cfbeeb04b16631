// The log-in as a machine of bytes: every way that a server may ask, in whole packets and byte by
// byte.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "pool/pool_impl.h"
#include "protocol/auth_native.h"
#include "protocol/auth_sha2.h"
#include "protocol/handshake.h"
#include "protocol/packet.h"
#include "protocol/reply.h"

static const char nonce[] = "abcdefghijklmnopqrst";
static const char other_nonce[] = "ABCDEFGHIJKLMNOPQRST";

static struct backend_login login;
static struct text in, out;
static struct error error;
static uint8_t sequence;

static int start(void **state)
{
    (void)state;
    backend_login_init(&login, CAP_DEPRECATE_EOF);
    login.user = slice_of_string("app");
    login.password = password_of("secret");
    text_init(&in);
    text_init(&out);
    memset(&error, 0, sizeof error);
    sequence = 0;
    return 0;
}

static int finish(void **state)
{
    (void)state;
    backend_login_done(&login);
    text_done(&in);
    text_done(&out);
    return 0;
}

// Hands over what is in `in` as one packet's payload, byte by byte.
static enum backend_login_result feed(void)
{
    struct text packet;
    enum backend_login_result result = LOGIN_MORE;
    text_init(&packet);
    packet_append(&packet, text_slice(&in), &sequence);
    for (size_t i = 0; i < packet.len; i++) {
        assert_int_equal(result, LOGIN_MORE);
        result = backend_login_feed(&login, slice_of(packet.ptr + i, 1), &out, &error);
    }
    text_done(&packet);
    in.len = 0;
    return result;
}

// The payload of the one packet that was sent; counts its sequence number.
static struct slice sent(void)
{
    assert_true(out.len >= 4);
    assert_int_equal(packet_sequence(out.ptr), sequence);
    assert_int_equal(packet_payload_bytes(out.ptr) + 4, out.len);
    sequence++;
    size_t len = out.len - 4;
    out.len = 0;
    return slice_of(out.ptr + 4, len);
}

static void greet(const char *version, uint64_t capabilities, const char *plugin)
{
    struct greeting greeting = {
        .version = slice_of_string(version),
        .connection_id = 77,
        .capabilities = capabilities,
        .plugin = slice_of_string(plugin),
    };
    memcpy(greeting.nonce, nonce, NONCE_BYTES);
    greeting_write(&in, &greeting);
    (void)feed();
}

static enum backend_login_result say_ok(void)
{
    struct ok_packet ok = {.status = STATUS_AUTOCOMMIT};
    ok_write(&in, &ok);
    return feed();
}

static void expect_native(struct slice answer, const char *with_nonce)
{
    uint8_t proof[NATIVE_BYTES];
    size_t len = 0;
    auth_native_answer(login.password.clear, (const uint8_t *)with_nonce, proof, &len);
    assert_true(slice_equal(answer, slice_of(proof, len)));
}

static void logs_in_with_native_password(void **state)
{
    (void)state;
    struct login said;
    greet("5.5.5-10.11.19-MariaDB", 0x81fffffe, "mysql_native_password");
    assert_true(login_read(sent(), &said));
    assert_true(slice_equal(said.user, slice_of_string("app")));
    assert_true(said.capabilities & CAP_DEPRECATE_EOF);
    assert_false(said.capabilities & CAP_FOUND_ROWS);
    assert_false(said.capabilities & CAP_SESSION_TRACK);
    assert_true(said.capabilities & CAP_MULTI_STATEMENTS);
    expect_native(said.auth, nonce);
    assert_int_equal(say_ok(), LOGIN_DONE);
    assert_true(login.is_mariadb);
    assert_int_equal(login.version, 101119);
    assert_int_equal(login.connection_id, 77);
    assert_int_equal(login.status, STATUS_AUTOCOMMIT);
}

static void changes_the_plugin(void **state)
{
    (void)state;
    greet("8.0.36", 0xdfffffff, "caching_sha2_password");
    (void)sent();
    auth_switch_write(&in, slice_of_string("mysql_native_password"), (const uint8_t *)other_nonce);
    assert_int_equal(feed(), LOGIN_MORE);
    expect_native(sent(), other_nonce);
    assert_int_equal(say_ok(), LOGIN_DONE);
    assert_false(login.is_mariadb);
    assert_int_equal(login.version, 80036);
}

static void logs_in_with_sha2_on_the_fast_path(void **state)
{
    (void)state;
    struct login said;
    uint8_t proof[SHA2_BYTES];
    size_t len = 0;
    greet("8.0.36", 0xdfffffff, "caching_sha2_password");
    assert_true(login_read(sent(), &said));
    auth_sha2_answer(login.password.clear, (const uint8_t *)nonce, proof, &len);
    assert_true(slice_equal(said.auth, slice_of(proof, len)));
    text_add(&in, "\x01\x03", 2);
    assert_int_equal(feed(), LOGIN_MORE);
    assert_int_equal(say_ok(), LOGIN_DONE);
}

static void asks_for_the_key_on_the_full_path(void **state)
{
    (void)state;
    greet("8.0.36", 0xdfffffff, "caching_sha2_password");
    (void)sent();
    text_add(&in, "\x01\x04", 2);
    assert_int_equal(feed(), LOGIN_MORE);
    struct slice request = sent();
    assert_int_equal(request.len, 1);
    assert_int_equal(request.ptr[0], 2);
    text_add_string(&in, "\x01no key at all");
    assert_int_equal(feed(), LOGIN_FAILED);
    assert_true(error_is_set(&error));
}

static void says_why_it_failed(void **state)
{
    (void)state;
    struct error denied;
    greet("5.5.5-10.11.19-MariaDB", 0x81fffffe, "mysql_native_password");
    (void)sent();
    error_set(&denied, 1045, "28000", "Access denied for user 'app'");
    error_write(&in, &denied);
    assert_int_equal(feed(), LOGIN_FAILED);
    assert_int_equal(error.code, 1045);
    assert_string_equal(error.text, "Access denied for user 'app'");
}

static void a_full_server_says_so_instead_of_greeting(void **state)
{
    (void)state;
    struct error full;
    error_set(&full, 1040, "08004", "Too many connections");
    error_write(&in, &full);
    assert_int_equal(feed(), LOGIN_FAILED);
    assert_int_equal(error.code, 1040);
}

static void refuses_what_it_can_t_speak(void **state)
{
    (void)state;
    greet("5.5.5-10.11.19-MariaDB", 0x81fffffe, "mysql_native_password");
    (void)sent();
    auth_switch_write(&in, slice_of_string("auth_gssapi_client"), (const uint8_t *)nonce);
    assert_int_equal(feed(), LOGIN_FAILED);
    assert_non_null(strstr(error.text, "auth_gssapi_client"));
}

static void refuses_a_server_that_lacks_the_class(void **state)
{
    (void)state;
    greet("5.6.50", 0x807ff7ff, "mysql_native_password"); // no DEPRECATE_EOF
    assert_true(error_is_set(&error));
}

static void refuses_rubbish(void **state)
{
    (void)state;
    assert_int_equal(backend_login_feed(&login, slice_of("\xff\xff\xff\x00", 4), &out, &error),
                     LOGIN_FAILED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(logs_in_with_native_password),
        TEST(changes_the_plugin),
        TEST(logs_in_with_sha2_on_the_fast_path),
        TEST(asks_for_the_key_on_the_full_path),
        TEST(says_why_it_failed),
        TEST(a_full_server_says_so_instead_of_greeting),
        TEST(refuses_what_it_can_t_speak),
        TEST(refuses_a_server_that_lacks_the_class),
        TEST(refuses_rubbish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
