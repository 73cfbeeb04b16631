// Passwords for the servers that the configuration does not have: what clients have proved when
// they logged in on this worker.
//
// One account's secret is the newest of each kind that all belong to the same password. A hash
// that the clear password does not give, or another hash of the same kind, means that the password
// was changed: then all older ones are forgotten. Nothing of it is ever logged, and its memory is
// wiped.

#include <assert.h>

#include "base/memory.h"
#include "pool/pool_impl.h"
#include "protocol/auth_native.h"
#include "protocol/auth_sha2.h"
#include "protocol/error_table.h"

struct noted_secret {
    uint32_t generation; // the account's place was whose
    bool has_clear, has_sha1, has_sha256;
    size_t clear_len;
    uint8_t sha1[NATIVE_BYTES];
    uint8_t sha256[SHA2_BYTES];
    uint8_t clear[SECRET_BYTES_MAX];
};

static void wipe(struct noted_secret **place)
{
    if (*place != NULL) {
        explicit_bzero(*place, sizeof **place);
        memory_free(*place);
        *place = NULL;
    }
}

void pools_wipe_secrets(struct pools *pools)
{
    for (size_t i = 0; i < pools->secret_count; i++) {
        wipe(&pools->secrets[i]);
    }
    memory_free(pools->secrets);
    pools->secrets = NULL;
    pools->secret_count = 0;
}

void pools_drop_secrets(struct pools *pools)
{
    const struct config *config = pools->snapshot->config;
    for (size_t i = 0; i < pools->secret_count; i++) {
        if (pools->secrets[i] == NULL) {
            continue;
        }
        const struct user_config *user = i < config->user_count ? &config->users[i] : NULL;
        if (user == NULL || user->is_removed || user->server_password != NULL ||
            user->generation != pools->secrets[i]->generation) {
            wipe(&pools->secrets[i]);
        }
    }
}

// Does the new secret belong to the password that is known already?
static bool agrees(const struct noted_secret *known, const struct account_secret *secret)
{
    struct slice clear = slice_of(known->clear, known->clear_len);
    struct noted_secret hashed;
    switch (secret->kind) {
    case SECRET_NONE:
        return false;
    case SECRET_CLEAR:
        return known->has_clear && slice_equal(clear, slice_of(secret->bytes, secret->len));
    case SECRET_SHA1:
        if (known->has_clear) {
            auth_native_hash_once(clear, hashed.sha1);
            return memcmp(hashed.sha1, secret->bytes, NATIVE_BYTES) == 0;
        }
        return known->has_sha1 && memcmp(known->sha1, secret->bytes, NATIVE_BYTES) == 0;
    case SECRET_SHA256:
        if (known->has_clear) {
            auth_sha2_hash_once(clear, hashed.sha256);
            return memcmp(hashed.sha256, secret->bytes, SHA2_BYTES) == 0;
        }
        return known->has_sha256 && memcmp(known->sha256, secret->bytes, SHA2_BYTES) == 0;
    }
    return false;
}

// Hashes of two kinds can't be compared: both are kept until one of them is seen to have changed.
static bool stands_beside(const struct noted_secret *known, enum secret_kind kind)
{
    return !known->has_clear && ((kind == SECRET_SHA1 && !known->has_sha1) ||
                                 (kind == SECRET_SHA256 && !known->has_sha256));
}

static void put(struct noted_secret *known, const struct account_secret *secret)
{
    switch (secret->kind) {
    case SECRET_NONE:
        break;
    case SECRET_CLEAR:
        assert(secret->len <= sizeof known->clear);
        memcpy(known->clear, secret->bytes, secret->len);
        known->clear_len = secret->len;
        known->has_clear = true;
        break;
    case SECRET_SHA1:
        assert(secret->len == NATIVE_BYTES);
        memcpy(known->sha1, secret->bytes, NATIVE_BYTES);
        known->has_sha1 = true;
        break;
    case SECRET_SHA256:
        assert(secret->len == SHA2_BYTES);
        memcpy(known->sha256, secret->bytes, SHA2_BYTES);
        known->has_sha256 = true;
        break;
    }
}

static struct noted_secret **place_of(struct pools *pools, uint16_t account)
{
    if (account >= pools->secret_count) {
        size_t count = (size_t)account + 1;
        pools->secrets = memory_resize(pools->secrets, count * sizeof(struct noted_secret *));
        memset(pools->secrets + pools->secret_count, 0,
               (count - pools->secret_count) * sizeof(struct noted_secret *));
        pools->secret_count = count;
    }
    return &pools->secrets[account];
}

// Those who were refused with what was known before may try again.
static void forget_backoffs(struct pools *pools, uint16_t account)
{
    for (size_t i = 0; i < SERVERS_MAX; i++) {
        if (pools->slots[i] == NULL) {
            continue;
        }
        LIST_FOR_EACH (&pools->slots[i]->pools_list, node) {
            struct pool *pool = CONTAINER_OF(node, struct pool, node);
            if (pool->account == account) {
                pool_forget_backoff(pool);
            }
        }
    }
}

void pools_note_secret(struct pools *pools, uint16_t account, const struct account_secret *secret)
{
    const struct user_config *user = &pools->snapshot->config->users[account];
    if (secret->kind == SECRET_NONE || user->server_password != NULL) {
        return;
    }
    struct noted_secret **place = place_of(pools, account);
    if (*place != NULL && agrees(*place, secret)) {
        return;
    }
    if (*place != NULL && !stands_beside(*place, secret->kind)) {
        wipe(place);
    }
    if (*place == NULL) {
        *place = memory_new(sizeof **place);
        (*place)->generation = user->generation;
    }
    put(*place, secret);
    forget_backoffs(pools, account);
}

bool pools_password(const struct pools *pools, uint16_t account, struct password *password,
                    struct error *error)
{
    const struct user_config *user = &pools->snapshot->config->users[account];
    *password = (struct password){0};
    if (user->server_password != NULL) {
        *password = password_of(user->server_password);
        return true;
    }
    const struct noted_secret *known =
        account < pools->secret_count ? pools->secrets[account] : NULL;
    if (known == NULL) {
        error_fill(error, ER_NO_SERVER_PASSWORD, user->server_user,
                   "the configuration has none, and none can be learned from the way in which this "
                   "client has logged in; set server_password");
        return false;
    }
    if (known->has_clear) {
        password->clear = slice_of(known->clear, known->clear_len);
    }
    password->sha1 = known->has_sha1 ? known->sha1 : NULL;
    password->sha256 = known->has_sha256 ? known->sha256 : NULL;
    return true;
}
