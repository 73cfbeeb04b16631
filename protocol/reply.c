// OK, ERR and EOF packets.
//
//   OK   00|fe  affected(lenenc)  insert_id(lenenc)  status(2)  warnings(2)
//        [message(lenenc)  [state changes(lenenc), with STATUS_SESSION_CHANGED]]
//   EOF  fe  warnings(2)  status(2)
//   ERR  ff  code(2)  ['#' sqlstate(5)]  text to the end
//
// The manual says that OK's message is a plain string without CLIENT_SESSION_TRACK; servers and
// clients have always used a length-encoded one (seen on MariaDB 10.11, MySQL 5.6).

#include "protocol/reply.h"

enum { OK_HEADER = 0x00, EOF_HEADER = 0xfe, ERROR_HEADER = 0xff, EOF_BYTES = 5 };

void ok_write_as(struct text *out, uint8_t first, const struct ok_packet *ok)
{
    write_u8(out, first);
    write_lenenc(out, ok->affected_rows);
    write_lenenc(out, ok->insert_id);
    bool has_changes = ok->changes.len > 0;
    write_u16(out, has_changes ? ok->status | STATUS_SESSION_CHANGED
                               : ok->status & (uint16_t)~STATUS_SESSION_CHANGED);
    write_u16(out, ok->warnings);
    if (ok->message.len > 0 || has_changes) {
        write_lenenc_bytes(out, ok->message);
    }
    if (has_changes) {
        write_lenenc_bytes(out, ok->changes);
    }
}

void ok_write(struct text *out, const struct ok_packet *ok)
{
    ok_write_as(out, OK_HEADER, ok);
}

void ok_write_eof(struct text *out, const struct ok_packet *ok)
{
    ok_write_as(out, EOF_HEADER, ok);
}

bool ok_read(struct slice payload, struct ok_packet *ok)
{
    struct reader reader = reader_of(payload);
    *ok = (struct ok_packet){0};
    uint8_t first = read_u8(&reader);
    ok->affected_rows = read_lenenc(&reader);
    ok->insert_id = read_lenenc(&reader);
    ok->status = read_u16(&reader);
    ok->warnings = read_u16(&reader);
    if (reader.is_bad || (first != OK_HEADER && first != EOF_HEADER)) {
        return false;
    }
    if (reader_left(&reader) > 0) {
        struct reader plain = reader;
        ok->message = read_lenenc_bytes(&reader);
        if (reader.is_bad) {
            ok->message = read_rest(&plain);
            return true;
        }
    }
    if ((ok->status & STATUS_SESSION_CHANGED) != 0 && reader_left(&reader) > 0) {
        ok->changes = read_lenenc_bytes(&reader); // empty when it is cut off or wrong
    }
    return true;
}

void eof_write(struct text *out, uint16_t warnings, uint16_t status)
{
    write_u8(out, EOF_HEADER);
    write_u16(out, warnings);
    write_u16(out, status);
}

bool eof_read(struct slice payload, uint16_t *warnings, uint16_t *status)
{
    struct reader reader = reader_of(payload);
    uint8_t first = read_u8(&reader);
    *warnings = read_u16(&reader);
    *status = read_u16(&reader);
    return !reader.is_bad && first == EOF_HEADER && payload.len == EOF_BYTES;
}

void error_write(struct text *out, const struct error *error)
{
    write_u8(out, ERROR_HEADER);
    write_u16(out, error->code);
    write_u8(out, '#');
    text_add(out, error->sqlstate, 5);
    text_add_string(out, error->text);
}

bool error_read(struct slice payload, struct error *error)
{
    struct reader reader = reader_of(payload);
    uint8_t first = read_u8(&reader);
    *error = (struct error){.code = read_u16(&reader), .sqlstate = "HY000"};
    if (reader.is_bad || first != ERROR_HEADER) {
        return false;
    }
    // A server that has not read the client's capabilities yet sends no SQLSTATE.
    if (reader_left(&reader) >= 6 && reader.at[0] == '#') {
        memcpy(error->sqlstate, reader.at + 1, 5);
        reader.at += 6;
    }
    struct slice text = read_rest(&reader);
    size_t len = text.len < sizeof error->text ? text.len : sizeof error->text - 1;
    if (len > 0) {
        memcpy(error->text, text.ptr, len);
    }
    error->text[len] = '\0';
    return true;
}
