#pragma once
// What compress.c asks of an algorithm. A packer makes one frame in one call; an unpacker is fed
// piece by piece and makes as much as there is room for.

#include "base/stream.h"

struct compress_algorithm {
    void *(*packer_new)(void);
    void (*packer_free)(void *packer);
    // Returns the packed size; 0 when it is more than `max`.
    size_t (*pack)(void *packer, int level, struct slice plain, uint8_t *packed, size_t max);
    void *(*unpacker_new)(void);
    void (*unpacker_free)(void *unpacker);
    bool (*unpacker_reset)(void *unpacker); // false: it has grown too large to be kept
    // As a codec's decode. *is_end: the packed bytes are complete, with those eaten.
    bool (*unpack)(void *unpacker, struct stream_decoding *piece, bool *is_end);
};

const struct compress_algorithm *compress_zlib(void);
const struct compress_algorithm *compress_zstd(void);
