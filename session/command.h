#pragma once
// The client's commands: COM_* -> function.

#include "session/session_impl.h"

void command_run(struct session *session, const struct packet_in *packet);

// The number that the argument begins with. Of a short one the missing bytes are 0, as on servers.
uint32_t command_number(const struct request *request, size_t bytes) MUST_CHECK;

// Answers in place, and the command is over.
void command_ok(struct session *session);
void command_error(struct session *session, const struct error *error);
// "waybill doesn't yet support ..."
void command_refuse(struct session *session, const char *what);
