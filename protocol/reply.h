#pragma once
// OK, ERR and EOF packets (manual: "Generic Response Packets"). Payloads, without packet header.

#include "base/error.h"
#include "protocol/bytes.h"
#include "protocol/capability.h"

struct ok_packet {
    uint64_t affected_rows;
    uint64_t insert_id;
    uint16_t status;
    uint16_t warnings;
    struct slice message; // "Rows matched: ..." (without length prefix)
    struct slice
        changes; // of the session's state: session_track.h. Writing it sets the status flag
};

void ok_write(struct text *out, const struct ok_packet *ok); // first byte 0x00
void ok_write_eof(struct text *out,
                  const struct ok_packet *ok); // first byte 0xfe: end of rows with DEPRECATE_EOF
// Either, by its first byte.
void ok_write_as(struct text *out, uint8_t first, const struct ok_packet *ok);
bool ok_read(struct slice payload, struct ok_packet *ok) MUST_CHECK; // of either first byte
void eof_write(struct text *out, uint16_t warnings, uint16_t status);
bool eof_read(struct slice payload, uint16_t *warnings, uint16_t *status) MUST_CHECK;
void error_write(struct text *out, const struct error *error);
bool error_read(struct slice payload, struct error *error) MUST_CHECK;
