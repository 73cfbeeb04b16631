// What a log-in is to reach beside the account: TLS by each mode, compression; and servers that
// mean harm in between.

#include "tests/unit/pool/login_bench.h"

#include "protocol/compress.h"

static const uint64_t mariadb = 0x81fffffe; // with SSL and COMPRESS
static const uint64_t mysql = 0xdfffffff;   // ... and ZSTD

static struct login said;

static void expect_request(void)
{
    assert_true(login_read(sent(), &said));
    assert_true(said.wants_tls);
    assert_true(said.capabilities & CAP_SSL);
    assert_true(said.capabilities & CAP_DEPRECATE_EOF);
    assert_int_equal(login.next_sequence, 2);
}

static void expect_login(void)
{
    assert_true(login_read(sent(), &said));
    assert_false(said.wants_tls);
    assert_true(slice_equal(said.user, slice_of_string("app")));
}

static enum backend_login_result secure(void)
{
    return backend_login_secure(&login, &wish, &out, &error);
}

static void tls_before_the_log_in(void **state)
{
    (void)state;
    for (int mode = TLS_PREFERRED; mode <= TLS_VERIFY_IDENTITY; mode++) {
        wish.tls = (enum tls_mode)mode;
        assert_int_equal(greet("5.5.5-10.11.19-MariaDB", mariadb, "mysql_native_password"),
                         LOGIN_BEGIN_TLS);
        expect_request();
        assert_false(login.is_secure);
        assert_int_equal(secure(), LOGIN_MORE);
        assert_true(login.is_secure);
        expect_login();
        assert_true(said.capabilities & CAP_SSL);
        assert_int_equal(say_ok(), LOGIN_DONE);
        (void)finish(NULL);
        (void)start(NULL);
    }
}

static void no_tls_unless_it_is_wanted(void **state)
{
    (void)state;
    assert_int_equal(greet("8.0.36", mysql, "mysql_native_password"), LOGIN_MORE);
    expect_login();
    assert_false(said.capabilities & CAP_SSL);
    assert_int_equal(say_ok(), LOGIN_DONE);
}

static void preferred_goes_on_without(void **state)
{
    (void)state;
    wish.tls = TLS_PREFERRED;
    assert_int_equal(greet("8.0.36", mysql & ~CAP_SSL, "mysql_native_password"), LOGIN_MORE);
    expect_login();
    assert_false(said.capabilities & CAP_SSL);
    assert_false(login.is_secure);
}

static void the_others_do_not(void **state)
{
    (void)state;
    for (int mode = TLS_REQUIRED; mode <= TLS_VERIFY_IDENTITY; mode++) {
        wish.tls = (enum tls_mode)mode;
        assert_int_equal(greet("8.0.36", mysql & ~CAP_SSL, "mysql_native_password"), LOGIN_FAILED);
        assert_int_equal(error.code, ER_CONNECT_SERVER);
        assert_non_null(strstr(error.text, "'s1': it offers no TLS"));
        assert_int_equal(out.len, 0); // nobody was told who wanted to come in
        (void)finish(NULL);
        (void)start(NULL);
    }
}

// Whoever sits between the two could put them there.
static void nothing_comes_before_tls(void **state)
{
    (void)state;
    wish.tls = TLS_REQUIRED;
    (void)greet("8.0.36", mysql, "mysql_native_password");
    assert_int_equal(backend_login_feed(&login, &wish, slice_of("", 1), &out, &error),
                     LOGIN_FAILED);
    assert_int_equal(error.code, ER_HANDSHAKE);
}

static void nothing_comes_with_the_greeting(void **state)
{
    (void)state;
    struct greeting greeting = {.version = slice_of_string("8.0.36"),
                                .capabilities = mysql,
                                .plugin = slice_of_string("mysql_native_password")};
    struct text packets;
    uint8_t number = 0;
    wish.tls = TLS_PREFERRED;
    text_init(&packets);
    greeting_write(&in, &greeting);
    packet_append(&packets, text_slice(&in), &number);
    text_add_string(&packets, "x");
    assert_int_equal(backend_login_feed(&login, &wish, text_slice(&packets), &out, &error),
                     LOGIN_FAILED);
    assert_int_equal(error.code, ER_HANDSHAKE);
    text_done(&packets);
}

static void a_clear_password_waits_for_tls(void **state)
{
    (void)state;
    wish.tls = TLS_REQUIRED;
    (void)greet("8.0.36", mysql, "mysql_clear_password");
    expect_request();
    assert_int_equal(secure(), LOGIN_MORE);
    (void)sent();
    text_add(&in, "\xfemysql_clear_password", 22);
    assert_int_equal(feed(), LOGIN_MORE);
    assert_true(slice_equal(sent(), slice_of("secret", 7)));
}

static void expect_compression(uint64_t wanted, uint64_t offered, uint64_t agreed)
{
    wish.compression = wanted;
    assert_int_equal(
        greet("8.0.36", (mysql & ~(CAP_COMPRESS | CAP_ZSTD)) | offered, "mysql_native_password"),
        LOGIN_MORE);
    expect_login();
    assert_int_equal(said.capabilities & (CAP_COMPRESS | CAP_ZSTD), agreed);
    assert_int_equal(login.capabilities & (CAP_COMPRESS | CAP_ZSTD), agreed);
    assert_int_equal(said.zstd_level, agreed == CAP_ZSTD ? COMPRESS_ZSTD_LEVEL : 0);
    assert_int_equal(say_ok(), LOGIN_DONE);
    (void)finish(NULL);
    (void)start(NULL);
}

static void the_best_compression_of_both(void **state)
{
    (void)state;
    const uint64_t both = CAP_COMPRESS | CAP_ZSTD;
    expect_compression(0, both, 0);
    expect_compression(CAP_COMPRESS, both, CAP_COMPRESS);
    expect_compression(CAP_COMPRESS, CAP_ZSTD, 0);
    expect_compression(both, both, CAP_ZSTD);
    expect_compression(both, CAP_COMPRESS, CAP_COMPRESS);
    expect_compression(both, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tls_before_the_log_in),          TEST(no_tls_unless_it_is_wanted),
        TEST(preferred_goes_on_without),      TEST(the_others_do_not),
        TEST(nothing_comes_before_tls),       TEST(nothing_comes_with_the_greeting),
        TEST(a_clear_password_waits_for_tls), TEST(the_best_compression_of_both),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
