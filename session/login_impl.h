#pragma once
// A client's log-in, for the files that make it up: client_login.c (the machine), login_plugin.c
// (how a password is proved), login_account.c (whose, and may he), login_accept.c (what follows).

#include "protocol/charset.h"
#include "protocol/handshake.h"
#include "session/client_login.h"

enum {
    LOGIN_NAME_BYTES = 384, // 128 characters
    LOGIN_NONCE_BYTES = 32,
    LOGIN_COLLATION = 45 /* utf8mb4_general_ci */
};

enum login_step {
    STEP_GREETED,  // awaits the client's first answer
    STEP_SWITCHED, // ... that of the plugin that it was asked for
    STEP_PASSWORD, // ... the password itself, or the question for the key (caching_sha2_password)
    STEP_DOUBTED,  // awaits the servers' accounts, read anew
};

struct login_plugin;

struct login_state {
    enum login_step step;
    const struct login_plugin *plugin; // whose answer is awaited
    uint8_t nonce[LOGIN_NONCE_BYTES];  // that it answers
    uint8_t sequence;                  // of the next packet, from either side
    bool is_change;                    // COM_CHANGE_USER
    bool has_plugins;                  // the client can be asked for another one
    bool has_password;                 // it has shown something
    bool was_key_sent;
    bool begins_tls;            // it has asked; what it sends from now on belongs to TLS
    bool is_tls_begun;          // its handshake may not be over
    uint8_t zstd_level;         // CAP_ZSTD
    bool was_doubted;           // once is enough
    enum login_step doubted_at; // STEP_DOUBTED: where it goes on
    uint64_t doubted_us;        // ... since when (loop clock)
    struct text doubted;        // ... with which packet; may be a password: wiped
    uint64_t offered;           // capabilities
    uint64_t capabilities;      // the client's, of those
    uint16_t collation_id;
    uint16_t before_account;      // is_change: who he was; NO_ACCOUNT when he must not be it again
    struct text before_database;  // ... and where
    struct account_secret secret; // what the plugin could recover; wiped
    char user[LOGIN_NAME_BYTES + 1];
    char database[LOGIN_NAME_BYTES + 1];
};

// ---- login_plugin.c

enum login_verdict { VERDICT_RIGHT, VERDICT_WRONG, VERDICT_MORE /* another packet is awaited */ };

struct login_plugin {
    enum auth_plugin kind;
    bool is_nonce_ended; // by a NUL, on the wire
    bool takes_greeting; // the client may answer the greeting's nonce
    const char *name;    // as clients know it
    size_t nonce_bytes;
    // May the account's password be proved by it, on this connection?
    bool (*is_fit)(const struct session *session, const struct user_config *user);
    enum login_verdict (*take)(struct session *session, const struct user_config *user,
                               struct slice packet);
};

const struct login_plugin *login_plugin_announced(const struct session *session);
// The one for this account and a client that named `wanted` (may be empty).
const struct login_plugin *login_plugin_choose(const struct session *session,
                                               const struct user_config *user, struct slice wanted);
void login_plugin_make_nonce(const struct login_plugin *plugin, uint8_t nonce[LOGIN_NONCE_BYTES]);
// ... with which a nonce of login->nonce goes out.
void login_plugin_write_switch(const struct login_plugin *plugin, const uint8_t *nonce,
                               struct text *out);

// ---- login_accept.c

// What a session has that names no collation, or one that the servers don't know. Never NULL.
const struct collation *login_default_collation(const struct session *session);

// ---- login_account.c

// The account of login->user from there, or one that it is compared with although it can't be
// (*is_decoy), so that nobody learns which users there are. Never NULL.
const struct user_config *login_account(const struct session *session, bool *is_decoy);
// Does what is known of the connection allow this account, whose password was right? If not, *error
// is what the client is told and *why (a literal) what the log says.
bool login_may_enter(struct session *session, const struct user_config *user, struct error *error,
                     const char **why) MUST_CHECK;
// All that ends a log-in without success. `why` (may be NULL) is for the log alone.
void login_refuse(struct session *session, const struct error *error, const char *why);
void login_refuse_access(struct session *session, const char *why); // 1045
void login_access_error(const struct session *session, struct error *error);

// ---- login_tls.c

// Capabilities that the configuration decides, for this hop alone: TLS, compression.
uint64_t login_offered_hop(const struct config *config);
bool login_has_tls(const struct session *session) MUST_CHECK;
bool login_is_private(const struct session *session) MUST_CHECK; // nobody can listen
// True: somebody could, and must not; it was refused.
bool login_is_too_open(struct session *session) MUST_CHECK;
// REQUIRE of the account; the setting `tls`.
bool login_is_required_met(const struct session *session,
                           const struct user_config *user) MUST_CHECK;
bool login_is_identity_met(const struct session *session,
                           const struct user_config *user) MUST_CHECK;

// ---- login_accept.c

void login_accept(struct session *session, const struct user_config *user);
// COM_CHANGE_USER was refused, and as on MariaDB's servers the client stays who he was, in a
// session that was reset.
void login_return(struct session *session, const struct error *error);
