#pragma once
// Cursors (COM_STMT_EXECUTE with a cursor flag, COM_STMT_FETCH). While one is open on a server its
// leg keeps its backend; the session's other statements take that backend when it suits them, else
// others. Those of several servers are put aside here: cursor_aside.h.

#include "session/session_impl.h"

enum cursor_state { CURSOR_NONE, CURSOR_OPEN, CURSOR_ASIDE, CURSOR_LOST };

struct cursor { // a prepared statement's
    enum cursor_state state;
    struct leg *leg;       // OPEN: session's
    uint32_t statement_id; // OPEN: the server's
    struct buffer *rows;   // owned; ASIDE, and while they are put aside: framed packets. NULL
};

// May the session open one more on a server?
bool cursor_may_open(const struct session *session) MUST_CHECK;
// leg_command.on_ok of COM_STMT_EXECUTE: notes the cursor if one was opened.
void cursor_on_executed(struct leg *leg, const struct answer *answer);
// Closes the statement's cursor, if it has one; its backend goes back when nothing else needs it.
void cursor_end(struct prepared_statement *prepared);
// The leg's backend is gone, and its cursors with it.
void cursors_lose(struct leg *leg);
// COM_STMT_FETCH.
void cursor_fetch(struct session *session, struct request *request);
