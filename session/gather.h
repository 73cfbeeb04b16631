#pragma once
// The bytes of a small answer (one OK or ERR) put together, whatever pieces they come in.

#include "base/arena.h"
#include "base/error.h"
#include "protocol/row_text.h"

struct gather {
    uint8_t *bytes; // in the arena
    size_t len;
    size_t capacity;
};

void gather_add(struct gather *gather, struct arena *arena, const uint8_t *bytes, size_t len);
// The payload of its first packet; empty when that is not whole.
struct slice gather_payload(const struct gather *gather);
// What the ERR packet at its end says; an error of its own when it is none.
void gather_error(const struct gather *gather, struct error *error);
// Each row of the answer to a SELECT in the text protocol. False: `take` returned false, it is an
// error, or not whole.
bool gather_each_row(const struct gather *gather, uint64_t capabilities,
                     bool (*take)(void *owner, struct slice row), void *owner) MUST_CHECK;
// Each column definition of it.
bool gather_each_column(const struct gather *gather, uint64_t capabilities,
                        bool (*take)(void *owner, struct slice definition), void *owner) MUST_CHECK;
// The only row of the answer to a SELECT in the text protocol, `count` fields that borrow from it.
// False: there is none, or more than one, or it was an error.
bool gather_only_row(const struct gather *gather, uint64_t capabilities, struct field *fields,
                     uint32_t count) MUST_CHECK;
