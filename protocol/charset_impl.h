#pragma once
// The tables behind protocol/charset.h and the character lengths that they name.

#include "protocol/charset.h"

const struct charset *charset_table(size_t *count);
const struct collation *collation_table(size_t *count); // sorted by id

size_t char_length_1(const uint8_t *at, const uint8_t *end);
size_t char_length_2(const uint8_t *at, const uint8_t *end); // ucs2
size_t char_length_4(const uint8_t *at, const uint8_t *end); // utf32
size_t char_length_utf8(const uint8_t *at, const uint8_t *end);
size_t char_length_utf16(const uint8_t *at, const uint8_t *end);
size_t char_length_utf16le(const uint8_t *at, const uint8_t *end);
size_t char_length_big5(const uint8_t *at, const uint8_t *end);
size_t char_length_gbk(const uint8_t *at, const uint8_t *end);
size_t char_length_gb18030(const uint8_t *at, const uint8_t *end);
size_t char_length_gb2312(const uint8_t *at, const uint8_t *end);
size_t char_length_euckr(const uint8_t *at, const uint8_t *end);
size_t char_length_sjis(const uint8_t *at, const uint8_t *end); // and cp932
size_t char_length_ujis(const uint8_t *at, const uint8_t *end); // and eucjpms
