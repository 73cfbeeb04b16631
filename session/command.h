#pragma once
// The client's commands: COM_* -> function.

#include "session/session_impl.h"

void command_run(struct session *session, const struct packet_in *packet);

// Answers in place, and the command is over.
void command_ok(struct session *session);
void command_error(struct session *session, const struct error *error);
// "waybill doesn't yet support ..."
void command_refuse(struct session *session, const char *what);
