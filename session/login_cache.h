#pragma once
// What a full log-in by caching_sha2_password has shown of an account of which only MySQL's slow
// hash is kept: SHA256(SHA256(password)), so that the next log-in on this worker is fast. As
// MySQL's own cache, it is empty after a start.

#include "session/session_impl.h"

struct login_cache; // a worker's; owned by its sessions

// NULL: not known, or the account's hash has changed since.
const uint8_t *login_cache_find(const struct sessions *sessions, const struct user_config *user);
void login_cache_note(struct sessions *sessions, const struct user_config *user,
                      struct slice password);
void login_cache_free(struct sessions *sessions);
