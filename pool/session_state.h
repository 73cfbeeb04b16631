#pragma once
// What a session has set and any backend must have before it serves it: the database and variables
// with constant values. Both a session and a backend own one; the difference is what must be sent.
//
// A variable is a name and the SQL text of its value, exactly as the client wrote it:
//   sql_mode = 'ANSI_QUOTES', @x = 5, autocommit = 0, names = 'latin1' COLLATE 'latin1_bin'
// "names" stands for SET NAMES; it is sent before all others, the rest in the order of setting.

#include "base/text.h"

struct state_variable;

struct session_state {
    struct state_variable *first, *last; // owned; in the order of setting
    struct text database;                // empty: none chosen
    uint64_t hash;                       // of all of it; equal states have equal hashes
    bool is_autocommit_off;
};

void state_init(struct session_state *state);
void state_done(struct session_state *state);
void state_copy(struct session_state *into,
                const struct session_state *from); // `into` was initialised
void state_set_database(struct session_state *state, struct slice database);
// Names are compared without case. `names` drops character_set_client / _connection / _results /
// collation_connection.
void state_set_variable(struct session_state *state, struct slice name, struct slice value);
void state_drop_variable(struct session_state *state, struct slice name); // as if never set
// value.ptr NULL when it is not set.
struct slice state_find_variable(const struct session_state *state, struct slice name);
bool state_equal(const struct session_state *a, const struct session_state *b) MUST_CHECK;
// The one SET statement that turns `have`'s variables into `want`'s (variables that only `have`
// knows become DEFAULT, user variables NULL); nothing is added when they are equal. The database is
// not part of it.
void state_difference(const struct session_state *have, const struct session_state *want,
                      struct text *sql);
