// A session's settings as a set of (name, value text), kept so that any connection can be made like
// it.
//
// Two states are equal when they have the same database and the same set of variables; the order
// only decides in which order they are sent. The hash is a sum over the parts, so that it can be
// kept while parts come and go; it is a quick "not equal", never a proof of equality: a client
// could make two texts with one hash.
//
// Character sets are one knot: SET NAMES sets three variables at once, so whenever one of the knot
// differs, NAMES is sent first and what is set beyond it is sent again behind it.

#include "pool/session_state.h"

#include "base/hash.h"
#include "base/memory.h"

struct state_variable {
    struct state_variable *next; // owned
    uint64_t hash;               // its part in the state's
    size_t name_len;
    size_t value_len;
    uint8_t bytes[]; // the name in lower case, the value
};

static struct slice name_of(const struct state_variable *variable)
{
    return slice_of(variable->bytes, variable->name_len);
}

static struct slice value_of(const struct state_variable *variable)
{
    return slice_of(variable->bytes + variable->name_len, variable->value_len);
}

static bool is_named(const struct state_variable *variable, const char *name)
{
    return slice_equal(name_of(variable), slice_of_string(name));
}

// What SET NAMES sets.
static bool is_set_by_names(const struct state_variable *variable)
{
    return is_named(variable, "character_set_client") ||
           is_named(variable, "character_set_connection") ||
           is_named(variable, "character_set_results") ||
           is_named(variable, "collation_connection");
}

static uint64_t hash_of_database(struct slice database)
{
    return database.len == 0 ? 0 : hash_bytes(database.ptr, database.len) * 31;
}

// 0 is a value as good as any for a switch: only the forms of "off" count.
static bool means_off(struct slice value)
{
    return slice_is_nocase(value, "0") || slice_is_nocase(value, "off") ||
           slice_is_nocase(value, "false") || slice_is_nocase(value, "'off'") ||
           slice_is_nocase(value, "\"off\"");
}

void state_init(struct session_state *state)
{
    memset(state, 0, sizeof *state);
    text_init(&state->database);
}

static void drop_variables(struct session_state *state)
{
    struct state_variable *variable = state->first;
    while (variable != NULL) {
        struct state_variable *next = variable->next;
        memory_free(variable);
        variable = next;
    }
    state->first = state->last = NULL;
    state->is_autocommit_off = false;
}

void state_done(struct session_state *state)
{
    drop_variables(state);
    text_done(&state->database);
    state_init(state);
}

static void append(struct session_state *state, struct state_variable *variable)
{
    variable->next = NULL;
    if (state->last == NULL) {
        state->first = variable;
    } else {
        state->last->next = variable;
    }
    state->last = variable;
    state->hash += variable->hash;
}

void state_copy(struct session_state *into, const struct session_state *from)
{
    drop_variables(into);
    into->database.len = 0;
    text_add_slice(&into->database, text_slice(&from->database));
    into->hash = hash_of_database(text_slice(&into->database));
    for (const struct state_variable *it = from->first; it != NULL; it = it->next) {
        size_t size = sizeof *it + it->name_len + it->value_len;
        struct state_variable *copy = memory_resize(NULL, size);
        memcpy(copy, it, size);
        append(into, copy);
    }
    into->is_autocommit_off = from->is_autocommit_off;
}

void state_set_database(struct session_state *state, struct slice database)
{
    state->hash -= hash_of_database(text_slice(&state->database));
    state->database.len = 0;
    text_add_slice(&state->database, database);
    state->hash += hash_of_database(database);
}

// Takes out the variables that `is_meant` says (`name` is handed to it).
static void remove_where(struct session_state *state,
                         bool (*is_meant)(const struct state_variable *, struct slice),
                         struct slice name)
{
    struct state_variable *variable = state->first;
    state->first = state->last = NULL;
    while (variable != NULL) {
        struct state_variable *next = variable->next;
        state->hash -= variable->hash;
        if (is_meant(variable, name)) {
            memory_free(variable);
        } else {
            append(state, variable);
        }
        variable = next;
    }
}

static bool has_name(const struct state_variable *variable, struct slice name)
{
    return slice_equal_nocase(name_of(variable), name);
}

static bool is_of_names(const struct state_variable *variable, struct slice name)
{
    (void)name;
    return is_set_by_names(variable);
}

void state_set_variable(struct session_state *state, struct slice name, struct slice value)
{
    remove_where(state, has_name, name);
    struct state_variable *variable = memory_new(sizeof *variable + name.len + value.len);
    variable->name_len = name.len;
    variable->value_len = value.len;
    for (size_t i = 0; i < name.len; i++) {
        uint8_t byte = name.ptr[i];
        variable->bytes[i] = byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte | 0x20) : byte;
    }
    if (value.len > 0) {
        memcpy(variable->bytes + name.len, value.ptr, value.len);
    }
    variable->hash =
        hash_bytes(variable->bytes, name.len) * 3 + hash_bytes(value.ptr, value.len) * 7;
    variable->hash ^= variable->hash >> 29; // a and b swapped must not sum up to the same
    if (is_named(variable, "names")) {
        remove_where(state, is_of_names, name);
    }
    if (is_named(variable, "autocommit")) {
        state->is_autocommit_off = means_off(value);
    }
    append(state, variable);
}

