// What a session remembers of the statements that it has prepared: the text, the types of the last
// execution (clients send them once), values that came ahead by SEND_LONG_DATA. Servers prepare it
// again where it runs (pool/backend_statement), so an id of the session's own is all that a client
// gets.

#include "session/prepared.h"

#include <stdio.h>

#include "base/hash.h"
#include "base/memory.h"
#include "protocol/bytes.h"
#include "protocol/error_table.h"
#include "session/command.h"

#define uthash_malloc(size)        memory_new(size)
#define uthash_free(pointer, size) memory_free(pointer)
#include <uthash.h>

struct prepared_statement {
    UT_hash_handle hh;
    uint32_t id; // 0: it has a name
    uint32_t param_count;
    struct text name;    // owned; in lower case
    struct text sql;     // owned
    struct text meaning; // owned; the settings with which the text was read
    uint32_t sql_mode;   // ... of these; parse.h's bits
    const struct charset *charset;
    struct text database;    // owned; where its tables without a schema are
    uint8_t *types;          // owned; 2 bytes for each parameter; NULL before the first execution
    struct text *long_texts; // owned; one for each parameter; NULL: none came
    bool *has_long;          // owned; likewise
    bool is_long_bad;
    struct cursor cursor;
};

// What a text means depends on these: a server reads it once, at PREPARE, and so it stays. NAMES
// takes the others out of a state, so it stands before them.
static const char *const names_of_meaning[] = {"sql_mode", "names", "character_set_client",
                                               "character_set_connection", "collation_connection"};
enum { NAMES_OF_MEANING = sizeof names_of_meaning / sizeof names_of_meaning[0] };

static struct slice value_now(const struct session *session, size_t i)
{
    return state_find_variable(&session->carried, slice_of_string(names_of_meaning[i]));
}

// No value is empty: that is one that was never set.
static void write_meaning(struct text *out, const struct session *session)
{
    for (size_t i = 0; i < NAMES_OF_MEANING; i++) {
        write_lenenc_bytes(out, value_now(session, i));
    }
}

static unsigned hash_of(const uint32_t *id)
{
    return (unsigned)hash_bytes(id, sizeof *id);
}

static struct prepared_statement *prepared_new(const struct session *session, struct slice sql,
                                               uint32_t param_count)
{
    struct prepared_statement *prepared = memory_new(sizeof *prepared);
    prepared->param_count = param_count;
    text_init(&prepared->name);
    text_init(&prepared->sql);
    text_init(&prepared->meaning);
    text_init(&prepared->database);
    text_add_slice(&prepared->sql, sql);
    text_add_slice(&prepared->database, text_slice(&session->carried.database));
    write_meaning(&prepared->meaning, session);
    prepared->sql_mode = session_sql_mode(session);
    prepared->charset = session->charset;
    return prepared;
}

struct prepared_statement *prepared_add(struct session *session, struct slice sql,
                                        uint32_t param_count)
{
    struct prepared_statement *prepared = prepared_new(session, sql, param_count);
    prepared->id = session->next_prepared_id++;
    session->last_prepared_id = prepared->id;
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, session->prepared, &prepared->id, sizeof prepared->id,
                                hash_of(&prepared->id), prepared);
    return prepared;
}

struct prepared_statement *prepared_find(const struct session *session, uint32_t id)
{
    struct prepared_statement *prepared = NULL;
    HASH_FIND_BYHASHVALUE(hh, session->prepared, &id, sizeof id, hash_of(&id), prepared);
    return prepared;
}

static void lower(struct text *out, struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t letter = name.ptr[i];
        letter = letter >= 'A' && letter <= 'Z' ? (uint8_t)(letter + 'a' - 'A') : letter;
        text_add(out, &letter, 1);
    }
}

static struct prepared_statement *find_lower(const struct session *session, const struct text *name)
{
    struct prepared_statement *prepared = NULL;
    HASH_FIND_BYHASHVALUE(hh, session->named, name->ptr, (unsigned)name->len,
                          (unsigned)hash_bytes(name->ptr, name->len), prepared);
    return prepared;
}

struct prepared_statement *prepared_find_named(const struct session *session, struct slice name)
{
    struct text key;
    text_init(&key);
    lower(&key, name);
    struct prepared_statement *prepared = find_lower(session, &key);
    text_done(&key);
    return prepared;
}

uint32_t prepared_list_named(const struct session *session, struct prepared_statement **all)
{
    uint32_t count = 0;
    for (struct prepared_statement *one = session->named; one != NULL; one = one->hh.next) {
        all[count++] = one;
    }
    return count;
}

