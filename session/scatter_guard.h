#pragma once
// What guards of statements over several shards say: the router decides (plan_guard.c), here it is
// told to the log and to the client.

#include "session/session_impl.h"
#include "session/warning_list.h"

// The plan is about to be run: counted, and in the log, if a guard warns. At most one line a
// second for each worker.
void scatter_guard_note(struct session *session, const struct request *request);
// A refusal: counted if it is a guard's.
void scatter_guard_note_refusal(struct session *session, const struct error *error);
// The plan's warnings as a list, on the heap; NULL: it has none.
struct warning_list *scatter_guard_list(const struct plan *plan) MUST_CHECK;
uint32_t scatter_guard_count(const struct plan *plan);
// Is there more to do with its answer than to relay it?
bool scatter_guard_looks_at(const struct session *session, const struct plan *plan) MUST_CHECK;
// max_result_rows: false with *error when `rows` were given and there is one more.
bool scatter_guard_allows_row(const struct session *session, const struct plan *plan, uint64_t rows,
                              struct error *error) MUST_CHECK;
