// Frames of compressed packets, both ways.
//
//     encode: a piece of plain bytes --whole, by the thread's packer--> a frame
//     decode: a frame --piece by piece, by an unpacker lent for the frame--> plain bytes
//
// A connection that is between two frames keeps nothing but its numbers.
//
// Numbers. The listening side is told where an answer begins (begin_answer): behind the last frame
// that was read. The connecting side sees it: packet 0 begins a command, which begins a frame with
// number 0, even where several commands are sent in one go; a packet that does not follow our last
// one answers the server (LOAD DATA LOCAL), and goes on behind the server's frame.

#include "protocol/compress.h"

#include <assert.h>

#include "base/memory.h"
#include "protocol/compress_impl.h"
#include "protocol/packet.h"

enum {
    FRAME_HEADER_BYTES = 7,
    FRAME_PLAIN_MAX = 32768,  // what goes into one of ours
    PACK_MIN_BYTES = 50,      // less is not packed, as by the servers
    PACK_OVERHEAD_MAX = 1024, // by which packed bytes may be more than plain ones
    UNPACKERS_KEPT = 4,
};

struct codec {
    struct stream_codec functions;
    struct compressor *compressor; // back-pointer
    enum compress_kind kind;
    enum compress_side side;
};

struct tools { // of one algorithm
    const struct compress_algorithm *algorithm;
    void *packer;                    // owned; NULL until it is needed
    void *unpackers[UNPACKERS_KEPT]; // owned; those that are not lent
    size_t unpacker_count;
};

struct compressor {
    struct codec codecs[COMPRESS_KINDS][COMPRESS_CONNECTS + 1];
    struct tools tools[COMPRESS_KINDS];
};

struct connection {
    const struct codec *codec;
    int level;
    uint8_t next_out; // the next frame's number
    uint8_t last_in;
    // The frame that is being read.
    uint8_t header[FRAME_HEADER_BYTES];
    uint8_t header_len;
    bool is_packed;
    bool is_unpacked; // its end was seen
    uint32_t wire_left, plain_left;
    void *unpacker; // lent; NULL outside a packed frame
    // The packet of ours that is being written: the connecting side only.
    uint32_t packet_left;
    uint8_t packet_number;
    bool has_answer; // since it was begun
};

static uint32_t read_24(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16;
}

static struct tools *tools_of(const struct connection *connection)
{
    return &connection->codec->compressor->tools[connection->codec->kind];
}

// ---- unpackers come and go

static void take_unpacker(struct connection *connection)
{
    struct tools *tools = tools_of(connection);
    connection->unpacker = tools->unpacker_count > 0 ? tools->unpackers[--tools->unpacker_count]
                                                     : tools->algorithm->unpacker_new();
}

static void give_unpacker(struct connection *connection)
{
    struct tools *tools = tools_of(connection);
    void *unpacker = connection->unpacker;
    connection->unpacker = NULL;
    if (unpacker == NULL) {
        return;
    }
    if (tools->unpacker_count < UNPACKERS_KEPT && tools->algorithm->unpacker_reset(unpacker)) {
        tools->unpackers[tools->unpacker_count++] = unpacker;
    } else {
        tools->algorithm->unpacker_free(unpacker);
    }
}

// ---- a connection

static void *codec_open(const struct stream_codec *functions, int level)
{
    struct connection *connection = memory_new(sizeof *connection);
    connection->codec = CONTAINER_OF(functions, struct codec, functions);
    connection->level = level;
    connection->last_in = UINT8_MAX;
    connection->packet_number = UINT8_MAX;
    connection->has_answer = true;
    return connection;
}

static void codec_close(void *state)
{
    struct connection *connection = state;
    give_unpacker(connection);
    memory_free(connection);
}

static void codec_begin_answer(void *state)
{
    struct connection *connection = state;
    connection->next_out = (uint8_t)(connection->last_in + 1);
}

// ---- encoding

