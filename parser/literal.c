// The values of literals. Most strings need no change and are given as a part of the text; only
// doubled quotes and escapes cost a copy. As in the lexer, characters of the client's set are
// stepped over whole.

#include "parser/literal.h"

static uint8_t unescaped(uint8_t byte)
{
    switch (byte) {
    case '0':
        return 0;
    case 'n':
        return '\n';
    case 't':
        return '\t';
    case 'r':
        return '\r';
    case 'b':
        return '\b';
    case 'Z':
        return 0x1A;
    default:
        return byte;
    }
}

static bool is_plain(struct slice inside, uint8_t quote, bool has_escapes)
{
    return memchr(inside.ptr, quote, inside.len) == NULL &&
           (!has_escapes || memchr(inside.ptr, '\\', inside.len) == NULL);
}

struct slice literal_string(struct arena *arena, struct slice quoted, struct literal_rules rules)
{
    uint8_t quote = quoted.ptr[0];
    struct slice inside = slice_part(quoted, 1, quoted.len - 1);
    if (inside.len == 0 || is_plain(inside, quote, rules.has_escapes)) {
        return inside;
    }
    uint8_t *bytes = arena_alloc(arena, inside.len);
    size_t len = 0;
    for (size_t at = 0; at < inside.len;) {
        uint8_t byte = inside.ptr[at];
        if (byte >= 0x80) {
            size_t step = lexer_step(rules.wide, inside.ptr + at, inside.ptr + inside.len);
            memcpy(bytes + len, inside.ptr + at, step);
            len += step;
            at += step;
        } else if (byte == quote) {
            bytes[len++] = quote;
            at += 2;
        } else if (byte == '\\' && rules.has_escapes && at + 1 < inside.len) {
            uint8_t next = inside.ptr[at + 1];
            if (next == '%' || next == '_') { // stay escaped, for LIKE
                bytes[len++] = '\\';
            }
            bytes[len++] = unescaped(next); // one byte, whatever seems to begin with it
            at += 2;
        } else {
            bytes[len++] = byte;
            at++;
        }
    }
    return slice_of(bytes, len);
}

struct slice literal_name(struct arena *arena, struct slice name, const struct charset *wide)
{
    if (name.len < 2 || (name.ptr[0] != '`' && name.ptr[0] != '"')) {
        return name;
    }
    return literal_string(arena, name, (struct literal_rules){.wide = wide});
}

// What stands between the quotes of x'..' and b'..', or behind 0x and 0b.
static struct slice digits_of(struct slice text)
{
    bool is_quoted = text.ptr[1] == '\'';
    return slice_part(text, 2, is_quoted ? text.len - 1 : text.len);
}

static uint8_t hex_value(uint8_t digit)
{
    return (uint8_t)(digit <= '9' ? digit - '0' : (digit | 32) - 'a' + 10);
}

struct slice literal_hex(struct arena *arena, struct slice text)
{
    struct slice digits = digits_of(text);
    size_t len = (digits.len + 1) / 2;
    uint8_t *bytes = arena_alloc(arena, len + 1);
    size_t missing = digits.len % 2; // an odd number of digits begins with a half byte
    for (size_t i = 0; i < digits.len; i++) {
        size_t at = (i + missing) / 2;
        bytes[at] = (uint8_t)(bytes[at] << 4 | hex_value(digits.ptr[i]));
    }
    return slice_of(bytes, len);
}

struct slice literal_bits(struct arena *arena, struct slice text)
{
    struct slice digits = digits_of(text);
    size_t len = (digits.len + 7) / 8;
    uint8_t *bytes = arena_alloc(arena, len + 1);
    size_t missing = len * 8 - digits.len;
    for (size_t i = 0; i < digits.len; i++) {
        size_t at = (i + missing) / 8;
        bytes[at] = (uint8_t)(bytes[at] << 1 | (digits.ptr[i] - '0'));
    }
    return slice_of(bytes, len);
}

static struct slice with_case(struct arena *arena, struct slice text, uint8_t first, int change)
{
    uint8_t *bytes = arena_alloc(arena, text.len + 1);
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.ptr[i];
        bytes[i] = byte >= first && byte < first + 26 ? (uint8_t)(byte + change) : byte;
    }
    return slice_of(bytes, text.len);
}

struct slice literal_upper(struct arena *arena, struct slice text)
{
    return with_case(arena, text, 'a', -32);
}

struct slice literal_lower(struct arena *arena, struct slice text)
{
    return with_case(arena, text, 'A', 32);
}
