// How waybill logs in to a server. A machine of bytes, so that it is tested without one:
//
//     GREETING -> [a request for TLS] -> TLS -> [log-in] -> ANSWER
//     GREETING -> [log-in with the plugin that the server names] -> ANSWER
//     ANSWER   -> OK: done | ERR: failed | switch to another plugin -> [its answer] -> ANSWER
//              -> more bytes for the plugin -> [its answer, if it has one] -> ANSWER
//
// (manual: "Connection Phase"; MariaDB KB: "Connecting".) The server may be hostile: what it says
// is bounded in size and in number.

#include "pool/login_impl.h"

#include <stdio.h>

#include "protocol/compress.h"
#include "protocol/error_table.h"
#include "protocol/packet.h"
#include "protocol/reply.h"

// Always the same, so that the bytes of answers depend on CAP_CLASS alone. Never several statements
// in one text: each is routed by itself.
#define BACKEND_CAPABILITIES                                                                       \
    (CAP_LONG_PASSWORD | CAP_LONG_FLAG | CAP_PROTOCOL_41 | CAP_TRANSACTIONS |                      \
     CAP_SECURE_CONNECTION | CAP_MULTI_RESULTS | CAP_PS_MULTI_RESULTS | CAP_PLUGIN_AUTH |          \
     CAP_PLUGIN_AUTH_LENENC | CAP_CONNECT_ATTRS)

enum {
    UTF8MB4_GENERAL_CI = 45, // what pool/backend.c notes as NAMES utf8mb4
    SERVER_PACKET_MAX = 0x40000000,
    PACKET_IN_MAX = 65536,
    PACKETS_MAX = 32, // an account with several plugins is asked for one after the other
    FIRST_OK = 0x00,
    FIRST_MORE = 0x01,
    FIRST_NEXT_FACTOR = 0x02,
    FIRST_SWITCH = 0xfe,
    FIRST_ERROR = 0xff,
};

void backend_login_init(struct backend_login *login)
{
    memset(login, 0, sizeof *login);
    text_init(&login->in);
    text_init(&login->attributes);
}

