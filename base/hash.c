// xxh64 with seed 0, through libxxhash, which is included here only.

#include "base/hash.h"

#include <xxhash.h>

uint64_t hash_bytes(const void *bytes, size_t len)
{
    return XXH64(bytes, len, 0);
}
