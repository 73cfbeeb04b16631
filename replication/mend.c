// A replica that crashed under branches of transactions on several shards and can't go on: its own
// binary log is ahead of its position (1950), or its tables hold branches that its log has
// finished, or the other way around (1397, 1440). MariaDB writes the log first, and the three come
// apart.
//
//     own log    ... p q |r s t          position: what it believes to have applied
//                        ^               r s t: the tail; after a crash, verbs of XA only (all else
//                                        moves the position in the transaction itself)
//
//   1. Which verbs of the tail are in the tables? PREPARE if the branch is held, or a later verb
//      of the tail has ended it; COMMIT and ROLLBACK if it is not held.
//   2. N: the position behind those from the first on that are. The log is emptied and begins anew
//      at N (RESET MASTER), and the replica goes on from there: what came after N comes again.
//   3. So the branches are made what they were at N: finished, without a word to the log, if they
//      were by then; rolled back if they were prepared later; and an empty one stands for each that
//      was ended later, so that its end finds something.
//
// A branch that was prepared by N and is gone without an end is prepared anew with its rows, which
// the log has (xa_redo.c). Where it has them not, and where the parts of the log were applied in
// any order (optimistic parallel apply), the replica has to be made anew. Tried: hardparts 1.3 B.
//
// A replica that came back and does go on may still hold a branch that its log has finished, with
// its locks: nothing would ever come for it again. That is 3. alone, at the log's end.

#include "replication/action_impl.h"

#include <stdio.h>
#include <strings.h>

#include "cluster/decision.h"
#include "replication/own_log.h"
#include "replication/xa_repair.h"

enum {
    LOOKS = 3,
    LOOK_MS = 300, // more than a commit takes that is under way
    START_LOOKS = 100,
    START_LOOK_MS = 20,
    AGAIN_MS = 1000,
};

struct mend {
    struct action *action;
    size_t subject, primary; // places
    struct member_state state;
    struct own_log log; // at its position; then at N
    bool is_unexplained;
};

static const char *name_at(const struct mend *mend, size_t place)
{
    return mend->action->setup.servers[place].endpoint.name;
}

static bool rebuild(struct mend *mend, const char *why)
{
    return action_give_up(mend->action, "%s: it has to be made anew from another server", why);
}

// ---- reading

static bool check_tail(struct mend *mend)
{
    for (size_t i = 0; i < mend->log.tail_count; i++) {
        const struct binlog_group *group = &mend->log.tail[i];
        bool is_xa = group->kind != GROUP_ROWS && group->kind != GROUP_ALONE;
        if (group->server == mend->state.server_id) {
            return rebuild(mend, "it has written to its tables itself");
        }
        if (!is_xa || group->xid.format != DECISION_FORMAT_ID) {
            return rebuild(mend, "its binary log is ahead by more than waybill's transactions");
        }
    }
    return true;
}

static bool read_position(struct mend *mend)
{
    struct action *action = mend->action;
    struct db_rows rows;
    bool is_read =
        step_ask(action, mend->subject, "SELECT @@GLOBAL.gtid_slave_pos AS position", &rows) &&
        gtid_parse(GTID_MARIADB, slice_of_string(db_rows_text(&rows, "position")), &action->arena,
                   &mend->log.position);
    db_rows_done(&rows);
    return is_read || action_give_up(action, "%s", action->error.text);
}

// ---- 1. and 2.

static bool is_applied(const struct mend *mend, size_t i)
{
    const struct binlog_group *group = &mend->log.tail[i];
    return group->kind == GROUP_PREPARE
               ? own_log_is_held(&mend->log, group) || own_log_has_verb(&mend->log, i + 1, group)
               : !own_log_is_held(&mend->log, group);
}

// How many of the tail, from its beginning on, are in the tables; the ledger and the position are
// taken there.
static size_t pass_applied(struct mend *mend)
{
    size_t i = 0;
    for (; i < mend->log.tail_count && is_applied(mend, i); i++) {
        const struct binlog_group *group = &mend->log.tail[i];
        struct gtid_position position = {
            .domain = group->domain, .server = group->server, .sequence = group->sequence};
        struct gtid_set one = {.flavor = GTID_MARIADB, .count = 1, .positions = &position};
        xa_ledger_note(&mend->log.ledger, group);
        mend->log.position = gtid_union(&mend->log.position, &one, &mend->action->arena);
    }
    return i;
}

// ---- 3.