struct slice prepared_name(const struct prepared_statement *prepared)
{
    return text_slice(&prepared->name);
}

struct prepared_statement *prepared_add_named(struct session *session, struct slice name,
                                              struct slice sql, uint32_t param_count)
{
    struct prepared_statement *old = prepared_find_named(session, name);
    struct prepared_statement *prepared = prepared_new(session, sql, param_count);
    if (old != NULL) {
        prepared_remove(session, old);
    }
    lower(&prepared->name, name);
    HASH_ADD_KEYPTR_BYHASHVALUE(
        hh, session->named, prepared->name.ptr, (unsigned)prepared->name.len,
        (unsigned)hash_bytes(prepared->name.ptr, prepared->name.len), prepared);
    return prepared;
}

struct prepared_statement *prepared_of_client(const struct session *session, uint32_t id)
{
    return prepared_find(session, id == LAST_STATEMENT ? session->last_prepared_id : id);
}

struct prepared_statement *prepared_next(const struct session *session,
                                         const struct prepared_statement *prepared)
{
    if (prepared == NULL) {
        return session->prepared;
    }
    return prepared->hh.next;
}

struct cursor *prepared_cursor(struct prepared_statement *prepared)
{
    return &prepared->cursor;
}

void prepared_remove(struct session *session, struct prepared_statement *prepared)
{
    cursor_end(prepared);
    if (prepared->name.len > 0) {
        HASH_DELETE(hh, session->named, prepared); // NOLINT(clang-analyzer-core.NullDereference)
    } else {
        // clang's analyzer does not know that it is in the table.
        HASH_DELETE(hh, session->prepared, prepared); // NOLINT(clang-analyzer-core.NullDereference)
    }
    if (prepared->id != 0 && session->last_prepared_id == prepared->id) {
        session->last_prepared_id = 0;
    }
    prepared_clear_long(prepared);
    text_done(&prepared->name);
    text_done(&prepared->sql);
    text_done(&prepared->meaning);
    text_done(&prepared->database);
    memory_free(prepared->types);
    memory_free(prepared);
}

uint32_t prepared_count(const struct session *session)
{
    return HASH_COUNT(session->prepared) + HASH_COUNT(session->named);
}

uint32_t prepared_param_count(const struct prepared_statement *prepared)
{
    return prepared->param_count;
}

uint32_t prepared_id(const struct prepared_statement *prepared)
{
    return prepared->id;
}

struct slice prepared_sql(const struct prepared_statement *prepared)
{
    return text_slice(&prepared->sql);
}

static bool is_read_alike(const struct prepared_statement *prepared, const struct session *session)
{
    struct reader reader = reader_of(text_slice(&prepared->meaning));
    bool is_alike = true;
    for (size_t i = 0; i < NAMES_OF_MEANING && is_alike; i++) {
        is_alike = slice_equal(read_lenenc_bytes(&reader), value_now(session, i));
    }
    return is_alike;
}

static void read_as_prepared(const struct prepared_statement *prepared, struct session *session,
                             struct request *request)
{
    struct reading *reading = arena_alloc(&session->arena, sizeof *reading);
    struct session_state *state = session_state_copy(session);
    struct reader reader = reader_of(text_slice(&prepared->meaning));
    for (size_t i = 0; i < NAMES_OF_MEANING; i++) {
        struct slice name = slice_of_string(names_of_meaning[i]);
        struct slice value = read_lenenc_bytes(&reader);
        if (value.len > 0) {
            state_set_variable(state, name, value);
        } else {
            state_drop_variable(state, name);
        }
    }
    uint32_t changed = prepared->sql_mode ^ session_sql_mode(session);
    reading->sql_mode = prepared->sql_mode;
    reading->charset = prepared->charset;
    reading->state = state;
    reading->is_grammar_other =
        (changed & (uint32_t)SQL_OF_GRAMMAR) != 0 || prepared->charset != session->charset;
    request->reading = reading;
}

// Is it asked for the database by name? By words that may be something else, too.
static bool may_name_database(struct slice sql)
{
    static const char *const words[] = {"database", "schema"};
    for (size_t at = 0; at < sql.len; at++) {
        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
            size_t len = strlen(words[i]);
            if (sql.len - at >= len && slice_is_nocase(slice_part(sql, at, at + len), words[i])) {
                return true;
            }
        }
    }
    return false;
}

