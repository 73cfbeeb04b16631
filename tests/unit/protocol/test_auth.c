// Both password plugins, against known values and against themselves.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "protocol/auth_ed25519.h"
#include "protocol/auth_native.h"
#include "protocol/auth_sha2.h"

static const uint8_t nonce[NONCE_BYTES] = "abcdefghijklmnopqrst";
static const uint8_t other_nonce[NONCE_BYTES] = "tsrqponmlkjihgfedcba";

static void test_native(void **state)
{
    (void)state;
    struct slice password = slice_of_string("password");
    uint8_t hash[NATIVE_BYTES], parsed[NATIVE_BYTES], answer[NATIVE_BYTES];
    auth_native_hash(password, hash);
    // SELECT PASSWORD('password')
    assert_true(auth_native_parse_hash(slice_of_string("*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19"),
                                       parsed));
    assert_memory_equal(hash, parsed, NATIVE_BYTES);
    size_t len;
    auth_native_answer(password, nonce, answer, &len);
    assert_int_equal(len, NATIVE_BYTES);
    assert_true(auth_native_check(slice_of(answer, len), nonce, hash));
    assert_false(auth_native_check(slice_of(answer, len), other_nonce, hash));
    assert_false(auth_native_check(slice_of(answer, len - 1), nonce, hash));
    answer[7] ^= 1;
    assert_false(auth_native_check(slice_of(answer, len), nonce, hash));
    auth_native_answer(slice_of(NULL, 0), nonce, answer, &len);
    assert_int_equal(len, 0);
    assert_false(auth_native_check(slice_of(NULL, 0), nonce, hash));
    assert_false(auth_native_parse_hash(slice_of_string("*2470"), parsed));
    assert_false(auth_native_parse_hash(
        slice_of_string("*Z470C0C06DEE42FD1618BB99005ADCA2EC9D1E19"), parsed));
}

static void test_ed25519(void **state)
{
    (void)state;
    struct slice password = slice_of_string("secret");
    // SELECT ed25519_password('secret'): ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY
    static const uint8_t key_of_secret[ED25519_KEY_BYTES] = {
        0x64, 0x88, 0x14, 0x44, 0x45, 0x20, 0xe4, 0xf5, 0x60, 0x43, 0xa2,
        0xec, 0x92, 0x15, 0xe6, 0x3b, 0xe7, 0x99, 0x2d, 0x2d, 0x27, 0x0b,
        0xc6, 0xde, 0xe8, 0x73, 0xe3, 0x61, 0x64, 0x78, 0x60, 0x96};
    static const uint8_t challenge[ED25519_NONCE_BYTES] = "abcdefghijklmnopqrstuvwxyz012345";
    uint8_t key[ED25519_KEY_BYTES], signature[ED25519_SIGNATURE_BYTES];
    auth_ed25519_public_key(password, key);
    assert_memory_equal(key, key_of_secret, sizeof key);
    auth_ed25519_sign(password, challenge, signature);
    struct slice answer = slice_of(signature, sizeof signature);
    assert_true(auth_ed25519_check(answer, challenge, key));
    assert_false(auth_ed25519_check(slice_part(answer, 0, 63), challenge, key));
    signature[40] ^= 1;
    assert_false(auth_ed25519_check(answer, challenge, key));
    auth_ed25519_sign(slice_of_string("Secret"), challenge, signature);
    assert_false(auth_ed25519_check(answer, challenge, key));
    auth_ed25519_sign(password, (const uint8_t *)"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345", signature);
    assert_false(auth_ed25519_check(answer, challenge, key));
    auth_ed25519_sign(slice_of(NULL, 0), challenge, signature); // an empty password signs as well
    auth_ed25519_public_key(slice_of(NULL, 0), key);
    assert_true(auth_ed25519_check(answer, challenge, key));
}

static void test_sha2(void **state)
{
    (void)state;
    struct slice password = slice_of_string("password");
    uint8_t hash[SHA2_BYTES], parsed[SHA2_BYTES], answer[SHA2_BYTES];
    auth_sha2_hash(password, hash);
    assert_true(auth_sha2_parse_hash(
        slice_of_string("$W$73641c99f7719f57d8f4beb11a303afcd190243a51ced8782ca6d3dbe014d146"),
        parsed));
    assert_memory_equal(hash, parsed, SHA2_BYTES);
    size_t len;
    auth_sha2_answer(password, nonce, answer, &len);
    assert_int_equal(len, SHA2_BYTES);
    assert_true(auth_sha2_check(slice_of(answer, len), nonce, hash));
    assert_false(auth_sha2_check(slice_of(answer, len), other_nonce, hash));
    assert_false(auth_sha2_check(slice_of(answer, NATIVE_BYTES), nonce, hash));
    assert_false(auth_sha2_parse_hash(slice_of_string("$W$73"), parsed));
    auth_sha2_answer(slice_of(NULL, 0), nonce, answer, &len);
    assert_int_equal(len, 0);
}

static void open_sealed(EVP_PKEY *key, const struct text *sealed, uint8_t *plain, size_t *len)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    assert_int_equal(EVP_PKEY_decrypt_init(context), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING), 1);
    assert_int_equal(EVP_PKEY_decrypt(context, plain, len, sealed->ptr, sealed->len), 1);
    EVP_PKEY_CTX_free(context);
}

static void test_seal(void **state)
{
    (void)state;
    EVP_PKEY *key = EVP_RSA_gen(2048);
    BIO *memory = BIO_new(BIO_s_mem());
    PEM_write_bio_PUBKEY(memory, key);
    char *pem;
    size_t pem_len = (size_t)BIO_get_mem_data(memory, &pem);
    struct text sealed;
    text_init(&sealed);
    struct error error = {0};
    struct slice password = slice_of_string("a password of more than twenty bytes");
    assert_true(auth_sha2_seal(password, nonce, slice_of(pem, pem_len), &sealed, &error));
    uint8_t plain[512];
    size_t len = sizeof plain;
    open_sealed(key, &sealed, plain, &len);
    assert_int_equal(len, password.len + 1);
    for (size_t i = 0; i < len; i++) {
        plain[i] ^= nonce[i % NONCE_BYTES];
    }
    assert_memory_equal(plain, password.ptr, password.len);
    assert_int_equal(plain[password.len], 0);
    assert_false(auth_sha2_seal(password, nonce, slice_of_string("no key"), &sealed, &error));
    assert_true(error_is_set(&error));
    text_done(&sealed);
    BIO_free(memory);
    EVP_PKEY_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_native),
        cmocka_unit_test(test_ed25519),
        cmocka_unit_test(test_sha2),
        cmocka_unit_test(test_seal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
