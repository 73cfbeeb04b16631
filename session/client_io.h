#pragma once
// A client's bytes in and out. Besides session_write... (session_impl.h), which are its too.

#include "session/session_impl.h"

// The last byte of an answer is gone: the session is IDLE (or ends).
void client_io_rest(struct session *session);
void client_io_start(struct session *session);                   // watches the socket
void client_io_on_ready(struct stream *stream, unsigned events); // the session's stream's
// Commands that came while one ran; reading again when that was stopped. Called by session->later.
void client_io_continue(struct session *session);
// As session_write, past what a statement's place among several would change in it.
bool client_io_write(struct session *session, const void *bytes, size_t len);
// To the client in any case: past a cursor's rows that are put aside, too.
bool client_io_put(struct session *session, const void *bytes, size_t len);
// One packet that is no part of a command's answer; *sequence moves on.
void client_io_write_packet(struct session *session, struct slice payload, uint8_t *sequence);
void client_io_log(const struct session *session, const struct error *error); // what it did wrong
// The running flow wants the client's next bytes (flow_kind.on_input) until the command is over;
// while they are held it gets none. Never calls it from inside.
void client_io_take_input(struct session *session, bool is_held);
void client_io_leave_input(struct session *session); // what comes now are commands again
// Reading and writing are watched as the session's state asks for.
void client_io_update_watch(struct session *session);
