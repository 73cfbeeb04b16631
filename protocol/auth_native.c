// mysql_native_password.
//
// The server keeps hash = SHA1(SHA1(password)). The client proves that it knows SHA1(password)
// without showing it: answer = SHA1(password) XOR SHA1(nonce + hash). Whoever keeps the hash takes
// the XOR off again and hashes what comes out: it must be the hash.

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "protocol/auth_native.h"

static void sha1(const void *bytes, size_t len, uint8_t out[NATIVE_BYTES])
{
    int ok = EVP_Digest(bytes, len, out, NULL, EVP_sha1(), NULL);
    assert(ok == 1);
    (void)ok;
}

static void native_mask(const uint8_t nonce[NONCE_BYTES], const uint8_t hash[NATIVE_BYTES],
                        uint8_t out[NATIVE_BYTES])
{
    uint8_t joined[NONCE_BYTES + NATIVE_BYTES];
    memcpy(joined, nonce, NONCE_BYTES);
    memcpy(joined + NONCE_BYTES, hash, NATIVE_BYTES);
    sha1(joined, sizeof joined, out);
}

void auth_native_answer(struct slice password, const uint8_t nonce[NONCE_BYTES],
                        uint8_t out[NATIVE_BYTES], size_t *len)
{
    *len = 0;
    if (password.len == 0) {
        return;
    }
    uint8_t once[NATIVE_BYTES];
    sha1(password.ptr, password.len, once);
    auth_native_answer_once(once, nonce, out);
    OPENSSL_cleanse(once, sizeof once);
    *len = NATIVE_BYTES;
}

void auth_native_answer_once(const uint8_t once[NATIVE_BYTES], const uint8_t nonce[NONCE_BYTES],
                             uint8_t out[NATIVE_BYTES])
{
    uint8_t hash[NATIVE_BYTES];
    sha1(once, NATIVE_BYTES, hash);
    native_mask(nonce, hash, out);
    for (size_t i = 0; i < NATIVE_BYTES; i++) {
        out[i] ^= once[i];
    }
}

void auth_native_hash_once(struct slice password, uint8_t out[NATIVE_BYTES])
{
    sha1(password.ptr, password.len, out);
}

void auth_native_hash(struct slice password, uint8_t out[NATIVE_BYTES])
{
    uint8_t once[NATIVE_BYTES];
    sha1(password.ptr, password.len, once);
    sha1(once, sizeof once, out);
    OPENSSL_cleanse(once, sizeof once);
}

bool auth_native_parse_hash(struct slice text, uint8_t out[NATIVE_BYTES])
{
    if (text.len != 1 + 2 * NATIVE_BYTES || text.ptr[0] != '*') {
        return false;
    }
    for (size_t i = 0; i < NATIVE_BYTES; i++) {
        int high = OPENSSL_hexchar2int(text.ptr[1 + 2 * i]);
        int low = OPENSSL_hexchar2int(text.ptr[2 + 2 * i]);
        if (high < 0 || low < 0) {
            return false;
        }
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

bool auth_native_recover(struct slice answer, const uint8_t nonce[NONCE_BYTES],
                         const uint8_t hash[NATIVE_BYTES], uint8_t once[NATIVE_BYTES])
{
    if (answer.len != NATIVE_BYTES) {
        return false;
    }
    uint8_t found[NATIVE_BYTES];
    native_mask(nonce, hash, once);
    for (size_t i = 0; i < NATIVE_BYTES; i++) {
        once[i] ^= answer.ptr[i];
    }
    sha1(once, NATIVE_BYTES, found);
    return auth_is_equal(found, hash, NATIVE_BYTES);
}

bool auth_native_check(struct slice answer, const uint8_t nonce[NONCE_BYTES],
                       const uint8_t hash[NATIVE_BYTES])
{
    uint8_t once[NATIVE_BYTES];
    bool is_right = auth_native_recover(answer, nonce, hash, once);
    OPENSSL_cleanse(once, sizeof once);
    return is_right;
}

bool auth_is_equal(const uint8_t *a, const uint8_t *b, size_t len)
{
    return CRYPTO_memcmp(a, b, len) == 0;
}
