#pragma once
// Takes back what an old primary has committed beyond the cut, and nobody was told of: its
// transactions are reported in waybill.undone of the new primary, then undone in its tables.

#include "replication/own_log.h"

struct undo {
    struct action *action;
    size_t subject, primary; // places
    const struct own_log *log;
    uint64_t epoch; // that made it an old primary
};

// All or nothing, and at most once. False: *action's why; nothing was changed in its tables.
bool undo_tail(const struct undo *undo) MUST_CHECK;
// When the server's log does not have the tail any more.
bool undo_forget(const struct undo *undo) MUST_CHECK;
