#pragma once
// A schema change on several shards as it is written down before it runs: session/ makes it,
// replication/ keeps it in the databases (waybill.ddl, waybill.ddl_shard).

#include "base/text.h"
#include "cluster/config.h"

enum ddl_state {
    DDL_BEGUN,   // written down; whether it has run is not known
    DDL_DONE,    // the server said OK
    DDL_FAILED,  // the server said no, or it was never sent
    DDL_UNKNOWN, // sent, and the answer was lost
};

struct ddl_shard {
    char name[64];
    // Of the tables that it names, as they were (router/definition.h); 0: not known, or not about
    // tables.
    uint64_t before;
    enum ddl_state state;
    char problem[200]; // why it is not done; in the client's character set
};

// What a DDL statement does to declared tables (declared.h).
enum declares_kind { DECLARES_NOTHING, DECLARES_TABLE, DECLARES_DROP };

// On the heap, owned by one at a time: the flow, the errand, the job.
struct ddl_note {
    bool is_end;      // what came of it: only id and shards count
    uint64_t id;      // given when it is written down; in nanoseconds, so it sorts by time
    struct text user; // who has said it
    struct text database, charset; // of the session; may be empty
    struct text settings; // the SET statement that makes a new session like it; empty: none
    struct text statement;
    struct text
        checks; // SHOW CREATE statements, each ended by a newline, whose answers `before` is of
    enum declares_kind declares;
    struct text declared; // ... the tables; rows of declared_next
    bool is_repeatable;   // may be run later by who looks at the definitions only
    uint16_t shard_count;
    struct ddl_shard shards[SHARDS_MAX];
};

struct ddl_note *ddl_note_new(void);
void ddl_note_free(struct ddl_note *note);        // NULL is fine
const char *ddl_state_name(enum ddl_state state); // "begun"
