#pragma once
// Asks the shards for the rows of information_schema that the statement's server lacks.

#include "session/session_impl.h"

// Fills the text of the plan's target, then goes on with `then`; or the client is told why not.
void catalog_ask(struct session *session, struct request *request,
                 void (*then)(struct session *session, struct request *request));
