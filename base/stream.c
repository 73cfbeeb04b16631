// Bytes in and out of one connection, as a plain socket. Nothing is buffered here: a reader brings
// its own block, a writer keeps what did not go in a `struct buffer`.

#include "base/stream.h"

#include <assert.h>
#include <errno.h>

#include "base/sock.h"

enum { FLUSH_PARTS = 16 }; // 256 KiB in one call; a socket rarely takes more

void stream_init(struct stream *stream, int fd)
{
    stream->fd = fd;
}

void stream_close(struct stream *stream)
{
    if (stream->fd >= 0) {
        sock_close(stream->fd);
        stream->fd = -1;
    }
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
    return errno == EAGAIN || errno == EWOULDBLOCK ? IO_AGAIN : IO_ERROR;
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
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
        return IO_AGAIN;
    }
    return errno == EPIPE ? IO_CLOSED : IO_ERROR;
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
