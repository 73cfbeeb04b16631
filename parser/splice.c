// Splices: the text between them is copied as it is.

#include "parser/splice.h"

static uint8_t *put(uint8_t *at, struct slice bytes)
{
    if (bytes.len > 0) {
        memcpy(at, bytes.ptr, bytes.len);
    }
    return at + bytes.len;
}

struct slice splice_text(struct arena *arena, struct slice text, const struct splice *splices,
                         size_t count)
{
    size_t len = text.len;
    for (size_t i = 0; i < count; i++) {
        len = len - (splices[i].span.end - splices[i].span.begin) + splices[i].with.len;
    }
    uint8_t *bytes = arena_alloc(arena, len + 1);
    uint8_t *at = bytes;
    size_t done = 0;
    for (size_t i = 0; i < count; i++) {
        at = put(at, slice_part(text, done, splices[i].span.begin));
        at = put(at, splices[i].with);
        done = splices[i].span.end;
    }
    (void)put(at, slice_part(text, done, text.len));
    return slice_of(bytes, len);
}
