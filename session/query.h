#pragma once
// A statement of the client: what kind it is, and where it goes.

#include "session/session_impl.h"

void query_run_text(struct session *session, struct request *request); // COM_QUERY
// How a text is read in the session as it is now.
struct parse_options query_parse_options(const struct session *session);
// Reads the text into request->statement. False: the client was told why not. `may_be_several`: the
// first of several statements will do (statement->rest).
bool query_parse(struct session *session, struct request *request, struct slice sql,
                 bool may_be_several) MUST_CHECK;
// Runs request->statement, as text or as the execution of a prepared statement.
void query_run_statement(struct session *session, struct request *request);
// To the servers, by the router.
void query_route(struct session *session, struct request *request);
// Runs request->plan, which the session is allowed to.
void query_run_plan(struct session *session, struct request *request);
// No merge of the shards' answers is exact: on one server, or refused with that error.
void query_gather(struct session *session, struct request *request, const struct error *refusal);
// The router's question for the request, as the session is now.
struct route_request query_route_request(const struct session *session,
                                         const struct request *request);
// Why the backend must stay with the session after this statement; NULL: it need not.
const char *query_pin_reason(const struct session *session, const struct statement *statement);
// May the session run the request's plan (pins, transaction, settings)? False: *error.
bool query_is_allowed(const struct session *session, const struct request *request,
                      struct error *error) MUST_CHECK;
// The same for a plan of a statement before which the server commits, in a transaction.
bool query_may_commit_before(const struct session *session, const struct request *request,
                             struct error *error) MUST_CHECK;
// May the server itself end the transaction? Then it does so only if it takes the statement, and
// that is for the server to say: on the backend of the only participant.
bool query_is_only_participant(const struct session *session, const struct plan *plan) MUST_CHECK;
// May the session run a statement of its kind, whatever the plan? False: *error.
bool query_kind_is_allowed(const struct session *session, const struct request *request,
                           struct error *error) MUST_CHECK;
// The router's plan for the request. False: *error.
bool query_plan(struct session *session, struct request *request, struct error *error) MUST_CHECK;
// Is the session free to go to the shard? False: *error says what binds it elsewhere.
bool query_is_within_pin(const struct session *session, uint16_t shard,
                         struct error *error) MUST_CHECK;
// The client is told why the request has no plan.
void query_refuse(struct session *session, struct request *request, const struct error *error);
// The shard where a statement without a table of its own goes: the pin's, the transaction's, the
// default one.
uint16_t query_any_shard(const struct session *session);
// Inside of XA the server allows no other transactions, and says so itself of all that begins or
// ends one.
bool query_is_bound_by_xa(const struct session *session) MUST_CHECK;
// Statements that the session answers itself, at least in part: SET, USE, BEGIN, ...
bool query_is_local_kind(enum statement_kind kind) MUST_CHECK;
