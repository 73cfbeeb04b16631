// Bytes in and out of one connection. Nothing of a plain socket's is buffered here: a reader brings
// its own block, a writer keeps what did not go in a `struct buffer`. What TLS and compression hold
// back is in stream_layers.c.

#include "base/stream.h"

#include <assert.h>
#include <errno.h>

#include "base/memory.h"
#include "base/sock.h"
#include "base/stream_impl.h"

enum { FLUSH_PARTS = 16 }; // 256 KiB in one call; a socket rarely takes more

static void on_event(struct watch *watch, unsigned events)
{
    struct stream *stream = CONTAINER_OF(watch, struct stream, watch);
    if (stream->layers != NULL) {
        events = layers_to_tell(stream->layers, stream->wanted, events);
    }
    if (events != 0) {
        stream->on_ready(stream, events);
    }
}

void stream_init(struct stream *stream, struct loop *loop, int fd,
                 void (*on_ready)(struct stream *stream, unsigned events))
{
    stream->fd = fd;
    stream->wanted = 0;
    stream->problem = 0;
    stream->on_ready = on_ready;
    stream->layers = NULL;
    watch_init(&stream->watch, loop, fd, on_event);
}

void stream_close(struct stream *stream)
{
    if (stream->fd >= 0) {
        stream_watch(stream, 0);
        if (stream->layers != NULL) {
            layers_free(stream->layers);
            stream->layers = NULL;
        }
        sock_close(stream->fd);
        stream->fd = -1;
    }
}

static void update_watch(struct stream *stream)
{
    struct stream_layers *layers = stream->layers;
    if (layers == NULL) {
        watch_set(&stream->watch, stream->wanted);
        return;
    }
    if (stream->watch.loop == NULL) {
        return;
    }
    watch_set(&stream->watch, layers_to_watch(layers, stream->wanted));
    if (layers_to_tell(layers, stream->wanted, 0) != 0) {
        loop_do_later(stream->watch.loop, &layers->more);
    } else {
        loop_cancel_later(stream->watch.loop, &layers->more);
    }
}

void stream_watch(struct stream *stream, unsigned events)
{
    assert(stream->fd >= 0);
    stream->wanted = events;
    update_watch(stream);
}

static enum io outcome_of_errno(struct stream *stream)
{
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
        return IO_AGAIN;
    }
    stream->problem = errno;
    return errno == EPIPE ? IO_CLOSED : IO_ERROR;
}

enum io socket_read(struct stream *stream, void *bytes, size_t max, size_t *got)
{
    *got = 0;
    ssize_t count;
    do {
        count = recv(stream->fd, bytes, max, 0);
    } while (count < 0 && errno == EINTR);
    if (count > 0) {
        *got = (size_t)count;
        return IO_DONE;
    }
    if (count == 0) {
        return IO_CLOSED;
    }
    return outcome_of_errno(stream);
}

enum io socket_write(struct stream *stream, const struct iovec *parts, int part_count, size_t *put)
{
    *put = 0;
    ssize_t count;
    do {
        if (part_count == 1) {
            count = send(stream->fd, parts[0].iov_base, parts[0].iov_len, MSG_NOSIGNAL);
        } else {
            // sendmsg only reads the parts; its struct has no const.
            struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)parts,
                                     .msg_iovlen = (size_t)part_count};
            count = sendmsg(stream->fd, &message, MSG_NOSIGNAL);
        }
    } while (count < 0 && errno == EINTR);
    if (count >= 0) {
        *put = (size_t)count;
        return IO_DONE;
    }
    return outcome_of_errno(stream);
}

enum io stream_read(struct stream *stream, void *bytes, size_t max, size_t *got)
{
    assert(max > 0);
    if (stream->layers == NULL) {
        return socket_read(stream, bytes, max, got);
    }
    enum io outcome = layers_read(stream->layers, bytes, max, got);
    update_watch(stream);
    return outcome;
}

enum io stream_write(struct stream *stream, const struct iovec *parts, int part_count, size_t *put)
{
    if (stream->layers == NULL) {
        return socket_write(stream, parts, part_count, put);
    }
    enum io outcome = layers_write(stream->layers, parts, part_count, put);
    update_watch(stream);
    return outcome;
}

enum io stream_flush(struct stream *stream, struct buffer *queued)
{
    while (queued->size_bytes > 0) {
        struct iovec parts[FLUSH_PARTS];
        int count = buffer_parts(queued, parts, FLUSH_PARTS);
        size_t put = 0;
        enum io outcome = stream_write(stream, parts, count, &put);
        buffer_drop(queued, put);
        if (outcome != IO_DONE) {
            return outcome;
        }
    }
    return IO_DONE;
}

bool stream_end_writing(struct stream *stream)
{
    if (stream->layers != NULL && stream->layers->tls != NULL) {
        tls_end(stream->layers->tls);
    }
    return shutdown(stream->fd, SHUT_WR) == 0;
}

const char *stream_problem(const struct stream *stream)
{
    const struct stream_layers *layers = stream->layers;
    if (layers != NULL && layers->problem != NULL) {
        return layers->problem;
    }
    if (layers != NULL && layers->tls != NULL) {
        return tls_problem(layers->tls);
    }
    return strerror(stream->problem);
}

// ---- layers begin

static void on_more(struct later *later)
{
    struct stream_layers *layers = CONTAINER_OF(later, struct stream_layers, more);
    struct stream *stream = layers->stream;
    unsigned events = layers_to_tell(layers, stream->wanted, 0);
    if (events != 0) {
        // Whoever is told and does not read is told again, as by the socket.
        loop_do_later(stream->watch.loop, later);
        stream->on_ready(stream, events);
    }
}

static struct stream_layers *need_layers(struct stream *stream)
{
    if (stream->layers == NULL) {
        stream->layers = memory_new(sizeof *stream->layers);
        stream->layers->stream = stream;
        stream->layers->more.on_later = on_more;
        text_init(&stream->layers->wire);
        text_init(&stream->layers->frame);
    }
    return stream->layers;
}

bool stream_start_tls(struct stream *stream, struct tls_context *context,
                      const struct tls_wish *wish, struct slice begun, struct error *error)
{
    assert(stream->layers == NULL);
    struct tls *tls = tls_new(context, stream->fd, wish, begun, error);
    if (tls == NULL) {
        return false;
    }
    struct stream_layers *layers = need_layers(stream);
    layers->tls = tls;
    layers->has_more = begun.len > 0;
    if (wish != NULL) {
        // The connecting side speaks first, whatever its user waits for. What came of it is told by
        // the user's next call.
        size_t none = 0;
        enum io outcome = layers_write(layers, NULL, 0, &none);
        layers->is_broken = outcome == IO_ERROR || outcome == IO_CLOSED;
    }
    update_watch(stream);
    return true;
}

const struct tls_facts *stream_tls(const struct stream *stream)
{
    bool has_tls = stream->layers != NULL && stream->layers->tls != NULL;
    return has_tls ? tls_facts(stream->layers->tls) : NULL;
}

void stream_start_compression(struct stream *stream, const struct stream_codec *codec, int level)
{
    struct stream_layers *layers = need_layers(stream);
    assert(layers->codec == NULL);
    layers->codec = codec;
    layers->codec_state = codec->open(codec, level);
}

void stream_begin_answer(struct stream *stream)
{
    if (stream->layers != NULL && stream->layers->codec != NULL) {
        stream->layers->codec->begin_answer(stream->layers->codec_state);
    }
}
