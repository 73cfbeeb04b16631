#pragma once
// Global indexes on the servers (doc/indexes.md): their triggers, their entries, and the marks that
// say of a shard that all its rows have theirs. A piece of work on the schema (schema_work.h).

#include "base/text.h"
#include "cluster/config.h"

struct schema_work;

// One index, as the work's thread needs it; filled by the control thread.
struct index_target {
    char name[65], key[96];
    char schema[65 * 4], table[65 * 4], column[65 * 4];
    bool is_integer;
    struct text canonical; // owned, with a NUL: SQL of the column's canonical form
    bool is_unique;
    struct text body[2]; // owned, with a NUL: of the triggers for INSERT and UPDATE
};

struct index_order {
    struct index_target *targets; // owned
    uint16_t count;
    // Of each bucket: the place in the order's shards that has its entries.
    uint16_t homes[BUCKET_COUNT];
};

// In the order of the shards that the order has: `ids` are theirs, `home` is where values go when
// nobody has buckets.
struct index_order *index_order_new(const struct config *config, const uint16_t *ids,
                                    uint16_t shard_count, uint16_t home);
void index_order_free(struct index_order *order); // NULL is fine

void index_work_run(struct schema_work *work);
