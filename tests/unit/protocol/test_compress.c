// Compressed packets: what is encoded is decoded, however it is cut; numbers go as servers and
// clients expect them; what lies about its length is refused; between frames nothing large is kept.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "protocol/compress.h"
#include "protocol/packet.h"

#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

enum { BIG_BYTES = 1000000 };

static struct compressor *compressor;
static uint8_t plain[BIG_BYTES], seen[BIG_BYTES + 64];

static int start(void **state)
{
    (void)state;
    uint32_t noise = 1;
    compressor = compressor_new();
    for (size_t i = 0; i < sizeof plain; i++) {
        noise = noise * 1664525 + 1013904223;
        // Stretches that pack well, and such that don't.
        plain[i] = i / 10000 % 2 == 0 ? (uint8_t)(i / 100) : (uint8_t)(noise >> 24);
    }
    return 0;
}

static int finish(void **state)
{
    (void)state;
    compressor_free(compressor);
    return 0;
}

static const struct stream_codec *codec_of(enum compress_kind kind, enum compress_side side)
{
    return compressor_codec(compressor, kind, side);
}

static void encode_all(const struct stream_codec *codec, void *writer, struct slice bytes,
                       struct text *wire)
{
    size_t at = 0;
    while (at < bytes.len) {
        size_t used = codec->encode(writer, slice_part(bytes, at, bytes.len), wire);
        assert_true(used > 0);
        at += used;
    }
}

// Feeds the wire in pieces of `step` to a reader that has room for `room` at a time.
static const char *decode_all(const struct stream_codec *codec, void *reader, struct slice wire,
                              size_t step, size_t room, size_t *len)
{
    size_t at = 0;
    *len = 0;
    for (;;) {
        size_t end = at + step < wire.len ? at + step : wire.len;
        size_t left = sizeof seen - *len;
        struct stream_decoding decoding = {.wire = slice_part(wire, at, end),
                                           .bytes = seen + *len,
                                           .max = room < left ? room : left};
        if (!codec->decode(reader, &decoding)) {
            return decoding.problem;
        }
        at += decoding.eaten;
        *len += decoding.made;
        if (decoding.eaten == 0 && decoding.made == 0) {
            if (at == wire.len) {
                return NULL;
            }
            fail_msg("stuck at %zu of %zu", at, wire.len);
        }
    }
}

static void decodes_what_it_encodes(void **state)
{
    (void)state;
    static const size_t lens[] = {1, 49, 50, 51, 1000, 32767, 32768, 32769, 100000, BIG_BYTES};
    static const size_t steps[] = {1, 7, 1000, SIZE_MAX / 2};
    for (int kind = 0; kind < COMPRESS_KINDS; kind++) {
        const struct stream_codec *codec = codec_of((enum compress_kind)kind, COMPRESS_LISTENS);
        for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
            void *writer = codec->open(codec, COMPRESS_ZLIB_LEVEL);
            void *reader = codec->open(codec, COMPRESS_ZLIB_LEVEL);
            struct text wire;
            text_init(&wire);
            encode_all(codec, writer, slice_of(plain, lens[i]), &wire);
            assert_true(lens[i] < 10000 || wire.len < lens[i] * 3 / 4);
            for (size_t k = 0; k < sizeof steps / sizeof steps[0]; k++) {
                size_t len = 0;
                for (size_t room = k == 0 ? 1000 : 1; room < 100000; room = room * 50 + 1) {
                    assert_null(decode_all(codec, reader, text_slice(&wire), steps[k], room, &len));
                    assert_int_equal(len, lens[i]);
                    assert_memory_equal(seen, plain, len);
                    // Numbers are as if it were a command of its own each time.
                    codec->close(reader);
                    reader = codec->open(codec, COMPRESS_ZLIB_LEVEL);
                }
            }
            text_done(&wire);
            codec->close(writer);
            codec->close(reader);
        }
    }
}

// ---- numbers

static void add_packet(struct text *out, uint8_t number, size_t len)
{
    const uint8_t header[4] = {(uint8_t)len, (uint8_t)(len >> 8), (uint8_t)(len >> 16), number};
    text_add(out, header, sizeof header);
    text_add(out, plain, len);
}

static void expect_numbers(struct text *wire, const uint8_t *numbers, size_t count)
{
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        assert_true(at + 7 <= wire->len);
        assert_int_equal(wire->ptr[at + 3], numbers[i]);
        at += 7 + packet_payload_bytes(wire->ptr + at);
    }
    assert_int_equal(at, wire->len);
    wire->len = 0;
}

