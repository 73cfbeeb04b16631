// TLS and compression below a stream.
//
// Reading: what the codec can't use yet is at most what one read of the layer below brought
// (WIRE_BYTES); the next is asked for when all of it is used. A frame of 16 MB is decoded piece by
// piece, as the user asks for it.
//
// Writing: the user's parts are gathered to at most PLAIN_BYTES, of which the codec makes one
// frame. While it is not gone, the user is told that nothing of it was written, and offers the same
// bytes again; they are not looked at, only counted.

#include "base/stream_impl.h"

#include <assert.h>

#include "base/memory.h"

enum { WIRE_BYTES = 16384, PLAIN_BYTES = 32768 };

// ---- below the codec

static enum io below_read(struct stream_layers *layers, void *bytes, size_t max, size_t *got)
{
    if (layers->tls == NULL) {
        return socket_read(layers->stream, bytes, max, got);
    }
    return tls_read(layers->tls, bytes, max, got);
}

static enum io below_write(struct stream_layers *layers, const struct iovec *parts, int part_count,
                           size_t *put)
{
    if (layers->tls == NULL) {
        return socket_write(layers->stream, parts, part_count, put);
    }
    return tls_write(layers->tls, parts, part_count, put);
}

// ---- reading

// What is on hand, decoded. IO_AGAIN: it is used up, or not enough for a byte.
static enum io decode(struct stream_layers *layers, uint8_t *bytes, size_t max, size_t *got)
{
    for (;;) {
        struct stream_decoding step = {
            .wire = slice_part(text_slice(&layers->wire), layers->wire_at, layers->wire.len),
            .bytes = bytes + *got,
            .max = max - *got,
        };
        if (!layers->codec->decode(layers->codec_state, &step)) {
            layers->problem = step.problem;
            return IO_ERROR;
        }
        layers->wire_at += step.eaten;
        *got += step.made;
        if (*got == max) {
            return IO_DONE; // there may be more
        }
        if (step.eaten == 0 && step.made == 0) {
            return *got > 0 ? IO_DONE : IO_AGAIN;
        }
    }
}

// The codec keeps what is half a header, so all that it was given is used now.
static void drop_wire(struct stream_layers *layers)
{
    assert(layers->wire_at == layers->wire.len);
    layers->wire.len = layers->wire_at = 0;
}

static enum io read_decoded(struct stream_layers *layers, uint8_t *bytes, size_t max, size_t *got)
{
    enum io outcome = decode(layers, bytes, max, got);
    if (outcome != IO_AGAIN) {
        return outcome;
    }
    drop_wire(layers);
    uint8_t wire[WIRE_BYTES];
    size_t wire_len = 0;
    outcome = below_read(layers, wire, sizeof wire, &wire_len);
    if (outcome != IO_DONE) {
        text_done(&layers->wire);
        return outcome;
    }
    text_add(&layers->wire, wire, wire_len);
    outcome = decode(layers, bytes, max, got);
    if (layers->wire_at == layers->wire.len) {
        text_done(&layers->wire);
        layers->wire_at = 0;
    }
    return outcome;
}

enum io layers_read(struct stream_layers *layers, void *bytes, size_t max, size_t *got)
{
    *got = 0;
    enum io outcome = layers->codec == NULL ? below_read(layers, bytes, max, got)
                                            : read_decoded(layers, bytes, max, got);
    bool is_full = layers->codec != NULL && *got == max;
    layers->is_broken = false;
    layers->has_more = is_full || (layers->tls != NULL && tls_has_more(layers->tls));
    return outcome;
}

// ---- writing

static enum io write_frame(struct stream_layers *layers)
{
    while (layers->frame_at < layers->frame.len) {
        struct iovec part = {.iov_base = layers->frame.ptr + layers->frame_at,
                             .iov_len = layers->frame.len - layers->frame_at};
        size_t put = 0;
        enum io outcome = below_write(layers, &part, 1, &put);
        layers->frame_at += put;
        if (outcome != IO_DONE) {
            return outcome;
        }
    }
    text_done(&layers->frame);
    layers->frame_at = 0;
    return IO_DONE;
}

static struct slice gather(const struct iovec *parts, int part_count, size_t skip, uint8_t *plain)
{
    size_t len = 0;
    for (int i = 0; i < part_count && len < PLAIN_BYTES; i++) {
        if (skip >= parts[i].iov_len) {
            skip -= parts[i].iov_len;
            continue;
        }
        size_t part = parts[i].iov_len - skip;
        part = part < PLAIN_BYTES - len ? part : PLAIN_BYTES - len;
        memcpy(plain + len, (const uint8_t *)parts[i].iov_base + skip, part);
        len += part;
        skip = 0;
    }
    return slice_of(plain, len);
}

static enum io write_encoded(struct stream_layers *layers, const struct iovec *parts,
                             int part_count, size_t *put)
{
    uint8_t plain[PLAIN_BYTES];
    for (;;) {
        if (layers->frame_plain == 0) {
            struct slice bytes = gather(parts, part_count, *put, plain);
            if (bytes.len == 0) {
                return IO_DONE;
            }
            layers->frame_plain = layers->codec->encode(layers->codec_state, bytes, &layers->frame);
        }
        enum io outcome = write_frame(layers);
        if (outcome != IO_DONE) {
            return *put > 0 && outcome == IO_AGAIN ? IO_DONE : outcome;
        }
        *put += layers->frame_plain;
        layers->frame_plain = 0;
    }
}

enum io layers_write(struct stream_layers *layers, const struct iovec *parts, int part_count,
                     size_t *put)
{
    *put = 0;
    enum io outcome = layers->codec == NULL ? below_write(layers, parts, part_count, put)
                                            : write_encoded(layers, parts, part_count, put);
    // A handshake that was finished here may have read what comes behind it.
    layers->has_more |= layers->tls != NULL && tls_has_more(layers->tls);
    return outcome;
}

void layers_free(struct stream_layers *layers)
{
    if (layers->stream->watch.loop != NULL) {
        loop_cancel_later(layers->stream->watch.loop, &layers->more);
    }
    if (layers->tls != NULL) {
        if (layers->frame_at == layers->frame.len) {
            tls_end(layers->tls);
        }
        tls_free(layers->tls);
    }
    if (layers->codec != NULL) {
        layers->codec->close(layers->codec_state);
    }
    text_done(&layers->wire);
    text_done(&layers->frame);
    memory_free(layers);
}

// ---- readiness: TLS may have to write for a reader, and to read for a writer

static unsigned way_of(const struct stream_layers *layers, unsigned event)
{
    if (layers->tls == NULL) {
        return event;
    }
    bool is_crossed = event == WATCH_READ ? tls_reads_by_writing(layers->tls)
                                          : tls_writes_by_reading(layers->tls);
    return is_crossed ? event ^ (WATCH_READ | WATCH_WRITE) : event;
}

unsigned layers_to_watch(const struct stream_layers *layers, unsigned wanted)
{
    unsigned events = (wanted & WATCH_READ) != 0 ? way_of(layers, WATCH_READ) : 0;
    return events | ((wanted & WATCH_WRITE) != 0 ? way_of(layers, WATCH_WRITE) : 0);
}

unsigned layers_to_tell(const struct stream_layers *layers, unsigned wanted, unsigned events)
{
    unsigned told = 0;
    if (layers->has_more || (events & way_of(layers, WATCH_READ)) != 0) {
        told |= WATCH_READ;
    }
    if ((events & way_of(layers, WATCH_WRITE)) != 0) {
        told |= WATCH_WRITE;
    }
    return layers->is_broken ? wanted : told & wanted;
}
