// Sequence numbers of a relayed answer: nearly always right as they come, and then nothing is
// touched.

#include "session/renumber.h"

enum { PIECE_BYTES = 4096 };

// Moves over the bytes, and changes the numbers among them.
static void change(struct renumber *renumber, uint8_t first, uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len;) {
        if (renumber->left > 0) {
            size_t step = renumber->left < len - i ? renumber->left : len - i;
            renumber->left -= (uint32_t)step;
            i += step;
            continue;
        }
        renumber->header[renumber->header_have++] = bytes[i];
        if (renumber->header_have == PACKET_HEADER_BYTES) {
            if (!renumber->is_started) {
                renumber->shift = (uint8_t)(first - bytes[i]);
                renumber->is_started = true;
            }
            bytes[i] = (uint8_t)(bytes[i] + renumber->shift);
            renumber->left = packet_payload_bytes(renumber->header);
            renumber->header_have = 0;
        }
        i++;
    }
}

bool renumber_write(struct renumber *renumber, struct session *session, const uint8_t *bytes,
                    size_t len)
{
    uint8_t first = session->request->sequence;
    bool is_new = !renumber->is_started && renumber->header_have == 0;
    if (is_new && len >= PACKET_HEADER_BYTES && packet_sequence(bytes) == first) {
        renumber->is_started = true; // from now on shift is 0
    }
    if (renumber->is_started && renumber->shift == 0) {
        return session_write(session, bytes, len);
    }
    uint8_t piece[PIECE_BYTES];
    bool is_full = false;
    while (len > 0) {
        size_t step = len < sizeof piece ? len : sizeof piece;
        memcpy(piece, bytes, step);
        change(renumber, first, piece, step);
        is_full = session_write(session, piece, step);
        bytes += step;
        len -= step;
    }
    return is_full;
}
