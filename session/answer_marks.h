#pragma once
// Status flags that a client must see in an answer although its server did not set them, and state
// changes that it must see otherwise than its server told them.

#include "protocol/answer.h"
#include "session/gather.h"
#include "session/session_impl.h"

struct answer_marks {
    uint16_t flags;       // STATUS_*: put into every OK and EOF ...
    uint16_t unflags;     // ... after these were taken out
    struct answer answer; // the grammar of what went by
    struct gather held;   // the present packet as far as it came, when it may need the flags
    uint32_t passing;     // bytes of the present packet that go through
    bool has_tracking;    // state changes in OKs are corrected: track.c
    uint16_t shard;       // ... whose OKs they are
    bool is_row_part;     // it is of 16 MB: what follows continues it
};

// From now on the running command's answer, of which nothing was written yet, gets `flags` (besides
// those that it gets already).
void answer_marks_add(struct session *session, enum answer_kind kind, uint16_t flags);
// The same for a command that runs in a session unlike the client's: of what a status says of the
// session, its answer says what is true of the client's, `status`.
void answer_marks_own_session(struct session *session, enum answer_kind kind, uint16_t status);
// The packet that has come in part, of which nothing has gone out, is not followed by its rest: the
// next bytes begin another one.
void answer_marks_drop_part(struct session *session);
// Bytes of the answer (framed, in pieces of any size) to the client. As session_write.
bool answer_marks_write(struct session *session, const struct iovec *parts, int count);
