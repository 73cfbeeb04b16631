#pragma once
// What MySQL 5.7 and later keep of a password for caching_sha2_password: "$A$005$", 20 bytes of
// salt, 43 characters: SHA-256 crypt (Ulrich Drepper, "Unix crypt using SHA-256 and SHA-512") with
// a longer salt than the C library takes and 1000 rounds times the hexadecimal number.

#include "base/slice.h"

enum { SHA2_CRYPT_BYTES = 70 };

bool sha2_crypt_is_valid(struct slice kept) MUST_CHECK;
// Costs milliseconds, by design. Constant time for one `kept`.
bool sha2_crypt_check(struct slice kept, struct slice password) MUST_CHECK;
// The 43 characters, for a salt of any length.
enum { SHA2_CRYPT_DIGEST_CHARS = 43 };
void sha2_crypt_digest(struct slice password, struct slice salt, unsigned rounds,
                       char out[SHA2_CRYPT_DIGEST_CHARS]);