static void read_frame(const struct stream_codec *codec, void *state, uint8_t number)
{
    const uint8_t frame[] = {1, 0, 0, number, 0, 0, 0, 'x'};
    size_t len = 0;
    assert_null(decode_all(codec, state, slice_of(frame, sizeof frame), 100, 100, &len));
    assert_int_equal(len, 1);
}

static void numbers_commands(void **state)
{
    (void)state;
    const struct stream_codec *codec = codec_of(COMPRESS_ZLIB, COMPRESS_CONNECTS);
    void *ours = codec->open(codec, 6);
    struct text out, wire;
    text_init(&out);
    text_init(&wire);
    // Three commands in one go, one of them larger than a frame.
    add_packet(&out, 0, 10);
    add_packet(&out, 0, 100000);
    add_packet(&out, 0, 20);
    encode_all(codec, ours, text_slice(&out), &wire);
    expect_numbers(&wire, (const uint8_t[]){0, 0, 1, 2, 3, 0}, 6);
    // The next one, after answers; then the rows of LOAD DATA LOCAL behind the server's request.
    read_frame(codec, ours, 1);
    read_frame(codec, ours, 2);
    out.len = 0;
    add_packet(&out, 0, 10);
    encode_all(codec, ours, text_slice(&out), &wire);
    expect_numbers(&wire, (const uint8_t[]){0}, 1);
    read_frame(codec, ours, 1);
    out.len = 0;
    for (unsigned number = 2; number <= 256; number++) {
        add_packet(&out, (uint8_t)number, 40000);
    }
    encode_all(codec, ours, text_slice(&out), &wire);
    assert_int_equal(wire.ptr[3], 2);
    wire.len = 0;
    // That went past packet 255; behind the server's OK packet 0 is a command again.
    read_frame(codec, ours, 99);
    out.len = 0;
    add_packet(&out, 0, 10);
    encode_all(codec, ours, text_slice(&out), &wire);
    expect_numbers(&wire, (const uint8_t[]){0}, 1);
    text_done(&out);
    text_done(&wire);
    codec->close(ours);
}

static void numbers_answers(void **state)
{
    (void)state;
    const struct stream_codec *codec = codec_of(COMPRESS_ZLIB, COMPRESS_LISTENS);
    void *ours = codec->open(codec, 6);
    struct text wire;
    text_init(&wire);
    read_frame(codec, ours, 0);
    codec->begin_answer(ours);
    encode_all(codec, ours, slice_of(plain, 70000), &wire);
    expect_numbers(&wire, (const uint8_t[]){1, 2, 3}, 3);
    // A command sent ahead does not disturb the answer; the next answer is its own.
    read_frame(codec, ours, 0);
    encode_all(codec, ours, slice_of(plain, 10), &wire);
    expect_numbers(&wire, (const uint8_t[]){4}, 1);
    codec->begin_answer(ours);
    encode_all(codec, ours, slice_of(plain, 10), &wire);
    expect_numbers(&wire, (const uint8_t[]){1}, 1);
    // A command of several frames, and a client that answers our request for a file.
    read_frame(codec, ours, 0);
    read_frame(codec, ours, 1);
    read_frame(codec, ours, 2);
    codec->begin_answer(ours);
    encode_all(codec, ours, slice_of(plain, 10), &wire);
    expect_numbers(&wire, (const uint8_t[]){3}, 1);
    read_frame(codec, ours, 4);
    read_frame(codec, ours, 5);
    encode_all(codec, ours, slice_of(plain, 10), &wire);
    expect_numbers(&wire, (const uint8_t[]){6}, 1);
    // Out of order.
    const uint8_t frame[] = {1, 0, 0, 99, 0, 0, 0, 'x'};
    size_t len = 0;
    assert_non_null(decode_all(codec, ours, slice_of(frame, sizeof frame), 100, 100, &len));
    text_done(&wire);
    codec->close(ours);
}

// ---- lies

static size_t pack_zlib(uint8_t *wire, size_t max, size_t len, uint32_t said)
{
    uLongf packed = max - 7;
    assert_int_equal(compress(wire + 7, &packed, plain, len), Z_OK);
    const uint8_t header[7] = {(uint8_t)packed, (uint8_t)(packed >> 8), (uint8_t)(packed >> 16), 0,
                               (uint8_t)said,   (uint8_t)(said >> 8),   (uint8_t)(said >> 16)};
    memcpy(wire, header, sizeof header);
    return packed + 7;
}

