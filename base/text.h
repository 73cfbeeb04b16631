#pragma once
// Growing bytes on the heap, contiguous: for what must be whole (a packet that came in pieces, SQL
// being built).

#include "base/slice.h"

struct text {
    uint8_t *ptr; // owned; NULL when nothing was added yet
    size_t len;
    size_t capacity;
};

void text_init(struct text *text);
void text_done(struct text *text);
void text_add(struct text *text, const void *bytes, size_t len);
void text_add_slice(struct text *text, struct slice bytes);
void text_add_string(struct text *text, const char *string);
void text_add_format(struct text *text, const char *format, ...) PRINTF_LIKE(2, 3);
void text_drop_front(struct text *text, size_t len);
static inline struct slice text_slice(const struct text *text)
{
    return slice_of(text->ptr, text->len);
}
