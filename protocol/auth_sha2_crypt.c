// SHA-256 crypt, after the specification's 22 steps. It mixes the password and the salt in ways
// whose only reason is to be slow; the names A, B, P, S are the specification's.

#include "protocol/auth_sha2_crypt.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

enum {
    HASH_BYTES = 32,
    SALT_BYTES = 20,
    MARK_BYTES = 7, // "$A$005$"
    ROUNDS_UNIT = 1000,
    PASSWORD_MAX = 256,
    SALT_MAX = 64,
};

struct mixer {
    EVP_MD_CTX *context;
};

static void begin(struct mixer *mixer)
{
    int ok = EVP_DigestInit_ex(mixer->context, EVP_sha256(), NULL);
    assert(ok == 1);
    (void)ok;
}

static void add(struct mixer *mixer, const void *bytes, size_t len)
{
    int ok = EVP_DigestUpdate(mixer->context, bytes, len);
    assert(ok == 1);
    (void)ok;
}

static void end(struct mixer *mixer, uint8_t out[HASH_BYTES])
{
    int ok = EVP_DigestFinal_ex(mixer->context, out, NULL);
    assert(ok == 1);
    (void)ok;
}

// `len` bytes of the hash, which is repeated as often as it takes.
static void add_repeated(struct mixer *mixer, const uint8_t hash[HASH_BYTES], size_t len)
{
    for (; len > HASH_BYTES; len -= HASH_BYTES) {
        add(mixer, hash, HASH_BYTES);
    }
    add(mixer, hash, len);
}

static void fill_repeated(uint8_t *to, size_t len, const uint8_t hash[HASH_BYTES])
{
    for (size_t i = 0; i < len; i++) {
        to[i] = hash[i % HASH_BYTES];
    }
}

static void make_first(struct mixer *mixer, struct slice password, struct slice salt,
                       uint8_t a[HASH_BYTES])
{
    uint8_t b[HASH_BYTES];
    begin(mixer);
    add(mixer, password.ptr, password.len);
    add(mixer, salt.ptr, salt.len);
    add(mixer, password.ptr, password.len);
    end(mixer, b);
    begin(mixer);
    add(mixer, password.ptr, password.len);
    add(mixer, salt.ptr, salt.len);
    add_repeated(mixer, b, password.len);
    for (size_t bits = password.len; bits > 0; bits >>= 1) {
        if ((bits & 1) != 0) {
            add(mixer, b, HASH_BYTES);
        } else {
            add(mixer, password.ptr, password.len);
        }
    }
    end(mixer, a);
    OPENSSL_cleanse(b, sizeof b);
}

static void make_sequences(struct mixer *mixer, struct slice password, struct slice salt,
                           const uint8_t a[HASH_BYTES], uint8_t *p, uint8_t *s)
{
    uint8_t once[HASH_BYTES];
    begin(mixer);
    for (size_t i = 0; i < password.len; i++) {
        add(mixer, password.ptr, password.len);
    }
    end(mixer, once);
    fill_repeated(p, password.len, once);
    begin(mixer);
    for (size_t i = 0; i < 16u + a[0]; i++) {
        add(mixer, salt.ptr, salt.len);
    }
    end(mixer, once);
    fill_repeated(s, salt.len, once);
    OPENSSL_cleanse(once, sizeof once);
}

static void run_round(struct mixer *mixer, unsigned round, struct slice p, struct slice s,
                      uint8_t c[HASH_BYTES])
{
    bool is_odd = round % 2 == 1;
    begin(mixer);
    add(mixer, is_odd ? p.ptr : c, is_odd ? p.len : HASH_BYTES);
    if (round % 3 != 0) {
        add(mixer, s.ptr, s.len);
    }
    if (round % 7 != 0) {
        add(mixer, p.ptr, p.len);
    }
    add(mixer, is_odd ? c : p.ptr, is_odd ? HASH_BYTES : p.len);
    end(mixer, c);
}

static char *put_base64(char *out, uint8_t high, uint8_t middle, uint8_t low, int count)
{
    static const char digits[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    uint32_t bits = (uint32_t)high << 16 | (uint32_t)middle << 8 | low;
    for (; count > 0; count--, bits >>= 6) {
        *out++ = digits[bits & 63];
    }
    return out;
}

void sha2_crypt_digest(struct slice password, struct slice salt, unsigned rounds,
                       char out[SHA2_CRYPT_DIGEST_CHARS])
{
    assert(password.len <= PASSWORD_MAX && salt.len <= SALT_MAX);
    struct mixer mixer = {.context = EVP_MD_CTX_new()};
    assert(mixer.context != NULL);
    uint8_t c[HASH_BYTES];
    uint8_t p[PASSWORD_MAX];
    uint8_t s[SALT_MAX];
    make_first(&mixer, password, salt, c);
    make_sequences(&mixer, password, salt, c, p, s);
    for (unsigned i = 0; i < rounds; i++) {
        run_round(&mixer, i, slice_of(p, password.len), slice_of(s, salt.len), c);
    }
    EVP_MD_CTX_free(mixer.context);
    // Bytes 0, 10, 20; then each further group goes on by 21, modulo 30.
    char *at = out;
    for (unsigned i = 0, first = 0; i < 10; i++, first = (first + 21) % 30) {
        at = put_base64(at, c[first % 30], c[(first + 10) % 30], c[(first + 20) % 30], 4);
    }
    (void)put_base64(at, 0, c[31], c[30], 3);
    OPENSSL_cleanse(p, sizeof p);
    OPENSSL_cleanse(c, sizeof c);
}

bool sha2_crypt_is_valid(struct slice kept)
{
    return kept.len == SHA2_CRYPT_BYTES && memcmp(kept.ptr, "$A$", 3) == 0 && kept.ptr[6] == '$' &&
           OPENSSL_hexchar2int(kept.ptr[3]) >= 0 && OPENSSL_hexchar2int(kept.ptr[4]) >= 0 &&
           OPENSSL_hexchar2int(kept.ptr[5]) >= 0;
}

bool sha2_crypt_check(struct slice kept, struct slice password)
{
    if (!sha2_crypt_is_valid(kept) || password.len > PASSWORD_MAX) {
        return false;
    }
    unsigned rounds = 0;
    for (size_t i = 3; i < 6; i++) {
        rounds = rounds * 16 + (unsigned)OPENSSL_hexchar2int(kept.ptr[i]);
    }
    char found[SHA2_CRYPT_DIGEST_CHARS];
    struct slice salt = slice_part(kept, MARK_BYTES, MARK_BYTES + SALT_BYTES);
    sha2_crypt_digest(password, salt, rounds * ROUNDS_UNIT, found);
    return CRYPTO_memcmp(found, kept.ptr + MARK_BYTES + SALT_BYTES, sizeof found) == 0;
}
