#pragma once
// Rows on their way from one server to another: how each type is asked for so that its text says
// all of it, and how that text is written into an INSERT. Both connections speak bytes
// (character_set_results of the one and character_set_client of the other are `binary`), and both
// have the time zone +00:00. Pure.

#include "base/text.h"

enum clone_type {
    CLONE_NUMBER, // the text is a literal
    CLONE_FLOAT,  // a FLOAT's own text has six digits only
    CLONE_INDEX,  // ENUM, SET: by number, for a value that isn't listed has no text
    CLONE_BITS,
    CLONE_BYTES, // strings of any kind, times, geometry
    CLONE_TEXT,  // has a text that is no bytes of it (UUID, INET6)
    CLONE_JSON,  // MySQL's, which takes no bytes
};

// By information_schema.COLUMNS.DATA_TYPE. False: not known.
bool clone_type_of(struct slice data_type, enum clone_type *type) MUST_CHECK;
// What is selected of the column.
void clone_add_column(struct text *sql, enum clone_type type, struct slice name);
// What came (ptr NULL: NULL), as a literal.
void clone_add_value(struct text *sql, enum clone_type type, struct slice value);

// One INSERT of several rows.
struct clone_batch {
    struct text sql;
    size_t head_len; // INSERT INTO ... VALUES, which stays
    size_t row_count;
};

void clone_batch_init(struct clone_batch *batch);
void clone_batch_done(struct clone_batch *batch);
// `into`: schema and table, with what has to stand around them, and the columns.
void clone_batch_begin(struct clone_batch *batch, struct slice into);
void clone_batch_add(struct clone_batch *batch, const enum clone_type *types,
                     const struct slice *values, size_t count);
void clone_batch_empty(struct clone_batch *batch); // of its rows
