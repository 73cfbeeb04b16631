#pragma once
// What stands for a key or an id in a statement: literals and parameters as values, values as keys.

#include "router/plan.h"
#include "router/sharding.h"

enum value_kind {
    VALUE_UNKNOWN, // an expression: only the server knows
    VALUE_NULL,
    VALUE_DEFAULT,
    VALUE_INTEGER, // digits, is_negative
    VALUE_BOOL,    // TRUE or FALSE: digits 1 or 0
    VALUE_DECIMAL, // digits and a point, is_negative
    VALUE_STRING,
    VALUE_DATE, // 'YYYY-MM-DD...' that is known to be a date (a literal DATE '..', a parameter)
};

struct value {
    enum value_kind kind;
    bool is_negative;
    struct slice bytes;
};

// Borrows from the statement, the parameters and the arena.
struct value value_of_expr(struct arena *arena, const struct route_request *request,
                           const struct expr *expr);

enum key_use {
    KEY_COMPARED, // in a condition: does every row that it matches have this key?
    KEY_STORED,   // in an INSERT: will the row have this key?
};

// False with a reason (a sentence's end: "is no whole number") when that is not certain.
bool value_to_key(struct arena *arena, enum key_type type, enum key_use use,
                  const struct value *value, struct shard_key *key, const char **why) MUST_CHECK;

enum id_kind {
    ID_UNKNOWN,    // only the server knows
    ID_IMPOSSIBLE, // no id: negative, 0, NULL, too large
    ID_KNOWN,
};

enum id_kind value_to_id(struct arena *arena, const struct value *value, uint64_t *id);
// NULL, 0, '0' or DEFAULT: what asks for a new id.
bool value_wants_id(const struct value *value) MUST_CHECK;
// A whole number from 0 on, as LIMIT takes it.
bool value_to_count(const struct value *value, uint64_t *count) MUST_CHECK;
