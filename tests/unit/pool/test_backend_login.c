// The log-in as a machine of bytes: every way that a server may ask, in whole packets and byte by
// byte.

#include "tests/unit/pool/login_bench.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

static const char other_nonce[] = "ABCDEFGHIJKLMNOPQRST";

static void expect_native(struct slice answer, const char *with_nonce)
{
    uint8_t proof[NATIVE_BYTES];
    size_t len = 0;
    auth_native_answer(wish.password.clear, (const uint8_t *)with_nonce, proof, &len);
    assert_true(slice_equal(answer, slice_of(proof, len)));
}

static void logs_in_with_native_password(void **state)
{
    (void)state;
    struct login said;
    (void)greet("5.5.5-10.11.19-MariaDB", 0x81fffffe, "mysql_native_password");
    assert_true(login_read(sent(), &said));
    assert_true(slice_equal(said.user, slice_of_string("app")));
    assert_true(said.capabilities & CAP_DEPRECATE_EOF);
    assert_false(said.capabilities & CAP_FOUND_ROWS);
    assert_false(said.capabilities & CAP_SESSION_TRACK);
    assert_false(said.capabilities & CAP_MULTI_STATEMENTS);
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
    (void)greet("8.0.36", 0xdfffffff, "caching_sha2_password");
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
    (void)greet("8.0.36", 0xdfffffff, "caching_sha2_password");
    assert_true(login_read(sent(), &said));
    auth_sha2_answer(wish.password.clear, (const uint8_t *)nonce, proof, &len);
    assert_true(slice_equal(said.auth, slice_of(proof, len)));
    text_add(&in, "\x01\x03", 2);
    assert_int_equal(feed(), LOGIN_MORE);
    assert_int_equal(say_ok(), LOGIN_DONE);
}

// A server's RSA key, for the plugins that want the password itself.
static EVP_PKEY *make_key(struct text *pem)
{
    EVP_PKEY *key = EVP_RSA_gen(2048);
    BIO *memory = BIO_new(BIO_s_mem());
    char *bytes = NULL;
    PEM_write_bio_PUBKEY(memory, key);
    long len = BIO_get_mem_data(memory, &bytes);
    text_add(pem, bytes, (size_t)len);
    BIO_free(memory);
    return key;
}

static void expect_sealed(struct slice sealed, EVP_PKEY *key, const char *with_nonce)
{
    uint8_t plain[256];
    size_t len = sizeof plain;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    assert_int_equal(EVP_PKEY_decrypt_init(context), 1);
    EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING);
    assert_int_equal(EVP_PKEY_decrypt(context, plain, &len, sealed.ptr, sealed.len), 1);
    EVP_PKEY_CTX_free(context);
    assert_int_equal(len, sizeof "secret");
    for (size_t i = 0; i < len; i++) {
        assert_int_equal(plain[i] ^ with_nonce[i % NONCE_BYTES], "secret"[i]);
    }
}

static enum backend_login_result ask(const char *plugin, const char *with_nonce, size_t len)
{
    text_add(&in, "\xfe", 1);
    text_add(&in, plugin, strlen(plugin) + 1);
    text_add(&in, with_nonce, len);
    return feed();
}

static void greet_natively(void)
{
    (void)greet("5.5.5-10.11.19-MariaDB", 0x81fffffe, "mysql_native_password");
    (void)sent();
}

static void seals_the_password_on_the_full_path(void **state)
{
    (void)state;
    (void)greet("8.0.36", 0xdfffffff, "caching_sha2_password");
    (void)sent();
    text_add(&in, "\x01\x04", 2);
    assert_int_equal(feed(), LOGIN_MORE);
    assert_true(slice_equal(sent(), slice_of("\x02", 1)));
    text_add(&in, "\x01", 1);
    EVP_PKEY *key = make_key(&in);
    assert_int_equal(feed(), LOGIN_MORE);
    expect_sealed(sent(), key, nonce);
    EVP_PKEY_free(key);
    assert_int_equal(say_ok(), LOGIN_DONE);
}

