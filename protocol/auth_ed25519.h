#pragma once
// client_ed25519 (MariaDB KB: "Authentication Plugin - ed25519"): an Ed25519 signature of the
// server's nonce. What is not RFC 8032: the secret key is SHA512(password), not of 32 random bytes.

#include "base/slice.h"

enum { ED25519_NONCE_BYTES = 32, ED25519_KEY_BYTES = 32, ED25519_SIGNATURE_BYTES = 64 };

// The client's answer.
void auth_ed25519_sign(struct slice password, const uint8_t nonce[ED25519_NONCE_BYTES],
                       uint8_t out[ED25519_SIGNATURE_BYTES]);
// What servers keep (in mysql.user in base64 without the = at its end).
void auth_ed25519_public_key(struct slice password, uint8_t out[ED25519_KEY_BYTES]);
// Is it the signature of who knows the password behind the key? Nothing secret is touched.
bool auth_ed25519_check(struct slice signature, const uint8_t nonce[ED25519_NONCE_BYTES],
                        const uint8_t public_key[ED25519_KEY_BYTES]) MUST_CHECK;
// 43 characters of base64, as in mysql.user.
bool auth_ed25519_parse_key(struct slice text, uint8_t out[ED25519_KEY_BYTES]) MUST_CHECK;
