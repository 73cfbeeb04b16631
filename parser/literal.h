#pragma once
// The values of literals and the texts of names: what stands between the quotes, without what
// quotes need.

#include "parser/lexer.h"

// How the text is to be read: escapes of strings and the characters of the client.
struct literal_rules {
    bool has_escapes;
    const struct charset *wide; // as in struct lexer
};

// `quoted` is with its quotes (of any kind). The result is a part of it where possible, else in the
// arena.
struct slice literal_string(struct arena *arena, struct slice quoted, struct literal_rules rules);
// A name as a token has it: quoted or not.
struct slice literal_name(struct arena *arena, struct slice name, const struct charset *wide);
// x'4142', 0x4142, b'1', 0b1: the bytes.
struct slice literal_hex(struct arena *arena, struct slice text);
struct slice literal_bits(struct arena *arena, struct slice text);
struct slice literal_upper(struct arena *arena, struct slice text); // ASCII letters only
struct slice literal_lower(struct arena *arena, struct slice text);
