// The plugins by which waybill proves to a server who it is. One row of the table for each:
//
//   mysql_native_password   proof from SHA1(password)
//   caching_sha2_password   proof from SHA256(password); when the server has not cached the account
//                           it asks for the password itself, over TLS as it is, else sealed with
//                           the server's RSA key
//   sha256_password         the password itself, in the same two ways
//   client_ed25519          a signature
//   mysql_clear_password    the password itself, over TLS only
//
// (manual: "Authentication Plugins"; MariaDB KB: "Authentication Plugin - ed25519".) A server that
// is asked for its RSA key could be anybody: only TLS with verify-ca shows who it is.

#include "pool/login_impl.h"

#include <stdio.h>

#include "protocol/auth_ed25519.h"
#include "protocol/auth_native.h"
#include "protocol/auth_sha2.h"
#include "protocol/error_table.h"

enum {
    SHA2_REQUEST_KEY = 0x02,
    SHA256_REQUEST_KEY = 0x01,
    SHA2_FAST_DONE = 0x03,
    SHA2_WANTS_PASSWORD = 0x04,
};

static bool has_clear(const struct password *password)
{
    return password->clear.ptr != NULL;
}

static bool fail(struct error *error, const char *why)
{
    error_set(error, 1043, "08S01", "Bad handshake: %s", why);
    return false;
}

void login_plugin_error_secret(const struct login_plugin *plugin, const struct login_wish *wish,
                               struct error *error)
{
    char why[300];
    snprintf(why, sizeof why,
             "the server asks for %s, and what clients have shown of the password when they logged "
             "in is not enough for it; set server_password, or let them log in with "
             "mysql_clear_password over TLS",
             plugin->name);
    error_fill(error, ER_NO_SERVER_PASSWORD, wish->user, why);
}

static void add_with_nul(struct text *answer, struct slice clear)
{
    text_add_slice(answer, clear);
    text_add(answer, "", 1);
}

// ---- mysql_native_password

static bool native_has_secret(const struct password *password)
{
    return has_clear(password) || password->sha1 != NULL;
}

static bool native_answer(struct backend_login *login, const struct login_wish *wish,
                          struct text *answer, struct error *error)
{
    (void)error;
    uint8_t proof[NATIVE_BYTES];
    size_t len = NATIVE_BYTES;
    if (has_clear(&wish->password)) {
        auth_native_answer(wish->password.clear, login->nonce, proof, &len);
    } else {
        auth_native_answer_once(wish->password.sha1, login->nonce, proof);
    }
    text_add(answer, proof, len);
    return true;
}

// ---- caching_sha2_password

static bool sha2_has_secret(const struct password *password)
{
    return has_clear(password) || password->sha256 != NULL;
}

static bool sha2_answer(struct backend_login *login, const struct login_wish *wish,
                        struct text *answer, struct error *error)
{
    (void)error;
    uint8_t proof[SHA2_BYTES];
    size_t len = SHA2_BYTES;
    if (has_clear(&wish->password) && wish->password.clear.len == 0) {
        text_add(answer, "", 1); // as libmysqlclient says it
        return true;
    }
    if (has_clear(&wish->password)) {
        auth_sha2_answer(wish->password.clear, login->nonce, proof, &len);
    } else {
        auth_sha2_answer_once(wish->password.sha256, login->nonce, proof);
    }
    text_add(answer, proof, len);
    return true;
}

// The password, so that only the server can read it; or the request for the key that this takes.
static bool give_password(struct backend_login *login, const struct login_wish *wish,
                          uint8_t key_request, struct text *answer)
{
    if (login->is_secure) {
        add_with_nul(answer, wish->password.clear);
    } else {
        text_add(answer, &key_request, 1);
        login->is_key_awaited = true;
    }
    return true;
}

static bool seal_password(struct backend_login *login, const struct login_wish *wish,
                          struct slice pem, struct text *answer, struct error *error)
{
    login->is_key_awaited = false;
    return auth_sha2_seal(wish->password.clear, login->nonce, pem, answer, error);
}

static bool sha2_more(struct backend_login *login, const struct login_wish *wish,
                      struct slice bytes, struct text *answer, struct error *error)
{
    if (login->is_key_awaited) {
        return seal_password(login, wish, bytes, answer, error);
    }
    if (bytes.len == 1 && bytes.ptr[0] == SHA2_FAST_DONE) {
        return true; // an OK follows
    }
    if (bytes.len != 1 || bytes.ptr[0] != SHA2_WANTS_PASSWORD) {
        return fail(error, "unexpected authentication bytes");
    }
    if (!has_clear(&wish->password)) {
        login_plugin_error_secret(login->plugin, wish, error);
        return false;
    }
    return give_password(login, wish, SHA2_REQUEST_KEY, answer);
}

// ---- sha256_password

static bool sha256_answer(struct backend_login *login, const struct login_wish *wish,
                          struct text *answer, struct error *error)
{
    (void)error;
    if (wish->password.clear.len == 0) {
        text_add(answer, "", 1);
        return true;
    }
    return give_password(login, wish, SHA256_REQUEST_KEY, answer);
}

static bool sha256_more(struct backend_login *login, const struct login_wish *wish,
                        struct slice bytes, struct text *answer, struct error *error)
{
    if (!login->is_key_awaited) {
        return fail(error, "unexpected authentication bytes");
    }
    return seal_password(login, wish, bytes, answer, error);
}

// ---- client_ed25519

static bool ed25519_answer(struct backend_login *login, const struct login_wish *wish,
                           struct text *answer, struct error *error)
{
    (void)error;
    uint8_t signature[ED25519_SIGNATURE_BYTES];
    auth_ed25519_sign(wish->password.clear, login->nonce, signature);
    text_add(answer, signature, sizeof signature);
    return true;
}

// ---- mysql_clear_password

static bool clear_answer(struct backend_login *login, const struct login_wish *wish,
                         struct text *answer, struct error *error)
{
    if (!login->is_secure) {
        error_set(error, 1251, "08004",
                  "the account wants mysql_clear_password, which waybill speaks over TLS only");
        return false;
    }
    add_with_nul(answer, wish->password.clear);
    return true;
}

// ---- the table

// clang-format off
static const struct login_plugin plugins[] = {
    {"mysql_native_password", NONCE_BYTES,         native_has_secret, native_answer,  NULL},
    {"caching_sha2_password", NONCE_BYTES,         sha2_has_secret,   sha2_answer,    sha2_more},
    {"sha256_password",       NONCE_BYTES,         has_clear,         sha256_answer,  sha256_more},
    {"client_ed25519",        ED25519_NONCE_BYTES, has_clear,         ed25519_answer, NULL},
    {"mysql_clear_password",  0,                   has_clear,         clear_answer,   NULL},
};
// clang-format on

enum { PLUGIN_COUNT = sizeof plugins / sizeof plugins[0] };

const struct login_plugin *login_plugin_find(struct slice name)
{
    for (size_t i = 0; i < PLUGIN_COUNT; i++) {
        if (slice_equal(name, slice_of_string(plugins[i].name))) {
            return &plugins[i];
        }
    }
    return NULL;
}

const struct login_plugin *login_plugin_first(struct slice name, const struct password *password)
{
    const struct login_plugin *plugin = login_plugin_find(name);
    if (plugin != NULL && plugin->nonce_bytes == NONCE_BYTES && plugin->has_secret(password)) {
        return plugin;
    }
    return sha2_has_secret(password) && !native_has_secret(password) ? &plugins[1] : &plugins[0];
}
