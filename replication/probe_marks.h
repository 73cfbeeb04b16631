#pragma once
// A part of the probe's round: what is written down about servers that somebody works on.

#include "replication/probe.h"

// Fills facts->maintained and facts->cloned. False: the connection is gone, *error.
bool probe_ask_marks(struct dbconn *conn, const char *shard, struct server_facts *facts,
                     struct error *error) MUST_CHECK;
