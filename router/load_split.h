#pragma once
// LOAD DATA into a sharded table: the rules by which its file is cut, and the shard of each row.

#include "router/load_rows.h"
#include "router/plan.h"
#include "router/value.h"

// Made with the plan, in the statement's arena; it holds no pointer into the configuration.
struct load_split {
    struct load_rules rules;     // wanted: first the key, then the id
    struct slice schema, table;  // as declared
    uint64_t sharding;           // sharding_fingerprint of that time
    bool makes_ids;              // the file has none: load_made_field goes in front of each row
    struct row_ids *row_ids;     // ... and they are these, the process's; NULL: order ids
    uint16_t hint_shard;         // NO_SHARD
    struct table_column key, id; // name.ptr NULL: none
};

struct load_place {
    uint16_t shard;
    uint16_t bucket; // for ids to be made
};

// For the rows of one event: the configuration is not to be kept.
struct load_placer {
    const struct load_split *split;
    const struct config *config;
    const struct table_config *table;
    struct arena *scratch; // used for each row, to be cleared by its owner
};

// False: the table is sharded otherwise by now (a reload), so that the rows before went elsewhere.
bool load_placer_init(struct load_placer *placer, const struct load_split *split,
                      const struct config *config, struct arena *scratch) MUST_CHECK;
// Where the row belongs that was found last. False with *error: that is not certain.
bool load_place_row(const struct load_placer *placer, const struct load_rows *rows,
                    struct load_place *place, struct error *error) MUST_CHECK;
