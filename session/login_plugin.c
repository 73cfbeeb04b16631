// How a client proves that it knows a password: a row for each plugin.
//
//     mysql_native_password   SHA1(pw) XOR SHA1(nonce + SHA1(SHA1(pw)))      shows SHA1(pw)
//     caching_sha2_password   fast: the same with SHA256                     shows SHA256(pw)
//                             full (01 04): the password, over TLS or a local socket, or sealed
//                             with waybill's RSA key, which may be asked for (02)
//     client_ed25519          a signature of the nonce                       shows nothing
//     mysql_clear_password    the password, over TLS only
//
// The fast path takes SHA256(SHA256(pw)). Where only MySQL's own slow hash is kept, it is known
// after a first full log-in: login_cache.c.

#include <assert.h>
#include <sys/random.h>

#include "protocol/auth_rsa.h"
#include "protocol/auth_sha2_crypt.h"
#include "protocol/bytes.h"
#include "session/client_io.h"
#include "session/login_cache.h"
#include "session/login_impl.h"

enum { SHA2_MORE = 0x01, SHA2_ASKS_KEY = 0x02, SHA2_FAST_OK = 0x03, SHA2_FULL = 0x04 };
enum { SWITCH_HEADER = 0xfe, PRINTABLE_FIRST = 33, PRINTABLE_COUNT = 94 };

static enum login_verdict verdict_of(bool is_right)
{
    return is_right ? VERDICT_RIGHT : VERDICT_WRONG;
}

static void note_secret(struct session *session, enum secret_kind kind, struct slice bytes)
{
    struct account_secret *secret = &session->login->secret;
    if (bytes.len <= sizeof secret->bytes) {
        secret->kind = kind;
        secret->len = bytes.len;
        memcpy(secret->bytes, bytes.ptr, bytes.len);
    }
}

// ---- mysql_native_password

static bool is_native_fit(const struct session *session, const struct user_config *user)
{
    (void)session;
    return user->has_native || user->has_empty_password;
}

static enum login_verdict take_native(struct session *session, const struct user_config *user,
                                      struct slice packet)
{
    if (packet.len == 0) {
        return verdict_of(user->has_empty_password);
    }
    uint8_t once[NATIVE_BYTES];
    bool is_right = auth_native_recover(packet, session->login->nonce, user->native_hash, once);
    is_right = is_right && user->has_native && !user->has_empty_password;
    if (is_right) {
        note_secret(session, SECRET_SHA1, slice_of(once, sizeof once));
    }
    explicit_bzero(once, sizeof once);
    return verdict_of(is_right);
}

// ---- a password in clear

static bool is_password_right(const struct user_config *user, struct slice password)
{
    if (password.len == 0 || user->has_empty_password) {
        return password.len == 0 && user->has_empty_password;
    }
    // Each way of an account of the servers may have a password of its own.
    uint8_t found[SHA2_BYTES];
    bool is_right = false;
    if (user->has_sha2) {
        auth_sha2_hash(password, found);
        is_right |= auth_is_equal(found, user->sha2_hash, SHA2_BYTES);
    }
    if (user->has_native) {
        auth_native_hash(password, found);
        is_right |= auth_is_equal(found, user->native_hash, NATIVE_BYTES);
    }
    if (user->has_ed25519) {
        auth_ed25519_public_key(password, found);
        is_right |= auth_is_equal(found, user->ed25519_key, ED25519_KEY_BYTES);
    }
    return is_right || sha2_crypt_check(user->sha2_crypt, password);
}

static enum login_verdict take_password(struct session *session, const struct user_config *user,
                                        struct slice password)
{
    session->login->has_password = password.len > 0;
    bool is_right = is_password_right(user, password);
    if (is_right) {
        note_secret(session, SECRET_CLEAR, password);
        login_cache_note(session->sessions, user, password);
    }
    return verdict_of(is_right);
}

