// Bytes in and out of one connection, as a plain socket. Nothing is buffered here: a reader brings
// its own block, a writer keeps what did not go in a `struct buffer`.

#include "base/stream.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/sock.h"

enum { FLUSH_PARTS = 16 }; // 256 KiB in one call; a socket rarely takes more

static void on_event(struct watch *watch, unsigned events)
{
    struct stream *stream = CONTAINER_OF(watch, struct stream, watch);
    stream->on_ready(stream, events);
}

void stream_init(struct stream *stream, struct loop *loop, int fd,
                 void (*on_ready)(struct stream *stream, unsigned events))
{
    stream->fd = fd;
    stream->wanted = 0;
    stream->problem = 0;
    stream->on_ready = on_ready;
    watch_init(&stream->watch, loop, fd, on_event);
}

void stream_close(struct stream *stream)
{
    if (stream->fd >= 0) {
        stream_watch(stream, 0);
        sock_close(stream->fd);
        stream->fd = -1;
    }
}

void stream_watch(struct stream *stream, unsigned events)
{
    assert(stream->fd >= 0);
    stream->wanted = events;
    watch_set(&stream->watch, events);
}

static enum io outcome_of_errno(struct stream *stream)
{
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
        return IO_AGAIN;
    }
    stream->problem = errno;
    return errno == EPIPE ? IO_CLOSED : IO_ERROR;
}

enum io stream_read(struct stream *stream, void *bytes, size_t max, size_t *got)
{
    assert(max > 0);
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

enum io stream_write(struct stream *stream, const struct iovec *parts, int part_count, size_t *put)
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

enum io stream_flush(struct stream *stream, struct buffer *queued)
{
    while (queued->size_bytes > 0) {
        struct iovec parts[FLUSH_PARTS];
        int count = buffer_parts(queued, parts, FLUSH_PARTS);
        size_t put = 0;
        enum io outcome = stream_write(stream, parts, count, &put);
        if (outcome != IO_DONE) {
            return outcome;
        }
        buffer_drop(queued, put);
    }
    return IO_DONE;
}

bool stream_end_writing(struct stream *stream)
{
    return shutdown(stream->fd, SHUT_WR) == 0;
}

const char *stream_problem(const struct stream *stream)
{
    return strerror(stream->problem);
}
