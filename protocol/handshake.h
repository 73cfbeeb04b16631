#pragma once
// The first packets of a connection, both sides (manual: "Protocol::HandshakeV10",
// "Protocol::HandshakeResponse41", "Protocol::AuthSwitchRequest").

#include "base/error.h"
#include "protocol/bytes.h"
#include "protocol/capability.h"

enum { NONCE_BYTES = 20 };

struct greeting {         // from the server
    struct slice version; // "5.5.5-10.11.19-MariaDB"
    uint32_t connection_id;
    uint8_t nonce[NONCE_BYTES];
    uint64_t capabilities; // MariaDB's own in the upper half, when it is one
    uint8_t collation_id;
    uint16_t status;
    struct slice plugin; // may be empty
};

// Payloads, without packet header.
void greeting_write(struct text *out, const struct greeting *greeting);
// False with *error: a bad packet, or the ERR packet that servers send instead (too many
// connections, host blocked).
bool greeting_read(struct slice payload, struct greeting *greeting, struct error *error) MUST_CHECK;

struct login { // from the client
    uint64_t capabilities;
    uint32_t max_packet;
    uint16_t collation_id;
    struct slice user;
    struct slice auth; // the plugin's first answer
    struct slice database;
    struct slice plugin;
    struct slice attributes; // raw pairs of length-encoded strings
    uint8_t zstd_level;      // with CAP_ZSTD: how hard the answers are to be compressed
    bool wants_tls;          // a short SSLRequest: nothing else is filled in
};

void login_write(struct text *out, const struct login *login);
bool login_read(struct slice payload, struct login *login) MUST_CHECK;

void auth_switch_write(struct text *out, struct slice plugin, const uint8_t nonce[NONCE_BYTES]);
// The nonce as it came (some plugins have none, some end theirs with a NUL), within the payload.
bool auth_switch_read(struct slice payload, struct slice *plugin, struct slice *nonce) MUST_CHECK;
