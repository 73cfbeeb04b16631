#pragma once
// What a statement leaves for SHOW WARNINGS, ROW_COUNT(), FOUND_ROWS() and the like.

#include "session/session_impl.h"

// What a server does with its list of warnings and errors when a statement brings none of its own.
enum aftermath_list {
    LIST_KEPT,    // the statement uses no table: the list stays as it is
    LIST_CLEARED, // it does
    LIST_UNCLEAR, // who knows
};
enum aftermath_list aftermath_list_of(const struct request *request);

// Is the list known to be empty?
bool aftermath_is_empty(const struct session *session) MUST_CHECK;
// The kept leg whose backend has the list, and knows FOUND_ROWS(); NULL: there is none.
struct leg *aftermath_leg(const struct session *session);
// Where there is one shard: does the backend that has the list, or FOUND_ROWS(), run this request
// as well, since it leaves (or may leave) something of that?
bool aftermath_goes_with(const struct session *session, const struct request *request) MUST_CHECK;
// Is it the one, and does it have a list, or FOUND_ROWS()?
bool aftermath_needs(const struct session *session, const struct leg *leg) MUST_CHECK;
// The shard where the backend lingers on for it; NO_SHARD.
uint16_t aftermath_lingers_on(const struct session *session);
// That backend is gone (or goes now).
void aftermath_lose(struct session *session);

// The list is in the session's memory from now on, and `list` is its; what it has in memory before
// is forgotten.
void aftermath_keep_list(struct session *session, struct warning_list *list);
// A number for the character set in which the client gets messages now.
uint64_t aftermath_charset(const struct session *session);

// What came of the running command: the answer of a leg on `shard`; an OK or an error of waybill's
// own; a server's error about a statement that was not run, its backend kept if it could be.
void aftermath_note(struct session *session, const struct answer *answer, uint16_t shard);
void aftermath_note_ok(struct session *session);
// A backend that may stay was asked something by waybill after the client's statement: it still has
// the list of warnings, but no more what else it knew of the statement.
void aftermath_note_question(struct session *session);
void aftermath_note_error(struct session *session, const struct error *error);
void aftermath_note_refused(struct session *session, uint16_t shard);
// PREPARE was done, with so many warnings, which a backend on `shard` has (NO_SHARD: by waybill).
void aftermath_note_prepared(struct session *session, uint16_t warnings, uint16_t shard);
// Of several shards together: before flow_finish. row_count -1: a result set, of found_rows rows;
// has_found_rows: that many were counted for SQL_CALC_FOUND_ROWS.
// `list` is the session's then; NULL: it is not known, but for its number.
void aftermath_note_merged(struct session *session, const struct aftermath *aftermath,
                           struct warning_list *list);
// As after log-in; gives back what is in memory.
void aftermath_done(struct session *session);
