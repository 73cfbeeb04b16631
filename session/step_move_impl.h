#pragma once
// Private to step_move*.c: an UPDATE that moves rows.

#include "protocol/error_table.h"
#include "session/move_table.h"

enum { ROWS_MAX = 5000, ROWS_BYTES_MAX = 8 * 1024 * 1024 };

struct moving_shard { // where rows come from
    uint16_t shard;
    struct move_table table;
    uint64_t count;      // of the rows that are updated
    struct slice before; // conditions that find them, before the UPDATE
    struct slice after;  // ... and behind it
};

struct moving {
    struct slice sql;                  // the client's, without parameters
    const struct statement *statement; // ... as read
    struct slice key;                  // the shard key's name
    struct slice key_value; // what it is set to; empty: an expression, of which only servers know
    struct moving_shard *shards;
    uint16_t shard_count;
    uint16_t at;         // of the running step
    uint64_t count;      // of all shards' rows
    struct ok_packet ok; // of the UPDATE
    struct slice insert; // of the running shard's rows
    uint64_t moved;      // how many they are
    size_t bytes;        // of the rows that were read
};

void moving_fail(struct steps *steps, enum error_code code, const char *text);
// The rows are other ones than those that were locked.
void moving_fail_changed(struct steps *steps);
struct moving_shard *moving_shard_of(struct steps *steps);        // of moving->at
struct slice moving_keep(struct steps *steps, struct text *text); // in the arena; text is done
// What a step's values are like: as they are stored; `carries`: also where they go.
const struct session_state *moving_state(struct session *session, bool carries);
// A step on the shard of moving->at.
void moving_run(struct steps *steps, struct slice sql, bool carries, steps_then then);
// step_move_rows.c. The UPDATE is done, moving->at is 0: the rows that belong elsewhere leave, and
// the steps end.
void moving_bring_home(struct steps *steps);
