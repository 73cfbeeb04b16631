// caching_sha2_password.
//
// hash = SHA256(SHA256(password)); the fast path is answer = SHA256(password) XOR SHA256(hash +
// nonce), which whoever keeps the hash can check as with the native plugin. A MySQL server keeps a
// slow salted hash instead and knows `hash` only after a first full log-in; towards such a server
// the password itself is sent, sealed with its RSA key (auth_sha2_seal).

#include <assert.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "protocol/auth_sha2.h"

static void sha256(const void *bytes, size_t len, uint8_t out[SHA2_BYTES])
{
    int ok = EVP_Digest(bytes, len, out, NULL, EVP_sha256(), NULL);
    assert(ok == 1);
    (void)ok;
}

static void sha2_mask(const uint8_t nonce[NONCE_BYTES], const uint8_t hash[SHA2_BYTES],
                      uint8_t out[SHA2_BYTES])
{
    uint8_t joined[SHA2_BYTES + NONCE_BYTES];
    memcpy(joined, hash, SHA2_BYTES);
    memcpy(joined + SHA2_BYTES, nonce, NONCE_BYTES);
    sha256(joined, sizeof joined, out);
}

void auth_sha2_answer(struct slice password, const uint8_t nonce[NONCE_BYTES],
                      uint8_t out[SHA2_BYTES], size_t *len)
{
    *len = 0;
    if (password.len == 0) {
        return;
    }
    uint8_t once[SHA2_BYTES];
    sha256(password.ptr, password.len, once);
    auth_sha2_answer_once(once, nonce, out);
    OPENSSL_cleanse(once, sizeof once);
    *len = SHA2_BYTES;
}

void auth_sha2_answer_once(const uint8_t once[SHA2_BYTES], const uint8_t nonce[NONCE_BYTES],
                           uint8_t out[SHA2_BYTES])
{
    uint8_t hash[SHA2_BYTES];
    sha256(once, SHA2_BYTES, hash);
    sha2_mask(nonce, hash, out);
    for (size_t i = 0; i < SHA2_BYTES; i++) {
        out[i] ^= once[i];
    }
}

void auth_sha2_hash_once(struct slice password, uint8_t out[SHA2_BYTES])
{
    sha256(password.ptr, password.len, out);
}

void auth_sha2_hash(struct slice password, uint8_t out[SHA2_BYTES])
{
    uint8_t once[SHA2_BYTES];
    sha256(password.ptr, password.len, once);
    sha256(once, sizeof once, out);
    OPENSSL_cleanse(once, sizeof once);
}

bool auth_sha2_parse_hash(struct slice hex, uint8_t out[SHA2_BYTES])
{
    static const char mark[] = "$W$";
    size_t mark_len = sizeof mark - 1;
    if (hex.len != mark_len + 2 * SHA2_BYTES || memcmp(hex.ptr, mark, mark_len) != 0) {
        return false;
    }
    for (size_t i = 0; i < SHA2_BYTES; i++) {
        int high = OPENSSL_hexchar2int(hex.ptr[mark_len + 2 * i]);
        int low = OPENSSL_hexchar2int(hex.ptr[mark_len + 2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

bool auth_sha2_recover(struct slice answer, const uint8_t nonce[NONCE_BYTES],
                       const uint8_t hash[SHA2_BYTES], uint8_t once[SHA2_BYTES])
{
    if (answer.len != SHA2_BYTES) {
        return false;
    }
    uint8_t found[SHA2_BYTES];
    sha2_mask(nonce, hash, once);
    for (size_t i = 0; i < SHA2_BYTES; i++) {
        once[i] ^= answer.ptr[i];
    }
    sha256(once, SHA2_BYTES, found);
    return CRYPTO_memcmp(found, hash, SHA2_BYTES) == 0;
}

bool auth_sha2_check(struct slice answer, const uint8_t nonce[NONCE_BYTES],
                     const uint8_t hash[SHA2_BYTES])
{
    uint8_t once[SHA2_BYTES];
    bool is_right = auth_sha2_recover(answer, nonce, hash, once);
    OPENSSL_cleanse(once, sizeof once);
    return is_right;
}

// Seals `plain` with the key into *out; false when the key is no RSA key or too short for it.
static bool seal_with_key(EVP_PKEY *key, struct slice plain, struct text *out)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    size_t sealed_bytes = 0;
    bool is_ready = context != NULL && EVP_PKEY_encrypt_init(context) == 1 &&
                    EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1 &&
                    EVP_PKEY_encrypt(context, NULL, &sealed_bytes, plain.ptr, plain.len) == 1;
    uint8_t sealed[1024]; // an RSA key of 8192 bits
    bool is_sealed = is_ready && sealed_bytes <= sizeof sealed &&
                     EVP_PKEY_encrypt(context, sealed, &sealed_bytes, plain.ptr, plain.len) == 1;
    EVP_PKEY_CTX_free(context);
    if (is_sealed) {
        text_add(out, sealed, sealed_bytes);
    }
    return is_sealed;
}

bool auth_sha2_seal(struct slice password, const uint8_t nonce[NONCE_BYTES],
                    struct slice public_key_pem, struct text *out, struct error *error)
{
    uint8_t plain[512];
    if (password.len >= sizeof plain || public_key_pem.len > INT32_MAX) {
        error_set(error, 1045, "28000", "The password is too long for caching_sha2_password");
        return false;
    }
    BIO *memory = BIO_new_mem_buf(public_key_pem.ptr, (int)public_key_pem.len);
    EVP_PKEY *key = memory != NULL ? PEM_read_bio_PUBKEY(memory, NULL, NULL, NULL) : NULL;
    BIO_free(memory);
    if (key == NULL) {
        error_set(error, 1045, "28000", "The server's public key can't be read");
        return false;
    }
    for (size_t i = 0; i <= password.len; i++) {
        uint8_t byte = i < password.len ? password.ptr[i] : 0;
        plain[i] = byte ^ nonce[i % NONCE_BYTES];
    }
    bool is_sealed = seal_with_key(key, slice_of(plain, password.len + 1), out);
    OPENSSL_cleanse(plain, sizeof plain);
    EVP_PKEY_free(key);
    if (!is_sealed) {
        error_set(error, 1045, "28000", "The password can't be sealed with the server's key");
    }
    return is_sealed;
}
