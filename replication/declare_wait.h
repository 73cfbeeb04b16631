#pragma once
// Waiting for the other waybills, before something is done that all have to know of. For the job of
// declare_work.h.

#include "replication/schema_work.h"

// Until all know the change `number`, or can't run a statement that would need it. at_most_ms 0: as
// long as their leases tell. False with *error (9050: which one has not taken it).
bool declare_wait_for_all(struct schema_work *work, struct dbconn *home, uint64_t number,
                          uint32_t at_most_ms, struct error *error) MUST_CHECK;
// A waybill that takes no part would send statements on a declared table where it likes: *error
// (9050).
bool declare_are_all_there(struct schema_work *work, struct dbconn *home,
                           struct error *error) MUST_CHECK;
