// A stream says what happened: bytes, nothing yet, ended; and a queue drains through a slow reader.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/stream.h"

#include <sys/socket.h>
#include <unistd.h>

static struct stream ours;
static struct stream theirs;

static int start(void **state)
{
    (void)state;
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) != 0) {
        return -1;
    }
    stream_init(&ours, NULL, pair[0], NULL);
    stream_init(&theirs, NULL, pair[1], NULL);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    stream_close(&ours);
    stream_close(&theirs);
    return 0;
}

static void reads_and_writes(void **state)
{
    (void)state;
    char bytes[16];
    size_t got = 99;
    size_t put = 0;
    assert_int_equal(stream_read(&theirs, bytes, sizeof bytes, &got), IO_AGAIN);
    assert_int_equal(got, 0);
    struct iovec parts[2] = {{.iov_base = "ab", .iov_len = 2}, {.iov_base = "cde", .iov_len = 3}};
    assert_int_equal(stream_write(&ours, parts, 2, &put), IO_DONE);
    assert_int_equal(put, 5);
    assert_int_equal(stream_write(&ours, parts, 1, &put), IO_DONE);
    assert_int_equal(put, 2);
    assert_int_equal(stream_read(&theirs, bytes, sizeof bytes, &got), IO_DONE);
    assert_int_equal(got, 7);
    assert_memory_equal(bytes, "abcdeab", 7);
    stream_close(&ours);
    stream_close(&ours);
    assert_int_equal(ours.fd, -1);
    assert_int_equal(stream_read(&theirs, bytes, sizeof bytes, &got), IO_CLOSED);
    assert_int_equal(stream_write(&theirs, parts, 2, &put), IO_CLOSED);
    assert_int_equal(stream_write(&theirs, parts, 1, &put), IO_CLOSED);
}

static void drains_a_queue(void **state)
{
    (void)state;
    static uint8_t pattern[3000000];
    static uint8_t seen[sizeof pattern];
    for (size_t i = 0; i < sizeof pattern; i++) {
        pattern[i] = (uint8_t)(i * 7 >> 3);
    }
    struct slab blocks;
    struct buffer queued;
    slab_init(&blocks, "buffer", BUFFER_BLOCK_BYTES, 0);
    buffer_init(&queued, &blocks);
    buffer_append(&queued, pattern, sizeof pattern);
    size_t at = 0;
    enum io outcome;
    int waits = 0;
    while ((outcome = stream_flush(&ours, &queued)) == IO_AGAIN || at < sizeof pattern) {
        waits += outcome == IO_AGAIN;
        size_t got = 0;
        if (stream_read(&theirs, seen + at, sizeof seen - at, &got) == IO_DONE) {
            at += got;
        }
    }
    assert_int_equal(outcome, IO_DONE);
    assert_true(waits > 0);
    assert_memory_equal(seen, pattern, sizeof pattern);
    slab_done(&blocks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_and_writes, start, finish),
        cmocka_unit_test_setup_teardown(drains_a_queue, start, finish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
