#pragma once
// Bytes in and out of one connection, and when there are any. A plain socket at first; TLS and
// compression take their place below the same calls. Both may hold bytes back that the socket no
// longer shows, so the stream owns its readiness: its user never watches the descriptor.

#include "base/buffer.h"
#include "base/loop.h"
#include "base/text.h"
#include "base/tls.h"

struct stream_layers; // TLS, compression

struct stream {
    int fd;          // owned; -1 when closed
    unsigned wanted; // what the user asked stream_watch for
    int problem;     // errno of the last failure of the socket
    void (*on_ready)(struct stream *stream, unsigned events);
    struct watch watch;
    struct stream_layers *layers; // owned; NULL: a plain socket
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
// Why the last call said IO_ERROR, or IO_CLOSED while writing. Valid until the next call.
const char *stream_problem(const struct stream *stream);

// ---- TLS

// From now on. The handshake runs inside stream_read and stream_write, which say IO_AGAIN
// meanwhile; when it fails, IO_ERROR (or IO_CLOSED) and stream_problem. `wish`: NULL for a
// listening side. `begun`: bytes that were already read from the socket and belong to TLS. Once
// only, and before compression. False with *error: it can't even begin; the stream is as it was.
bool stream_start_tls(struct stream *stream, struct tls_context *context,
                      const struct tls_wish *wish, struct slice begun,
                      struct error *error) MUST_CHECK;
// NULL: no TLS, or its handshake is not over.
const struct tls_facts *stream_tls(const struct stream *stream);

// ---- compression: frames that the codec makes and reads (protocol/compress.h)

struct stream_decoding { // one step
    struct slice wire;
    uint8_t *bytes; // room for what is made of it
    size_t max;
    size_t eaten; // of the wire
    size_t made;
    const char *problem; // literal
};

struct stream_codec {
    // The state of one connection; small.
    void *(*open)(const struct stream_codec *codec, int level);
    void (*close)(void *state);
    // What is written next answers what was read.
    void (*begin_answer)(void *state);
    // One frame of the first bytes of `plain` (not empty), appended to `frame`; returns how many
    // bytes are in it.
    size_t (*encode)(void *state, struct slice plain, struct text *frame);
    // Eats all of the wire, unless there is no more room. Nothing eaten and nothing made: it needs
    // more. False: not the protocol, decoding->problem says why.
    bool (*decode)(void *state, struct stream_decoding *decoding);
};

// From now on, both ways: behind the OK that ends the log-in. The codec outlives the stream.
void stream_start_compression(struct stream *stream, const struct stream_codec *codec, int level);
// The listening side, before the first byte of each answer (frames are numbered behind those of the
// command). A connecting side needs it not. Without compression nothing happens.
void stream_begin_answer(struct stream *stream);
