#pragma once
// Bytes in and out of one connection, and when there are any. A plain socket at first; TLS and
// compression take their place below the same calls. Both may hold bytes back that the socket no
// longer shows, so the stream owns its readiness: its user never watches the descriptor.

#include "base/buffer.h"
#include "base/loop.h"

struct stream {
    int fd;          // owned; -1 when closed
    unsigned wanted; // what the user asked stream_watch for
    int problem;     // errno of the last failure
    void (*on_ready)(struct stream *stream, unsigned events);
    struct watch watch;
};

// Takes the descriptor over. `on_ready` is called from the loop only; it may be NULL (and the loop,
// too) when the stream is never watched.
void stream_init(struct stream *stream, struct loop *loop, int fd,
                 void (*on_ready)(struct stream *stream, unsigned events));
void stream_close(struct stream *stream); // on_ready is not called any more
// WATCH_READ, WATCH_WRITE or both; 0 stops. Nothing happens when unchanged. WATCH_READ is also told
// when bytes wait inside the stream.
void stream_watch(struct stream *stream, unsigned events);
// IO_DONE: *got bytes (> 0) are there. IO_AGAIN: nothing now. IO_CLOSED: the peer has ended.
// IO_ERROR: stream_problem.
enum io stream_read(struct stream *stream, void *bytes, size_t max, size_t *got) MUST_CHECK;
// Writes what goes without waiting; *put may be less than asked (also 0 with IO_AGAIN). What was
// not put has to come first in the next call: it may be half on its way.
enum io stream_write(struct stream *stream, const struct iovec *parts, int part_count,
                     size_t *put) MUST_CHECK;
// Writes queued bytes: IO_DONE when all are gone.
enum io stream_flush(struct stream *stream, struct buffer *queued) MUST_CHECK;
// Nothing more goes out; what the peer still sends can be read. False: the connection is broken.
bool stream_end_writing(struct stream *stream) MUST_CHECK;
// Why the last call said IO_ERROR, or IO_CLOSED while writing.
const char *stream_problem(const struct stream *stream);
