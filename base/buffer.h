#pragma once
// A queue of bytes in chained blocks, borrowed from a slab while bytes are in flight: what could
// not be written yet. An empty buffer owns nothing.

#include <sys/uio.h>
#include "base/slab.h"

enum { BUFFER_BLOCK_BYTES = 16384 };

struct buffer {
    struct slab *blocks; // borrowed; items of BUFFER_BLOCK_BYTES
    struct list chain;
    size_t size_bytes; // queued
};

void buffer_init(struct buffer *buffer, struct slab *blocks);
void buffer_clear(struct buffer *buffer);
void buffer_append(struct buffer *buffer, const void *bytes, size_t len);
// The queued bytes from the front, at most `max` parts; returns how many were filled.
int buffer_parts(const struct buffer *buffer, struct iovec *parts, int max);
// The first bytes, copied out and dropped; len <= size_bytes.
void buffer_take(struct buffer *buffer, void *bytes, size_t len);
void buffer_drop(struct buffer *buffer, size_t len); // len <= size_bytes
