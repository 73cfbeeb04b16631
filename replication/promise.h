#pragma once
// What an acknowledged write of a primary was worth, where it outlives the waybill that saw it:
// rows of waybill.promise, written on the primary and replicated like everything else.

#include "replication/dbconn.h"

// What was written last, by one waybill on one server. Zeroed: nothing.
struct promise_note {
    uint64_t written_us;
    uint64_t epoch;
    bool waits;
};

// Whose word it is; texts without quotes, as the configuration has them.
struct promise_of {
    const char *shard, *primary;
    uint64_t epoch; // the newest that is known
    uint32_t proxy;
};

// Writes the row if it has changed or grown old. waits: the primary waits for a replica, without
// limit, and has waited for one after all that it had before. False: *error.
bool promise_write(struct promise_note *note, struct dbconn *conn, const struct promise_of *of,
                   bool waits, struct error *error) MUST_CHECK;

// The rows of a shard as one server has them.
struct promise {
    bool is_broken;  // the newest word of this primary and epoch: it did not wait
    bool is_fresh;   // the newest word of any is younger than what was asked for
    bool is_kept;    // ... and so are others perhaps, and all of them say: this primary waits
    uint32_t proxy;  // whose the newest is
    uint64_t age_ms; // by the server's clock
};

// A server without the table has said nothing. False: *error.
bool promise_read(struct dbconn *conn, const struct promise_of *of, uint64_t trust_ms,
                  struct promise *promise, struct error *error) MUST_CHECK;
