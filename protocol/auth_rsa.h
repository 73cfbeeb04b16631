#pragma once
// The RSA key with which a client that has no TLS seals its password (manual: "Caching SHA-2
// Pluggable Authentication").

#include "base/error.h"
#include "protocol/handshake.h"

struct rsa_key; // opaque; may be used by several threads at a time

struct rsa_key *rsa_key_new(void); // NULL: OpenSSL says no. Takes a tenth of a second
// From a PEM file without a pass phrase. NULL with *error.
struct rsa_key *rsa_key_read(const char *path, struct error *error);
void rsa_key_free(struct rsa_key *key);                 // NULL is fine
struct slice rsa_key_public(const struct rsa_key *key); // PEM, as clients are told it

enum { RSA_PASSWORD_MAX = 512 };
// The password in RSA-OAEP((password + NUL) XOR nonce). False: not sealed for this key.
bool rsa_key_open(const struct rsa_key *key, struct slice sealed, const uint8_t nonce[NONCE_BYTES],
                  uint8_t password[RSA_PASSWORD_MAX], size_t *len) MUST_CHECK;