// What is in the tables and comes again.
static bool take_back(struct mend *mend, size_t from)
{
    for (size_t i = from; i < mend->log.tail_count; i++) {
        const struct binlog_group *group = &mend->log.tail[i];
        struct xa_branch *branch = own_log_branch(&mend->log, group);
        if (group->kind == GROUP_PREPARE && branch != NULL && branch->is_held) {
            branch->verb = XA_ROLLED_BACK; // as it was at N: not there
        } else if (group->kind == GROUP_PREPARE && own_log_has_verb(&mend->log, i + 1, group)) {
            return rebuild(mend, "it has applied transactions out of their order");
        } else if (group->kind != GROUP_PREPARE && branch == NULL) {
            struct binlog_group prepared = *group;
            prepared.kind = GROUP_PREPARE; // long before
            xa_ledger_note(&mend->log.ledger, &prepared);
            branch = own_log_branch(&mend->log, group);
        }
        if (group->kind != GROUP_PREPARE && !branch->is_held) {
            branch->is_ended = true;
        }
    }
    return true;
}

// It throws away what it has received and not applied (relay_log.c), and gets it from the primary
// again. It may have been the only one that acknowledged some of that: from before it is gone until
// it is there again the replica has a mark that says so, and should the primary die in these
// milliseconds, nobody is promoted who lacks it.
static bool begin_at_position(struct mend *mend)
{
    struct action *action = mend->action;
    if (!step_still_leads(action)) {
        return false;
    }
    return (step_stop_replica(action, mend->subject, " IO_THREAD") &&
            step_read_state(action, mend->subject, &mend->state) &&
            step_mark_had(action, mend->subject, &mend->state.received) &&
            step_stop_replica(action, mend->subject, "") &&
            step_begin_log(action, mend->subject, &mend->log.position)) ||
           action_give_up(action, "%s", action->error.text);
}

// ---- what may be mended

static bool check_apply_mode(struct mend *mend)
{
    struct action *action = mend->action;
    struct db_rows rows;
    bool is_read = step_ask(action, mend->subject,
                            "SELECT @@GLOBAL.slave_parallel_threads AS threads, "
                            "@@GLOBAL.slave_parallel_mode AS mode",
                            &rows);
    const char *mode = db_rows_text(&rows, "mode");
    bool is_in_order = db_rows_number(&rows, "threads") == 0 ||
                       strcasecmp(mode, "conservative") == 0 || strcasecmp(mode, "minimal") == 0 ||
                       strcasecmp(mode, "none") == 0;
    db_rows_done(&rows);
    if (!is_read) {
        return action_give_up(action, "%s", action->error.text);
    }
    return is_in_order || rebuild(mend, "its slave_parallel_mode applies out of order");
}

// Its own replicas would miss what the new log does not have.
static bool check_followers(struct mend *mend)
{
    struct action *action = mend->action;
    size_t follower = step_find_follower(action, mend->subject);
    return follower == action->setup.count ||
           action_give_up(action, "%s replicates from it", name_at(mend, follower));
}

static bool read_all(struct mend *mend)
{
    struct action *action = mend->action;
    if (!step_read_state(action, mend->subject, &mend->state)) {
        return action_give_up(action, "%s", action->error.text);
    }
    if (mend->state.is_incomplete) {
        return action_give_up(action, "it is being cloned");
    }
    if (!mend->state.is_read_only || !step_is_replica_of(action, &mend->state, mend->primary)) {
        return action_give_up(action, "it is no read-only replica of %s",
                              name_at(mend, mend->primary));
    }
    return true;
}

static bool await_apply(struct mend *mend)
{
    struct action *action = mend->action;
    struct member_state state = {.is_applying = false};
    for (int look = 0; look < START_LOOKS && !state.is_applying; look++) {
        if (!step_read_state(action, mend->subject, &state) ||
            job_wait(action->self, START_LOOK_MS, NULL, 0) == JOB_STOP) {
            break;
        }
    }
    return state.is_applying || action_give_up(action, "it does not go on after that");
}

// ---- one that has stopped

static bool is_any_apart(const struct xa_ledger *ledger)
{
    bool is_any = false;
    for (size_t i = 0; i < ledger->count; i++) {
        is_any |= xa_is_behind(&ledger->branches[i]) || xa_is_lost(&ledger->branches[i]);
    }
    return is_any;
}

