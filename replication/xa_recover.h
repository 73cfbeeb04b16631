#pragma once
// What a server's engine holds prepared of waybill's branches.

#include "replication/dbconn.h"
#include "replication/xa_ledger.h"

// Adds what XA RECOVER lists, MariaDB's way. False: *error.
bool xa_recover(struct dbconn *conn, struct xa_ledger *ledger, struct error *error) MUST_CHECK;
