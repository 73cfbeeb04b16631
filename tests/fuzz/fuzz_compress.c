// Compressed packets of an attacker: cut where the first bytes say, never more made than was
// promised, and the same whatever the cuts.

#include "protocol/compress.h"

#include <assert.h>

enum { ROOM_BYTES = 4096 };

static uint64_t decode(const struct stream_codec *codec, struct slice wire, size_t step,
                       size_t room, bool *is_good)
{
    uint8_t bytes[ROOM_BYTES];
    void *state = codec->open(codec, 1);
    uint64_t total = 0;
    size_t at = 0;
    *is_good = true;
    for (;;) {
        size_t end = at + step < wire.len ? at + step : wire.len;
        struct stream_decoding piece = {
            .wire = slice_part(wire, at, end), .bytes = bytes, .max = room};
        *is_good = codec->decode(state, &piece);
        if (!*is_good) {
            assert(piece.problem != NULL);
            break;
        }
        at += piece.eaten;
        total += piece.made;
        assert(piece.made <= room && at <= end);
        if (piece.eaten == 0 && piece.made == 0) {
            assert(at == wire.len);
            break;
        }
    }
    codec->close(state);
    return total;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (len < 4) {
        return 0;
    }
    struct compressor *compressor = compressor_new();
    const struct stream_codec *codec =
        compressor_codec(compressor, bytes[0] & 1 ? COMPRESS_ZSTD : COMPRESS_ZLIB,
                         bytes[0] & 2 ? COMPRESS_CONNECTS : COMPRESS_LISTENS);
    struct slice wire = slice_of(bytes + 4, len - 4);
    bool is_good_cut, is_good_whole;
    uint64_t cut =
        decode(codec, wire, (size_t)bytes[1] + 1, (size_t)bytes[2] * 16 + 1, &is_good_cut);
    uint64_t whole = decode(codec, wire, SIZE_MAX / 2, ROOM_BYTES, &is_good_whole);
    // What lies is found out sooner when more of it is there.
    assert(!is_good_cut || !is_good_whole || cut == whole);
    compressor_free(compressor);
    return 0;
}
