// An old primary that is read-only again (restarted, or fenced) becomes a replica of the one that
// took its place. What was committed on it alone, and never acknowledged, is reported and undone
// (undo.c); what can't be undone is no reason to lose it silently: then it is left as it is, and
// the event says what it has.
//
// What the new one lacks can't be seen by comparing the two positions: with MariaDB's GTIDs a
// position stands for all before it, and the new primary has gone on from where they parted, with
// the same numbers for other transactions. So the old one's position is held against the cut, what
// the new primary had when it was promoted: the row of the first epoch that the old one does not
// know. If there is no such row, what it has must have been written by the primary itself.
//
//     its own log    ... p q |r s t     N: what it has, or the cut if it has more
//                            ^N
//
//   1. The log says which branches were prepared at N. Those that were ended by then are ended;
//      those that came later are rolled back (without a word to the log).
//   2. The transactions behind N are reported and undone, newest first.
//   3. Branches that were prepared at N, and are not, are prepared anew with their rows.
//   4. The log begins anew at N, where there was something behind it, and the server follows the
//      new primary from there: what becomes of the branches comes by replication.
//
// It wrote its binlog itself, so its position as a replica has to be set. All is looked at anew on
// the connections that hold the leader's locks, and each step may be done twice.

#include "replication/own_log.h"
#include "replication/undo.h"
#include "replication/xa_repair.h"

static const char *name_at(const struct action *action, size_t place)
{
    return action->setup.servers[place].endpoint.name;
}

struct pair {
    size_t subject, primary; // places
    struct member_state old, now;
    struct epoch_row row; // the newest that the old one knows
};

static bool read_both(struct action *action, struct pair *pair)
{
    struct epoch_row newest;
    if (!step_read_state(action, pair->primary, &pair->now) ||
        !step_read_epoch(action, pair->primary, &newest) ||
        !step_read_state(action, pair->subject, &pair->old) ||
        !step_read_epoch(action, pair->subject, &pair->row)) {
        return action_give_up(action, "%s", action->error.text);
    }
    if (pair->now.is_read_only || pair->now.source_count > 0) {
        return action_give_up(action, "%s does not take writes", name_at(action, pair->primary));
    }
    if (pair->old.is_incomplete) {
        return action_give_up(action, "it is being cloned, or was and not to the end");
    }
    if (!pair->old.is_read_only || pair->old.source_count > 0) {
        return action_give_up(action, "it is no read-only server without a source");
    }
    if (pair->row.epoch > newest.epoch || newest.epoch < action->setup.epoch) {
        return action_give_up(action, "%s does not know the newest epoch",
                              name_at(action, pair->primary));
    }
    return true;
}

static bool is_written_by(const struct gtid_set *set, uint32_t server_id,
                          const struct gtid_set *has)
{
    for (size_t i = 0; i < set->count; i++) {
        if (set->positions[i].server != server_id) {
            return false;
        }
    }
    return gtid_contains(has, set);
}

// Branches of others may be finished in its log already (hardparts 1.2), and waybill has no hand in
// them.
static bool has_only_our_branches(struct action *action, size_t subject, size_t *ours_count)
{
    struct db_rows rows;
    struct xa_ledger ours = {.count = 0};
    bool is_read = step_ask(action, subject, "XA RECOVER", &rows);
    size_t count = rows.count;
    db_rows_done(&rows);
    is_read = is_read && xa_read_held(action, subject, &ours);
    size_t others = count > ours.count ? count - ours.count : 0;
    *ours_count = ours.count;
    xa_ledger_done(&ours);
    if (!is_read) {
        return action_give_up(action, "XA RECOVER: %s", action->error.text);
    }
    return others == 0 ||
           action_give_up(action,
                          "%zu transactions of others are prepared on it (XA RECOVER) and may be "
                          "finished in its binary log already: it has to be made anew",
                          others);
}

// ---- going back