static void refuses_lies(void **state)
{
    (void)state;
    static uint8_t wire[20000];
    const struct stream_codec *codec = codec_of(COMPRESS_ZLIB, COMPRESS_LISTENS);
    static const struct {
        uint32_t said;
        int more; // bytes of the packed ones
        bool is_bad;
    } rows[] = {{5000, 0, false},    {4999, 0, true},      {5001, 0, true}, {1, 0, true},
                {5000, -1, true},    {5000, -5, true},     {5000, 1, true}, {5000, 100, true},
                {0xffffff, 0, true}, {0xffffff, -30, true}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (size_t step = 1; step < 30000; step *= 10) {
            void *reader = codec->open(codec, 6);
            size_t wire_len = pack_zlib(wire, sizeof wire, 5000, rows[i].said);
            size_t packed = (size_t)((int)wire_len - 7 + rows[i].more);
            wire[0] = (uint8_t)packed;
            wire[1] = (uint8_t)(packed >> 8);
            size_t len = 0;
            const char *problem =
                decode_all(codec, reader, slice_of(wire, packed + 7), step, 1000, &len);
            if ((problem != NULL) != rows[i].is_bad) {
                fail_msg("row %zu, step %zu: %s", i, step, problem != NULL ? problem : "taken");
            }
            assert_true(len <= rows[i].said);
            codec->close(reader);
        }
    }
    static const uint8_t bad[][9] = {
        {0, 0, 0, 0, 1, 0, 0},             // something out of nothing
        {0xff, 0xff, 0xff, 0, 1, 0, 0},    // 16 MB for a byte
        {2, 0, 0, 0, 100, 0, 0, 'x', 'y'}, // no zlib, no zstd
    };
    for (int kind = 0; kind < COMPRESS_KINDS; kind++) {
        codec = codec_of((enum compress_kind)kind, COMPRESS_LISTENS);
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
            void *reader = codec->open(codec, 3);
            size_t len = 0;
            assert_non_null(
                decode_all(codec, reader, slice_of(bad[i], sizeof bad[i]), 100, 100, &len));
            assert_int_equal(len, 0);
            codec->close(reader);
        }
    }
}

// ---- below a stream

static struct stream ends[2];

static void carry(size_t len, size_t part)
{
    size_t at = 0, got_all = 0;
    for (int tries = 0; got_all < len; tries++) {
        assert_true(tries < 100000);
        if (at < len) {
            size_t left = len - at < part ? len - at : part;
            struct iovec parts[2] = {
                {.iov_base = plain + at, .iov_len = left / 3},
                {.iov_base = plain + at + left / 3, .iov_len = left - left / 3}};
            size_t put = 0;
            enum io outcome = stream_write(&ends[0], parts, 2, &put);
            assert_true(outcome == IO_DONE || outcome == IO_AGAIN);
            at += put;
        }
        size_t got = 0;
        enum io outcome = stream_read(&ends[1], seen + got_all, sizeof seen - got_all, &got);
        assert_true(outcome == IO_DONE || outcome == IO_AGAIN);
        got_all += got;
    }
    assert_int_equal(got_all, len);
    assert_memory_equal(seen, plain, len);
}

static void carries_a_stream(void **state)
{
    (void)state;
    static const size_t parts[] = {1, 40, 60, 5000, 100000, BIG_BYTES};
    for (int kind = 0; kind < COMPRESS_KINDS; kind++) {
        int pair[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
        for (int i = 0; i < 2; i++) {
            stream_init(&ends[i], NULL, pair[i], NULL);
            stream_start_compression(&ends[i], codec_of((enum compress_kind)kind, COMPRESS_LISTENS),
                                     COMPRESS_ZSTD_LEVEL);
        }
        for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
            carry(parts[i] == 1 ? 1000 : BIG_BYTES, parts[i]);
        }
        const uint8_t lie[] = {2, 0, 0, 0, 100, 0, 0, 'x', 'y'};
        assert_true(send(ends[0].fd, lie, sizeof lie, 0) > 0);
        size_t got = 0;
        assert_int_equal(stream_read(&ends[1], seen, 100, &got), IO_ERROR);
        assert_string_equal(stream_problem(&ends[1]), "a compressed packet cannot be unpacked");
        stream_close(&ends[0]);
        stream_close(&ends[1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_what_it_encodes), cmocka_unit_test(numbers_commands),
        cmocka_unit_test(numbers_answers),         cmocka_unit_test(refuses_lies),
        cmocka_unit_test(carries_a_stream),
    };
    return cmocka_run_group_tests(tests, start, finish);
}
