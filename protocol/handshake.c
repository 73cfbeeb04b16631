// The first packets of a connection.
//
//   server -> greeting:  version, connection id, 20 bytes of nonce in two pieces (8 + 12), what it
//   can client -> login:     what it can, user, first answer of the plugin, schema, plugin server
//   -> switch:    another plugin with a new nonce, if the account wants another one
//
// Clients differ in small ways in how the last strings of a login end (a NUL, or the end of the
// packet): both are read.

#include "protocol/handshake.h"
#include "protocol/reply.h"

enum {
    PROTOCOL_VERSION = 10,
    SWITCH_HEADER = 0xfe,
    ERROR_HEADER = 0xff,
    NONCE_FIRST = 8,
    NONCE_SECOND = NONCE_BYTES - NONCE_FIRST,
    LOGIN_FILLER = 19, // and 4 bytes that are MariaDB's
    LOGIN_FIXED = 32,  // up to the user's name; an SSLRequest is just that
    UTF8MB4_GENERAL_CI = 45,
};

static void write_zeros(struct text *out, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        write_u8(out, 0);
    }
}

static struct slice read_last_string(struct reader *reader)
{
    const uint8_t *nul = reader->is_bad ? NULL : memchr(reader->at, 0, reader_left(reader));
    return nul != NULL ? read_nul_string(reader) : read_rest(reader);
}

void greeting_write(struct text *out, const struct greeting *greeting)
{
    write_u8(out, PROTOCOL_VERSION);
    write_nul_string(out, greeting->version);
    write_u32(out, greeting->connection_id);
    text_add(out, greeting->nonce, NONCE_FIRST);
    write_u8(out, 0);
    write_u16(out, (uint16_t)greeting->capabilities);
    write_u8(out, greeting->collation_id);
    write_u16(out, greeting->status);
    write_u16(out, (uint16_t)(greeting->capabilities >> 16));
    write_u8(out, NONCE_BYTES + 1);
    write_zeros(out, 6);
    bool is_mariadb = (greeting->capabilities & CAP_LONG_PASSWORD) == 0;
    write_u32(out, is_mariadb ? (uint32_t)(greeting->capabilities >> 32) : 0);
    text_add(out, greeting->nonce + NONCE_FIRST, NONCE_SECOND);
    write_u8(out, 0);
    if (greeting->capabilities & CAP_PLUGIN_AUTH) {
        write_nul_string(out, greeting->plugin);
    }
}

static bool greeting_fail(struct error *error, const char *why)
{
    error_set(error, 1043, "08S01", "Bad handshake: %s", why);
    return false;
}

bool greeting_read(struct slice payload, struct greeting *greeting, struct error *error)
{
    *greeting = (struct greeting){0};
    if (payload.len > 0 && payload.ptr[0] == ERROR_HEADER) {
        if (!error_read(payload, error) || error->code == 0) {
            return greeting_fail(error, "the server sent a malformed error");
        }
        return false;
    }
    struct reader reader = reader_of(payload);
    if (read_u8(&reader) != PROTOCOL_VERSION) {
        return greeting_fail(error, "not protocol version 10");
    }
    greeting->version = read_nul_string(&reader);
    greeting->connection_id = read_u32(&reader);
    struct slice nonce_first = read_bytes(&reader, NONCE_FIRST);
    (void)read_u8(&reader);
    uint64_t capabilities_low = read_u16(&reader);
    greeting->collation_id = read_u8(&reader);
    greeting->status = read_u16(&reader);
    greeting->capabilities = capabilities_low | (uint32_t)read_u16(&reader) << 16;
    uint8_t nonce_bytes = read_u8(&reader);
    (void)read_bytes(&reader, 6);
    uint64_t mariadb_capabilities = read_u32(&reader);
    struct slice nonce_second = read_bytes(&reader, NONCE_SECOND);
    if (reader.is_bad) {
        return greeting_fail(error, "the server's greeting is too short");
    }
    if (!(greeting->capabilities & CAP_PROTOCOL_41)) {
        return greeting_fail(error, "the server is older than MySQL 4.1");
    }
    if (!(greeting->capabilities & CAP_LONG_PASSWORD)) {
        greeting->capabilities |= mariadb_capabilities << 32;
    }
    memcpy(greeting->nonce, nonce_first.ptr, NONCE_FIRST);
    memcpy(greeting->nonce + NONCE_FIRST, nonce_second.ptr, NONCE_SECOND);
    // The second piece takes at least 13 bytes, whatever its length says (its last one is a NUL).
    size_t rest = nonce_bytes > NONCE_BYTES + 1 ? (size_t)nonce_bytes - NONCE_BYTES : 1;
    rest = rest < reader_left(&reader) ? rest : reader_left(&reader);
    (void)read_bytes(&reader, rest);
    if (greeting->capabilities & CAP_PLUGIN_AUTH) {
        greeting->plugin = read_last_string(&reader);
    }
    return true;
}

