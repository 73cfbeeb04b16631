#pragma once
// What a server's own binary log has beyond a position, and what is prepared at it: for replicas
// and old primaries that have to go back to that position.

#include "replication/action_impl.h"
#include "replication/xa_ledger.h"

struct own_log {
    struct gtid_set position;  // set by the caller; arena's
    struct xa_ledger ledger;   // at the position
    struct binlog_group *tail; // owned; whole groups beyond it, in their order
    size_t tail_count, tail_room;
    uint64_t read_bytes; // of the logs' end, for whoever reads it again
};

// False: *action's why. own_log_done in any case.
bool own_log_read(struct action *action, size_t place, struct own_log *log) MUST_CHECK;
void own_log_done(struct own_log *log);
// Has the tail another verb of that branch, from place `from` on?
bool own_log_has_verb(const struct own_log *log, size_t from,
                      const struct binlog_group *group) MUST_CHECK;
struct xa_branch *own_log_branch(const struct own_log *log, const struct binlog_group *group);
bool own_log_is_held(const struct own_log *log, const struct binlog_group *group) MUST_CHECK;
