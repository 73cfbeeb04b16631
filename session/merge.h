#pragma once
// Many answers to one: the rows of several targets in one order, their column definitions as one.
// Pure: no backend, no client; the flow brings packets' payloads and takes payloads away.
//
//     heads of all targets --merge_columns_join--> columns --merge_start--> merge
//     per target:  merge_put(row) | merge_end          then  merge_next -> ROW s | SKIP s | WAIT |
//     DONE after ROW s: merge_shown(s) is what the client gets; then merge_put or merge_end for s
//     again

#include "base/arena.h"
#include "base/error.h"
#include "protocol/column.h"
#include "protocol/reply.h"
#include "router/plan.h"
#include "session/compare.h"

// ---- column definitions

struct merge_head { // what one target said of its columns
    const struct column *columns;
    uint32_t count;
    const char *shard; // its name, for errors
};

struct merge_columns {
    struct column *columns; // in the arena; all, the hidden ones at the end
    uint32_t count;
    uint32_t visible;
    bool is_binary;   // rows of the binary protocol
    bool is_sent_raw; // character_set_results is binary or NULL
};

// A definition that outlives its packet: its strings are copied into the arena.
struct column merge_copy_column(struct arena *arena, const struct column *column);
// The first target's columns, as wide as the widest (length, decimals; NOT NULL only if all are).
// False with *error when the targets don't agree on number, name, type, sign or collation.
bool merge_columns_join(struct arena *arena, const struct merge_head *heads, uint32_t head_count,
                        uint32_t hidden_columns, struct merge_columns *out,
                        struct error *error) MUST_CHECK;
// For a DISTINCT that is sorted only for the merge (plan.sorts_distinct): false with *error when a
// column may be a BIT, which a server shows as it is when it needn't sort, and here as a number.
bool merge_columns_keep_bits(const struct merge_columns *columns, struct error *error) MUST_CHECK;

// ---- rows

// The alias of the hidden column that holds COLLATION(key), for the key of that place in plan->keys
// (0-based). Column definitions name the collation of character_set_results and never the column's
// own, so without it only numbers, dates and binary strings can be merged in order.
#define MERGE_COLLATION_ALIAS "waybill collation %u"
// Which of the columns that is; NO_HIDDEN: there is none.
uint32_t merge_columns_find_collation(const struct merge_columns *columns, uint32_t key) MUST_CHECK;
// Likewise of WEIGHT_STRING(key), and of that of a blank in the key's collation: asked for where
// waybill can't compare by a collation itself (plan.has_sort_keys).
#define MERGE_WEIGHTS_ALIAS "waybill weights %u"
#define MERGE_BLANK_ALIAS   "waybill blank %u"
uint32_t merge_columns_find_weights(const struct merge_columns *columns, uint32_t key) MUST_CHECK;
uint32_t merge_columns_find_blank(const struct merge_columns *columns, uint32_t key) MUST_CHECK;

struct merge; // in the arena

// MERGE_ROWS, MERGE_SORT, MERGE_GROUP and MERGE_UNION. The comparisons are chosen with the first
// row, which tells the collations: merge_put may refuse it.
struct merge *merge_start(struct arena *arena, const struct plan *plan,
                          const struct merge_columns *columns, uint32_t source_count);
void merge_stop(struct merge *merge); // gives back what isn't in the arena

// The source's next row. The payload is borrowed until the row was taken; merge_moved when it
// moves. False with *error: malformed, not comparable, or not in the order that it should have.
bool merge_put(struct merge *merge, uint32_t source, struct slice payload,
               struct error *error) MUST_CHECK;
void merge_moved(struct merge *merge, uint32_t source, const uint8_t *payload);
void merge_end(struct merge *merge, uint32_t source); // has no more rows

enum merge_step {
    MERGE_STEP_WAIT, // some source must bring its next row or its end first
    MERGE_STEP_ROW,  // *source's row is the next one of the answer
    MERGE_STEP_SKIP, // *source's row is taken and not given: the offset, a union's second one
    MERGE_STEP_DONE, // the answer has all its rows
};

// ROW and SKIP take the row: the source must be fed again.
enum merge_step merge_next(struct merge *merge, uint32_t *source);
// MERGE_GROUP: how many of its first keys the row just taken has in common with the one before. 0
// also when they are not of one group, unless there is a ROLLUP.
uint32_t merge_shared(const struct merge *merge) MUST_CHECK;
// The payload of the row just taken without hidden columns; lives as long as the row's bytes or the
// next call.
struct slice merge_shown(struct merge *merge, uint32_t source);

// ---- MERGE_OK

// Adds a target's OK to the total, which begins as the first one's: affected rows, warnings, and
// the figures of "Rows matched: 1  Changed: 1  Warnings: 0" (dropped when the texts differ). The
// message is in the arena.
void merge_ok_add(struct arena *arena, struct ok_packet *total, const struct ok_packet *ok,
                  bool is_first);
