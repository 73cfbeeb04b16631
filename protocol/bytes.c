// Integers and strings of the MySQL protocol.
//
// A reader is a slice that shrinks. Bytes from the network are never trusted: whoever reads past
// the end gets zeros and is_bad, so a parser reads all its fields in a row and looks once.

#include "protocol/bytes.h"

enum {
    LENENC_16 = 0xfc,
    LENENC_24 = 0xfd,
    LENENC_64 = 0xfe,
    LENENC_NULL = 0xfb,
    LENENC_ERR = 0xff
};

struct reader reader_of(struct slice bytes)
{
    static const uint8_t nothing[1];
    const uint8_t *at = bytes.ptr != NULL ? bytes.ptr : nothing;
    return (struct reader){.at = at, .end = at + bytes.len, .is_bad = false};
}

size_t reader_left(const struct reader *reader)
{
    return (size_t)(reader->end - reader->at);
}

static uint64_t read_integer(struct reader *reader, size_t byte_count)
{
    if (reader->is_bad || reader_left(reader) < byte_count) {
        reader->is_bad = true;
        return 0;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < byte_count; i++) {
        value |= (uint64_t)reader->at[i] << (8 * i);
    }
    reader->at += byte_count;
    return value;
}

uint8_t read_u8(struct reader *reader)
{
    return (uint8_t)read_integer(reader, 1);
}

uint16_t read_u16(struct reader *reader)
{
    return (uint16_t)read_integer(reader, 2);
}

uint32_t read_u24(struct reader *reader)
{
    return (uint32_t)read_integer(reader, 3);
}

uint32_t read_u32(struct reader *reader)
{
    return (uint32_t)read_integer(reader, 4);
}

uint64_t read_u64(struct reader *reader)
{
    return read_integer(reader, 8);
}

uint64_t read_lenenc(struct reader *reader)
{
    uint8_t first = read_u8(reader);
    switch (first) {
    case LENENC_NULL:
    case LENENC_ERR:
        reader->is_bad = true;
        return 0;
    case LENENC_16:
        return read_u16(reader);
    case LENENC_24:
        return read_u24(reader);
    case LENENC_64:
        return read_u64(reader);
    default:
        return first;
    }
}

static struct slice read_sized(struct reader *reader, uint64_t len)
{
    if (reader->is_bad || len > reader_left(reader)) {
        reader->is_bad = true;
        return slice_of(NULL, 0);
    }
    struct slice bytes = slice_of(reader->at, (size_t)len);
    reader->at += len;
    return bytes;
}

struct slice read_bytes(struct reader *reader, size_t len)
{
    return read_sized(reader, len);
}

struct slice read_lenenc_bytes(struct reader *reader)
{
    uint64_t len = read_lenenc(reader);
    return read_sized(reader, len);
}

struct slice read_nul_string(struct reader *reader)
{
    const uint8_t *nul = reader->is_bad ? NULL : memchr(reader->at, 0, reader_left(reader));
    if (nul == NULL) {
        reader->is_bad = true;
        return slice_of(NULL, 0);
    }
    struct slice string = slice_of(reader->at, (size_t)(nul - reader->at));
    reader->at = nul + 1;
    return string;
}

struct slice read_rest(struct reader *reader)
{
    return read_sized(reader, reader_left(reader));
}

static void write_integer(struct text *out, uint64_t value, size_t byte_count)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < byte_count; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
    text_add(out, bytes, byte_count);
}

void write_u8(struct text *out, uint8_t value)
{
    text_add(out, &value, 1);
}

void write_u16(struct text *out, uint16_t value)
{
    write_integer(out, value, 2);
}

void write_u24(struct text *out, uint32_t value)
{
    write_integer(out, value, 3);
}

void write_u32(struct text *out, uint32_t value)
{
    write_integer(out, value, 4);
}

void write_u64(struct text *out, uint64_t value)
{
    write_integer(out, value, 8);
}

void write_lenenc(struct text *out, uint64_t value)
{
    if (value < LENENC_NULL) {
        write_u8(out, (uint8_t)value);
    } else if (value <= 0xffff) {
        write_u8(out, LENENC_16);
        write_integer(out, value, 2);
    } else if (value <= 0xffffff) {
        write_u8(out, LENENC_24);
        write_integer(out, value, 3);
    } else {
        write_u8(out, LENENC_64);
        write_integer(out, value, 8);
    }
}

void write_lenenc_bytes(struct text *out, struct slice bytes)
{
    write_lenenc(out, bytes.len);
    text_add_slice(out, bytes);
}

void write_nul_string(struct text *out, struct slice string)
{
    text_add_slice(out, string);
    write_u8(out, 0);
}
