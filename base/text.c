// Growing contiguous bytes. The capacity doubles, so adding n bytes in small pieces costs O(n).

#include "base/text.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/memory.h"

enum { CAPACITY_MIN = 64 };

void text_init(struct text *text)
{
    *text = (struct text){.ptr = NULL};
}

void text_done(struct text *text)
{
    memory_free(text->ptr);
    text_init(text);
}

static void make_room(struct text *text, size_t more)
{
    size_t needed = text->len + more;
    if (needed <= text->capacity) {
        return;
    }
    size_t capacity = text->capacity > 0 ? text->capacity : CAPACITY_MIN;
    while (capacity < needed) {
        capacity *= 2;
    }
    text->ptr = memory_resize(text->ptr, capacity);
    text->capacity = capacity;
}

void text_add(struct text *text, const void *bytes, size_t len)
{
    if (len == 0) {
        return;
    }
    make_room(text, len);
    memcpy(text->ptr + text->len, bytes, len);
    text->len += len;
}

void text_add_slice(struct text *text, struct slice bytes)
{
    text_add(text, bytes.ptr, bytes.len);
}

void text_add_string(struct text *text, const char *string)
{
    text_add(text, string, strlen(string));
}

void text_add_format(struct text *text, const char *format, ...)
{
    assert(format != NULL); // gcc 12 warns of it under -fsanitize=undefined
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    assert(len >= 0);
    make_room(text, (size_t)len + 1); // vsnprintf writes a NUL, which is not counted
    vsnprintf((char *)text->ptr + text->len, (size_t)len + 1, format, again);
    va_end(again);
    text->len += (size_t)len;
}

void text_drop_front(struct text *text, size_t len)
{
    assert(len <= text->len);
    if (len == 0) {
        return;
    }
    text->len -= len;
    memmove(text->ptr, text->ptr + len, text->len);
}
