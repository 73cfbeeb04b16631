#pragma once
// Which columns a table has: asked of a server for statements whose plan wants it.

#include "session/session_impl.h"

// Sets request->columns, and writes the list of columns into an INSERT that has none; then calls
// `then`. What goes wrong is told to the client, and `then` is not called.
void columns_ask(struct session *session, struct request *request,
                 void (*then)(struct session *session, struct request *request));
