#pragma once
// The schema `waybill` on the primaries: what waybill must remember is kept there, and is
// replicated like everything else.

#include "replication/dbconn.h"

// Branches that stand for those that a crash has lost write here, and leave nothing (xa_repair.c).
#define XA_FIX_TABLE "waybill.xa_fix"

// Is this the error of a statement that wants tables which aren't there yet?
bool schema_is_missing(const struct error *error) MUST_CHECK;
// Creates what is missing, on a primary: every statement is IF NOT EXISTS and is replicated.
bool schema_create(struct dbconn *conn, struct error *error) MUST_CHECK;
// Creates those of global indexes: only where there are some.
bool schema_create_index_tables(struct dbconn *conn, struct error *error) MUST_CHECK;
// Creates the table of XA_FIX_TABLE alone, on whatever server this is; for a connection that writes
// no log.
bool schema_create_fix_table(struct dbconn *conn, struct error *error) MUST_CHECK;
