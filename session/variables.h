#pragma once
// SET and USE: what a session carries from backend to backend.

#include "session/session_impl.h"

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
// What an autocommit item means: 1 on, 0 off, -1 there is none (the last one counts).
int variables_autocommit(const struct set_item *items);
