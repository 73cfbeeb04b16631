#pragma once
// Whether a server is a member of Galera or Group Replication, and one that serves.

#include "replication/probe.h"

// Fills is_in_group and is_group_ready; the version is known. False: *error.
bool probe_ask_group(struct dbconn *conn, struct server_facts *facts,
                     struct error *error) MUST_CHECK;
