#pragma once
// Row ids: plain increasing numbers for a column of a table, which waybill fills where an INSERT
// leaves it out. They are reserved in blocks, which the home shard's primary has written down
// (replication/row_id_block.c); what is here is this process's present block of each table.
//
//     begin ------------ next ---------------- end
//       used, or passed over   free, until until_us
//
// Workers take ids off its front, all of them, without a lock. The control thread alone puts the
// next block in its place; each one lies behind the one before.

#include <stdatomic.h>

#include "base/list.h"

struct row_ids { // of one column of one table, as long as the process has any configuration
    const char *schema, *table, *column; // owned, without case
    struct node node;                    // in the list of all
    _Atomic uint64_t begin, next, end;   // all 0: no block yet
    _Atomic uint64_t until_us;           // (loop clock) no id of the block is used later
    _Atomic uint64_t floor;              // no other waybill has a block with an id before that
    _Atomic uint64_t counter;            // every later block of any waybill begins there or behind
};

// What a statement needs of them.
struct row_id_wish {
    struct row_ids *ids;
    uint64_t count; // to be made; 0: none
    uint64_t given; // the highest that the statement gives itself; 0: none
    bool must_pass; // ... which nobody else may make: the same id may be on another shard
};

// The biggest id, that of a BIGINT.
#define ROW_ID_MAX ((uint64_t)INT64_MAX)

struct row_id_list; // all of a process; counted, control thread only
struct row_id_list *row_id_list_new(void);
struct row_id_list *row_id_list_hold(struct row_id_list *list);
void row_id_list_drop(struct row_id_list *list);
// Made when it isn't there yet.
struct row_ids *row_id_list_get(struct row_id_list *list, const char *schema, const char *table,
                                const char *column);

// `count` ids, one after the other, from *first on: nobody else has or gets them. False: the block
// has not as many.
bool row_ids_take(struct row_ids *ids, uint64_t count, uint64_t now_us, uint64_t *first) MUST_CHECK;
// A row with that id comes from a client: it will never be made. False: that is not certain (it is
// behind the block, or in what another waybill may have reserved).
bool row_ids_pass(struct row_ids *ids, uint64_t id, uint64_t now_us) MUST_CHECK;
// Is the counter past it? Then only a waybill that has reserved it already may make it.
bool row_ids_reach(const struct row_ids *ids, uint64_t id) MUST_CHECK;

// ---- control thread

struct row_id_block {
    uint64_t begin, end; // 0, 0: none
    uint64_t until_us;
};

// Would row_ids_take (of 0: nothing to take) do it now, after row_ids_pass (of 0: no id)?
bool row_ids_have(const struct row_ids *ids, uint64_t count, uint64_t id,
                  uint64_t now_us) MUST_CHECK;
bool row_ids_may_pass(const struct row_ids *ids, uint64_t id, uint64_t now_us) MUST_CHECK;
// Behind the present one; what is left of that is never used.
void row_ids_put(struct row_ids *ids, const struct row_id_block *block);
void row_ids_raise(struct row_ids *ids, uint64_t floor, uint64_t counter);
