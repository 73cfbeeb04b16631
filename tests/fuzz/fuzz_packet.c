// Framing: packet_look never reads past the bytes, and what it finds whole is written back the
// same.

#include <stdlib.h>

#include "protocol/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (len < 3) {
        return 0;
    }
    uint8_t sequence = bytes[0];
    size_t max_payload = (size_t)bytes[1] << (bytes[2] % 24);
    struct slice raw = slice_of(bytes + 3, len - 3);
    size_t raw_bytes, payload_bytes;
    uint8_t next;
    if (packet_look(raw, sequence, max_payload, &raw_bytes, &payload_bytes, &next) !=
        PACKET_WHOLE) {
        return 0;
    }
    if (raw_bytes > raw.len || payload_bytes > max_payload) {
        abort();
    }
    struct arena arena;
    arena_init(&arena, NULL);
    struct slice payload = packet_payload(&arena, raw, payload_bytes);
    struct text again;
    text_init(&again);
    uint8_t again_sequence = sequence;
    packet_append(&again, payload, &again_sequence);
    if (again_sequence != next || !slice_equal(text_slice(&again), slice_part(raw, 0, raw_bytes))) {
        abort();
    }
    text_done(&again);
    arena_clear(&arena);
    return 0;
}
