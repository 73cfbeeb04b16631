#pragma once
// Cursors whose rows are kept here: the statement went to several shards, or no connection may be
// held for it. They are bounded for each client by cursor_buffer_bytes.

#include "session/cursor.h"

// The client of a COM_STMT_EXECUTE has asked for a cursor that no server opens: if one server would
// have opened one for this statement, the answer's rows are put aside, and the client is told that
// there is a cursor. Before anything of the answer is written; once more does nothing.
void cursor_put_aside(struct session *session, struct request *request);
// Bytes of such an answer (framed, in pieces of any size), as session_write_parts.
bool cursor_aside_write(struct session *session, const struct iovec *parts, int count);
// The rows are more than may be kept: *error is what the client is going to be told in any case.
// Reads may be cut off.
bool cursor_is_too_large(const struct request *request, struct error *error) MUST_CHECK;
// The command has failed: what was put aside of its answer is dropped, and the error is all that
// the client gets.
void cursor_aside_drop(struct request *request);
// COM_STMT_FETCH of a cursor in CURSOR_ASIDE; the command is over afterwards.
void cursor_aside_fetch(struct session *session, struct prepared_statement *prepared,
                        uint32_t rows);
void cursor_aside_free(struct cursor *cursor);
