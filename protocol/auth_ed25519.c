// client_ed25519.
//
//     a, prefix = SHA512(password), a "clamped"     A = a*B: the public key
//     r = SHA512(prefix + nonce)                    R = r*B
//     signature = R + (SHA512(R + A + nonce) * a + r)
//
// (RFC 8032, 5.1.6, all numbers modulo the group's order.) OpenSSL hashes the secret key by itself,
// so that it can't start from SHA512(password): libsodium offers the arithmetic.

#include "protocol/auth_ed25519.h"

#include <assert.h>
#include <sodium.h>

enum { HASH_BYTES = crypto_hash_sha512_BYTES, SCALAR_BYTES = crypto_core_ed25519_SCALARBYTES };

struct secret_key {
    uint8_t scalar[SCALAR_BYTES]; // a
    uint8_t prefix[SCALAR_BYTES];
};

static void make_secret_key(struct slice password, struct secret_key *key)
{
    uint8_t hash[HASH_BYTES];
    crypto_hash_sha512(hash, password.ptr, password.len);
    hash[0] &= 248;
    hash[31] &= 63;
    hash[31] |= 64;
    memcpy(key->scalar, hash, SCALAR_BYTES);
    memcpy(key->prefix, hash + SCALAR_BYTES, SCALAR_BYTES);
    sodium_memzero(hash, sizeof hash);
}

static void multiply_base(const uint8_t scalar[SCALAR_BYTES], uint8_t out[ED25519_KEY_BYTES])
{
    int fault = crypto_scalarmult_ed25519_base_noclamp(out, scalar);
    assert(fault == 0); // the scalar is not 0
    (void)fault;
}

// SHA512(first + second + nonce) modulo the order; `second` may be NULL.
static void hash_to_scalar(const uint8_t first[SCALAR_BYTES], const uint8_t *second,
                           const uint8_t nonce[ED25519_NONCE_BYTES], uint8_t out[SCALAR_BYTES])
{
    crypto_hash_sha512_state state;
    uint8_t hash[HASH_BYTES];
    crypto_hash_sha512_init(&state);
    crypto_hash_sha512_update(&state, first, SCALAR_BYTES);
    if (second != NULL) {
        crypto_hash_sha512_update(&state, second, ED25519_KEY_BYTES);
    }
    crypto_hash_sha512_update(&state, nonce, ED25519_NONCE_BYTES);
    crypto_hash_sha512_final(&state, hash);
    crypto_core_ed25519_scalar_reduce(out, hash);
    sodium_memzero(&state, sizeof state);
    sodium_memzero(hash, sizeof hash);
}

void auth_ed25519_sign(struct slice password, const uint8_t nonce[ED25519_NONCE_BYTES],
                       uint8_t out[ED25519_SIGNATURE_BYTES])
{
    struct secret_key key;
    uint8_t public_key[ED25519_KEY_BYTES];
    uint8_t r[SCALAR_BYTES];
    uint8_t product[SCALAR_BYTES];
    make_secret_key(password, &key);
    multiply_base(key.scalar, public_key);
    hash_to_scalar(key.prefix, NULL, nonce, r);
    multiply_base(r, out);
    hash_to_scalar(out, public_key, nonce, product);
    crypto_core_ed25519_scalar_mul(product, product, key.scalar);
    crypto_core_ed25519_scalar_add(out + ED25519_KEY_BYTES, product, r);
    sodium_memzero(&key, sizeof key);
    sodium_memzero(r, sizeof r);
    sodium_memzero(product, sizeof product);
}

void auth_ed25519_public_key(struct slice password, uint8_t out[ED25519_KEY_BYTES])
{
    struct secret_key key;
    make_secret_key(password, &key);
    multiply_base(key.scalar, out);
    sodium_memzero(&key, sizeof key);
}

bool auth_ed25519_check(struct slice signature, const uint8_t nonce[ED25519_NONCE_BYTES],
                        const uint8_t public_key[ED25519_KEY_BYTES])
{
    return signature.len == ED25519_SIGNATURE_BYTES &&
           crypto_sign_verify_detached(signature.ptr, nonce, ED25519_NONCE_BYTES, public_key) == 0;
}

bool auth_ed25519_parse_key(struct slice text, uint8_t out[ED25519_KEY_BYTES])
{
    size_t len = 0;
    const char *end = NULL;
    return text.len == sodium_base64_ENCODED_LEN(ED25519_KEY_BYTES,
                                                 sodium_base64_VARIANT_ORIGINAL_NO_PADDING) -
                           1 &&
           sodium_base642bin(out, ED25519_KEY_BYTES, (const char *)text.ptr, text.len, NULL, &len,
                             &end, sodium_base64_VARIANT_ORIGINAL_NO_PADDING) == 0 &&
           len == ED25519_KEY_BYTES && end == (const char *)text.ptr + text.len;
}