static void refuses_a_bad_key(void **state)
{
    (void)state;
    (void)greet("8.0.36", 0xdfffffff, "caching_sha2_password");
    (void)sent();
    text_add(&in, "\x01\x04", 2);
    assert_int_equal(feed(), LOGIN_MORE);
    (void)sent();
    text_add_string(&in, "\x01no key at all");
    assert_int_equal(feed(), LOGIN_FAILED);
    assert_non_null(strstr(error.text, "public key"));
}

static void over_tls_the_password_goes_as_it_is(void **state)
{
    (void)state;
    login.is_secure = true;
    (void)greet("8.0.36", 0xdfffffff, "caching_sha2_password");
    (void)sent();
    text_add(&in, "\x01\x04", 2);
    assert_int_equal(feed(), LOGIN_MORE);
    assert_true(slice_equal(sent(), slice_of("secret", 7)));
    assert_int_equal(say_ok(), LOGIN_DONE);
}

static void logs_in_with_sha256(void **state)
{
    (void)state;
    struct login said;
    (void)greet("5.7.44", 0xc1ffffff, "sha256_password");
    assert_true(login_read(sent(), &said));
    assert_true(slice_equal(said.auth, slice_of("\x01", 1)));
    text_add(&in, "\x01", 1);
    EVP_PKEY *key = make_key(&in);
    assert_int_equal(feed(), LOGIN_MORE);
    expect_sealed(sent(), key, nonce);
    EVP_PKEY_free(key);
    assert_int_equal(say_ok(), LOGIN_DONE);
}

static void logs_in_with_sha256_over_tls(void **state)
{
    (void)state;
    login.is_secure = true;
    greet_natively();
    assert_int_equal(ask("sha256_password", other_nonce, 21), LOGIN_MORE);
    assert_true(slice_equal(sent(), slice_of("secret", 7)));
    assert_int_equal(say_ok(), LOGIN_DONE);
}

static void logs_in_with_ed25519(void **state)
{
    (void)state;
    static const char challenge[] = "abcdefghijklmnopqrstuvwxyz012345";
    uint8_t key[ED25519_KEY_BYTES];
    greet_natively();
    assert_int_equal(ask("client_ed25519", challenge, ED25519_NONCE_BYTES), LOGIN_MORE);
    auth_ed25519_public_key(wish.password.clear, key);
    assert_true(auth_ed25519_check(sent(), (const uint8_t *)challenge, key));
    assert_int_equal(say_ok(), LOGIN_DONE);
}

static void a_clear_password_goes_over_tls_only(void **state)
{
    (void)state;
    greet_natively();
    assert_int_equal(ask("mysql_clear_password", "", 0), LOGIN_FAILED);
    assert_int_equal(out.len, 0);
    assert_non_null(strstr(error.text, "over TLS only"));
}

static void a_clear_password_goes_over_tls(void **state)
{
    (void)state;
    login.is_secure = true;
    greet_natively();
    assert_int_equal(ask("mysql_clear_password", "", 0), LOGIN_MORE);
    assert_true(slice_equal(sent(), slice_of("secret", 7)));
    assert_int_equal(say_ok(), LOGIN_DONE);
}

static void an_empty_password_is_said_as_libmysqlclient_says_it(void **state)
{
    (void)state;
    struct login said;
    wish.password = password_of("");
    (void)greet("8.0.36", 0xdfffffff, "caching_sha2_password");
    assert_true(login_read(sent(), &said));
    assert_true(slice_equal(said.auth, slice_of("", 1)));
    assert_int_equal(ask("sha256_password", other_nonce, 21), LOGIN_MORE);
    assert_true(slice_equal(sent(), slice_of("", 1)));
    assert_int_equal(ask("mysql_native_password", other_nonce, 21), LOGIN_MORE);
    assert_int_equal(sent().len, 0);
    assert_int_equal(say_ok(), LOGIN_DONE);
}

// ---- only a hash is known

