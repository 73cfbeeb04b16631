// The capabilities that make a kind of connection, by name.

#include "protocol/capability.h"

#include <stdio.h>

static const struct {
    uint64_t flag;
    const char *name;
} names[] = {
    {CAP_DEPRECATE_EOF, "no_eof"},
    {CAP_FOUND_ROWS, "found_rows"},
    {CAP_SESSION_TRACK, "session_track"},
    {CAP_LOCAL_FILES, "local_files"},
    {CAP_STMT_BULK, "bulk"},
    {CAP_EXTENDED_METADATA, "extended_metadata"},
    {CAP_CACHE_METADATA, "cache_metadata"},
};

void capability_print_class(uint64_t capabilities, char text[CAPABILITY_CLASS_BYTES])
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if ((capabilities & CAP_CLASS & names[i].flag) != 0) {
            used += (size_t)snprintf(text + used, CAPABILITY_CLASS_BYTES - used, "%s%s",
                                     used > 0 ? " " : "", names[i].name);
        }
    }
}
