#pragma once
// Why something failed, as a client would be told: MySQL's number, SQLSTATE and a sentence.

#include "base/slice.h"

struct error {
    uint16_t code;    // 0 = no error
    char sqlstate[6]; // five characters and a NUL
    char text[512];   // NUL-terminated
};

void error_set(struct error *error, uint16_t code, const char *sqlstate, const char *format, ...)
    PRINTF_LIKE(4, 5);
static inline bool error_is_set(const struct error *error)
{
    return error->code != 0;
}