// What was prepared in the tail goes, whatever has become of it there.
static void mark_later_ones(struct own_log *log)
{
    for (size_t i = 0; i < log->tail_count; i++) {
        struct xa_branch *branch = own_log_branch(log, &log->tail[i]);
        if (log->tail[i].kind == GROUP_PREPARE && branch != NULL && branch->is_held &&
            branch->verb == XA_NONE) {
            branch->verb = XA_ROLLED_BACK;
        }
    }
}

static bool begin_anew(struct action *action, size_t subject, const struct own_log *log)
{
    return (log->tail_count > 0 ? step_begin_log(action, subject, &log->position)
                                : step_set_position(action, subject, &log->position)) ||
           action_give_up(action, "%s", action->error.text);
}

static bool go_back(struct undo *undo, struct own_log *log)
{
    struct action *action = undo->action;
    mark_later_ones(log);
    return step_still_leads(action) && xa_finish_behind(action, undo->subject, &log->ledger) &&
           undo_tail(undo) && xa_redo_lost(action, undo->subject, &log->ledger, log->read_bytes) &&
           step_still_leads(action) && begin_anew(action, undo->subject, log) &&
           (log->tail_count == 0 || undo_forget(undo));
}

static bool put_right(struct action *action, struct pair *pair)
{
    struct gtid_set cut = {.flavor = GTID_MARIADB};
    struct own_log log = {.position = pair->old.received};
    size_t ours = 0;
    struct undo undo = {
        .action = action, .subject = pair->subject, .primary = pair->primary, .log = &log};
    if (!step_read_cut(action, pair->primary, pair->row.epoch, &cut, &undo.epoch)) {
        return action_give_up(action, "%s", action->error.text);
    }
    bool is_replaced = undo.epoch > 0;
    if (!is_replaced &&
        !is_written_by(&pair->old.received, pair->now.server_id, &pair->now.received)) {
        return action_give_up(action,
                              "it has %s, and nothing tells how much of it is on %s; "
                              "doc/failover.md says what to do",
                              (const char *)gtid_print(&pair->old.received, &action->arena).ptr,
                              name_at(action, pair->primary));
    }
    bool is_beyond = is_replaced && !gtid_contains(&cut, &pair->old.received);
    if (is_beyond) {
        log.position = cut;
    }
    if (!has_only_our_branches(action, pair->subject, &ours)) {
        return false;
    }
    // (Its log is not read, which not every account may, where nothing can be in it.)
    bool needs_log = is_beyond || ours > 0 || action->setup.has_branches;
    bool is_right =
        (!needs_log || own_log_read(action, pair->subject, &log)) && go_back(&undo, &log);
    own_log_done(&log);
    return is_right;
}

bool action_rejoin(struct action *action)
{
    struct pair pair = {.subject = action_place(action, action->setup.subject),
                        .primary = action_place(action, action->setup.primary)};
    if (!read_both(action, &pair)) {
        return false;
    }
    if (action->setup.is_mariadb && !put_right(action, &pair)) {
        return false;
    }
    if (!action->setup.is_mariadb && !gtid_contains(&pair.now.received, &pair.old.received)) {
        return action_give_up(action, // (MySQL has sets, not positions)
                              "it has %s, and not all of it is on %s: that %s; doc/failover.md "
                              "says what to do",
                              (const char *)gtid_print(&pair.old.received, &action->arena).ptr,
                              name_at(action, pair.primary),
                              action->setup.durability == DURABILITY_SEMI_SYNC
                                  ? "was never acknowledged"
                                  : "may have been acknowledged (durability = best_effort)");
    }
    if (!step_still_leads(action)) {
        return false;
    }
    if (!step_follow(action, pair.subject, pair.primary)) {
        return action_give_up(action, "%s", action->error.text);
    }
    // A primary that was promoted without a replica waits for this one from now on.
    if (!step_set_semi_sync(action, pair.primary, true)) {
        return action_give_up(action, "semi-sync on %s: %s", name_at(action, pair.primary),
                              action->error.text);
    }
    action_say(action, "%s is a replica of %s now", name_at(action, pair.subject),
               name_at(action, pair.primary));
    return true;
}
