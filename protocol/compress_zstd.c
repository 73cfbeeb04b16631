// zstd, for compress.c. How large a context gets depends on the level and on what the other side
// has made: an unpacker's window may be as large as a frame, 16 MiB, so one that has grown is not
// kept.

#include <assert.h>
#include <zstd.h>

#include "base/memory.h"
#include "protocol/compress_impl.h"

enum { WINDOW_LOG_MAX = 24, KEPT_BYTES_MAX = 512 * 1024 };

static void *packer_new(void)
{
    ZSTD_CCtx *packer = ZSTD_createCCtx();
    assert(packer != NULL);
    return packer;
}

static void packer_free(void *packer)
{
    (void)ZSTD_freeCCtx(packer);
}

static size_t pack(void *packer, int level, struct slice plain, uint8_t *packed, size_t max)
{
    size_t len = ZSTD_compressCCtx(packer, packed, max, plain.ptr, plain.len, level);
    return ZSTD_isError(len) ? 0 : len;
}

static void *unpacker_new(void)
{
    ZSTD_DCtx *unpacker = ZSTD_createDCtx();
    assert(unpacker != NULL);
    (void)ZSTD_DCtx_setParameter(unpacker, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
    return unpacker;
}

static void unpacker_free(void *unpacker)
{
    (void)ZSTD_freeDCtx(unpacker);
}

static bool unpacker_reset(void *unpacker)
{
    return ZSTD_sizeof_DCtx(unpacker) <= KEPT_BYTES_MAX &&
           !ZSTD_isError(ZSTD_DCtx_reset(unpacker, ZSTD_reset_session_only));
}

static bool unpack(void *unpacker, struct stream_decoding *piece, bool *is_end)
{
    ZSTD_inBuffer in = {.src = piece->wire.ptr, .size = piece->wire.len};
    ZSTD_outBuffer out = {.dst = piece->bytes, .size = piece->max};
    size_t left = ZSTD_decompressStream(unpacker, &out, &in);
    piece->eaten = in.pos;
    piece->made = out.pos;
    *is_end = left == 0;
    return !ZSTD_isError(left);
}

const struct compress_algorithm *compress_zstd(void)
{
    static const struct compress_algorithm zstd = {
        .packer_new = packer_new,
        .packer_free = packer_free,
        .pack = pack,
        .unpacker_new = unpacker_new,
        .unpacker_free = unpacker_free,
        .unpacker_reset = unpacker_reset,
        .unpack = unpack,
    };
    return &zstd;
}
