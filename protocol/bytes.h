#pragma once
// Reading and writing the integers and strings of the MySQL protocol (manual:
// "Protocol::LengthEncodedInteger" and neighbours; all little-endian).

#include "base/arena.h"
#include "base/text.h"

// Reads from a slice; running past the end sets is_bad and gives zeros from then on: check once, at
// the end.
struct reader {
    const uint8_t *at;
    const uint8_t *end;
    bool is_bad;
};

struct reader reader_of(struct slice bytes);
size_t reader_left(const struct reader *reader);
uint8_t read_u8(struct reader *reader);
uint16_t read_u16(struct reader *reader);
uint32_t read_u24(struct reader *reader);
uint32_t read_u32(struct reader *reader);
uint64_t read_u64(struct reader *reader);
uint64_t read_lenenc(struct reader *reader); // 0xfb and 0xff set is_bad
struct slice read_bytes(struct reader *reader, size_t len);
struct slice read_lenenc_bytes(struct reader *reader);
struct slice read_nul_string(struct reader *reader); // without the NUL; no NUL sets is_bad
struct slice read_rest(struct reader *reader);

void write_u8(struct text *out, uint8_t value);
void write_u16(struct text *out, uint16_t value);
void write_u24(struct text *out, uint32_t value);
void write_u32(struct text *out, uint32_t value);
void write_u64(struct text *out, uint64_t value);
void write_lenenc(struct text *out, uint64_t value);
void write_lenenc_bytes(struct text *out, struct slice bytes);
void write_nul_string(struct text *out, struct slice string);
