#pragma once
// Private to the files that work on global indexes.

#include "replication/dbconn.h"
#include "replication/index_work.h"
#include "replication/schema_work.h"
#include "router/index_claim.h"

struct index_shard { // one index on one shard, being worked on
    struct schema_work *work;
    const struct index_target *target;
    uint16_t shard;
    bool is_ready; // has the mark on every shard
    bool has_triggers;
    uint64_t values;    // that its rows have
    uint64_t missing;   // of them those that were not entered
    struct error error; // code 0: none
};

// index_rows.c: every value of the shard's rows: is it entered? With `enters` it is afterwards.
// False: at->error.
bool index_rows_look(struct index_shard *at, bool enters) MUST_CHECK;
// index_triggers.c. False: at->error. Are the column and the triggers as they must be?
bool index_triggers_look(struct index_shard *at) MUST_CHECK;
bool index_triggers_make(struct index_shard *at) MUST_CHECK;
// ... drops those of an index by that name, whatever table they are on.
bool index_triggers_drop(struct schema_work *work, uint16_t shard, const char *name,
                         struct error *error) MUST_CHECK;
// index_unique.c: the column and the tables of a unique index, which *has_tables if they are there.
struct claim_index index_unique_claims(const struct index_target *target);
bool index_unique_look(struct index_shard *at, bool *has_tables) MUST_CHECK;
bool index_unique_make(struct index_shard *at) MUST_CHECK;
bool index_unique_drop(struct schema_work *work, uint16_t shard, const char *name,
                       struct error *error) MUST_CHECK;
// index_unique_rows.c: as index_rows_look.
bool index_unique_rows_look(struct index_shard *at, bool enters) MUST_CHECK;
// False with at->error when a value was found on another shard, too.
bool index_unique_conflict(struct index_shard *at) MUST_CHECK;
// The shard's connection, for work that may take long.
struct dbconn *index_work_conn(struct schema_work *work, uint16_t shard, struct error *error);
