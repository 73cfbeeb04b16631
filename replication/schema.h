#pragma once
// The schema `waybill` on the primaries: what waybill must remember is kept there, and is
// replicated like everything else.

#include "replication/dbconn.h"

// Is this the error of a statement that wants tables which aren't there yet?
bool schema_is_missing(const struct error *error) MUST_CHECK;
// Creates what is missing, on a primary: every statement is IF NOT EXISTS and is replicated.
bool schema_create(struct dbconn *conn, struct error *error) MUST_CHECK;
