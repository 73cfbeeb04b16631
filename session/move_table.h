#pragma once
// What must be known of a table on a shard before its rows can leave it: its columns, and that
// nothing acts when a row is deleted here and inserted elsewhere.

#include "session/steps.h"

struct move_column {
    struct slice name;
    struct slice type; // information_schema's DATA_TYPE
    bool is_primary;   // a part of the primary key
};

struct move_table {
    struct move_column *columns; // in the arena; those that an INSERT can give
    uint32_t count;
    uint32_t primary_count;
};

// In the arena. For settings in which names come as they are stored.
struct slice move_table_question(struct session *session, const struct table_ref *ref);
// The last step's answer to it. False with *error: its rows can't be moved.
bool move_table_read(struct steps *steps, const struct step_answer *answer,
                     const struct table_ref *ref, struct move_table *table,
                     struct error *error) MUST_CHECK;
// `schema`.`name`, as the session means it.
void move_table_add_name(struct text *sql, const struct session *session,
                         const struct table_ref *ref);
// The column as it is read, so that step_literal_add can write it.
void move_table_add_column(struct text *sql, const struct move_column *column);
