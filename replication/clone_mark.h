#pragma once
// What says on a server that it is being cloned: a row of waybill.clone there, which goes to no
// log. While it is there the server is neither read from nor promoted, by no waybill, and it
// outlives them and the server itself.

#include "replication/dbconn.h"

// "being cloned from s1b: 3 of 9 tables"; "": it is not. False: *error.
bool clone_mark_read(struct dbconn *conn, char *text, size_t text_bytes,
                     struct error *error) MUST_CHECK;
// Puts it there or changes it, on a connection that writes to no log.
bool clone_mark_write(struct dbconn *conn, const char *from, uint32_t proxy, const char *progress,
                      struct error *error) MUST_CHECK;
bool clone_mark_drop(struct dbconn *conn, struct error *error) MUST_CHECK;
