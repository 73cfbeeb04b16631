#pragma once
// mysql_native_password: SHA1(password) XOR SHA1(nonce + SHA1(SHA1(password))) (manual: "Native
// Authentication").

#include "protocol/handshake.h"

enum { NATIVE_BYTES = 20 };

// The client's answer for a password; an empty password gives an empty answer (*len 0).
void auth_native_answer(struct slice password, const uint8_t nonce[NONCE_BYTES],
                        uint8_t out[NATIVE_BYTES], size_t *len);
// The same from SHA1(password), which is all that it takes (of a password that is not empty).
void auth_native_answer_once(const uint8_t once[NATIVE_BYTES], const uint8_t nonce[NONCE_BYTES],
                             uint8_t out[NATIVE_BYTES]);
void auth_native_hash_once(struct slice password, uint8_t out[NATIVE_BYTES]); // SHA1(password)
// SHA1(SHA1(password)): what servers keep ("*ABCD..." in hex).
void auth_native_hash(struct slice password, uint8_t out[NATIVE_BYTES]);
// "*" and 40 hex digits.
bool auth_native_parse_hash(struct slice text, uint8_t out[NATIVE_BYTES]) MUST_CHECK;
// Constant time.
bool auth_native_check(struct slice answer, const uint8_t nonce[NONCE_BYTES],
                       const uint8_t hash[NATIVE_BYTES]) MUST_CHECK;
// ... and what it shows: SHA1(password). Only where it is right.
bool auth_native_recover(struct slice answer, const uint8_t nonce[NONCE_BYTES],
                         const uint8_t hash[NATIVE_BYTES], uint8_t once[NATIVE_BYTES]) MUST_CHECK;
// Constant time, for any secret.
bool auth_is_equal(const uint8_t *a, const uint8_t *b, size_t len) MUST_CHECK;
