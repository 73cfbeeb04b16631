#pragma once
// SET and USE: what a session carries from backend to backend.

#include "session/session_impl.h"

// May the session set this? False: *error.
bool variables_may_set(const struct session *session, const struct statement *statement,
                       struct error *error) MUST_CHECK;
// ... which it may.
void variables_set(struct session *session, struct request *request);
void variables_use(struct session *session, struct request *request, struct slice database);
void variables_init_db(struct session *session, struct request *request); // COM_INIT_DB

// The parts that need no server.
enum set_class {
    SET_CARRIED,   // constants only: any backend can be made so
    SET_EVALUATED, // system variables by expression: their values are asked, then carried
    SET_PINNED,    // cannot be carried
    SET_ONCE,      // SET TRANSACTION for the next one
    SET_REFUSED,   // *why says it
};
enum set_class variables_classify(const struct set_item *items, const char **why);
// Notes the constant items in `state`. `text` is the statement's; NULLs become DEFAULT.
void variables_note(struct session_state *state, const struct set_item *items, struct slice text,
                    bool has_transaction_isolation);
// Not what means something for one connection only (insert_id).
bool variables_is_carried(struct slice name) MUST_CHECK;
// The running SET was done: the backend has its constants; the session has them from now on.
void variables_note_backend(struct leg *leg);
void variables_note_session(struct session *session);
void variables_note_sql_mode(struct session *session, const struct slice *value); // NULL: DEFAULT
// A user variable has this value (SQL) from now on, on whatever backend.
void variables_carry_user(struct session *session, struct slice name, struct slice value);
void variables_add_user_name(struct text *out, struct slice name); // @`name`

// MariaDB's sql_mode with another grammar, which waybill's parser doesn't read.
#define VARIABLES_NO_ORACLE "sql_mode ORACLE, which is another grammar; use another mode"
bool variables_is_oracle(const struct session *session, struct slice sql_mode) MUST_CHECK;
// SET STATEMENT a = 1 FOR SELECT ...: the server sets it for the statement. Why not (what would
// change how waybill itself understands the statement, or what it left); a literal. NULL: it may.
const char *variables_refusal_for_statement(const struct statement *statement, bool is_only_shard);
