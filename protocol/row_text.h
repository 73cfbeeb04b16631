#pragma once
// Rows of the text protocol: length-encoded strings, 0xfb for NULL.

#include "protocol/bytes.h"

struct field {
    struct slice bytes;
    bool is_null;
};

// Splits a row of exactly `count` fields.
bool row_text_read(struct slice payload, struct field *fields, uint32_t count) MUST_CHECK;
void row_text_add(struct text *out, struct slice bytes);
void row_text_add_null(struct text *out);
