#pragma once
// CREATE TABLE ... /* waybill: shard_by=user_id */: the words of a hint that say where the rows of
// a new table are, as the lines of its section (cluster/declared.h).

#include "router/plan.h"

// The next word of a hint; quotes may be around what stands behind its `=`. Empty at the end.
struct slice hint_next_word(struct slice *rest);
// Is it a word of a declaration?
bool hint_declares_by(struct slice word) MUST_CHECK;
bool hint_declares(struct slice hint) MUST_CHECK; // ... any of its words

struct declaration { // all in the arena
    const char *schema, *name;
    const char *words; // "key = user_id\nkey_type = integer\n"
};

// What the statement declares, looked at as far as it goes without the configuration: its columns
// are there, and the key's type is found. False with *error (9050).
bool declaration_read(struct arena *arena, const struct statement *statement, struct slice database,
                      struct declaration *declaration, struct error *error) MUST_CHECK;
// Do both tables have their rows at the same places, and the same ids made?
bool declaration_is_same(const struct config *a_config, const struct table_config *a,
                         const struct config *b_config, const struct table_config *b) MUST_CHECK;

// Does the statement name a table that the configuration doesn't have (and no server's own)?
bool statement_has_unknown(struct arena *arena, const struct route_request *request) MUST_CHECK;
