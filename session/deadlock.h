#pragma once
// Deadlocks over shards, on a worker's side. A server sees those cycles only that are its own; here
// a transaction holds a row on one server and waits for one on another.
//
//     tick: a statement runs long in a transaction on several servers --> host.on_waiting
//     ERRAND_WAITERS: all those are listed <-- the monitor wants to look (replication/wait_graph.h)
//     ERRAND_VICTIM:  its statement is killed on the servers, and their 1317 becomes the 1213 that
//                     a server says which has found a deadlock: all of it is rolled back

#include "session/session_impl.h"

void deadlock_look(struct sessions *sessions); // at every tick
// Appends struct waiter: of each such transaction all connections.
void deadlock_list(const struct sessions *sessions, struct text *list);
// `who`: any of its connections. Left alone when it runs another statement by now.
void deadlock_end_victim(struct sessions *sessions, const struct waiter *who,
                         struct errand_result *result);
// The end of an answer to a victim: of 1317 in *last and *bytes (in the session's arena then) 1213
// is made.
void deadlock_rewrite(const struct leg *leg, struct answer *last, const uint8_t **bytes,
                      size_t *len);
