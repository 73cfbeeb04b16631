#pragma once
// The only door to the C heap outside base/. Never returns NULL: a process that can't get a few
// bytes ends with a message (what may be large is bounded and asked for by buffers, which can say
// no).

#include "base/slice.h"

void *memory_new(size_t size_bytes); // zeroed; owned by the caller, given back with memory_free
void *memory_resize(void *old, size_t size_bytes); // new bytes are not zeroed
void memory_free(void *pointer);                   // NULL is fine
char *memory_copy_string(struct slice text);       // with a NUL behind it
