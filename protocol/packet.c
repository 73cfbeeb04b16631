// Framing of packets.
//
//   payload of 20 MB:   | ff ff ff  s   | 16777215 bytes | len  s+1 | the rest |
//   exactly 16777215:   | ff ff ff  s   | 16777215 bytes | 00 00 00 s+1 |
//
// A logical packet ends with its first part that is shorter than 0xffffff. Payloads are built in
// place behind a header that packet_begin leaves open; only what grew past 16 MB is moved apart.

#include <assert.h>

#include "protocol/packet.h"

static void header_fill(uint8_t *header, size_t payload_bytes, uint8_t sequence)
{
    header[0] = (uint8_t)payload_bytes;
    header[1] = (uint8_t)(payload_bytes >> 8);
    header[2] = (uint8_t)(payload_bytes >> 16);
    header[3] = sequence;
}

void packet_append(struct text *out, struct slice payload, uint8_t *sequence)
{
    size_t at = 0;
    size_t part;
    do {
        part = payload.len - at;
        if (part > PACKET_PAYLOAD_MAX) {
            part = PACKET_PAYLOAD_MAX;
        }
        uint8_t header[PACKET_HEADER_BYTES];
        header_fill(header, part, (*sequence)++);
        text_add(out, header, sizeof header);
        if (part > 0) {
            text_add(out, payload.ptr + at, part);
        }
        at += part;
    } while (part == PACKET_PAYLOAD_MAX);
}

size_t packet_begin(struct text *out)
{
    static const uint8_t open_header[PACKET_HEADER_BYTES];
    size_t place = out->len;
    text_add(out, open_header, sizeof open_header);
    return place;
}

void packet_end(struct text *out, size_t place, uint8_t *sequence)
{
    assert(out->len >= place + PACKET_HEADER_BYTES);
    static const uint8_t open_header[PACKET_HEADER_BYTES];
    size_t left = out->len - place - PACKET_HEADER_BYTES;
    while (left >= PACKET_PAYLOAD_MAX) {
        header_fill(out->ptr + place, PACKET_PAYLOAD_MAX, (*sequence)++);
        left -= PACKET_PAYLOAD_MAX;
        place += PACKET_HEADER_BYTES + PACKET_PAYLOAD_MAX;
        text_add(out, open_header, sizeof open_header);
        memmove(out->ptr + place + PACKET_HEADER_BYTES, out->ptr + place, left);
    }
    header_fill(out->ptr + place, left, (*sequence)++);
}

enum packet_fit packet_look(struct slice bytes, uint8_t expected_sequence, size_t max_payload,
                            size_t *raw_bytes, size_t *payload_bytes, uint8_t *next_sequence)
{
    size_t at = 0;
    size_t payload = 0;
    for (;;) {
        if (bytes.len - at < PACKET_HEADER_BYTES) {
            return PACKET_PARTIAL;
        }
        size_t part = packet_payload_bytes(bytes.ptr + at);
        if (packet_sequence(bytes.ptr + at) != expected_sequence) {
            return PACKET_BAD_ORDER;
        }
        payload += part;
        if (payload > max_payload) {
            return PACKET_TOO_LARGE;
        }
        at += PACKET_HEADER_BYTES;
        if (bytes.len - at < part) {
            return PACKET_PARTIAL;
        }
        at += part;
        expected_sequence++;
        if (part < PACKET_PAYLOAD_MAX) {
            break;
        }
    }
    *raw_bytes = at;
    *payload_bytes = payload;
    *next_sequence = expected_sequence;
    return PACKET_WHOLE;
}

void packet_renumber(uint8_t *bytes, size_t len, uint8_t sequence)
{
    size_t at = 0, part = PACKET_PAYLOAD_MAX;
    while (part == PACKET_PAYLOAD_MAX && len - at >= PACKET_HEADER_BYTES) {
        bytes[at + 3] = sequence++;
        part = packet_payload_bytes(bytes + at);
        at += PACKET_HEADER_BYTES;
        at += part < len - at ? part : len - at;
    }
}

struct slice packet_payload(struct arena *arena, struct slice raw, size_t payload_bytes)
{
    if (payload_bytes < PACKET_PAYLOAD_MAX) {
        return slice_of(raw.ptr + PACKET_HEADER_BYTES, payload_bytes);
    }
    uint8_t *joined = arena_alloc(arena, payload_bytes);
    size_t done = 0;
    const uint8_t *at = raw.ptr;
    while (done < payload_bytes) {
        size_t part = packet_payload_bytes(at);
        assert(done + part <= payload_bytes);
        memcpy(joined + done, at + PACKET_HEADER_BYTES, part);
        done += part;
        at += PACKET_HEADER_BYTES + part;
    }
    return slice_of(joined, payload_bytes);
}
