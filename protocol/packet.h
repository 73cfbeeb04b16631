#pragma once
// Framing: 3 bytes of length, 1 byte of sequence; a payload of 0xffffff bytes or more goes in
// several packets, the last of which is shorter than 0xffffff (empty if need be).

#include "base/arena.h"
#include "base/text.h"

enum { PACKET_HEADER_BYTES = 4, PACKET_PAYLOAD_MAX = 0xffffff };

static inline uint32_t packet_payload_bytes(const uint8_t *header)
{
    return (uint32_t)header[0] | (uint32_t)header[1] << 8 | (uint32_t)header[2] << 16;
}

static inline uint8_t packet_sequence(const uint8_t *header)
{
    return header[3];
}

// Appends the payload framed, split where needed; *sequence is that of the first packet, and
// afterwards the next one.
void packet_append(struct text *out, struct slice payload, uint8_t *sequence);

// Begin and end of a packet whose payload is appended to `out` in between: returns the place to
// hand to packet_end.
size_t packet_begin(struct text *out);
void packet_end(struct text *out, size_t place, uint8_t *sequence); // splits what is too long

enum packet_fit {
    PACKET_WHOLE,     // a whole logical packet is there
    PACKET_PARTIAL,   // more bytes are needed
    PACKET_BAD_ORDER, // a sequence number is not the expected one
    PACKET_TOO_LARGE, // its payload would pass max_payload
};

// Looks for one whole logical packet (all its 16 MB parts) at the front of `bytes`. On
// PACKET_WHOLE: *raw_bytes is what it takes with its headers, *payload_bytes its payload,
// *next_sequence the sequence after it.
enum packet_fit packet_look(struct slice bytes, uint8_t expected_sequence, size_t max_payload,
                            size_t *raw_bytes, size_t *payload_bytes,
                            uint8_t *next_sequence) MUST_CHECK;
// Inside of compressed frames servers don't look at the numbers of packets, only at those of the
// frames, and MariaDB Connector/J 2.7 numbers its packets on. Gives those of the logical packet at
// the front the numbers that they would have.
void packet_renumber(uint8_t *bytes, size_t len, uint8_t sequence);
// The payload of a packet that packet_look found whole: the bytes themselves when it has one part,
// else joined in the arena.
struct slice packet_payload(struct arena *arena, struct slice raw, size_t payload_bytes);