static void login_write_auth(struct text *out, const struct login *login)
{
    if (login->capabilities & CAP_PLUGIN_AUTH_LENENC) {
        write_lenenc_bytes(out, login->auth);
    } else if (login->capabilities & CAP_SECURE_CONNECTION) {
        write_u8(out, (uint8_t)login->auth.len);
        text_add_slice(out, slice_part(login->auth, 0, (uint8_t)login->auth.len));
    } else {
        write_nul_string(out, login->auth);
    }
}

void login_write(struct text *out, const struct login *login)
{
    // The field is one byte; a collation past 255 is set by SET NAMES after the login.
    uint16_t collation_id =
        login->collation_id <= UINT8_MAX ? login->collation_id : UTF8MB4_GENERAL_CI;
    write_u32(out, (uint32_t)(login->capabilities | (login->wants_tls ? CAP_SSL : 0)));
    write_u32(out, login->max_packet);
    write_u8(out, (uint8_t)collation_id);
    bool is_mariadb = (login->capabilities & CAP_LONG_PASSWORD) == 0;
    write_zeros(out, LOGIN_FILLER);
    write_u32(out, is_mariadb ? (uint32_t)(login->capabilities >> 32) : 0);
    if (login->wants_tls) {
        return;
    }
    write_nul_string(out, login->user);
    login_write_auth(out, login);
    if (login->capabilities & CAP_CONNECT_WITH_DB) {
        write_nul_string(out, login->database);
    }
    if (login->capabilities & CAP_PLUGIN_AUTH) {
        write_nul_string(out, login->plugin);
    }
    if (login->capabilities & CAP_CONNECT_ATTRS) {
        write_lenenc_bytes(out, login->attributes);
    }
    if (login->capabilities & CAP_ZSTD) {
        write_u8(out, login->zstd_level);
    }
}

static struct slice login_read_auth(struct reader *reader, uint64_t capabilities)
{
    if (capabilities & CAP_PLUGIN_AUTH_LENENC) {
        return read_lenenc_bytes(reader);
    }
    if (capabilities & CAP_SECURE_CONNECTION) {
        uint8_t len = read_u8(reader);
        return read_bytes(reader, len);
    }
    return read_last_string(reader);
}

bool login_read(struct slice payload, struct login *login)
{
    struct reader reader = reader_of(payload);
    *login = (struct login){0};
    login->capabilities = read_u32(&reader);
    login->max_packet = read_u32(&reader);
    login->collation_id = read_u8(&reader);
    (void)read_bytes(&reader, LOGIN_FILLER);
    uint64_t mariadb_capabilities = read_u32(&reader);
    if (!(login->capabilities & CAP_LONG_PASSWORD)) {
        login->capabilities |= mariadb_capabilities << 32;
    }
    if (reader.is_bad || !(login->capabilities & CAP_PROTOCOL_41)) {
        return false;
    }
    if (payload.len == LOGIN_FIXED && (login->capabilities & CAP_SSL)) {
        login->wants_tls = true;
        return true;
    }
    login->user = read_nul_string(&reader);
    login->auth = login_read_auth(&reader, login->capabilities);
    if (login->capabilities & CAP_CONNECT_WITH_DB) {
        login->database = read_last_string(&reader);
    }
    if (login->capabilities & CAP_PLUGIN_AUTH) {
        login->plugin = read_last_string(&reader);
    }
    if ((login->capabilities & CAP_CONNECT_ATTRS) && reader_left(&reader) > 0) {
        login->attributes = read_lenenc_bytes(&reader);
    }
    if ((login->capabilities & CAP_ZSTD) && reader_left(&reader) > 0) {
        login->zstd_level = read_u8(&reader);
    }
    return !reader.is_bad;
}

void auth_switch_write(struct text *out, struct slice plugin, const uint8_t nonce[NONCE_BYTES])
{
    write_u8(out, SWITCH_HEADER);
    write_nul_string(out, plugin);
    text_add(out, nonce, NONCE_BYTES);
    write_u8(out, 0);
}

bool auth_switch_read(struct slice payload, struct slice *plugin, struct slice *nonce)
{
    struct reader reader = reader_of(payload);
    uint8_t first = read_u8(&reader);
    *plugin = read_nul_string(&reader);
    *nonce = read_rest(&reader);
    return !reader.is_bad && first == SWITCH_HEADER;
}