// It ends with a NUL.
static enum login_verdict take_ended(struct session *session, const struct user_config *user,
                                     struct slice packet)
{
    if (packet.len == 0 || packet.ptr[packet.len - 1] != 0) {
        return VERDICT_WRONG;
    }
    return take_password(session, user, slice_part(packet, 0, packet.len - 1));
}

static bool is_clear_fit(const struct session *session, const struct user_config *user)
{
    bool is_kept = user->has_native || user->has_sha2 || user->has_ed25519 ||
                   user->sha2_crypt.len > 0 || user->has_empty_password;
    return is_kept && login_has_tls(session);
}

static enum login_verdict take_clear(struct session *session, const struct user_config *user,
                                     struct slice packet)
{
    return login_has_tls(session) ? take_ended(session, user, packet) : VERDICT_WRONG;
}

// ---- caching_sha2_password

static bool is_sha2_fit(const struct session *session, const struct user_config *user)
{
    (void)session;
    return user->has_sha2 || user->sha2_crypt.len > 0 || user->has_empty_password;
}

static void send_more(struct session *session, uint8_t what)
{
    const uint8_t bytes[] = {SHA2_MORE, what};
    client_io_write_packet(session, slice_of(bytes, sizeof bytes), &session->login->sequence);
}

static enum login_verdict take_fast(struct session *session, const struct user_config *user,
                                    struct slice packet)
{
    static const uint8_t nobody[SHA2_BYTES] = {1};
    uint8_t once[SHA2_BYTES];
    const uint8_t *hash =
        user->has_sha2 ? user->sha2_hash : login_cache_find(session->sessions, user);
    bool is_right =
        auth_sha2_recover(packet, session->login->nonce, hash != NULL ? hash : nobody, once) &&
        hash != NULL && !user->has_empty_password;
    if (is_right) {
        note_secret(session, SECRET_SHA256, slice_of(once, sizeof once));
        send_more(session, SHA2_FAST_OK);
    }
    explicit_bzero(once, sizeof once);
    return verdict_of(is_right);
}

static enum login_verdict send_key(struct session *session)
{
    const struct rsa_key *key = sessions_rsa_key(session->sessions);
    if (key == NULL || session->login->was_key_sent) {
        return VERDICT_WRONG;
    }
    session->login->was_key_sent = true;
    struct text payload;
    text_init(&payload);
    write_u8(&payload, SHA2_MORE);
    text_add_slice(&payload, rsa_key_public(key));
    client_io_write_packet(session, text_slice(&payload), &session->login->sequence);
    text_done(&payload);
    return VERDICT_MORE;
}

static enum login_verdict take_sealed(struct session *session, const struct user_config *user,
                                      struct slice packet)
{
    const struct rsa_key *key = sessions_rsa_key(session->sessions);
    uint8_t password[RSA_PASSWORD_MAX];
    size_t len = 0;
    if (key == NULL || !rsa_key_open(key, packet, session->login->nonce, password, &len)) {
        explicit_bzero(password, sizeof password);
        return VERDICT_WRONG;
    }
    enum login_verdict verdict = take_password(session, user, slice_of(password, len));
    explicit_bzero(password, sizeof password);
    return verdict;
}

static enum login_verdict take_sha2(struct session *session, const struct user_config *user,
                                    struct slice packet)
{
    struct login_state *login = session->login;
    if (login->step == STEP_PASSWORD) {
        if (login_is_private(session)) {
            return take_ended(session, user, packet);
        }
        bool asks_key = packet.len == 1 && packet.ptr[0] == SHA2_ASKS_KEY;
        return asks_key ? send_key(session) : take_sealed(session, user, packet);
    }
    if (packet.len == 0 || (packet.len == 1 && packet.ptr[0] == 0)) {
        login->has_password = false;
        return verdict_of(user->has_empty_password);
    }
    enum login_verdict verdict = take_fast(session, user, packet);
    if (verdict == VERDICT_WRONG && user->sha2_crypt.len > 0) {
        send_more(session, SHA2_FULL);
        login->step = STEP_PASSWORD;
        return VERDICT_MORE;
    }
    return verdict;
}