// How many of the bytes go into one frame; sets its number. (A header of a packet that is cut by
// the end of the bytes goes into the next one.)
static size_t measure_frame(struct connection *connection, struct slice plain)
{
    size_t at = 0;
    while (at < plain.len) {
        if (connection->packet_left > 0) {
            size_t rest = plain.len - at;
            size_t step = rest < connection->packet_left ? rest : connection->packet_left;
            connection->packet_left -= (uint32_t)step;
            at += step;
            continue;
        }
        if (plain.len - at < PACKET_HEADER_BYTES) {
            return at > 0 ? at : plain.len;
        }
        const uint8_t *header = plain.ptr + at;
        uint8_t number = packet_sequence(header);
        bool follows = number == (uint8_t)(connection->packet_number + 1) &&
                       (number != 0 || !connection->has_answer);
        if (!follows && at > 0) {
            return at;
        }
        if (!follows) {
            connection->next_out = number == 0 ? 0 : (uint8_t)(connection->last_in + 1);
        }
        connection->packet_number = number;
        connection->has_answer = false;
        connection->packet_left = packet_payload_bytes(header);
        at += PACKET_HEADER_BYTES;
    }
    return at;
}

static size_t codec_encode(void *state, struct slice plain, struct text *frame)
{
    struct connection *connection = state;
    struct tools *tools = tools_of(connection);
    uint8_t packed[FRAME_PLAIN_MAX];
    plain.len = plain.len < FRAME_PLAIN_MAX ? plain.len : FRAME_PLAIN_MAX;
    if (connection->codec->side == COMPRESS_CONNECTS) {
        plain.len = measure_frame(connection, plain);
    }
    size_t packed_len = 0;
    if (plain.len >= PACK_MIN_BYTES) {
        if (tools->packer == NULL) {
            tools->packer = tools->algorithm->packer_new();
        }
        packed_len =
            tools->algorithm->pack(tools->packer, connection->level, plain, packed, plain.len - 1);
    }
    struct slice body = packed_len > 0 ? slice_of(packed, packed_len) : plain;
    size_t before = packed_len > 0 ? plain.len : 0;
    const uint8_t header[FRAME_HEADER_BYTES] = {
        (uint8_t)body.len,       (uint8_t)(body.len >> 8), (uint8_t)(body.len >> 16),
        connection->next_out++,  (uint8_t)before,          (uint8_t)(before >> 8),
        (uint8_t)(before >> 16),
    };
    text_add(frame, header, sizeof header);
    text_add_slice(frame, body);
    return plain.len;
}

// ---- decoding

static bool note_number(struct connection *connection, uint8_t number)
{
    bool is_next = number == (uint8_t)(connection->last_in + 1);
    connection->has_answer = true;
    if (connection->codec->side == COMPRESS_LISTENS) {
        if (number != 0 && !is_next && number != connection->next_out) {
            return false;
        }
        // Not a command's first frame: what we say next comes behind it. (A first one may have been
        // sent ahead, while an answer is still being written.)
        if (number != 0 || (is_next && connection->next_out == 0)) {
            connection->next_out = (uint8_t)(number + 1);
        }
    }
    connection->last_in = number;
    return true;
}

static const char *begin_frame(struct connection *connection)
{
    const uint8_t *header = connection->header;
    connection->wire_left = read_24(header);
    connection->plain_left = read_24(header + 4);
    connection->is_packed = connection->plain_left > 0;
    connection->is_unpacked = false;
    if (!note_number(connection, header[3])) {
        return "compressed packets are out of order";
    }
    if (!connection->is_packed) {
        connection->plain_left = connection->wire_left;
        return NULL;
    }
    if (connection->wire_left == 0 ||
        connection->wire_left > connection->plain_left + PACK_OVERHEAD_MAX) {
        return "a compressed packet's lengths cannot be true";
    }
    take_unpacker(connection);
    return NULL;
}

static size_t take_header(struct connection *connection, struct slice wire)
{
    size_t missing = FRAME_HEADER_BYTES - connection->header_len;
    size_t len = wire.len < missing ? wire.len : missing;
    if (len > 0) {
        memcpy(connection->header + connection->header_len, wire.ptr, len);
    }
    connection->header_len = (uint8_t)(connection->header_len + len);
    return len;
}

static void copy_body(struct connection *connection, struct stream_decoding *piece)
{
    size_t len = piece->wire.len < piece->max ? piece->wire.len : piece->max;
    len = len < connection->wire_left ? len : connection->wire_left;
    if (len > 0) {
        memcpy(piece->bytes, piece->wire.ptr, len);
    }
    connection->wire_left -= (uint32_t)len;
    connection->plain_left -= (uint32_t)len;
    piece->eaten = piece->made = len;
}

