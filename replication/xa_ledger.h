#pragma once
// Branches of transactions on several shards (waybill's own format, no others) as one server has
// them: what its engine holds prepared beside what its binary log says last of each. A crash can
// have separated the two, for MariaDB writes the log first. Pure.

#include "protocol/binlog_event.h"

enum xa_verb { XA_NONE, XA_PREPARED, XA_COMMITTED, XA_ROLLED_BACK };

struct xa_branch {
    char gtrid[XID_PART_BYTES], bqual[XID_PART_BYTES];
    bool is_held;      // XA RECOVER lists it
    bool is_ended;     // not held since its end was applied, which the log has after what was noted
    enum xa_verb verb; // the last that was noted
};

// Zeroed: empty. Holds what is prepared somewhere: a branch that is in the log alone and finished
// there is dropped.
struct xa_ledger {
    struct xa_branch *branches; // owned
    size_t count, capacity;
};

void xa_ledger_done(struct xa_ledger *ledger);
// All that is held has to be there before the first group is noted.
void xa_ledger_hold(struct xa_ledger *ledger, const char *gtrid, const char *bqual);
// The next group of the log; others than XA's are skipped.
void xa_ledger_note(struct xa_ledger *ledger, const struct binlog_group *group);

// NULL: it has none of that name.
struct xa_branch *xa_ledger_find(const struct xa_ledger *ledger, const char *gtrid,
                                 const char *bqual);

// The log has finished it, the engine has not.
static inline bool xa_is_behind(const struct xa_branch *branch)
{
    return branch->is_held && (branch->verb == XA_COMMITTED || branch->verb == XA_ROLLED_BACK);
}

// The log has it prepared, the engine does not know it. It was never acknowledged: the crash came
// between the two.
static inline bool xa_is_lost(const struct xa_branch *branch)
{
    return !branch->is_held && branch->verb == XA_PREPARED;
}

enum { XA_NAME_SQL_BYTES = 4 * XID_PART_BYTES + 32 };
// "X'...',X'...',22338"
void xa_print_name(const char *gtrid, const char *bqual, char text[XA_NAME_SQL_BYTES]);
