#pragma once
// Declared tables, as statements meet them: CREATE TABLE with a declaration, DROP of what was
// declared, and statements that have to know all tables when a worker can't (doc/declared.md).

#include "cluster/ddl_note.h"
#include "cluster/declared.h"
#include "router/plan.h"
#include "session/session_impl.h"

struct declares { // of a request; in its arena
    enum declares_kind kind;
    struct slice rows; // as declared_next reads them
};

// plan_make, with what the statement declares in the configuration.
bool declare_plan(struct session *session, struct request *request, struct route_request *route,
                  struct error *error) MUST_CHECK;
// The same for EXPLAIN ROUTE, in two halves: *look is to be given back (config_end_look).
bool declare_look(struct session *session, struct request *request, struct route_request *route,
                  struct config **look, struct error *error) MUST_CHECK;

// Into what is written down of the statement.
void declare_note(const struct request *request, struct ddl_note *note);
// It has waited since noted_us for all waybills: longer than others leave a declaration alone?
bool declare_is_late(const struct session *session, const struct request *request,
                     uint64_t noted_us) MUST_CHECK;

// Has it been too long since the control thread saw all declarations? Reads the clock, where there
// may be any.
bool declare_is_behind(const struct session *session) MUST_CHECK;
// ... and the statement names a table that the configuration does not have: *error. (There may be
// no request, or one that is no SQL.)
bool declare_forbids(struct session *session, const struct request *request,
                     struct error *error) MUST_CHECK;
// Running statements that were planned before the last change, and whose text has the name of a
// table that has changed since that number. (What declares or drops it now is none.)
uint32_t declare_count_old(const struct sessions *sessions, uint64_t since);
