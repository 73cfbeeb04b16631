// An old primary that is read-only again (restarted, or fenced) becomes a replica of the one that
// took its place, if it has nothing that the new one lacks. What was committed on it alone, and
// never acknowledged, is no reason to lose it silently: then it is left as it is, and the event
// says what it has.
//
// What the new one lacks can't be seen by comparing the two positions: with MariaDB's GTIDs a
// position stands for all before it, and the new primary has gone on from where they parted, with
// the same numbers for other transactions. So the old one's position is held against the cut, what
// the new primary had when it was promoted: the row of the first epoch that the old one does not
// know. If there is no such row, what it has must have been written by the primary itself.
//
// It wrote its binlog itself, so its position as a replica is set to what it has. All is looked at
// anew on the connections that hold the leader's locks.

#include "replication/action_impl.h"

#include <stdio.h>

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

// Has the new primary all that the old one has? False with action->error set when it can't be read.
static bool has_all(struct action *action, const struct pair *pair, bool *is_readable)
{
    struct gtid_set cut;
    struct db_rows rows;
    if (!action->setup.is_mariadb) {
        *is_readable = true;
        return gtid_contains(&pair->now.received, &pair->old.received); // sets, not positions
    }
    const char *ask =
        (const char *)arena_format(&action->arena,
                                   "SELECT cut_gtid FROM waybill.topology WHERE shard = '%s' AND "
                                   "epoch > %llu ORDER BY epoch LIMIT 1",
                                   action->setup.shard_name, (unsigned long long)pair->row.epoch)
            .ptr;
    *is_readable = step_ask(action, pair->primary, ask, &rows) &&
                   gtid_parse(GTID_MARIADB, slice_of_string(db_rows_text(&rows, "cut_gtid")),
                              &action->arena, &cut);
    bool has_cut = rows.count > 0;
    db_rows_done(&rows);
    if (!*is_readable) {
        return false;
    }
    return has_cut ? gtid_contains(&cut, &pair->old.received)
                   : is_written_by(&pair->old.received, pair->now.server_id, &pair->now.received);
}

// A crash can leave in the engine what its own binlog has finished (hardparts 1.2): as a replica it
// would never hear of that again, and show other rows than the rest.
static bool has_nothing_prepared(struct action *action, size_t subject)
{
    struct db_rows rows;
    if (!action->setup.is_mariadb) {
        return true;
    }
    bool is_read = step_ask(action, subject, "XA RECOVER", &rows);
    size_t count = rows.count;
    db_rows_done(&rows);
    if (!is_read) {
        return action_give_up(action, "XA RECOVER: %s", action->error.text);
    }
    return count == 0 ||
           action_give_up(action,
                          "%zu transactions are prepared on it (XA RECOVER) and may be finished in "
                          "its binlog already: it has to be made anew",
                          count);
}

bool action_rejoin(struct action *action)
{
    struct pair pair = {.subject = action_place(action, action->setup.subject),
                        .primary = action_place(action, action->setup.primary)};
    bool is_readable = false;
    if (!read_both(action, &pair) || !has_nothing_prepared(action, pair.subject)) {
        return false;
    }
    const char *has = (const char *)gtid_print(&pair.old.received, &action->arena).ptr;
    if (!has_all(action, &pair, &is_readable)) {
        return is_readable ? action_give_up(action,
                                            "it has %s, and not all of it is on %s: that was never "
                                            "acknowledged; doc/failover.md says what to do",
                                            has, name_at(action, pair.primary))
                           : action_give_up(action, "%s", action->error.text);
    }
    const char *position =
        (const char *)arena_format(&action->arena, "SET GLOBAL gtid_slave_pos = '%s'", has).ptr;
    if (!step_still_leads(action)) {
        return false;
    }
    if ((action->setup.is_mariadb && !step_run(action, pair.subject, position)) ||
        !step_follow(action, pair.subject, pair.primary)) {
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
