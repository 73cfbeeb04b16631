#pragma once
// Global indexes: which shards may have rows with a value of an indexed column. The picture is in
// doc/indexes.md.
//
//     waybill.index_entry (index_key, value, shard)    on the home shard of the value: rows with it
//                                                      may be on that shard
//     waybill.index_here (index_key, digest, value)    on the shard: the entry is there, so rows
//                                                      with the value may be written here
//
// Values are canonical, as keys are. What has no canonical form (characters about which collations
// differ, long strings) is INDEX_OTHER, whatever it is; INDEX_READY is the mark that all rows of a
// shard have their entries. Both are on every shard.

#include "base/text.h"
#include "router/sharding.h"
#include "router/value.h"

enum {
    INDEX_VALUE_MAX = 150,  // bytes; longer ones are INDEX_OTHER
    INDEX_WISHES_MAX = 64,  // values that are looked up for one statement
    INDEX_TRIGGER_MAX = 64, // bytes of a name, with the NUL
};

#define INDEX_ENTRY_TABLE    "waybill.index_entry"
#define INDEX_HERE_TABLE     "waybill.index_here"
#define INDEX_TRIGGER_PREFIX "waybill_index_"
// Is it one? SQL about a row of information_schema.TRIGGERS.
#define INDEX_IS_TRIGGER(row) "LEFT(" row ".TRIGGER_NAME, 14) = '" INDEX_TRIGGER_PREFIX "'"

// What a statement wants to know.
struct index_wish {
    const struct index_config *index;
    struct slice value;      // canonical, or INDEX_OTHER
    struct shard_set shards; // the answer: where rows with it may be
};

struct index_wishes {
    struct index_wish *items; // in the arena
    uint32_t count;
};

// The canonical form of a value in a condition. False: it does not narrow.
bool index_value(struct arena *arena, const struct index_config *index, const struct value *value,
                 struct slice *canonical) MUST_CHECK;
// That of a value that is stored: as far as it is certain.
bool index_stored_value(struct arena *arena, const struct index_config *index,
                        const struct value *value, struct slice *canonical) MUST_CHECK;
// The wish for the value; NULL: there is none.
struct index_wish *index_wish_find(const struct index_wishes *wishes,
                                   const struct index_config *index, struct slice value);
// The shard that has the entries of the value.
uint16_t index_home(const struct config *config, const struct index_config *index,
                    struct slice value);
uint16_t index_wish_home(const struct config *config, const struct index_wish *wish);
// What is hashed for that. `is_one_for_all`: of the strings of a unique index nobody but the
// servers knows which are equal, so all have one home.
struct slice index_home_key(const char *key, bool is_one_for_all, struct slice value);
bool index_is_mark(struct slice value) MUST_CHECK; // INDEX_OTHER, INDEX_READY: on every shard
struct slice index_other(void);
struct slice index_ready(void);
const struct index_config *index_find(const struct config *config, struct slice key);

// ---- SQL, whatever the session's settings are

// What the shard has of these values (of the wishes whose home it is) and of the marks: rows of
// (index_key, value, shard), in hexadecimal.
void index_add_question(struct text *sql, const struct config *config,
                        const struct index_wishes *wishes, uint16_t home);
// The first begins an INSERT of rows that may be there already, the others add to it.
void index_add_entry(struct text *sql, struct slice key, struct slice value, const char *shard,
                     bool is_first);
void index_add_here(struct text *sql, struct slice key, struct slice value, bool is_first);
// The canonical form of a column, as the servers make it: `column` is SQL. Not of NULL.
void index_add_canonical(struct text *sql, enum key_type type, const char *column);
// The name of a trigger: `event` is 'i' (INSERT) or 'u' (UPDATE).
void index_trigger_name(const char *index, char event, char name[INDEX_TRIGGER_MAX]);
// What it does: refuses a row whose value is not in waybill.index_here, with ER_NOT_INDEXED.
void index_add_trigger_body(struct text *sql, const struct index_config *index, char event);
// Reads that error: which index (its key) lacks which value? False: it can't be read.
bool index_read_lack(struct arena *arena, struct slice message, struct slice *key,
                     struct slice *value) MUST_CHECK;
