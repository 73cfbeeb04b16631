#pragma once
// SET GLOBAL in front of one server: who is there already keeps what he has, who comes has the new
// value, as if each client had a connection of his own.

#include "session/gather.h"
#include "session/session_impl.h"

bool globals_are_set(const struct set_item *items) MUST_CHECK;
// Before SET GLOBAL: notes in request->globals what is global until now, then `then`.
void globals_ask(struct session *session, struct request *request,
                 void (*then)(struct session *session, struct request *request));
// From a flow that is over, with the OK that the server gave to SET GLOBAL: the command goes on
// until all workers know it.
void globals_tell_start(struct session *session, struct request *request, uint16_t shard,
                        const struct gather *ok);
void globals_told(struct session *session); // to all workers
// With this worker's sessions and connections.
void sessions_note_globals(struct sessions *sessions, const struct errand *errand);
