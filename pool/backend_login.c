// How waybill logs in to a server. A machine of bytes, so that it is tested without one:
//
//     GREETING -> [login with the plugin that the server names] -> ANSWER
//     ANSWER   -> OK: done | ERR: failed | switch to another plugin -> ANSWER
//              -> caching_sha2_password wants the password itself -> ask for the key -> KEY
//     KEY      -> [password sealed with the server's RSA key] -> ANSWER
//
// (manual: "Connection Phase"; "Caching SHA-2 Pluggable Authentication")

#include "pool/pool_impl.h"

#include <stdio.h>

#include "protocol/auth_native.h"
#include "protocol/auth_sha2.h"
#include "protocol/handshake.h"
#include "protocol/packet.h"
#include "protocol/reply.h"

#define PLUGIN_NATIVE "mysql_native_password"
#define PLUGIN_SHA2   "caching_sha2_password"

// Always the same, so that the bytes of answers depend on CAP_CLASS alone.
#define BACKEND_CAPABILITIES                                                                       \
    (CAP_LONG_PASSWORD | CAP_LONG_FLAG | CAP_PROTOCOL_41 | CAP_TRANSACTIONS |                      \
     CAP_SECURE_CONNECTION | CAP_MULTI_STATEMENTS | CAP_MULTI_RESULTS | CAP_PS_MULTI_RESULTS |     \
     CAP_PLUGIN_AUTH)

enum {
    UTF8MB4_GENERAL_CI = 45, // what pool/backend.c notes as NAMES utf8mb4
    SERVER_PACKET_MAX = 0x40000000,
    FIRST_OK = 0x00,
    FIRST_MORE = 0x01,
    FIRST_SWITCH = 0xfe,
    FIRST_ERROR = 0xff,
    SHA2_REQUEST_KEY = 0x02,
    SHA2_FAST_DONE = 0x03,
    SHA2_WANTS_PASSWORD = 0x04,
};

void backend_login_init(struct backend_login *login, uint64_t capability_class)
{
    memset(login, 0, sizeof *login);
    login->capabilities = capability_class & CAP_CLASS;
    text_init(&login->in);
}

void backend_login_done(struct backend_login *login)
{
    text_done(&login->in);
}

static enum backend_login_result fail(struct error *error, const char *why)
{
    error_set(error, 1043, "08S01", "Bad handshake: %s", why);
    return LOGIN_FAILED;
}

// "5.5.5-10.11.19-MariaDB" -> 101119: MariaDB 10 hides behind an old MySQL's number.
static uint32_t parse_version(struct slice version)
{
    char text[64];
    unsigned parts[3] = {0, 0, 0};
    size_t len = version.len < sizeof text - 1 ? version.len : sizeof text - 1;
    memcpy(text, version.ptr, len);
    text[len] = '\0';
    const char *begin = strncmp(text, "5.5.5-", 6) == 0 ? text + 6 : text;
    if (sscanf(begin, "%3u.%2u.%2u", &parts[0], &parts[1], &parts[2]) < 2) {
        return 0;
    }
    return parts[0] * 10000 + parts[1] * 100 + parts[2];
}

static void answer_nonce(const struct backend_login *login, uint8_t out[SHA2_BYTES], size_t *len)
{
    const struct password *password = &login->password;
    *len = 0;
    if (password->clear.ptr != NULL && login->is_sha2) {
        auth_sha2_answer(password->clear, login->nonce, out, len);
    } else if (password->clear.ptr != NULL) {
        auth_native_answer(password->clear, login->nonce, out, len);
    } else if (login->is_sha2 && password->sha256 != NULL) {
        auth_sha2_answer_once(password->sha256, login->nonce, out);
        *len = SHA2_BYTES;
    } else if (!login->is_sha2 && password->sha1 != NULL) {
        auth_native_answer_once(password->sha1, login->nonce, out);
        *len = NATIVE_BYTES;
    }
}

static void send_login(struct backend_login *login, struct text *out)
{
    uint8_t proof[SHA2_BYTES];
    size_t proof_len = 0;
    answer_nonce(login, proof, &proof_len);
    struct login reply = {
        .capabilities = login->capabilities,
        .max_packet = SERVER_PACKET_MAX,
        .collation_id = UTF8MB4_GENERAL_CI,
        .user = login->user,
        .auth = slice_of(proof, proof_len),
        .plugin = slice_of_string(login->is_sha2 ? PLUGIN_SHA2 : PLUGIN_NATIVE),
    };
    size_t place = packet_begin(out);
    login_write(out, &reply);
    packet_end(out, place, &login->next_sequence);
}

static enum backend_login_result take_greeting(struct backend_login *login, struct slice payload,
                                               struct text *out, struct error *error)
{
    struct greeting greeting;
    if (!greeting_read(payload, &greeting, error)) {
        return LOGIN_FAILED;
    }
    if ((login->capabilities & ~greeting.capabilities) != 0) {
        return fail(error, "the server lacks a capability that the client was promised");
    }
    // MariaDB leaves LONG_PASSWORD out to say that it is MariaDB; a client that sends it gets plain
    // MySQL packets from it, which is what is wanted.
    login->capabilities |= BACKEND_CAPABILITIES & (greeting.capabilities | CAP_LONG_PASSWORD);
    login->connection_id = greeting.connection_id;
    login->version = parse_version(greeting.version);
    login->is_mariadb = (greeting.capabilities & CAP_LONG_PASSWORD) == 0 ||
                        memmem(greeting.version.ptr, greeting.version.len, "MariaDB", 7) != NULL;
    login->is_sha2 = slice_equal(greeting.plugin, slice_of_string(PLUGIN_SHA2));
    memcpy(login->nonce, greeting.nonce, NONCE_BYTES);
    send_login(login, out);
    login->step = LOGIN_ANSWER;
    return LOGIN_MORE;
}

