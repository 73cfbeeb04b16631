// An RSA key for caching_sha2_password. OpenSSL's keys may be read by several threads at a time;
// what is written is made before the key is handed out.

#include "protocol/auth_rsa.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "base/memory.h"

enum { KEY_BITS = 2048 };

struct rsa_key {
    EVP_PKEY *key; // owned
    struct text public_pem;
};

static struct rsa_key *key_of(EVP_PKEY *pair)
{
    BIO *memory = pair != NULL ? BIO_new(BIO_s_mem()) : NULL;
    if (memory == NULL || PEM_write_bio_PUBKEY(memory, pair) != 1) {
        BIO_free(memory);
        EVP_PKEY_free(pair);
        return NULL;
    }
    char *bytes = NULL;
    long len = BIO_get_mem_data(memory, &bytes);
    struct rsa_key *key = memory_new(sizeof *key);
    key->key = pair;
    text_init(&key->public_pem);
    text_add(&key->public_pem, bytes, (size_t)len);
    BIO_free(memory);
    return key;
}

struct rsa_key *rsa_key_new(void)
{
    return key_of(EVP_RSA_gen(KEY_BITS));
}

struct rsa_key *rsa_key_read(const char *path, struct error *error)
{
    BIO *file = BIO_new_file(path, "r");
    EVP_PKEY *pair =
        file != NULL ? PEM_read_bio_PrivateKey(file, NULL, NULL, (void *)(uintptr_t) "") : NULL;
    BIO_free(file);
    bool is_rsa = pair != NULL && EVP_PKEY_get_base_id(pair) == EVP_PKEY_RSA;
    if (!is_rsa) {
        EVP_PKEY_free(pair);
        pair = NULL;
    }
    struct rsa_key *key = key_of(pair);
    if (key == NULL) {
        error_set(error, 1105, "HY000", "rsa_key: %s: %s", path,
                  file == NULL ? "cannot be opened" : "no private RSA key (PEM, no pass phrase)");
    }
    return key;
}

void rsa_key_free(struct rsa_key *key)
{
    if (key != NULL) {
        EVP_PKEY_free(key->key);
        text_done(&key->public_pem);
        memory_free(key);
    }
}

struct slice rsa_key_public(const struct rsa_key *key)
{
    return text_slice(&key->public_pem);
}

static bool unseal(EVP_PKEY *key, struct slice sealed, uint8_t *plain, size_t *len)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    bool is_open = context != NULL && EVP_PKEY_decrypt_init(context) == 1 &&
                   EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1 &&
                   EVP_PKEY_decrypt(context, plain, len, sealed.ptr, sealed.len) == 1;
    EVP_PKEY_CTX_free(context);
    return is_open;
}

bool rsa_key_open(const struct rsa_key *key, struct slice sealed, const uint8_t nonce[NONCE_BYTES],
                  uint8_t password[RSA_PASSWORD_MAX], size_t *len)
{
    *len = RSA_PASSWORD_MAX;
    if (EVP_PKEY_get_size(key->key) > RSA_PASSWORD_MAX ||
        sealed.len != (size_t)EVP_PKEY_get_size(key->key) ||
        !unseal(key->key, sealed, password, len)) {
        return false;
    }
    for (size_t i = 0; i < *len; i++) {
        password[i] ^= nonce[i % NONCE_BYTES];
    }
    if (*len == 0 || password[*len - 1] != 0) {
        return false;
    }
    --*len;
    return true;
}
