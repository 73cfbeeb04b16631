#pragma once
// What is done with the schema on all shards' primaries, each piece of work a job of its own:
// DDL is written down, definitions are compared, what was left half done is finished. And what else
// is asked of all primaries at one time: their positions.

#include "base/mailbox.h"
#include "cluster/ddl_note.h"
#include "replication/dbconn.h"
#include "replication/row_id_block.h"

enum schema_kind {
    SCHEMA_NOTE,             // a ddl_note is written down
    SCHEMA_DIFF,             // SHOW SCHEMA DIFF
    SCHEMA_REPAIR,           // REPAIR SCHEMA
    SCHEMA_FORGET,           // REPAIR SCHEMA FORGET id
    SCHEMA_REFERENCE,        // CHECK REFERENCE
    SCHEMA_ROW_IDS,          // row_id_block.h
    SCHEMA_DECLARED_TIDY,    // what others left half done: declare_work.h
    SCHEMA_DECLARED_CHANGED, // no work: a report of another's that goes on
    SCHEMA_POSITIONS,        // FLUSH WAYBILL COMMITS, SHOW POSITIONS
    SCHEMA_INDEX_SHOW,
    SCHEMA_INDEX_CHECK,
    SCHEMA_INDEX_REPAIR,
    SCHEMA_INDEX_DROP,
    SCHEMA_INDEX_BUILD, // by itself
};

struct index_order; // index_work.h

struct schema_shard {
    char name[64];
    bool has_primary;
    struct endpoint endpoint; // its
};

struct schema_table { // one that every shard must have
    char schema[65 * 4], name[65 * 4];
    bool is_reference;
};

// Filled in by the control thread; the work's then.
struct schema_order {
    enum schema_kind kind;
    uint64_t number; // the asker's own
    uint32_t proxy;
    uint64_t run;
    uint32_t probe_ms;
    uint16_t home, shard_count;
    struct schema_shard *shards; // owned
    size_t table_count;
    struct schema_table *tables; // owned
    struct ddl_note *note;       // owned; NOTE
    bool has_declared;           // ... there may be declared tables
    uint64_t last_id;            // of this waybill's DDL, when the order was given
    struct row_id_order row_ids; // ROW_IDS
    struct index_order *indexes; // owned; INDEX
    char argument[300];          // "shop.orders", an id; empty: none
    uint64_t *running;           // owned; ids of this waybill's DDL that has begun and not ended
    size_t running_count;
};

struct schema_report { // the receiver's: schema_report_free
    struct message message;
    enum schema_kind kind;
    uint64_t number;
    uint64_t id;        // NOTE
    bool is_end;        // ... of the end
    bool is_open;       // ... which left it half done
    struct error error; // code 0: none
    struct row_id_outcome row_ids;
    struct text rows; // fields, each ended by a NUL, `columns` of them in a row
    uint32_t columns;
};

struct schema_work {
    struct schema_order order;
    struct mailbox *mailbox; // borrowed
    void (*deliver)(struct message *message, void *receiver);
    struct job *job;              // owned
    struct job *self;             // the same, for its thread
    struct schema_report *report; // owned until it is posted
    struct dbconn **conns;        // owned; by shard; NULL: not asked yet, or it can't be
};

struct schema_work *schema_work_start(const struct schema_order *order, struct mailbox *mailbox,
                                      void (*deliver)(struct message *message, void *receiver));
void schema_work_join(struct schema_work *work); // waits and frees it
void schema_report_free(struct schema_report *report);
void schema_order_done(struct schema_order *order);

// For the files that do the work, on its thread.
// The shard's connection; NULL with *error.
struct dbconn *schema_work_conn(struct schema_work *work, uint16_t shard, struct error *error);
// Tells the control thread that the declared tables have changed.
void schema_work_poke(struct schema_work *work);
// Appends a field to the rows.
void schema_work_say(struct schema_work *work, const char *format, ...) PRINTF_LIKE(2, 3);
void schema_work_say_text(struct schema_work *work, struct slice text);
// What SHOW CREATE answers, appended with a NUL. False with *error.
bool schema_work_definition(struct dbconn *conn, const char *question, struct text *create,
                            struct error *error) MUST_CHECK;
// Is it the error of a table that isn't there?
bool schema_work_is_absent(const struct error *error) MUST_CHECK;
void schema_name_quote(const char *name, char *quoted, size_t quoted_bytes);
// "`shop`.`orders`", 1300 bytes at most.
void schema_table_quote(const struct schema_table *table, char *quoted, size_t quoted_bytes);
// Is it the one that the order's argument names, or are all meant?
bool schema_table_is_meant(const struct schema_order *order,
                           const struct schema_table *table) MUST_CHECK;
void reference_check_run(struct schema_work *work);
void positions_run(struct schema_work *work);
void schema_diff_run(struct schema_work *work);
void schema_repair_run(struct schema_work *work);