// What comes behind the promised length is looked for with a byte of its own.
static const char *unpack_body(struct connection *connection, struct stream_decoding *piece)
{
    uint8_t beyond;
    bool is_full = connection->plain_left == 0;
    struct stream_decoding part = *piece;
    if (part.wire.len > connection->wire_left) {
        part.wire.len = connection->wire_left;
    }
    if (is_full) {
        part.bytes = &beyond;
        part.max = 1;
    } else if (part.max > connection->plain_left) {
        part.max = connection->plain_left;
    }
    if (!tools_of(connection)
             ->algorithm->unpack(connection->unpacker, &part, &connection->is_unpacked)) {
        return "a compressed packet cannot be unpacked";
    }
    connection->wire_left -= (uint32_t)part.eaten;
    bool is_short = connection->is_unpacked
                        ? connection->wire_left > 0 || part.made < connection->plain_left
                        : connection->wire_left == 0 && part.made == 0;
    if (is_short || (is_full && part.made > 0)) {
        return "a compressed packet is not as long as it says";
    }
    connection->plain_left -= (uint32_t)part.made;
    piece->eaten = part.eaten;
    piece->made = part.made;
    return NULL;
}

static bool is_frame_over(const struct connection *connection)
{
    return connection->header_len == FRAME_HEADER_BYTES &&
           (connection->is_packed ? connection->is_unpacked : connection->wire_left == 0);
}

// Of one header, or of one body.
static const char *decode_piece(struct connection *connection, struct stream_decoding *piece)
{
    if (connection->header_len < FRAME_HEADER_BYTES) {
        piece->eaten = take_header(connection, piece->wire);
        return connection->header_len == FRAME_HEADER_BYTES ? begin_frame(connection) : NULL;
    }
    if (connection->is_packed) {
        return unpack_body(connection, piece);
    }
    copy_body(connection, piece);
    return NULL;
}

static bool codec_decode(void *state, struct stream_decoding *decoding)
{
    struct connection *connection = state;
    decoding->eaten = decoding->made = 0;
    while (decoding->made < decoding->max) {
        struct stream_decoding piece = {
            .wire = slice_part(decoding->wire, decoding->eaten, decoding->wire.len),
            .bytes = decoding->bytes + decoding->made,
            .max = decoding->max - decoding->made,
        };
        decoding->problem = decode_piece(connection, &piece);
        if (decoding->problem != NULL) {
            return false;
        }
        decoding->eaten += piece.eaten;
        decoding->made += piece.made;
        if (is_frame_over(connection)) {
            give_unpacker(connection);
            connection->header_len = 0;
        }
        if (piece.eaten == 0 && piece.made == 0) {
            break;
        }
    }
    return true;
}

// ---- the thread's

static struct codec make_codec(struct compressor *compressor, int kind, int side)
{
    return (struct codec){
        .functions = {.open = codec_open,
                      .close = codec_close,
                      .begin_answer = codec_begin_answer,
                      .encode = codec_encode,
                      .decode = codec_decode},
        .compressor = compressor,
        .kind = (enum compress_kind)kind,
        .side = (enum compress_side)side,
    };
}

struct compressor *compressor_new(void)
{
    struct compressor *compressor = memory_new(sizeof *compressor);
    compressor->tools[COMPRESS_ZLIB].algorithm = compress_zlib();
    compressor->tools[COMPRESS_ZSTD].algorithm = compress_zstd();
    for (int kind = 0; kind < COMPRESS_KINDS; kind++) {
        for (int side = 0; side <= COMPRESS_CONNECTS; side++) {
            compressor->codecs[kind][side] = make_codec(compressor, kind, side);
        }
    }
    return compressor;
}

void compressor_free(struct compressor *compressor)
{
    for (int kind = 0; kind < COMPRESS_KINDS; kind++) {
        struct tools *tools = &compressor->tools[kind];
        if (tools->packer != NULL) {
            tools->algorithm->packer_free(tools->packer);
        }
        while (tools->unpacker_count > 0) {
            tools->algorithm->unpacker_free(tools->unpackers[--tools->unpacker_count]);
        }
    }
    memory_free(compressor);
}

const struct stream_codec *compressor_codec(struct compressor *compressor, enum compress_kind kind,
                                            enum compress_side side)
{
    return &compressor->codecs[kind][side].functions;
}