void state_drop_variable(struct session_state *state, struct slice name)
{
    remove_where(state, has_name, name);
    state->is_autocommit_off =
        state->is_autocommit_off &&
        state_find_variable(state, slice_of_string("autocommit")).ptr != NULL;
}

static const struct state_variable *find(const struct session_state *state, struct slice name)
{
    for (const struct state_variable *it = state->first; it != NULL; it = it->next) {
        if (has_name(it, name)) {
            return it;
        }
    }
    return NULL;
}

struct slice state_find_variable(const struct session_state *state, struct slice name)
{
    const struct state_variable *variable = find(state, name);
    return variable == NULL ? slice_of(NULL, 0) : value_of(variable);
}

// Is it set in `state` to the same value?
static bool has_same(const struct session_state *state, const struct state_variable *variable)
{
    const struct state_variable *other = find(state, name_of(variable));
    return other != NULL && slice_equal(value_of(other), value_of(variable));
}

static size_t count_variables(const struct session_state *state)
{
    size_t count = 0;
    for (const struct state_variable *it = state->first; it != NULL; it = it->next) {
        count++;
    }
    return count;
}

bool state_equal(const struct session_state *a, const struct session_state *b)
{
    if (a->hash != b->hash || !slice_equal(text_slice(&a->database), text_slice(&b->database))) {
        return false;
    }
    const struct state_variable *in_a = a->first;
    const struct state_variable *in_b = b->first;
    // Usually they were set in the same order (the same driver): compare side by side first.
    while (in_a != NULL && in_b != NULL && slice_equal(name_of(in_a), name_of(in_b)) &&
           slice_equal(value_of(in_a), value_of(in_b))) {
        in_a = in_a->next;
        in_b = in_b->next;
    }
    if (in_a == NULL && in_b == NULL) {
        return true;
    }
    for (; in_a != NULL; in_a = in_a->next) {
        if (!has_same(b, in_a)) {
            return false;
        }
    }
    return count_variables(a) == count_variables(b);
}

static bool is_user_variable(struct slice name)
{
    return name.len > 1 && name.ptr[0] == '@' && name.ptr[1] != '@';
}

// NULL leaves a user variable the type and collation that it had; those of one that was never set
// are a binary string's.
static void add_assignment(struct text *sql, size_t begin, struct slice name, struct slice value)
{
    if (is_user_variable(name) && slice_is_nocase(value, "NULL")) {
        add_assignment(sql, begin, name, slice_of_string("_binary''"));
    }
    text_add_string(sql, sql->len == begin ? "SET " : ", ");
    if (slice_is_nocase(name, "names")) {
        text_add_string(sql, "NAMES ");
    } else {
        text_add_slice(sql, name);
        text_add_string(sql, " = ");
    }
    text_add_slice(sql, value);
}

// Does anything of the knot of character sets differ?
static bool differs_in_names(const struct session_state *have, const struct session_state *want)
{
    const struct session_state *sides[2][2] = {{have, want}, {want, have}};
    for (int i = 0; i < 2; i++) {
        for (const struct state_variable *it = sides[i][0]->first; it != NULL; it = it->next) {
            if ((is_named(it, "names") || is_set_by_names(it)) && !has_same(sides[i][1], it)) {
                return true;
            }
        }
    }
    return false;
}

void state_difference(const struct session_state *have, const struct session_state *want,
                      struct text *sql)
{
    size_t begin = sql->len;
    bool sends_names = differs_in_names(have, want);
    if (sends_names) {
        struct slice names = state_find_variable(want, slice_of_string("names"));
        add_assignment(sql, begin, slice_of_string("names"),
                       names.ptr != NULL ? names : slice_of_string("DEFAULT"));
    }
    for (const struct state_variable *it = have->first; it != NULL; it = it->next) {
        bool is_of_knot = is_named(it, "names") || is_set_by_names(it);
        if (!is_of_knot && find(want, name_of(it)) == NULL) {
            bool is_user = is_user_variable(name_of(it));
            add_assignment(sql, begin, name_of(it), slice_of_string(is_user ? "NULL" : "DEFAULT"));
        }
    }
    for (const struct state_variable *it = want->first; it != NULL; it = it->next) {
        bool is_again = sends_names && is_set_by_names(it);
        if (!is_named(it, "names") && (is_again || !has_same(have, it))) {
            add_assignment(sql, begin, name_of(it), value_of(it));
        }
    }
}