static bool put_right(struct mend *mend)
{
    size_t from = 0;
    if (!read_position(mend) || !own_log_read(mend->action, mend->subject, &mend->log) ||
        !check_tail(mend)) {
        return false;
    }
    from = pass_applied(mend);
    mend->is_unexplained = mend->log.tail_count == 0 && !is_any_apart(&mend->log.ledger);
    if (!take_back(mend, from) ||
        !xa_redo_lost(mend->action, mend->subject, &mend->log.ledger, mend->log.read_bytes) ||
        !xa_finish_behind(mend->action, mend->subject, &mend->log.ledger) ||
        !xa_make_lost(mend->action, mend->subject, &mend->log.ledger)) {
        return false;
    }
    if (mend->log.tail_count == 0) {
        return true;
    }
    action_say(mend->action,
               "%s: its binary log was ahead by %zu, %zu of them not applied: begun anew at %s",
               name_at(mend, mend->subject), mend->log.tail_count, mend->log.tail_count - from,
               (const char *)gtid_print(&mend->log.position, &mend->action->arena).ptr);
    return begin_at_position(mend);
}

// What has stopped it, and its log doesn't tell, may be over: a branch of the same name, another
// that was ended while they were applied together.
static bool check_unexplained(struct mend *mend)
{
    struct member_state state = {.is_applying = false};
    if (!mend->is_unexplained) {
        return true;
    }
    bool is_read = job_wait(mend->action->self, AGAIN_MS, NULL, 0) != JOB_STOP &&
                   step_read_state(mend->action, mend->subject, &state);
    return (is_read && state.is_applying) ||
           rebuild(mend, "its binary log does not tell why it stopped, and it stops again");
}

static bool await_received(struct mend *mend)
{
    if (mend->log.tail_count > 0) {
        step_await_had(mend->action, mend->subject, &mend->state.received);
    }
    return true;
}

// Up to the last steps it is only looked at, for it may be what acknowledges: it goes on receiving.
static bool mend_stopped(struct mend *mend)
{
    struct action *action = mend->action;
    return check_apply_mode(mend) && check_followers(mend) && put_right(mend) &&
           (step_start_replica(action, mend->subject, "") ||
            action_give_up(action, "START SLAVE: %s", action->error.text)) &&
           await_apply(mend) && check_unexplained(mend) && await_received(mend);
}

// ---- one that goes on

static size_t count_behind(const struct xa_ledger *ledger)
{
    size_t count = 0;
    for (size_t i = 0; i < ledger->count; i++) {
        count += xa_is_behind(&ledger->branches[i]);
    }
    return count;
}

// Those that are still held some time after the log had them finished.
static bool drop_ended(struct mend *mend)
{
    struct xa_ledger now = {.count = 0};
    bool is_read = xa_read_held(mend->action, mend->subject, &now);
    for (size_t i = 0; is_read && i < mend->log.ledger.count; i++) {
        struct xa_branch *branch = &mend->log.ledger.branches[i];
        branch->is_held &= xa_ledger_find(&now, branch->gtrid, branch->bqual) != NULL;
    }
    xa_ledger_done(&now);
    return is_read;
}

static bool find_behind(struct mend *mend)
{
    struct action *action = mend->action;
    if (!xa_read(action, mend->subject, NULL, &mend->log.ledger)) {
        return false;
    }
    for (int look = 0; look < LOOKS && count_behind(&mend->log.ledger) > 0; look++) {
        if (job_wait(action->self, LOOK_MS, NULL, 0) == JOB_STOP) {
            return action_give_up(action, "waybill stops");
        }
        if (!drop_ended(mend)) {
            return false;
        }
    }
    return true;
}

static bool mend_running(struct mend *mend)
{
    struct action *action = mend->action;
    if (!find_behind(mend)) {
        return false;
    }
    if (count_behind(&mend->log.ledger) == 0) {
        return true;
    }
    if (!step_still_leads(action)) {
        return false;
    }
    if (!step_stop_replica(action, mend->subject, " SQL_THREAD")) {
        return action_give_up(action, "STOP SLAVE: %s", action->error.text);
    }
    bool is_fine = drop_ended(mend) && xa_finish_behind(action, mend->subject, &mend->log.ledger);
    if (!step_start_replica(action, mend->subject, " SQL_THREAD")) {
        return action_give_up(action, "START SLAVE: %s", action->error.text);
    }
    return is_fine;
}

bool action_mend(struct action *action)
{
    struct mend mend = {.action = action,
                        .subject = action_place(action, action->setup.subject),
                        .primary = action_place(action, action->setup.primary)};
    bool is_done =
        read_all(&mend) && (mend.state.is_applying ? mend_running(&mend) : mend_stopped(&mend));
    own_log_done(&mend.log);
    return is_done;
}
