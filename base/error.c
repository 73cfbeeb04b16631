// One sentence about a failure, written where the reason is known and read where something can be
// done about it.

#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

void error_set(struct error *error, uint16_t code, const char *sqlstate, const char *format, ...)
{
    error->code = code;
    snprintf(error->sqlstate, sizeof error->sqlstate, "%s", sqlstate);
    va_list args;
    va_start(args, format);
    vsnprintf(error->text, sizeof error->text, format, args);
    va_end(args);
}
