#pragma once
// What a session remembers of the statements that it has prepared.

#include "session/cursor.h"

struct prepared_statement;

// A new one with the next id; the text is copied.
struct prepared_statement *prepared_add(struct session *session, struct slice sql,
                                        uint32_t param_count);
// One that has a name (PREPARE as text); an older one of that name, in any case, is replaced.
struct prepared_statement *prepared_add_named(struct session *session, struct slice name,
                                              struct slice sql, uint32_t param_count);
struct prepared_statement *prepared_find_named(const struct session *session, struct slice name);
// Those that have a name, into an array of prepared_count(); how many.
uint32_t prepared_list_named(const struct session *session, struct prepared_statement **all);
struct slice prepared_name(const struct prepared_statement *prepared);
void prepared_clear(struct session *session);                                         // all of them
struct prepared_statement *prepared_find(const struct session *session, uint32_t id); // NULL: none
// The one that the client means: LAST_STATEMENT is the one prepared last, if it is still there.
struct prepared_statement *prepared_of_client(const struct session *session, uint32_t id);
// One after the other: NULL is before the first, and behind the last.
struct prepared_statement *prepared_next(const struct session *session,
                                         const struct prepared_statement *prepared);
void prepared_remove(struct session *session, struct prepared_statement *prepared);
uint32_t prepared_count(const struct session *session);

// The types of the last execution; NULL: there was none.
const uint8_t *prepared_types(const struct prepared_statement *prepared);
void prepared_keep_types(struct prepared_statement *prepared, const uint8_t *types);
uint32_t prepared_param_count(const struct prepared_statement *prepared);
uint32_t prepared_id(const struct prepared_statement *prepared);
struct cursor *prepared_cursor(struct prepared_statement *prepared);
struct slice prepared_sql(const struct prepared_statement *prepared);
// Servers read a statement's text at PREPARE; waybill has it read again where it runs, so that it
// means what it meant: its tables without a schema are of the database of that time
// (request->state), its words of the sql_mode and the character sets (request->reading). Not NULL:
// that can't be had, and why.
const char *prepared_find_world(const struct prepared_statement *prepared, struct session *session,
                                struct request *request);
// 1243, by the number.
void prepared_tell_unknown(struct session *session, uint32_t id, const char *command);
// More bytes of a parameter. What is too much, or for no parameter, is remembered: the execution
// fails.
void prepared_add_long(struct prepared_statement *prepared, uint32_t param, struct slice bytes,
                       size_t max_bytes);
void prepared_clear_long(struct prepared_statement *prepared);
// COM_STMT_EXECUTE's parameters, with the long ones put in and the types remembered. False with
// *error. All in the arena, but for long values, which are the statement's.
bool prepared_read_execute(struct arena *arena, struct prepared_statement *prepared,
                           struct slice payload, struct execute *execute,
                           struct error *error) MUST_CHECK;
