#pragma once
// What a server's status says of its connection with waybill, and the client means of its own.

#include "session/session_impl.h"

enum { OWN_STATUS_NUMBER_BYTES = 12 };

// The value of a status variable; NULL: the server's own is right. It lives as long as the
// connection, or is in `number`.
const char *own_status_value(const struct session *session, struct slice name,
                             char number[OWN_STATUS_NUMBER_BYTES]);
// A SELECT of the status tables for one target is rewritten, so that it finds those values there.
void own_status_rewrite(struct session *session, struct request *request);
