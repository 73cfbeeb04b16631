// Branches that a replica's log has prepared and its tables have lost, with their rows: prepared
// anew from that log. Nothing that came later can have touched these rows, for on the primary they
// stayed locked until the branch was ended.

#include <stdio.h>

#include "cluster/decision.h"
#include "replication/binlog_scan.h"
#include "replication/row_replay.h"
#include "replication/xa_repair.h"

struct redo {
    struct action *action;
    size_t place;
    struct xa_ledger *ledger;
    struct binlog_scan scan;
    struct text events; // of the present group
};

static struct xa_branch *find_lost(struct redo *redo)
{
    const struct binlog_group *group = &redo->scan.group;
    if (group->kind != GROUP_PREPARE || group->xid.format != DECISION_FORMAT_ID) {
        return NULL;
    }
    struct xa_branch *branch = xa_ledger_find(redo->ledger, group->xid.gtrid, group->xid.bqual);
    return branch != NULL && xa_is_lost(branch) && !branch->is_ended ? branch : NULL;
}

static bool prepare(struct redo *redo, const struct xa_branch *branch)
{
    struct error *error = &redo->action->error;
    struct dbconn *conn = xa_open_quiet(redo->action, redo->place);
    if (conn == NULL) {
        return false;
    }
    char name[XA_NAME_SQL_BYTES];
    xa_print_name(branch->gtrid, branch->bqual, name);
    bool is_done = !redo->scan.group.has_statements &&
                   row_replay_begin(conn, text_slice(&redo->scan.format), error) &&
                   dbconn_run(conn, error, "XA START %s", name) &&
                   row_replay_run(conn, text_slice(&redo->events), error) &&
                   dbconn_run(conn, error, "XA END %s", name) &&
                   dbconn_run(conn, error, "XA PREPARE %s", name);
    dbconn_close(conn);
    return is_done || action_give_up(redo->action, "transaction %s: %s", branch->gtrid,
                                     redo->scan.group.has_statements
                                         ? "its binary log has more than rows of it"
                                         : error->text);
}

static bool take_event(struct redo *redo, bool is_whole)
{
    struct xa_branch *branch = find_lost(redo);
    const struct binlog_event *event = &redo->scan.event;
    if (branch == NULL) {
        return true;
    }
    if (event->type == BINLOG_GTID) {
        redo->events.len = 0;
    } else if (event->type == BINLOG_TABLE_MAP || binlog_has_rows(event)) {
        text_add_slice(&redo->events, event->whole);
    }
    if (!is_whole) {
        return true;
    }
    if (!prepare(redo, branch)) {
        return false;
    }
    branch->is_held = true;
    action_say(redo->action,
               "%s: transaction %s was prepared in its binary log only, and is so in its tables",
               redo->action->setup.servers[redo->place].endpoint.name, branch->gtrid);
    return true;
}

static bool has_lost(const struct xa_ledger *ledger)
{
    for (size_t i = 0; i < ledger->count; i++) {
        if (xa_is_lost(&ledger->branches[i]) && !ledger->branches[i].is_ended) {
            return true;
        }
    }
    return false;
}

bool xa_redo_lost(struct action *action, size_t place, struct xa_ledger *ledger,
                  uint64_t read_bytes)
{
    struct redo redo = {.action = action, .place = place, .ledger = ledger};
    if (!has_lost(ledger)) {
        return true;
    }
    text_init(&redo.events);
    bool is_fine = binlog_scan_open(&redo.scan, &action->setup.servers[place].endpoint, read_bytes,
                                    action->setup.proxy, &action->error);
    enum scan_news news = SCAN_EVENT;
    while (is_fine && (news == SCAN_EVENT || news == SCAN_GROUP)) {
        news = binlog_scan_next(&redo.scan, &action->error);
        is_fine = news != SCAN_FAILED;
        if (news == SCAN_EVENT || news == SCAN_GROUP) {
            is_fine = take_event(&redo, news == SCAN_GROUP);
        }
    }
    binlog_scan_close(&redo.scan);
    text_done(&redo.events);
    if (!is_fine && action->why[0] == '\0') {
        return action_give_up(action, "reading its binary log: %s", action->error.text);
    }
    return is_fine && (!has_lost(ledger) ||
                       action_give_up(action, "it has lost the rows of a prepared transaction: it "
                                              "has to be made anew from another server"));
}
