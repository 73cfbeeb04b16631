#pragma once
// The sequence numbers of a relayed answer. They go on from the command's last packet, and a
// command of other size than the client's (a rewritten text, parameters that came ahead by
// SEND_LONG_DATA) may have had more or fewer packets of 16 MB than the client's own.

#include "protocol/packet.h"
#include "session/session_impl.h"

struct renumber {
    bool is_started; // shift is known
    uint8_t shift;   // what is added to each number
    uint8_t header_have;
    uint8_t header[PACKET_HEADER_BYTES];
    uint32_t left; // of the present packet's payload
};

// Bytes of the answer as they come, to the client; its first packet gets the request's sequence.
// Returns what session_write says.
bool renumber_write(struct renumber *renumber, struct session *session, const uint8_t *bytes,
                    size_t len);
