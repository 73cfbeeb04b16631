#pragma once
// caching_sha2_password (manual: "Caching SHA-2 Pluggable Authentication"): fast path
// XOR(SHA256(pw), SHA256(SHA256(SHA256(pw)) + nonce)); full path with the password sealed by the
// server's RSA key.

#include "protocol/handshake.h"

enum { SHA2_BYTES = 32 };

void auth_sha2_answer(struct slice password, const uint8_t nonce[NONCE_BYTES],
                      uint8_t out[SHA2_BYTES], size_t *len);
// The same from SHA256(password), which is all that it takes (of a password that is not empty).
void auth_sha2_answer_once(const uint8_t once[SHA2_BYTES], const uint8_t nonce[NONCE_BYTES],
                           uint8_t out[SHA2_BYTES]);
void auth_sha2_hash_once(struct slice password, uint8_t out[SHA2_BYTES]); // SHA256(password)
// SHA256(SHA256(password)): enough to check the fast path, so waybill never needs the full one
// towards clients.
void auth_sha2_hash(struct slice password, uint8_t out[SHA2_BYTES]);
bool auth_sha2_parse_hash(struct slice hex,
                          uint8_t out[SHA2_BYTES]) MUST_CHECK; // "$W$" and 64 hex digits
bool auth_sha2_check(struct slice answer, const uint8_t nonce[NONCE_BYTES],
                     const uint8_t hash[SHA2_BYTES]) MUST_CHECK;
// ... and what it shows: SHA256(password). Only where it is right.
bool auth_sha2_recover(struct slice answer, const uint8_t nonce[NONCE_BYTES],
                       const uint8_t hash[SHA2_BYTES], uint8_t once[SHA2_BYTES]) MUST_CHECK;
// Towards a server that asks for full authentication without TLS: RSA-OAEP of (password + NUL) XOR
// nonce with the PEM public key that it sent. False with *error.
bool auth_sha2_seal(struct slice password, const uint8_t nonce[NONCE_BYTES],
                    struct slice public_key_pem, struct text *out, struct error *error) MUST_CHECK;