static void a_hash_is_enough_for_its_own_plugin(void **state)
{
    (void)state;
    struct login said;
    uint8_t sha1[NATIVE_BYTES], sha256[SHA2_BYTES], proof[SHA2_BYTES];
    size_t len = 0;
    struct slice secret = slice_of_string("secret");
    auth_native_hash_once(secret, sha1);
    auth_sha2_hash_once(secret, sha256);
    wish.password = (struct password){.sha1 = sha1};
    // The server's own plugin can't be had: it is offered the other one, and asks for the
    // account's.
    (void)greet("8.0.36", 0xdfffffff, "caching_sha2_password");
    assert_true(login_read(sent(), &said));
    assert_true(slice_equal(said.plugin, slice_of_string("mysql_native_password")));
    auth_native_answer(secret, (const uint8_t *)nonce, proof, &len);
    assert_true(slice_equal(said.auth, slice_of(proof, len)));
    wish.password = (struct password){.sha256 = sha256};
    assert_int_equal(ask("caching_sha2_password", other_nonce, 21), LOGIN_MORE);
    auth_sha2_answer(secret, (const uint8_t *)other_nonce, proof, &len);
    assert_true(slice_equal(sent(), slice_of(proof, len)));
    text_add(&in, "\x01\x04", 2); // not in the server's cache
    assert_int_equal(feed(), LOGIN_FAILED);
    assert_int_equal(error.code, ER_NO_SERVER_PASSWORD);
    assert_non_null(strstr(error.text, "caching_sha2_password"));
}

static void a_hash_is_not_enough_for_the_others(void **state)
{
    (void)state;
    static const char *const others[] = {"caching_sha2_password", "sha256_password",
                                         "client_ed25519", "mysql_clear_password"};
    static const char long_nonce[] = "abcdefghijklmnopqrstuvwxyz012345";
    for (size_t i = 0; i < 4; i++) {
        uint8_t sha1[NATIVE_BYTES] = {0};
        (void)finish(NULL);
        (void)start(NULL);
        wish.password = (struct password){.sha1 = sha1};
        greet_natively();
        assert_int_equal(ask(others[i], long_nonce, 32), LOGIN_FAILED);
        assert_int_equal(error.code, ER_NO_SERVER_PASSWORD);
        assert_non_null(strstr(error.text, others[i]));
        assert_int_equal(out.len, 0);
    }
}

// ---- hostile servers

static void nonces_that_are_too_short_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"mysql_native_password", "caching_sha2_password",
                                        "sha256_password", "client_ed25519"};
    for (size_t i = 0; i < 4; i++) {
        for (size_t len = 0; len < (i < 3 ? NONCE_BYTES : ED25519_NONCE_BYTES); len++) {
            (void)finish(NULL);
            (void)start(NULL);
            greet_natively();
            assert_int_equal(ask(names[i], "abcdefghijklmnopqrstuvwxyz012345", len), LOGIN_FAILED);
            assert_non_null(strstr(error.text, "too short"));
        }
    }
}

static void an_absurdly_long_nonce_does_no_harm(void **state)
{
    (void)state;
    char lots[5000];
    memset(lots, 'x', sizeof lots);
    greet_natively();
    assert_int_equal(ask("mysql_native_password", lots, sizeof lots), LOGIN_MORE);
    expect_native(sent(), lots);
    assert_int_equal(say_ok(), LOGIN_DONE);
}

// An account may have several plugins, and each is asked for; but not for ever.
static void switches_come_to_an_end(void **state)
{
    (void)state;
    greet_natively();
    int switches = 0;
    while (ask("mysql_native_password", other_nonce, 21) == LOGIN_MORE) {
        (void)sent();
        switches++;
        assert_true(switches < 100);
    }
    assert_true(switches >= 8);
    assert_non_null(strstr(error.text, "asks and asks"));
}

static void more_bytes_come_to_an_end(void **state)
{
    (void)state;
    int rounds = 0;
    enum backend_login_result result = LOGIN_MORE;
    (void)greet("8.0.36", 0xdfffffff, "caching_sha2_password");
    (void)sent();
    while (result == LOGIN_MORE) {
        text_add(&in, "\x01\x03", 2);
        result = feed();
        assert_true(rounds++ < 100);
    }
    assert_int_equal(result, LOGIN_FAILED);
}

