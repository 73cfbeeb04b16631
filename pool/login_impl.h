#pragma once
// Private to pool/: the log-in to a server as a machine of bytes, so that it is tested without one.

#include "base/text.h"
#include "base/tls.h"
#include "protocol/handshake.h"

// What is known of a password, to log in with. All borrowed.
struct password {
    struct slice clear;    // ptr NULL: not known
    const uint8_t *sha1;   // of the password, NATIVE_BYTES; NULL: not known
    const uint8_t *sha256; // of the password, SHA2_BYTES; NULL: not known
};

static inline struct password password_of(const char *clear)
{
    return (struct password){.clear = slice_of_string(clear)};
}

// What the log-in is to reach. Borrowed; given anew to each call.
struct login_wish {
    uint64_t capability_class; // & CAP_CLASS: all of it or none
    const char *server;        // its name, for errors
    const char *user;
    struct password password;
    enum tls_mode tls;
    uint64_t compression; // CAP_COMPRESS and CAP_ZSTD: those that may be used
};

enum { LOGIN_NONCE_BYTES_MAX = 32 };

struct login_plugin;

enum backend_login_step {
    LOGIN_GREETING, // the server's first packet is awaited
    LOGIN_TLS,      // TLS was asked for, and nothing may come before it begins
    LOGIN_ANSWER,   // what it says to the log-in, or to the plugin's last answer
};
// LOGIN_BEGIN_TLS: when `out` is sent, TLS begins, and the log-in goes on with
// backend_login_secure.
enum backend_login_result { LOGIN_MORE, LOGIN_BEGIN_TLS, LOGIN_DONE, LOGIN_FAILED };

struct backend_login {
    enum backend_login_step step;
    uint64_t capabilities; // what was agreed on, after the greeting
    const struct login_plugin *plugin;
    uint8_t nonce[LOGIN_NONCE_BYTES_MAX];
    bool is_secure;      // the bytes come and go over TLS; set by backend_login_secure
    bool is_key_awaited; // the plugin has asked for the server's RSA key
    uint8_t packets;     // of the server so far
    uint8_t next_sequence;
    struct text in;         // owned: a packet that came in pieces
    struct text attributes; // owned: told to the server; filled in by the caller
    // Known when it is done.
    uint32_t connection_id;
    uint32_t version; // 101119
    bool is_mariadb;
    uint16_t status;
};

void backend_login_init(struct backend_login *login);
void backend_login_done(struct backend_login *login);
// Eats bytes of the server, adds to `out` what is to be sent. LOGIN_FAILED: *error says why.
enum backend_login_result backend_login_feed(struct backend_login *login,
                                             const struct login_wish *wish, struct slice bytes,
                                             struct text *out, struct error *error) MUST_CHECK;
// From now on over TLS: its handshake need not be over, as long as nothing is sent before it is.
enum backend_login_result backend_login_secure(struct backend_login *login,
                                               const struct login_wish *wish, struct text *out,
                                               struct error *error) MUST_CHECK;

// ---- login_plugin.c: the ways to prove who one is

struct login_plugin {
    const char *name;
    size_t nonce_bytes; // that it needs of the server
    bool (*has_secret)(const struct password *password);
    // Its first answer; called only when has_secret. False with *error.
    bool (*answer)(struct backend_login *login, const struct login_wish *wish, struct text *answer,
                   struct error *error);
    // Its answer to more bytes of the server, if it has one. False with *error. NULL: no more is
    // expected.
    bool (*more)(struct backend_login *login, const struct login_wish *wish, struct slice bytes,
                 struct text *answer, struct error *error);
};

const struct login_plugin *login_plugin_find(struct slice name); // NULL: waybill can't speak it
// The one to begin with: the server's own, if the greeting's nonce and what is known of the
// password are enough for it, else another for which they are; the server then asks for the
// account's.
const struct login_plugin *login_plugin_first(struct slice name, const struct password *password);
// What the error of a plugin says that can't do with what is known.
void login_plugin_error_secret(const struct login_plugin *plugin, const struct login_wish *wish,
                               struct error *error);
