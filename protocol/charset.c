// Looking up character sets and collations, and the length of a character in each set.
//
// The lengths follow the servers' own ismbchar functions (strings/ctype-*.c): a lead byte counts
// only with a trail byte that fits, anything else is one byte. That is what decides where a quoted
// string ends, so the lexer must cut as the server does.

#include <stdlib.h>

#include "protocol/charset_impl.h"

static bool in(uint8_t byte, uint8_t low, uint8_t high)
{
    return byte >= low && byte <= high;
}

size_t char_length_1(const uint8_t *at, const uint8_t *end)
{
    (void)at;
    (void)end;
    return 1;
}

static size_t at_most(size_t bytes, const uint8_t *at, const uint8_t *end)
{
    size_t left = (size_t)(end - at);
    return left == 0 ? 1 : left < bytes ? left : bytes;
}

size_t char_length_2(const uint8_t *at, const uint8_t *end)
{
    return at_most(2, at, end);
}

size_t char_length_4(const uint8_t *at, const uint8_t *end)
{
    return at_most(4, at, end);
}

size_t char_length_utf16(const uint8_t *at, const uint8_t *end)
{
    bool is_surrogate = end - at >= 4 && (at[0] & 0xfc) == 0xd8 && (at[2] & 0xfc) == 0xdc;
    return at_most(is_surrogate ? 4 : 2, at, end);
}

size_t char_length_utf16le(const uint8_t *at, const uint8_t *end)
{
    bool is_surrogate = end - at >= 4 && (at[1] & 0xfc) == 0xd8 && (at[3] & 0xfc) == 0xdc;
    return at_most(is_surrogate ? 4 : 2, at, end);
}

size_t char_length_utf8(const uint8_t *at, const uint8_t *end)
{
    size_t bytes = at[0] < 0xc2 ? 1 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : at[0] < 0xf5 ? 4 : 1;
    if ((size_t)(end - at) < bytes) {
        return 1;
    }
    for (size_t i = 1; i < bytes; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 1;
        }
    }
    return bytes;
}

size_t char_length_big5(const uint8_t *at, const uint8_t *end)
{
    bool is_pair =
        end - at >= 2 && in(at[0], 0xa1, 0xf9) && (in(at[1], 0x40, 0x7e) || in(at[1], 0xa1, 0xfe));
    return is_pair ? 2 : 1;
}

size_t char_length_gbk(const uint8_t *at, const uint8_t *end)
{
    bool is_pair =
        end - at >= 2 && in(at[0], 0x81, 0xfe) && (in(at[1], 0x40, 0x7e) || in(at[1], 0x80, 0xfe));
    return is_pair ? 2 : 1;
}

size_t char_length_gb18030(const uint8_t *at, const uint8_t *end)
{
    bool is_four = end - at >= 4 && in(at[0], 0x81, 0xfe) && in(at[1], 0x30, 0x39) &&
                   in(at[2], 0x81, 0xfe) && in(at[3], 0x30, 0x39);
    return is_four ? 4 : char_length_gbk(at, end);
}

size_t char_length_gb2312(const uint8_t *at, const uint8_t *end)
{
    return end - at >= 2 && in(at[0], 0xa1, 0xf7) && in(at[1], 0xa1, 0xfe) ? 2 : 1;
}

size_t char_length_euckr(const uint8_t *at, const uint8_t *end)
{
    bool is_pair = end - at >= 2 && in(at[0], 0x81, 0xfe) &&
                   (in(at[1], 0x41, 0x5a) || in(at[1], 0x61, 0x7a) || in(at[1], 0x81, 0xfe));
    return is_pair ? 2 : 1;
}

size_t char_length_sjis(const uint8_t *at, const uint8_t *end)
{
    bool is_pair = end - at >= 2 && (in(at[0], 0x81, 0x9f) || in(at[0], 0xe0, 0xfc)) &&
                   (in(at[1], 0x40, 0x7e) || in(at[1], 0x80, 0xfc));
    return is_pair ? 2 : 1;
}

size_t char_length_ujis(const uint8_t *at, const uint8_t *end)
{
    size_t left = (size_t)(end - at);
    if (left >= 2 && in(at[0], 0xa1, 0xfe) && in(at[1], 0xa1, 0xfe)) {
        return 2;
    }
    if (left >= 2 && at[0] == 0x8e && in(at[1], 0xa1, 0xdf)) {
        return 2;
    }
    bool is_three = left >= 3 && at[0] == 0x8f && in(at[1], 0xa1, 0xfe) && in(at[2], 0xa1, 0xfe);
    return is_three ? 3 : 1;
}

bool charset_is_single(const struct charset *charset, uint8_t byte)
{
    if (charset->char_length == char_length_sjis) { // katakana of half width
        return in(byte, 0xa1, 0xdf);
    }
    if (charset->char_length == char_length_utf8) { // MySQL takes 0xf5 to 0xf7 for lead bytes
        return byte < 0xc2 || byte >= (charset->max_bytes == 3 ? 0xf0 : 0xf8);
    }
    return charset->max_bytes == 1;
}

// "utf8" is what everybody wrote before the servers learned to say utf8mb3.
static bool is_old_utf8(struct slice name)
{
    return name.len >= 4 && slice_is_nocase(slice_part(name, 0, 4), "utf8") &&
           (name.len == 4 || name.ptr[4] == '_');
}

static bool name_matches(const char *known, struct slice name)
{
    static const char new_utf8[] = "utf8mb3";
    size_t new_len = sizeof new_utf8 - 1;
    if (is_old_utf8(name)) {
        return strncmp(known, new_utf8, new_len) == 0 &&
               slice_is_nocase(slice_part(name, 4, name.len), known + new_len);
    }
    return slice_is_nocase(name, known);
}

const struct charset *charset_find(struct slice name)
{
    size_t count;
    const struct charset *table = charset_table(&count);
    for (size_t i = 0; i < count; i++) {
        if (name_matches(table[i].name, name)) {
            return &table[i];
        }
    }
    return NULL;
}

static int compare_ids(const void *wanted, const void *entry)
{
    const uint16_t *id = wanted;
    const struct collation *collation = entry;
    return *id < collation->id ? -1 : *id > collation->id;
}

const struct collation *collation_find_id(uint16_t id)
{
    size_t count;
    const struct collation *table = collation_table(&count);
    return bsearch(&id, table, count, sizeof *table, compare_ids);
}

const struct collation *collation_find(struct slice name)
{
    size_t count;
    const struct collation *table = collation_table(&count);
    for (size_t i = 0; i < count; i++) {
        if (name_matches(table[i].name, name)) {
            return &table[i];
        }
    }
    return NULL;
}
