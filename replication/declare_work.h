#pragma once
// waybill.declared_table on the default shard: how a declaration comes to be known by all waybills
// before its table is made, and is forgotten after its table was dropped. For the jobs of
// schema_work.h.

#include "replication/schema_work.h"

// What the note declares, or has closed before it is dropped: true when every waybill knows, so
// that the DDL may run. False with *error; then all is as before, or is left for declare_tidy.
bool declare_begin(struct schema_work *work, struct dbconn *home, struct error *error) MUST_CHECK;
// The DDL with that id has ended, somehow: what the shards have now decides.
bool declare_end(struct schema_work *work, struct dbconn *home, uint64_t ddl,
                 struct error *error) MUST_CHECK;
void declare_tidy_run(struct schema_work *work); // what waybills that have gone left half done
