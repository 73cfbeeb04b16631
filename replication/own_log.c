// The position may be in any of the logs: more of them are read until it is.

#include "replication/own_log.h"

#include "base/memory.h"
#include "replication/binlog_scan.h"
#include "replication/xa_repair.h"

enum { TAIL_BYTES = 16 * 1024 * 1024, MORE = 8 };

static void add_to_tail(struct own_log *log, const struct binlog_group *group)
{
    if (log->tail_count == log->tail_room) {
        log->tail_room = log->tail_room * 2 + 64;
        log->tail = memory_resize(log->tail, log->tail_room * sizeof *log->tail);
    }
    log->tail[log->tail_count++] = *group;
}

// *is_all: everything beyond the position was read; if not, all of it is to be read anew.
static bool read_some(struct action *action, size_t place, struct own_log *log, uint64_t bytes,
                      bool *is_all, bool *is_whole_log)
{
    struct binlog_scan scan;
    bool is_open = binlog_scan_open(&scan, &action->setup.servers[place].endpoint, bytes,
                                    action->setup.proxy, &action->error);
    enum scan_news news = is_open ? SCAN_EVENT : SCAN_FAILED;
    while (news == SCAN_EVENT || news == SCAN_GROUP) {
        news = binlog_scan_next(&scan, &action->error);
        if (news == SCAN_GROUP && binlog_scan_is_beyond(&scan, &log->position)) {
            add_to_tail(log, &scan.group);
        } else if (news == SCAN_GROUP) {
            xa_ledger_note(&log->ledger, &scan.group);
        }
    }
    *is_all = !scan.has_log || binlog_scan_began_before(&scan, &log->position);
    *is_whole_log = scan.is_first_file;
    binlog_scan_close(&scan);
    return news == SCAN_END ||
           action_give_up(action, "reading the binary log of %s: %s",
                          action->setup.servers[place].endpoint.name, action->error.text);
}

bool own_log_read(struct action *action, size_t place, struct own_log *log)
{
    bool is_all = false, is_whole_log = false;
    for (uint64_t bytes = TAIL_BYTES; !is_all; bytes *= MORE) {
        if (is_whole_log) {
            return action_give_up(action,
                                  "its binary logs do not reach back to %s: it has to be made anew "
                                  "from another server",
                                  (const char *)gtid_print(&log->position, &action->arena).ptr);
        }
        own_log_done(log);
        log->read_bytes = bytes;
        if (!xa_read_held(action, place, &log->ledger) ||
            !read_some(action, place, log, bytes, &is_all, &is_whole_log)) {
            return false;
        }
    }
    return true;
}

void own_log_done(struct own_log *log)
{
    xa_ledger_done(&log->ledger);
    memory_free(log->tail);
    log->tail = NULL;
    log->tail_count = log->tail_room = 0;
}

bool own_log_has_verb(const struct own_log *log, size_t from, const struct binlog_group *group)
{
    for (size_t i = from; i < log->tail_count; i++) {
        if (binlog_xid_is_same(&log->tail[i].xid, &group->xid)) {
            return true;
        }
    }
    return false;
}

struct xa_branch *own_log_branch(const struct own_log *log, const struct binlog_group *group)
{
    return xa_ledger_find(&log->ledger, group->xid.gtrid, group->xid.bqual);
}

bool own_log_is_held(const struct own_log *log, const struct binlog_group *group)
{
    const struct xa_branch *branch = own_log_branch(log, group);
    return branch != NULL && branch->is_held;
}
