#pragma once
// Semi-sync, and who replicates from a server, as it lists them.

#include "replication/probe.h"

// Of an init_slave: does it say that a waybill has stopped the server?
bool probe_is_mark(const char *init_slave) MUST_CHECK;

// Fills has_semi_sync and which half of it is on. False: *error.
bool probe_ask_semi_sync(struct dbconn *conn, struct server_facts *facts,
                         struct error *error) MUST_CHECK;

// Who was taken in (adopt.c). False only when the connection is lost.
bool probe_ask_discovered(struct dbconn *conn, const char *shard, struct server_facts *facts,
                          struct error *error) MUST_CHECK;
// "9=10.0.0.9:3306,12=:0,": server_id, and what the follower reports of itself (report_host). Not
// waybill's own reading of binary logs. False: the connection is gone.
bool probe_ask_followers(struct dbconn *conn, char *list, size_t list_bytes,
                         struct error *error) MUST_CHECK;
// Of the list, those whose id is none of `known`, for people; "" when there are none.
void probe_name_strangers(const char *list, const uint32_t *known, size_t known_count, char *text,
                          size_t text_bytes);
