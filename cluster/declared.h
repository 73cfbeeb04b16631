#pragma once
// Declared tables: sections of tables that stand in the databases (waybill.declared_table) instead
// of the file, made by CREATE TABLE with a comment. doc/declared.md says how all waybills come to
// know of one before it is used.

#include "base/text.h"

struct config; // config.h

struct declared_row {
    const char *schema, *name;
    const char *words; // of its section: lines "key = user_id\n"
    uint64_t number;   // of its last change
    bool is_closed;    // it is being made or dropped: no other DDL
};

// All of them at one moment. On the heap, owned by one at a time.
struct declared_set {
    uint64_t number;  // of the last change of any
    struct text rows; // declared_add
};

struct declared_set *declared_set_new(uint64_t number);
void declared_set_free(struct declared_set *set); // NULL is fine
void declared_add(struct text *rows, const struct declared_row *row);
// The next one; the texts are borrowed from the rows. False at the end.
bool declared_next(struct slice *rows, struct declared_row *row) MUST_CHECK;

// May a declaration be of that name, and have that value? (It has to be written as a section.)
bool declared_is_name(struct slice name) MUST_CHECK;
bool declared_is_value(struct slice value) MUST_CHECK;

// The running configuration with these in place of those that it has; a table that the file has,
// too, is the file's. NULL when one can't be built: `errors` then has a line for each mistake.
// Control thread only.
struct config *config_with_declared(struct config *running, const struct declared_set *set,
                                    struct text *errors);
// The same with one more, for a look: it borrows all else from the running one, and is given back
// with config_end_look within the event. NULL with one mistake in `why`. From any thread.
struct config *config_look_declared(const struct config *running, const struct declared_row *row,
                                    struct text *why);
void config_end_look(struct config *look); // NULL is fine
