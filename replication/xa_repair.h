#pragma once
// Puts right what a crash has left of branches of transactions on several shards on a server that
// takes no writes: MariaDB writes its binary log first and its tables after, and a crash between
// the two leaves them apart. Tried sequences: hardparts 1.3. Each is false with *action's why.

#include "replication/action_impl.h"
#include "replication/xa_ledger.h"

// What the server at `place` holds prepared, and what its own log says of it up to the position
// (NULL: to its end). xa_ledger_done in any case.
bool xa_read(struct action *action, size_t place, const struct gtid_set *until,
             struct xa_ledger *ledger) MUST_CHECK;
// Finishes what is behind, without writing it to the log, which has it.
bool xa_finish_behind(struct action *action, size_t place,
                      const struct xa_ledger *ledger) MUST_CHECK;
// Makes branches of these names, which do nothing: what comes by replication finds them.
bool xa_make_lost(struct action *action, size_t place, const struct xa_ledger *ledger) MUST_CHECK;
// ... those that were not ended since, with their rows, from the last read_bytes of the server's
// own logs (xa_redo.c); the ledger has them as held then. False also when the rows are not there.
bool xa_redo_lost(struct action *action, size_t place, struct xa_ledger *ledger,
                  uint64_t read_bytes) MUST_CHECK;

struct xa_rows { // of one branch; the action's arena has them
    char gtrid[XID_PART_BYTES], bqual[XID_PART_BYTES];
    struct slice format, events;
};

struct xa_rows_list {      // zeroed: empty
    struct xa_rows *items; // owned
    size_t count;
    size_t bytes;
};

// Keeps them, to be prepared on another server.
bool xa_rows_read(struct action *action, size_t place, struct xa_ledger *ledger,
                  uint64_t read_bytes, struct xa_rows_list *list) MUST_CHECK;
bool xa_rows_prepare(struct action *action, size_t place,
                     const struct xa_rows_list *list) MUST_CHECK;
void xa_rows_done(struct xa_rows_list *list);

// Rolls them back, which is written to the log: so the replicas, which have them, do it as well.
bool xa_roll_back_lost(struct action *action, size_t place,
                       const struct xa_ledger *ledger) MUST_CHECK;
// XA RECOVER alone.
bool xa_read_held(struct action *action, size_t place, struct xa_ledger *ledger) MUST_CHECK;
// A connection whose changes don't go to the log; NULL: *action's why. dbconn_close.
struct dbconn *xa_open_quiet(struct action *action, size_t place) MUST_CHECK;