static enum backend_login_result take_switch(struct backend_login *login, struct slice payload,
                                             struct text *out, struct error *error)
{
    struct slice plugin;
    if (!auth_switch_read(payload, &plugin, login->nonce)) {
        return fail(error, "the server asks for another way to log in that can't be read");
    }
    login->is_sha2 = slice_equal(plugin, slice_of_string(PLUGIN_SHA2));
    if (!login->is_sha2 && !slice_equal(plugin, slice_of_string(PLUGIN_NATIVE))) {
        error_set(error, 1251, "08004", "the account wants %.*s, which waybill can't speak",
                  (int)(plugin.len < 64 ? plugin.len : 64), (const char *)plugin.ptr);
        return LOGIN_FAILED;
    }
    uint8_t proof[SHA2_BYTES];
    size_t proof_len = 0;
    answer_nonce(login, proof, &proof_len);
    packet_append(out, slice_of(proof, proof_len), &login->next_sequence);
    return LOGIN_MORE;
}

static enum backend_login_result take_more(struct backend_login *login, struct slice payload,
                                           struct text *out, struct error *error)
{
    static const uint8_t request = SHA2_REQUEST_KEY;
    if (!login->is_sha2 || payload.len < 2) {
        return fail(error, "unexpected authentication bytes");
    }
    if (payload.ptr[1] == SHA2_FAST_DONE) {
        return LOGIN_MORE; // an OK follows
    }
    if (payload.ptr[1] != SHA2_WANTS_PASSWORD) {
        return fail(error, "unexpected authentication bytes");
    }
    packet_append(out, slice_of(&request, 1), &login->next_sequence);
    login->step = LOGIN_KEY;
    return LOGIN_MORE;
}

static enum backend_login_result take_key(struct backend_login *login, struct slice payload,
                                          struct text *out, struct error *error)
{
    if (payload.len < 2 || payload.ptr[0] != FIRST_MORE) {
        return fail(error, "the server has no RSA key for caching_sha2_password");
    }
    if (login->password.clear.ptr == NULL) {
        return fail(error, "the server wants the password itself, and only its hash is known");
    }
    struct text sealed;
    text_init(&sealed);
    bool is_sealed = auth_sha2_seal(login->password.clear, login->nonce,
                                    slice_part(payload, 1, payload.len), &sealed, error);
    if (is_sealed) {
        packet_append(out, text_slice(&sealed), &login->next_sequence);
        login->step = LOGIN_ANSWER;
    }
    text_done(&sealed);
    return is_sealed ? LOGIN_MORE : LOGIN_FAILED;
}

static enum backend_login_result take_ok(struct backend_login *login, struct slice payload,
                                         struct error *error)
{
    struct ok_packet ok;
    if (!ok_read(payload, &ok)) {
        return fail(error, "an OK that can't be read");
    }
    login->status = ok.status;
    return LOGIN_DONE;
}

static enum backend_login_result take_packet(struct backend_login *login, struct slice payload,
                                             struct text *out, struct error *error)
{
    if (login->step == LOGIN_GREETING) {
        return take_greeting(login, payload, out, error);
    }
    if (payload.len == 0) {
        return fail(error, "an empty packet");
    }
    if (payload.ptr[0] == FIRST_ERROR) {
        return error_read(payload, error) ? LOGIN_FAILED
                                          : fail(error, "an error that can't be read");
    }
    if (login->step == LOGIN_KEY) {
        return take_key(login, payload, out, error);
    }
    switch (payload.ptr[0]) {
    case FIRST_OK:
        return take_ok(login, payload, error);
    case FIRST_SWITCH:
        return take_switch(login, payload, out, error);
    case FIRST_MORE:
        return take_more(login, payload, out, error);
    default:
        return fail(error, "an unknown packet");
    }
}

enum backend_login_result backend_login_feed(struct backend_login *login, struct slice bytes,
                                             struct text *out, struct error *error)
{
    text_add_slice(&login->in, bytes);
    for (;;) {
        size_t raw_bytes = 0;
        size_t payload_bytes = 0;
        enum packet_fit fit =
            packet_look(text_slice(&login->in), login->next_sequence, PACKET_IN_MAX, &raw_bytes,
                        &payload_bytes, &login->next_sequence);
        if (fit == PACKET_PARTIAL) {
            return LOGIN_MORE;
        }
        if (fit != PACKET_WHOLE) {
            return fail(error, "packets out of order, or too large");
        }
        struct slice payload = slice_of(login->in.ptr + PACKET_HEADER_BYTES, payload_bytes);
        enum backend_login_result result = take_packet(login, payload, out, error);
        text_drop_front(&login->in, raw_bytes);
        if (result == LOGIN_DONE && login->in.len > 0) {
            return fail(error, "bytes behind the end of the log-in");
        }
        if (result != LOGIN_MORE) {
            return result;
        }
    }
}