static void refuses_bytes_that_nobody_asked_for(void **state)
{
    (void)state;
    greet_natively();
    text_add(&in, "\x01\x04", 2); // native has no more to say
    assert_int_equal(feed(), LOGIN_FAILED);
}

static void names_what_it_can_t_speak(void **state)
{
    (void)state;
    greet_natively();
    text_add(&in, "\xfe", 1);
    assert_int_equal(feed(), LOGIN_FAILED);
    assert_non_null(strstr(error.text, "mysql_old_password"));
    (void)finish(NULL);
    (void)start(NULL);
    greet_natively();
    text_add_string(&in, "\x02webauthn_client");
    assert_int_equal(feed(), LOGIN_FAILED);
    assert_non_null(strstr(error.text, "second factor"));
}

static void says_why_it_failed(void **state)
{
    (void)state;
    struct error denied;
    (void)greet("5.5.5-10.11.19-MariaDB", 0x81fffffe, "mysql_native_password");
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
    (void)greet("5.5.5-10.11.19-MariaDB", 0x81fffffe, "mysql_native_password");
    (void)sent();
    auth_switch_write(&in, slice_of_string("auth_gssapi_client"), (const uint8_t *)nonce);
    assert_int_equal(feed(), LOGIN_FAILED);
    assert_non_null(strstr(error.text, "auth_gssapi_client"));
}

static void speaks_as_mariadb_when_the_class_needs_it(void **state)
{
    (void)state;
    struct login said;
    wish.capability_class = CAP_DEPRECATE_EOF | CAP_STMT_BULK;
    (void)greet("5.5.5-10.11.19-MariaDB", 0x1d81fffffe, "mysql_native_password");
    assert_true(login_read(sent(), &said));
    assert_false(said.capabilities & CAP_LONG_PASSWORD);
    assert_true(said.capabilities & CAP_STMT_BULK);
    assert_false(said.capabilities & (CAP_PROGRESS | CAP_EXTENDED_METADATA));
    assert_int_equal(say_ok(), LOGIN_DONE);
    (void)finish(NULL);
    (void)start(NULL);
    wish.capability_class = CAP_STMT_BULK;
    (void)greet("8.0.36", 0xdfffffff, "caching_sha2_password"); // MySQL has no such thing
    assert_int_equal(error.code, ER_HANDSHAKE);
}

static void refuses_a_server_that_lacks_the_class(void **state)
{
    (void)state;
    (void)greet("5.6.50", 0x807ff7ff, "mysql_native_password"); // no DEPRECATE_EOF
    assert_true(error_is_set(&error));
}

static void refuses_rubbish(void **state)
{
    (void)state;
    assert_int_equal(
        backend_login_feed(&login, &wish, slice_of("\xff\xff\xff\x00", 4), &out, &error),
        LOGIN_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(logs_in_with_native_password),
        TEST(changes_the_plugin),
        TEST(logs_in_with_sha2_on_the_fast_path),
        TEST(seals_the_password_on_the_full_path),
        TEST(refuses_a_bad_key),
        TEST(over_tls_the_password_goes_as_it_is),
        TEST(logs_in_with_sha256),
        TEST(logs_in_with_sha256_over_tls),
        TEST(logs_in_with_ed25519),
        TEST(a_clear_password_goes_over_tls_only),
        TEST(a_clear_password_goes_over_tls),
        TEST(an_empty_password_is_said_as_libmysqlclient_says_it),
        TEST(a_hash_is_enough_for_its_own_plugin),
        TEST(a_hash_is_not_enough_for_the_others),
        TEST(nonces_that_are_too_short_are_refused),
        TEST(an_absurdly_long_nonce_does_no_harm),
        TEST(switches_come_to_an_end),
        TEST(more_bytes_come_to_an_end),
        TEST(refuses_bytes_that_nobody_asked_for),
        TEST(names_what_it_can_t_speak),
        TEST(says_why_it_failed),
        TEST(a_full_server_says_so_instead_of_greeting),
        TEST(refuses_what_it_can_t_speak),
        TEST(speaks_as_mariadb_when_the_class_needs_it),
        TEST(refuses_a_server_that_lacks_the_class),
        TEST(refuses_rubbish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
