#pragma once
// MySQL's compressed packets (manual: "Compressed Packet"): the stream of ordinary packets, cut
// anywhere into frames of
//
//     3 bytes   length of what follows the header
//     1 byte    number of the frame
//     3 bytes   length before compression; 0: it is not compressed
//
// Frames are numbered like packets: a command begins with 0, an answer goes on behind it. (Numbers
// of the packets inside are looked at by nobody; Connector/C does not even keep them.)

#include "base/stream.h"

enum compress_kind { COMPRESS_ZLIB, COMPRESS_ZSTD };
enum { COMPRESS_KINDS = COMPRESS_ZSTD + 1 };
enum compress_side { COMPRESS_LISTENS, COMPRESS_CONNECTS };
// zlib's usual one; zstd's is said in the log-in, 1 to 22.
enum { COMPRESS_ZLIB_LEVEL = 6, COMPRESS_ZSTD_LEVEL = 3, COMPRESS_ZSTD_LEVEL_MAX = 22 };

// What the connections of one thread share: contexts are large, and lent for a frame only.
struct compressor;
struct compressor *compressor_new(void);
void compressor_free(struct compressor *compressor); // behind its last connection
// For stream_start_compression; lives as long as the compressor.
const struct stream_codec *compressor_codec(struct compressor *compressor, enum compress_kind kind,
                                            enum compress_side side);
