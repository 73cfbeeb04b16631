#pragma once
// Commands about a server itself, not about what is in its tables.

#include "session/session_impl.h"

void command_statistics(struct session *session, struct request *request);
void command_deny(struct session *session, struct request *request);        // as to most accounts
void command_replication(struct session *session, struct request *request); // for replicas
