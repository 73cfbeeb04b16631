#pragma once
// A block of row ids (cluster/row_id.h), written down on the home shard's primary before any of
// them is used.

#include "cluster/row_id.h"
#include "replication/dbconn.h"

// How long a block may be used, and how long others take it to be in use.
enum { ROW_ID_USE_S = 600, ROW_ID_FOREIGN_S = 900 };

struct row_id_order {
    struct row_ids *ids; // only its names are read here
    bool is_release;     // no block of this process is used any more; all else is of no meaning
    bool wants_block;    // whatever the counter says; else only when it is not past `given`
    uint64_t size;       // ids in a block
    uint64_t given;      // an id that a client gives; 0: none
    uint64_t own_begin;  // blocks of this process that end there are used up
    uint64_t known_end;  // of the last block that this process knows: the counter was there once
};

struct row_id_outcome {
    struct row_ids *ids;
    struct row_id_block block; // 0, 0: none was reserved
    uint64_t counter;          // as it is now
    uint64_t floor;            // no other process has a block with an id before that
};

struct schema_work;
void row_id_block_run(struct schema_work *work);

// Which block follows: from the counter on, or from `given` if that is later. False: there are no
// ids left.
bool row_id_block_choose(const struct row_id_order *order, uint64_t counter,
                         struct row_id_block *block) MUST_CHECK;
