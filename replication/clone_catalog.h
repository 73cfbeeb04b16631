#pragma once
// All that a clone has to make anew, as the server that it comes from has it at one moment.

#include "base/arena.h"
#include "replication/clone_rows.h"
#include "replication/dbconn.h"

// Schemas that are each server's own. (Of `mysql` the accounts, routines and events are taken.)
#define CLONE_OWN_SCHEMAS "('mysql', 'sys', 'information_schema', 'performance_schema')"

struct clone_schema {
    struct slice name, create; // the arena's, as all here
};

struct clone_table {
    struct slice schema, name, create;
    struct slice identity; // another table that has its name later has another; empty: not known
    bool is_sequence;
    size_t column_count;
    struct slice *columns; // those that rows are made of
    enum clone_type *types;
};

struct clone_program { // a view or a trigger
    struct slice schema, name, create;
    struct slice sql_mode, charset, collation; // of the session that made it
    bool is_view;
    bool is_made;
};

struct clone_catalog {
    struct arena *arena;
    bool is_mariadb;
    size_t schema_count, table_count, program_count, statement_count;
    struct clone_schema *schemas; // owned, as the three below
    struct clone_table *tables;
    struct clone_program *programs; // views first
    struct slice *statements;       // which make its accounts, routines and events
    uint64_t hash;                  // of all of it, but for what INSERTs change
};

// False: *error; it also says what can't be cloned. clone_catalog_done in any case.
bool clone_catalog_read(struct clone_catalog *catalog, struct dbconn *conn, struct arena *arena,
                        struct error *error) MUST_CHECK;
void clone_catalog_done(struct clone_catalog *catalog);
// Is the table still the one that was read?
bool clone_catalog_check(const struct clone_catalog *catalog, const struct clone_table *table,
                         struct dbconn *conn, struct error *error) MUST_CHECK;
