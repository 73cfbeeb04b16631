#pragma once
// Runs row events of a binary log on a server, by its statement BINLOG (needs BINLOG REPLAY): in
// whatever transaction the connection has, a branch of XA among them.

#include "replication/dbconn.h"

// First on each connection: the event that says how the log is written.
bool row_replay_begin(struct dbconn *conn, struct slice format_event,
                      struct error *error) MUST_CHECK;
// Table maps and the rows that belong to them, whole statements.
bool row_replay_run(struct dbconn *conn, struct slice events, struct error *error) MUST_CHECK;
