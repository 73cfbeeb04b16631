// The one door to the C heap. A process that can't get a few bytes has no way to go on that is
// better than ending with a message: no caller has to carry a NULL around. Whatever may become
// large is bounded by its owner instead.

#include "base/memory.h"

#include <stdlib.h>
#include <unistd.h>

// Says it without the heap, and ends.
static _Noreturn void out_of_memory(void)
{
    static const char sentence[] = "waybill: out of memory\n";
    ssize_t written = write(STDERR_FILENO, sentence, sizeof sentence - 1);
    (void)written;
    abort();
}

void *memory_new(size_t size_bytes)
{
    void *pointer = calloc(1, size_bytes > 0 ? size_bytes : 1);
    if (pointer == NULL) {
        out_of_memory();
    }
    return pointer;
}

void *memory_resize(void *old, size_t size_bytes)
{
    void *pointer = realloc(old, size_bytes > 0 ? size_bytes : 1);
    if (pointer == NULL) {
        out_of_memory();
    }
    return pointer;
}

void memory_free(void *pointer)
{
    free(pointer);
}

char *memory_copy_string(struct slice text)
{
    char *copy = memory_new(text.len + 1);
    if (text.len > 0) {
        memcpy(copy, text.ptr, text.len);
    }
    return copy;
}