void backend_login_done(struct backend_login *login)
{
    text_done(&login->in);
    text_done(&login->attributes);
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

// What a plugin has to say may be the password.
static void wipe(struct text *answer)
{
    if (answer->ptr != NULL) {
        explicit_bzero(answer->ptr, answer->len);
    }
    text_done(answer);
}

static enum backend_login_result send_login(struct backend_login *login,
                                            const struct login_wish *wish, struct text *out,
                                            struct error *error)
{
    struct text answer;
    text_init(&answer);
    bool is_ready = login->plugin->has_secret(&wish->password);
    if (!is_ready) {
        login_plugin_error_secret(login->plugin, wish, error);
    } else if (login->plugin->answer(login, wish, &answer, error)) {
        struct login reply = {
            .capabilities = login->capabilities,
            .max_packet = SERVER_PACKET_MAX,
            .collation_id = UTF8MB4_GENERAL_CI,
            .user = slice_of_string(wish->user),
            .auth = text_slice(&answer),
            .plugin = slice_of_string(login->plugin->name),
            .attributes = text_slice(&login->attributes),
            .zstd_level = COMPRESS_ZSTD_LEVEL,
        };
        size_t place = packet_begin(out);
        login_write(out, &reply);
        packet_end(out, place, &login->next_sequence);
    } else {
        is_ready = false;
    }
    wipe(&answer);
    login->step = LOGIN_ANSWER;
    return is_ready ? LOGIN_MORE : LOGIN_FAILED;
}

// The same first bytes as the log-in's, and nothing behind them.
static enum backend_login_result ask_for_tls(struct backend_login *login, struct text *out)
{
    struct login request = {
        .capabilities = login->capabilities,
        .max_packet = SERVER_PACKET_MAX,
        .collation_id = UTF8MB4_GENERAL_CI,
        .wants_tls = true,
    };
    size_t place = packet_begin(out);
    login_write(out, &request);
    packet_end(out, place, &login->next_sequence);
    login->step = LOGIN_TLS;
    return LOGIN_BEGIN_TLS;
}

// zstd before zlib; nothing where the server has nothing of it.
static uint64_t choose_compression(const struct login_wish *wish, uint64_t offered)
{
    uint64_t common = wish->compression & offered;
    return (common & CAP_ZSTD) != 0 ? CAP_ZSTD : common & CAP_COMPRESS;
}

static enum backend_login_result refuse_plain(const struct login_wish *wish, struct error *error)
{
    error_fill(error, ER_CONNECT_SERVER, wish->server,
               "it offers no TLS, which its tls (or server_tls) demands");
    return LOGIN_FAILED;
}

static enum backend_login_result take_greeting(struct backend_login *login,
                                               const struct login_wish *wish, struct slice payload,
                                               struct text *out, struct error *error)
{
    struct greeting greeting;
    if (!greeting_read(payload, &greeting, error)) {
        return LOGIN_FAILED;
    }
    // Without LOCAL_FILES (switched off since) the server refuses what needs it by itself.
    uint64_t promised = wish->capability_class & CAP_CLASS & ~CAP_LOCAL_FILES;
    if ((promised & ~greeting.capabilities) != 0) {
        return fail(error, "the server lacks a capability that the client was promised");
    }
    login->capabilities = (wish->capability_class & CAP_CLASS) |
                          (BACKEND_CAPABILITIES & (greeting.capabilities | CAP_LONG_PASSWORD)) |
                          choose_compression(wish, greeting.capabilities);
    // MariaDB leaves LONG_PASSWORD out to say that it is MariaDB. A client that sends it gets plain
    // MySQL packets; MariaDB's own capabilities count only when it leaves it out as well.
    if ((login->capabilities & CAP_MARIADB) != 0) {
        login->capabilities &= ~CAP_LONG_PASSWORD;
    }
    login->connection_id = greeting.connection_id;
    login->version = parse_version(greeting.version);
    login->is_mariadb = (greeting.capabilities & CAP_LONG_PASSWORD) == 0 ||
                        memmem(greeting.version.ptr, greeting.version.len, "MariaDB", 7) != NULL;
    login->plugin = login_plugin_first(greeting.plugin, &wish->password);
    memcpy(login->nonce, greeting.nonce, NONCE_BYTES);
    if (wish->tls != TLS_DISABLED && (greeting.capabilities & CAP_SSL) != 0) {
        login->capabilities |= CAP_SSL;
        return ask_for_tls(login, out);
    }
    return wish->tls >= TLS_REQUIRED ? refuse_plain(wish, error)
                                     : send_login(login, wish, out, error);
}

enum backend_login_result backend_login_secure(struct backend_login *login,
                                               const struct login_wish *wish, struct text *out,
                                               struct error *error)
{
    login->is_secure = true;
    return send_login(login, wish, out, error);
}

static enum backend_login_result take_switch(struct backend_login *login,
                                             const struct login_wish *wish, struct slice payload,
                                             struct text *out, struct error *error)
{
    struct slice name, nonce;
    if (payload.len == 1) {
        error_set(error, 1251, "08004",
                  "the account wants mysql_old_password, which waybill can't speak");
        return LOGIN_FAILED;
    }
    if (!auth_switch_read(payload, &name, &nonce)) {
        return fail(error, "the server asks for another way to log in that can't be read");
    }
    login->plugin = login_plugin_find(name);
    login->is_key_awaited = false;
    if (login->plugin == NULL) {
        error_set(error, 1251, "08004", "the account wants %.*s, which waybill can't speak",
                  (int)(name.len < 64 ? name.len : 64), (const char *)name.ptr);
        return LOGIN_FAILED;
    }
    if (nonce.len < login->plugin->nonce_bytes) {
        return fail(error, "the server's nonce is too short for its way to log in");
    }
    memcpy(login->nonce, nonce.ptr, login->plugin->nonce_bytes);
    if (!login->plugin->has_secret(&wish->password)) {
        login_plugin_error_secret(login->plugin, wish, error);
        return LOGIN_FAILED;
    }
    struct text answer;
    text_init(&answer);
    bool is_answered = login->plugin->answer(login, wish, &answer, error);
    if (is_answered) {
        packet_append(out, text_slice(&answer), &login->next_sequence);
    }
    wipe(&answer);
    return is_answered ? LOGIN_MORE : LOGIN_FAILED;
}

static enum backend_login_result take_more(struct backend_login *login,
                                           const struct login_wish *wish, struct slice payload,
                                           struct text *out, struct error *error)
{
    if (login->plugin->more == NULL) {
        return fail(error, "unexpected authentication bytes");
    }
    struct text answer;
    text_init(&answer);
    bool is_answered =
        login->plugin->more(login, wish, slice_part(payload, 1, payload.len), &answer, error);
    if (is_answered && answer.len > 0) {
        packet_append(out, text_slice(&answer), &login->next_sequence);
    }
    wipe(&answer);
    return is_answered ? LOGIN_MORE : LOGIN_FAILED;
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

static enum backend_login_result take_packet(struct backend_login *login,
                                             const struct login_wish *wish, struct slice payload,
                                             struct text *out, struct error *error)
{
    if (++login->packets > PACKETS_MAX) {
        return fail(error, "the server asks and asks");
    }
    if (login->step == LOGIN_GREETING) {
        return take_greeting(login, wish, payload, out, error);
    }
    if (payload.len == 0) {
        return fail(error, "an empty packet");
    }
    switch (payload.ptr[0]) {
    case FIRST_ERROR:
        return error_read(payload, error) && error_is_set(error)
                   ? LOGIN_FAILED
                   : fail(error, "an error that can't be read");
    case FIRST_OK:
        return take_ok(login, payload, error);
    case FIRST_SWITCH:
        return take_switch(login, wish, payload, out, error);
    case FIRST_MORE:
        return take_more(login, wish, payload, out, error);
    case FIRST_NEXT_FACTOR:
        error_set(error, 1251, "08004",
                  "the account wants a second factor, which waybill can't give");
        return LOGIN_FAILED;
    default:
        return fail(error, "an unknown packet");
    }
}

enum backend_login_result backend_login_feed(struct backend_login *login,
                                             const struct login_wish *wish, struct slice bytes,
                                             struct text *out, struct error *error)
{
    if (login->step == LOGIN_TLS) {
        return fail(error, "bytes between the greeting and TLS");
    }
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
        enum backend_login_result result = take_packet(login, wish, payload, out, error);
        text_drop_front(&login->in, raw_bytes);
        if (result == LOGIN_DONE && login->in.len > 0) {
            return fail(error, "bytes behind the end of the log-in");
        }
        if (result == LOGIN_BEGIN_TLS && login->in.len > 0) {
            return fail(error, "bytes between the greeting and TLS");
        }
        if (result != LOGIN_MORE) {
            return result;
        }
    }
}
