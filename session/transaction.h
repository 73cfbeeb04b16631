#pragma once
// The client's transaction over its shards, and the statements that are about it.

#include "session/session_impl.h"

bool session_in_transaction(const struct session *session) MUST_CHECK;
// ... as a status says it: a server that has only written to tables without transactions is in
// none.
bool transaction_is_seen(const struct session *session) MUST_CHECK;
uint32_t transaction_participants(const struct session *session);
void transaction_done(struct session *session); // frees what it owns; the legs are gone already

// What goes ahead of a shard's first statement: SET TRANSACTION, BEGIN or XA START, the savepoints.
// Returns how many slices were put into *ahead (in the session's arena).
uint32_t transaction_ahead(struct leg *leg, bool is_branch, struct slice **ahead, uint32_t extra);
// At the end of every command: forgets what belongs to a transaction that is over.
void transaction_tidy(struct session *session);
// The transaction was lost between two statements: the next one is told so.
void transaction_tell_broken(struct session *session, struct request *request);
void transaction_abandon(struct session *session); // COM_RESET_CONNECTION: rolled back, forgotten
// Instead of transaction_settle where the client can't be told now: it is with its next statement.
void transaction_note_broken(struct session *session);
// After legs were stopped or lost: when the transaction is lost, the rest of it is rolled back.
// True: it was.
bool transaction_settle(struct session *session);
// False with *error: this write would be on a second shard.
bool transaction_may_write(const struct session *session, const struct plan *plan,
                           struct error *error) MUST_CHECK;

struct round_result;
// Commits or rolls back the participants, of which there is one at least.
void transaction_end_them(struct session *session, struct request *request, bool is_commit,
                          void (*then)(struct session *session, struct request *request,
                                       const struct round_result *result));
// Before a statement that writes to several shards: outside of a transaction it is one by itself,
// where that can be done atomically.
void transaction_begin_statement(struct session *session);
// In a transaction, instead: is a savepoint to stand before it on each shard?
bool transaction_wants_point(const struct session *session) MUST_CHECK;
// After its last answer; no flow runs. Commits it, or undoes on all shards what it has done on
// some. `then` may be called from inside; result->failed: it was not committed, with result->error.
void transaction_end_statement(struct session *session, struct request *request, bool is_failed,
                               void (*then)(struct session *session, struct request *request,
                                            const struct round_result *result));
// What steps have done in the client's transaction is undone, then `then`: result->failed when that
// could not be, and all of it is lost.
void transaction_undo_steps(struct session *session, struct request *request,
                            void (*then)(struct session *session, struct request *request,
                                         const struct round_result *result));

// BEGIN, COMMIT, ROLLBACK, SAVEPOINT x, ROLLBACK TO x, RELEASE x.
void transaction_run(struct session *session, struct request *request);
// For a statement that waybill runs as several ones: begins a transaction that the client doesn't
// see, unless it has one (or autocommit off). True: it was begun.
bool transaction_begin_own(struct session *session) MUST_CHECK;
// Rolls it back, then calls `then`, whatever came of it.
void transaction_rollback_then(struct session *session, struct request *request,
                               void (*then)(struct session *session, struct request *request));
// SET TRANSACTION ... without SESSION.
void transaction_set_once(struct session *session, struct request *request);
// The session variable of that name was set: what SET TRANSACTION said of it is over, as on
// servers.
void transaction_forget_once(struct session *session, struct slice variable);
// Commits what is open (an implicit commit), then calls `then`; its errors are told to the client
// and `then` is not called.
void transaction_commit_then(struct session *session, struct request *request,
                             void (*then)(struct session *session, struct request *request));
