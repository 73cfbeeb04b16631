// zlib, for compress.c: a packer takes 268 KiB, an unpacker 40.

#include <assert.h>
#include <zlib.h>

#include "base/memory.h"
#include "protocol/compress_impl.h"

struct zlib_packer {
    z_stream zlib;
    int level;
};

static void *zlib_alloc(void *owner, unsigned count, unsigned size)
{
    (void)owner;
    return memory_new((size_t)count * size);
}

static void zlib_free(void *owner, void *bytes)
{
    (void)owner;
    memory_free(bytes);
}

static void *packer_new(void)
{
    struct zlib_packer *packer = memory_new(sizeof *packer);
    packer->zlib.zalloc = zlib_alloc;
    packer->zlib.zfree = zlib_free;
    packer->level = Z_DEFAULT_COMPRESSION;
    int outcome = deflateInit(&packer->zlib, packer->level);
    assert(outcome == Z_OK); // memory_new does not fail
    (void)outcome;
    return packer;
}

static void packer_free(void *owned)
{
    struct zlib_packer *packer = owned;
    (void)deflateEnd(&packer->zlib);
    memory_free(packer);
}

static size_t pack(void *owned, int level, struct slice plain, uint8_t *packed, size_t max)
{
    struct zlib_packer *packer = owned;
    z_stream *zlib = &packer->zlib;
    (void)deflateReset(zlib);
    if (level != packer->level) {
        (void)deflateParams(zlib, level, Z_DEFAULT_STRATEGY);
        packer->level = level;
    }
    zlib->next_in = (uint8_t *)(uintptr_t)plain.ptr; // only read
    zlib->avail_in = (unsigned)plain.len;
    zlib->next_out = packed;
    zlib->avail_out = (unsigned)max;
    return deflate(zlib, Z_FINISH) == Z_STREAM_END ? max - zlib->avail_out : 0;
}

static void *unpacker_new(void)
{
    z_stream *zlib = memory_new(sizeof *zlib);
    zlib->zalloc = zlib_alloc;
    zlib->zfree = zlib_free;
    int outcome = inflateInit(zlib);
    assert(outcome == Z_OK);
    (void)outcome;
    return zlib;
}

static void unpacker_free(void *unpacker)
{
    (void)inflateEnd(unpacker);
    memory_free(unpacker);
}

static bool unpacker_reset(void *unpacker)
{
    return inflateReset(unpacker) == Z_OK;
}

static bool unpack(void *unpacker, struct stream_decoding *piece, bool *is_end)
{
    z_stream *zlib = unpacker;
    zlib->next_in = (uint8_t *)(uintptr_t)piece->wire.ptr; // only read
    zlib->avail_in = (unsigned)piece->wire.len;
    zlib->next_out = piece->bytes;
    zlib->avail_out = (unsigned)piece->max;
    int outcome = inflate(zlib, Z_SYNC_FLUSH);
    piece->eaten = piece->wire.len - zlib->avail_in;
    piece->made = piece->max - zlib->avail_out;
    *is_end = outcome == Z_STREAM_END;
    // Z_BUF_ERROR: it needs more bytes, or more room.
    return outcome == Z_OK || outcome == Z_STREAM_END || outcome == Z_BUF_ERROR;
}

const struct compress_algorithm *compress_zlib(void)
{
    static const struct compress_algorithm zlib = {
        .packer_new = packer_new,
        .packer_free = packer_free,
        .pack = pack,
        .unpacker_new = unpacker_new,
        .unpacker_free = unpacker_free,
        .unpacker_reset = unpacker_reset,
        .unpack = unpack,
    };
    return &zlib;
}
