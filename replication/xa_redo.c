// Branches that a server's log has prepared and tables lack, with their rows: prepared anew from
// that log, on the same server or, kept meanwhile, on another. Nothing that came later can have
// touched these rows, for on the primary they stayed locked until the branch was ended.

#include <stdio.h>

#include "base/memory.h"
#include "cluster/decision.h"
#include "replication/binlog_scan.h"
#include "replication/row_replay.h"
#include "replication/xa_repair.h"

enum { KEPT_BYTES = 64 * 1024 * 1024 };

struct redo {
    struct action *action;
    size_t place;
    struct xa_ledger *ledger;
    struct xa_rows_list *kept; // NULL: they are prepared at once
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

static bool prepare(struct action *action, size_t place, const struct xa_rows *rows)
{
    struct error *error = &action->error;
    struct dbconn *conn = xa_open_quiet(action, place);
    if (conn == NULL) {
        return false;
    }
    char name[XA_NAME_SQL_BYTES];
    xa_print_name(rows->gtrid, rows->bqual, name);
    bool is_done = row_replay_begin(conn, rows->format, error) &&
                   dbconn_run(conn, error, "XA START %s", name) &&
                   row_replay_run(conn, rows->events, error) &&
                   dbconn_run(conn, error, "XA END %s", name) &&
                   dbconn_run(conn, error, "XA PREPARE %s", name);
    dbconn_close(conn);
    return is_done || action_give_up(action, "transaction %s: %s", rows->gtrid, error->text);
}

static bool keep(struct redo *redo, const struct xa_rows *rows)
{
    struct xa_rows_list *kept = redo->kept;
    kept->bytes += rows->events.len + rows->format.len;
    if (kept->bytes > KEPT_BYTES) {
        return action_give_up(redo->action,
                              "the transactions that are prepared have more than %d "
                              "MiB of rows: try again",
                              KEPT_BYTES >> 20);
    }
    kept->items = memory_resize(kept->items, sizeof *kept->items * (kept->count + 1));
    struct xa_rows *copy = &kept->items[kept->count++];
    *copy = *rows;
    copy->format = arena_copy(&redo->action->arena, rows->format);
    copy->events = arena_copy(&redo->action->arena, rows->events);
    return true;
}

static bool take_branch(struct redo *redo, struct xa_branch *branch)
{
    struct action *action = redo->action;
    if (redo->scan.group.has_statements) {
        return action_give_up(action, "transaction %s: its binary log has more than rows of it",
                              branch->gtrid);
    }
    struct xa_rows rows = {.format = text_slice(&redo->scan.format),
                           .events = text_slice(&redo->events)};
    snprintf(rows.gtrid, sizeof rows.gtrid, "%s", branch->gtrid);
    snprintf(rows.bqual, sizeof rows.bqual, "%s", branch->bqual);
    if (redo->kept != NULL ? !keep(redo, &rows) : !prepare(action, redo->place, &rows)) {
        return false;
    }
    branch->is_held = true;
    if (redo->kept == NULL) {
        action_say(
            action,
            "%s: transaction %s was prepared in its binary log only, and is so in its tables",
            action->setup.servers[redo->place].endpoint.name, branch->gtrid);
    }
    return true;
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
    return !is_whole || take_branch(redo, branch);
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

static bool redo_all(struct action *action, size_t place, struct xa_ledger *ledger,
                     uint64_t read_bytes, struct xa_rows_list *kept)
{
    struct redo redo = {.action = action, .place = place, .ledger = ledger, .kept = kept};
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

bool xa_redo_lost(struct action *action, size_t place, struct xa_ledger *ledger,
                  uint64_t read_bytes)
{
    return redo_all(action, place, ledger, read_bytes, NULL);
}

bool xa_rows_read(struct action *action, size_t place, struct xa_ledger *ledger,
                  uint64_t read_bytes, struct xa_rows_list *list)
{
    return redo_all(action, place, ledger, read_bytes, list);
}

bool xa_rows_prepare(struct action *action, size_t place, const struct xa_rows_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        if (!prepare(action, place, &list->items[i])) {
            return false;
        }
    }
    return true;
}

void xa_rows_done(struct xa_rows_list *list)
{
    memory_free(list->items);
    *list = (struct xa_rows_list){.count = 0};
}
