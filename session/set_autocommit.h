#pragma once
// SET autocommit in a transaction.

#include "parser/tree.h"
#include "session/session_impl.h"

// What an autocommit item means: 1 on, 0 off, -1 there is none (the last one counts), or only a
// server knows what it is set to.
int set_autocommit_value(const struct set_item *items) MUST_CHECK;
// Must its value be asked for first, since on or off makes a difference now?
bool set_autocommit_is_unclear(const struct session *session,
                               const struct set_item *items) MUST_CHECK;
// Asks, puts the value in, and goes on with `known`; with `wrong`, and the SET as it is, where it
// is no value for autocommit, which the server will say.
void set_autocommit_ask(struct session *session, struct request *request,
                        void (*known)(struct session *session, struct request *request),
                        void (*wrong)(struct session *session, struct request *request));
