#pragma once
// Whether a server, as primary, can keep the promise that what it acknowledges is on a replica, too
// (durability = semi_sync): by its settings, not by what it does at the moment.

#include "replication/dbconn.h"

struct durability {
    bool has_semi_sync;
    bool waits_at_sync;   // AFTER_SYNC: nobody sees what is not on a replica yet
    bool waits_alone;     // also while no replica is there
    uint64_t timeout_ms;  // then it goes on without
    uint64_t sync_binlog; // 1: each commit
    uint64_t flush_log;   // innodb_flush_log_at_trx_commit; 1: each commit
};

// False when the connection failed (`error`).
bool durability_read(struct dbconn *conn, struct durability *settings,
                     struct error *error) MUST_CHECK;
// Once semi-sync is on and waits, does it go on to wait, whatever becomes of its replicas?
bool durability_waits_on(const struct durability *settings) MUST_CHECK;
// What breaks the promise, "sync_binlog = 0 (1)" and the like, in the brackets what it should be;
// "" when nothing does.
void durability_explain(const struct durability *settings, char *text, size_t text_bytes);
