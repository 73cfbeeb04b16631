#pragma once
// Bytes in and out of one connection: a plain socket now; TLS and compression take the same place
// behind the same calls.

#include "base/buffer.h"
#include "base/loop.h"

struct stream {
    int fd; // owned; -1 when closed
};

void stream_init(struct stream *stream, int fd); // takes the descriptor over
void stream_close(struct stream *stream);
// IO_DONE: *got bytes (> 0) are there. IO_AGAIN: nothing now. IO_CLOSED: the peer has ended.
// IO_ERROR: errno.
enum io stream_read(struct stream *stream, void *bytes, size_t max, size_t *got) MUST_CHECK;
// Writes what goes without waiting; *put may be less than asked (also 0 with IO_AGAIN).
enum io stream_write(struct stream *stream, const struct iovec *parts, int part_count,
                     size_t *put) MUST_CHECK;
// Writes queued bytes: IO_DONE when all are gone.
enum io stream_flush(struct stream *stream, struct buffer *queued) MUST_CHECK;
