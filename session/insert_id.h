#pragma once
// LAST_INSERT_ID() as the client's session has it.

#include "session/gather.h"
#include "session/session_impl.h"

// What came of the running statement; `answer` as the server gave it. Returns the insert id for the
// client's OK packet.
uint64_t insert_id_note(struct session *session, const struct answer *answer, uint16_t shard);
// DOUBT_COLUMN: *id is LAST_INSERT_ID() if the AUTO_INCREMENT column is the one of that name, at
// that place of the table (from 1). False: not even then.
bool insert_id_if_column(const struct insert_id *doubt, struct slice name, uint64_t place,
                         uint64_t *id) MUST_CHECK;
// The value is known from now on.
void insert_id_set(struct session *session, uint64_t id);
void insert_id_lose_backend(struct session *session); // the pinned one
void insert_id_done(struct session *session);

// Does the statement need the value, and must it be asked for first?
bool insert_id_must_ask(const struct session *session,
                        const struct statement *statement) MUST_CHECK;
// An INSERT, or DDL, behind an INSERT of which it is not known what it left: the question has to
// come before it.
bool insert_id_would_blur(const struct session *session,
                          const struct statement *statement) MUST_CHECK;
// Asks, then calls `then`; the client is told when nobody knows.
void insert_id_ask(struct session *session, struct request *request,
                   void (*then)(struct session *session, struct request *request));
// INSERT ... SELECT, ON DUPLICATE KEY UPDATE, RETURNING, LOAD DATA, what goes into a temporary
// table: no answer tells for certain what they leave. They begin with the session's value, and
// their backend is asked when it matters.
bool insert_id_is_asked_after(const struct session *session,
                              const struct statement *statement) MUST_CHECK;
// The answer to INSERT_ID_QUESTION on that backend; false: it can't be read.
#define INSERT_ID_QUESTION "SELECT LAST_INSERT_ID(), NULL"
enum { INSERT_ID_ANSWERS = 2 };
bool insert_id_take(struct session *session, const struct gather *gather) MUST_CHECK;
// Asks the statement's own backend, which was kept for that; the flow gets the answer.
void insert_id_ask_there(struct flow *flow, struct leg *leg);
// Statements that set it on their backend in ways that no answer tells: they begin with the
// session's value.
bool insert_id_is_opaque(const struct statement *statement) MUST_CHECK;
// SELECT LAST_INSERT_ID(expression), DO: its backend is asked for the value afterwards.
bool insert_id_is_set_by(const struct statement *statement) MUST_CHECK;
void insert_id_lose(struct session *session); // nobody knows it any more
// Nothing is known, and why.
#define INSERT_ID_UNKNOWN                                                                          \
    "LAST_INSERT_ID() after an INSERT of which only the server could have told it; ask right "     \
    "after a plain INSERT of one row, or read the row by another key"
