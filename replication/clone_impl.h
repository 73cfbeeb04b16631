#pragma once
// What the parts of CLONE SERVER share. Each is false with *action's why.

#include "replication/action_impl.h"
#include "replication/clone_catalog.h"
#include "replication/xa_repair.h"

struct clone {
    struct action *action;
    size_t from, to;         // places
    struct dbconn *writer;   // owned; to the server that is made anew, holds its lock; no log
    struct dbconn *reader;   // owned; to the other, for definitions
    struct dbconn *snapshot; // owned; ... with the snapshot
    struct arena arena;      // the catalog's
    struct clone_catalog catalog;
    struct gtid_set position;     // of the snapshot; the action's arena
    uint64_t epoch;               // the newest that the other knew then
    struct xa_rows_list branches; // prepared then
    uint64_t row_count, byte_count;
    size_t tables_done;
    uint64_t told_us, marked_us;
    size_t batch_bytes; // of an INSERT, at most (a row may be larger)
    size_t packet_bytes;
};

// clone_snapshot.c: opens it at a position that is exactly its own, under the leader's locks.
bool clone_take_snapshot(struct clone *clone) MUST_CHECK;

// clone_write.c
bool clone_open(struct clone *clone) MUST_CHECK; // the connections
void clone_close(struct clone *clone);
bool clone_owns_writer(struct clone *clone) MUST_CHECK; // still alone with the server?
bool clone_progress(struct clone *clone, const char *format, ...) PRINTF_LIKE(2, 3) MUST_CHECK;
bool clone_wipe(struct clone *clone) MUST_CHECK;
bool clone_make_tables(struct clone *clone) MUST_CHECK;
bool clone_make_programs(struct clone *clone) MUST_CHECK;

// clone_copy.c: all rows.
bool clone_copy(struct clone *clone) MUST_CHECK;
