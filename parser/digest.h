#pragma once
// The fingerprint of a statement: literals as ?, lists of them as one, blanks and comments gone,
// keywords as they are but upper case. The same for every execution of the same statement with
// other values.

#include "parser/parse.h"

// The hash is xxh64 of the digest text; `text` may be NULL when only the hash is wanted.
uint64_t digest_statement(struct arena *arena, struct slice sql,
                          const struct parse_options *options, struct slice *text);
