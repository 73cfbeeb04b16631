// An array by account id. There are as many places as accounts that ever logged in that way.

#include "session/login_cache.h"

#include "base/memory.h"
#include "protocol/auth_sha2_crypt.h"

struct cached {
    bool is_known;
    uint8_t crypt[SHA2_CRYPT_BYTES]; // for which it holds
    uint8_t hash[SHA2_BYTES];
};

struct login_cache {
    struct cached *places; // owned; by account id
    size_t count;
};

const uint8_t *login_cache_find(const struct sessions *sessions, const struct user_config *user)
{
    const struct login_cache *cache = sessions->login_cache;
    if (cache == NULL || user->id >= cache->count) {
        return NULL;
    }
    const struct cached *cached = &cache->places[user->id];
    bool is_same = cached->is_known &&
                   slice_equal(user->sha2_crypt, slice_of(cached->crypt, sizeof cached->crypt));
    return is_same ? cached->hash : NULL;
}

void login_cache_note(struct sessions *sessions, const struct user_config *user,
                      struct slice password)
{
    if (user->sha2_crypt.len != SHA2_CRYPT_BYTES) {
        return;
    }
    if (sessions->login_cache == NULL) {
        sessions->login_cache = memory_new(sizeof *sessions->login_cache);
    }
    struct login_cache *cache = sessions->login_cache;
    if (user->id >= cache->count) {
        size_t count = (size_t)user->id + 1;
        cache->places = memory_resize(cache->places, count * sizeof *cache->places);
        memset(cache->places + cache->count, 0, (count - cache->count) * sizeof *cache->places);
        cache->count = count;
    }
    struct cached *cached = &cache->places[user->id];
    cached->is_known = true;
    memcpy(cached->crypt, user->sha2_crypt.ptr, sizeof cached->crypt);
    auth_sha2_hash(password, cached->hash);
}

void login_cache_free(struct sessions *sessions)
{
    struct login_cache *cache = sessions->login_cache;
    if (cache != NULL) {
        explicit_bzero(cache->places, cache->count * sizeof *cache->places);
        memory_free(cache->places);
        memory_free(cache);
        sessions->login_cache = NULL;
    }
}
