// The rows of the error table, filled in. Each case is a call with a literal format, so that the
// compiler sees the row's text; the arguments are checked by the tests only.

#include <stdarg.h>
#include <stdio.h>

#include "protocol/error_table.h"

void error_fill(struct error *error, enum error_code code, ...)
{
    va_list args;
    va_start(args, code);
    error->code = (uint16_t)code;
    switch (code) {
#define X(name, number, state, format)                                                             \
    case name:                                                                                     \
        memcpy(error->sqlstate, state, sizeof error->sqlstate);                                    \
        vsnprintf(error->text, sizeof error->text, format, args);                                  \
        break;
        ERROR_TABLE(X)
#undef X
    }
    va_end(args);
}
