#pragma once
// waybill.ddl and waybill.ddl_shard on the default shard: schema changes of several shards, written
// down before they run. For job threads.

#include "cluster/ddl_note.h"
#include "replication/dbconn.h"

// Writes it down, all shards as begun, with note->id; makes the tables if they aren't there.
bool ddl_journal_begin(struct dbconn *conn, const struct ddl_note *note, uint32_t proxy,
                       uint64_t run, struct error *error) MUST_CHECK;
// What came of it; no shards: it was not run. *is_open: it is done on some shards only.
bool ddl_journal_end(struct dbconn *conn, const struct ddl_note *note, bool *is_open,
                     struct error *error) MUST_CHECK;
// Of an entry that was looked at later. `state` of the whole: "done", "failed", "forgotten".
bool ddl_journal_close(struct dbconn *conn, uint64_t id, const char *state,
                       struct error *error) MUST_CHECK;

struct ddl_entry { // as it was read; owns `note`
    struct ddl_note *note;
    uint64_t run;
    uint32_t proxy;
    bool is_whole; // its statement and checks can be read
};

// Those that are open, oldest first, at most `max`; *count of them. ddl_entries_free in any case.
bool ddl_journal_read(struct dbconn *conn, struct ddl_entry *entries, size_t max, size_t *count,
                      struct error *error) MUST_CHECK;
void ddl_entries_free(struct ddl_entry *entries, size_t count);
