#pragma once
// Unique global indexes: which shard has a value (doc/indexes.md). Each has two tables, whose
// column `value` is of the indexed column's type and collation, so that they compare as it does:
//
//     waybill.unique_.._claim (value, version, shard)      on the value's home shard: the newest
//                                                          version says whose it is. Rows are only
//                                                          added
//     waybill.unique_.._here (value, version, is_here)     on a shard: it had that version, and has
//                                                          the value still, or has lost it since
//
// Values are texts: digits, or UTF-8.

#include "base/text.h"
#include "cluster/config.h"

enum { CLAIM_VALUE_MAX = 150 }; // bytes; what an error message of a server has room for

struct claim_index { // borrowed
    const char *key, *schema, *table, *column;
    bool is_integer;
};

// A lack that a server told of.
struct claim_lack {
    struct slice value;
    uint64_t after; // the version that the shard lost; 0: none
};

struct claim_index claim_index_of(const struct config *config, const struct index_config *index);
// `waybill.unique_.._claim`, with `what` = "claim"; "here".
void claim_add_table(struct text *sql, const char *key, const char *what);
// What the names of all tables of indexes by that name begin with, without the schema.
void claim_add_prefix(struct text *sql, struct slice name);
void claim_add_value(struct text *sql, bool is_integer, struct slice value);
// A column as such a text, whose bytes are UTF-8: `column` is SQL.
void claim_add_text(struct text *sql, bool is_integer, const char *column);
// The first begins an INSERT of rows that may be there already, the others add to it.
void claim_add_claim(struct text *sql, const struct claim_index *index, struct slice value,
                     uint64_t version, const char *shard, bool is_first);
// Begins a SELECT of the newest claims: (value, shard) in hexadecimal, version. Then the values
// follow as claim_add_value has them, with commas between, and ")".
void claim_begin_question(struct text *sql, const struct claim_index *index);
// The first begins an INSERT, the others add to it; claim_end_here ends it. A row that has lost
// this version or a later one stays as it is.
void claim_add_here(struct text *sql, const struct claim_index *index, struct slice value,
                    uint64_t version, bool is_first);
void claim_end_here(struct text *sql);
// The shard loses the value, unless a row has it: error 1062 then, as of its own UNIQUE key. Waits
// for rows that others have locked, or not at all. A statement by itself.
void claim_add_revoke(struct text *sql, const struct claim_index *index, struct slice value,
                      uint64_t version, bool waits);
// Fails with that error.
void claim_add_duplicate(struct text *sql, const struct claim_index *index, struct slice value);
// What the trigger does: refuses a row whose value is not here, with ER_NOT_INDEXED.
void claim_add_trigger_body(struct text *sql, const struct claim_index *index, char event);
// Reads that error; `key` is of which index. False: it is none of a unique one.
bool claim_read_lack(struct arena *arena, struct slice message, struct slice *key,
                     struct claim_lack *lack) MUST_CHECK;
