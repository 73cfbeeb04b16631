#pragma once
// Character sets and collations by the ids that the servers know (MySQL manual, "Supported
// character sets"; information_schema.COLLATIONS of MariaDB 10.11 and MySQL 5.6).

#include "base/slice.h"

struct charset {
    const char *name;              // "utf8mb4"
    const char *default_collation; // "utf8mb4_general_ci"
    uint16_t default_collation_id;
    uint8_t max_bytes;  // of one character
    bool is_ascii_safe; // no byte of a multi-byte character is below 0x80: utf8, latin1, ...; not
                        // gbk, sjis, big5, cp932, gb18030
    bool is_client_allowed; // ucs2, utf16, utf32 are not
    // Bytes of the character at `at` (>= 1); for sets that are not ASCII safe the lexer steps by
    // it.
    size_t (*char_length)(const uint8_t *at, const uint8_t *end);
};

struct collation {
    uint16_t id;
    const char *name;
    const struct charset *charset;
};

// A byte from 0x80 on that begins no longer character, on any server.
bool charset_is_single(const struct charset *charset, uint8_t byte) MUST_CHECK;

const struct charset *charset_find(struct slice name);     // NULL: unknown; any case
const struct collation *collation_find_id(uint16_t id);    // NULL: unknown
const struct collation *collation_find(struct slice name); // NULL: unknown; any case