static const char *find_database(const struct prepared_statement *prepared, struct session *session,
                                 struct request *request)
{
    struct slice database = text_slice(&prepared->database);
    if (slice_equal(database, text_slice(&session->carried.database))) {
        return NULL;
    }
    if (database.len > 0) {
        request->state = session_elsewhere(session, database);
    } else if (may_name_database(text_slice(&prepared->sql))) { // no backend goes back to none
        return "DATABASE() in a statement that was prepared when there was none: prepare it again";
    }
    return NULL;
}

const char *prepared_find_world(const struct prepared_statement *prepared, struct session *session,
                                struct request *request)
{
    const char *why = find_database(prepared, session, request);
    if (why == NULL && !is_read_alike(prepared, session)) {
        read_as_prepared(prepared, session, request);
    }
    return why;
}

void prepared_tell_unknown(struct session *session, uint32_t id, const char *command)
{
    char digits[16];
    int len = snprintf(digits, sizeof digits, "%u", id);
    struct error error;
    error_fill(&error, ER_UNKNOWN_STMT, len, digits, command);
    command_error(session, &error);
}

void prepared_clear_long(struct prepared_statement *prepared)
{
    for (uint32_t i = 0; prepared->long_texts != NULL && i < prepared->param_count; i++) {
        text_done(&prepared->long_texts[i]);
    }
    memory_free(prepared->long_texts);
    memory_free(prepared->has_long);
    prepared->long_texts = NULL;
    prepared->has_long = NULL;
    prepared->is_long_bad = false;
}

void prepared_add_long(struct prepared_statement *prepared, uint32_t param, struct slice bytes,
                       size_t max_bytes)
{
    if (param >= prepared->param_count) {
        prepared->is_long_bad = true;
        return;
    }
    if (prepared->long_texts == NULL) {
        prepared->long_texts = memory_new(prepared->param_count * sizeof *prepared->long_texts);
        prepared->has_long = memory_new(prepared->param_count * sizeof *prepared->has_long);
    }
    size_t all = bytes.len;
    for (uint32_t i = 0; i < prepared->param_count; i++) {
        all += prepared->long_texts[i].len;
    }
    if (all > max_bytes) {
        prepared->is_long_bad = true;
        return;
    }
    prepared->has_long[param] = true;
    text_add_slice(&prepared->long_texts[param], bytes);
}

const uint8_t *prepared_types(const struct prepared_statement *prepared)
{
    return prepared->types;
}

void prepared_keep_types(struct prepared_statement *prepared, const uint8_t *types)
{
    if (prepared->types == NULL) {
        prepared->types = memory_new((size_t)prepared->param_count * 2);
    }
    memcpy(prepared->types, types, (size_t)prepared->param_count * 2);
}

static void keep_types(struct prepared_statement *prepared, const struct execute *execute)
{
    enum { UNSIGNED_FLAG = 0x80 };
    if (prepared->types == NULL) {
        prepared->types = memory_new((size_t)prepared->param_count * 2);
    }
    for (uint32_t i = 0; i < prepared->param_count; i++) {
        prepared->types[i * 2] = execute->params[i].type;
        prepared->types[i * 2 + 1] = execute->params[i].is_unsigned ? UNSIGNED_FLAG : 0;
    }
}

bool prepared_read_execute(struct arena *arena, struct prepared_statement *prepared,
                           struct slice payload, struct execute *execute, struct error *error)
{
    if (prepared->is_long_bad) {
        prepared_clear_long(prepared);
        error_fill(error, ER_PACKET_TOO_LARGE);
        return false;
    }
    if (!execute_read(arena, payload, prepared->param_count, prepared->types, prepared->has_long,
                      execute)) {
        error_fill(error, ER_MALFORMED_PACKET);
        return false;
    }
    if (execute->has_types && prepared->param_count > 0) {
        keep_types(prepared, execute);
    }
    for (uint32_t i = 0; prepared->has_long != NULL && i < prepared->param_count; i++) {
        if (prepared->has_long[i]) { // the text is freed before the execution is over
            execute->params[i].bytes = arena_copy(arena, text_slice(&prepared->long_texts[i]));
            execute->params[i].is_long_data = false;
            execute->params[i].is_null = false;
        }
    }
    prepared_clear_long(prepared);
    return true;
}

void prepared_clear(struct session *session)
{
    struct prepared_statement *prepared = NULL, *next = NULL;
    HASH_ITER(hh, session->named, prepared, next)
    {
        prepared_remove(session, prepared);
    }
    session->named = NULL;
    HASH_ITER(hh, session->prepared, prepared, next)
    {
        prepared_remove(session, prepared);
    }
    session->prepared = NULL;
}