// ---- client_ed25519

// It shows nothing that the servers' log-in takes: where that is needed, the password is asked for
// if nobody can listen.
static bool is_ed25519_fit(const struct session *session, const struct user_config *user)
{
    return user->has_ed25519 && (user->server_password != NULL || !login_has_tls(session));
}

static enum login_verdict take_ed25519(struct session *session, const struct user_config *user,
                                       struct slice packet)
{
    return verdict_of(auth_ed25519_check(packet, session->login->nonce, user->ed25519_key) &&
                      user->has_ed25519);
}

// ---- the table, in the order of preference

// clang-format off
static const struct login_plugin plugins[] = {
    {AUTH_NATIVE,  true,  true,  "mysql_native_password", NONCE_BYTES, is_native_fit, take_native},
    {AUTH_SHA2,    true,  true,  "caching_sha2_password", NONCE_BYTES, is_sha2_fit, take_sha2},
    {AUTH_ED25519, false, false, "client_ed25519", ED25519_NONCE_BYTES, is_ed25519_fit, take_ed25519},
    {AUTH_CLEAR,   false, true,  "mysql_clear_password", 0, is_clear_fit, take_clear},
};
// clang-format on

enum { PLUGIN_COUNT = sizeof plugins / sizeof plugins[0] };

static const struct login_plugin *find_kind(enum auth_plugin kind)
{
    for (size_t i = 0; i < PLUGIN_COUNT; i++) {
        if (plugins[i].kind == kind) {
            return &plugins[i];
        }
    }
    return NULL;
}

const struct login_plugin *login_plugin_announced(const struct session *session)
{
    bool is_sha2 = session_config(session)->settings.default_auth == DEFAULT_AUTH_SHA2;
    return find_kind(is_sha2 ? AUTH_SHA2 : AUTH_NATIVE);
}

const struct login_plugin *login_plugin_choose(const struct session *session,
                                               const struct user_config *user, struct slice wanted)
{
    const struct login_plugin *announced = login_plugin_announced(session);
    if (user->plugin != AUTH_ANY) {
        return find_kind(user->plugin);
    }
    for (size_t i = 0; i < PLUGIN_COUNT; i++) {
        if (slice_equal(wanted, slice_of_string(plugins[i].name)) &&
            plugins[i].is_fit(session, user)) {
            return &plugins[i];
        }
    }
    if (announced->is_fit(session, user)) {
        return announced;
    }
    for (size_t i = 0; i < PLUGIN_COUNT; i++) {
        if (plugins[i].is_fit(session, user)) {
            return &plugins[i];
        }
    }
    return announced;
}

void login_plugin_make_nonce(const struct login_plugin *plugin, uint8_t nonce[LOGIN_NONCE_BYTES])
{
    assert(plugin->nonce_bytes <= LOGIN_NONCE_BYTES);
    size_t have = 0;
    while (have < plugin->nonce_bytes) {
        ssize_t got = getrandom(nonce + have, plugin->nonce_bytes - have, 0);
        have += got > 0 ? (size_t)got : 0;
    }
    for (size_t i = 0; plugin->is_nonce_ended && i < plugin->nonce_bytes; i++) {
        nonce[i] = (uint8_t)(nonce[i] % PRINTABLE_COUNT + PRINTABLE_FIRST); // taken for text
    }
}

void login_plugin_write_switch(const struct login_plugin *plugin, const uint8_t *nonce,
                               struct text *out)
{
    write_u8(out, SWITCH_HEADER);
    write_nul_string(out, slice_of_string(plugin->name));
    text_add(out, nonce, plugin->nonce_bytes);
    if (plugin->is_nonce_ended) {
        write_u8(out, 0);
    }
}
