#pragma once
// The state changes in an OK packet, with CLIENT_SESSION_TRACK (manual: "OK_Packet", "Session State
// Information"). In the packet they stand behind the message as one length-encoded string, and only
// with STATUS_SESSION_CHANGED; here a block is that string's content.

#include "protocol/bytes.h"

enum track_type {
    TRACK_VARIABLE = 0,
    TRACK_SCHEMA = 1,
    TRACK_STATE = 2, // something changed: a bare '1'
    TRACK_GTIDS = 3, // MySQL
    TRACK_CHARACTERISTICS = 4,
    TRACK_TRANSACTION = 5, // TRACK_TRANSACTION_BYTES of flags
};

enum { TRACK_TRANSACTION_BYTES = 8 };

struct track_change {
    uint8_t type;        // enum track_type, or one that came later
    struct slice whole;  // all of it, to be passed on
    struct slice name;   // of a variable; else empty
    struct slice value;  // STATE, GTIDS and later ones: as they stand, unread
    bool is_server_gtid; // GTIDS, or the variable last_gtid (MariaDB): about one server
};

// The next change at the front of the block, which moves on. False at its end, and when the rest is
// not a change: block->is_bad.
bool track_read(struct reader *block, struct track_change *change) MUST_CHECK;
// `name` is looked at for a variable only. Of the types whose value is a string.
void track_write(struct text *block, enum track_type type, struct slice name, struct slice value);
