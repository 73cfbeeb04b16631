#pragma once
// xxh64, the hash of shard keys, digests and maps. Never change it: the bucket of every stored row
// depends on it.

#include "base/slice.h"

uint64_t hash_bytes(const void *bytes, size_t len); // xxh64, seed 0
