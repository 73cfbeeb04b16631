#pragma once
// Prepared statements as text: PREPARE name FROM text, EXECUTE name USING ..., EXECUTE IMMEDIATE,
// DEALLOCATE PREPARE.

#include "session/leg.h"
#include "session/session_impl.h"

// EXECUTE, while the statement that it executes is the request's.
struct text_execute {
    struct slice outer;    // the text of EXECUTE
    struct slice settings; // SET STATEMENT ... FOR before it; empty: none
    struct expr **values;  // USING, in it
    uint32_t value_count;
};

// request->statement is one of them.
void text_statement_run(struct session *session, struct request *request);
// PREPARE of one that has a name, for a server that reads texts as the session does.
struct prepared_statement;
struct slice text_prepare_of(struct session *session, const struct prepared_statement *prepared);
// The command that executes request->text's statement for one target of its plan.
void text_execute_command(struct request *request, const struct plan_target *target,
                          struct leg_command *command);
// ... of one that needs no plan (SET), on a server that has EXECUTE IMMEDIATE.
struct slice text_execute_sql(const struct request *request);
