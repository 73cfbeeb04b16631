// Promotes a replica of a dead primary. In order, and why in that order:
//
//   1. Look only. Does anybody take writes already (another proxy was faster, or it isn't dead)?
//      Then nothing. May the account do on the replicas all that follows? What would be refused in
//      the middle is refused here.
//   2. Stop receiving on all replicas, then read what each has received. Stopping first also
//      fences: a primary that is alive after all gets no acknowledgement any more.
//   3. Decide (failover_decide).
//   4. The candidate applies all that it has received. If this waybill never saw the primary, the
//      rows that others wrote there tell whether it waited for acknowledgements (promise.c).
//   5. Semi-sync as a source on the candidate; the others follow it, and one of them has to come,
//      so that there is somebody to acknowledge the epoch and the first client.
//   ---- up to here whatever is refused is put back: all replicate from the old primary as before
//   6. The epoch row, written as an administrator while the server is still read-only: it comes
//      back only when a replica has it. From here on every proxy knows, and the candidate has
//      something that the old primary lacks: there is no way back, only on.
//   7. Writable; the monitor hears of it at once.
//   8. Look whether the others do follow.
//
// It can end anywhere and be begun again, by any proxy. After 6 the newest row names a server that
// is still a replica and has nothing beyond the row's cut but its own writing: its promotion was
// begun. It is gone on with under the same epoch, also when the old primary has come back (which
// lacks the row, and is read-only). Between RESET SLAVE ALL and read_only = 0 the picture is "all
// read-only, the others follow it, it is the epoch's", which is opened (open_primary.c).

#include "replication/action_impl.h"

#include <stdio.h>
#include <time.h>

#include "replication/failover_decide.h"
#include "replication/promotion.h"

enum { FOLLOW_LOOKS = 100, FOLLOW_LOOK_MS = 20, WAKE_MS = 20 };

struct failover {
    struct action *action;
    size_t dead;                 // places in setup.servers
    size_t members[SERVERS_MAX]; // the shard's other servers
    struct failover_member views[SERVERS_MAX];
    struct member_state states[SERVERS_MAX];
    struct member_state before[SERVERS_MAX]; // anything was done
    char missing[SERVERS_MAX][160];          // privileges; "" when there are all
    bool lacks_replication[SERVERS_MAX];
    uint64_t begun[SERVERS_MAX]; // the epoch of a promotion that was begun; 0: none
    size_t count;
    uint64_t epoch;        // this promotion's
    uint64_t epoch_before; // the newest that was known
    size_t candidate;      // in members
    size_t away;           // as in struct failover_choice
    bool has_semi_sync;    // was switched on for the candidate
    bool is_past_return;   // the epoch's row is written, or may be
    uint64_t stopped_us;   // when nobody received any more
    size_t follower_count; // others that could be told to follow
    bool is_follower[SERVERS_MAX];
    bool was_led[SERVERS_MAX]; // or it was tried
};

static const char *name_of(const struct failover *failover, size_t i)
{
    size_t place = failover->members[i];
    return failover->action->setup.servers[place].endpoint.name;
}

static bool is_connected(const struct failover *failover, size_t i)
{
    return failover->action->leader.conns[failover->members[i]] != NULL;
}

static void find_members(struct failover *failover)
{
    const struct action_setup *setup = &failover->action->setup;
    failover->dead = action_place(failover->action, setup->subject);
    for (size_t place = 0; place < setup->count; place++) {
        if (setup->servers[place].is_member && place != failover->dead) {
            failover->members[failover->count++] = place;
        }
    }
}

// ---- 1.

static bool was_begun(const struct failover *failover, size_t i, const struct epoch_row *row)
{
    const struct member_state *state = &failover->states[i];
    return row->epoch > 0 && state->source_count > 0 &&
           strcmp(row->primary_name, name_of(failover, i)) == 0 &&
           gtid_is_own_tail(&state->received, &row->cut, state->server_id, row->server_uuid);
}

static bool read_member(struct failover *failover, size_t i)
{
    struct action *action = failover->action;
    size_t place = failover->members[i];
    struct privileges privileges;
    struct epoch_row row;
    if (!is_connected(failover, i) || !step_look_at_privileges(action, place, &privileges)) {
        return false;
    }
    privilege_explain(&privileges, name_of(failover, i), failover->missing[i],
                      sizeof failover->missing[i]);
    failover->lacks_replication[i] = privileges.lacks_replication;
    if (!step_read_state(action, place, &failover->states[i])) {
        return false;
    }
    if (privileges.missing[0] != '\0') {
        return true; // may not be promoted, nor perhaps read the row
    }
    if (!step_read_epoch(action, place, &row)) {
        return false;
    }
    failover->begun[i] = was_begun(failover, i, &row) ? row.epoch : 0;
    failover->epoch = row.epoch > failover->epoch ? row.epoch : failover->epoch;
    return true;
}

// The old primary may be there again only when it is too late for it.
static bool is_too_late_for(struct failover *failover, size_t dead)
{
    struct action *action = failover->action;
    struct member_state state;
    struct epoch_row row;
    uint64_t begun = 0;
    for (size_t i = 0; i < failover->count; i++) {
        begun = failover->begun[i] > begun ? failover->begun[i] : begun;
    }
    return begun > 0 && step_read_state(action, dead, &state) &&
           step_read_epoch(action, dead, &row) && state.is_read_only && state.source_count == 0 &&
           row.epoch < begun;
}

// As the file has it.
static void note_promote(struct failover *failover, size_t i)
{
    enum promote promote = failover->action->setup.servers[failover->members[i]].promote;
    failover->views[i].is_preferred = promote == PROMOTE_PREFER;
    failover->views[i].is_near = failover->action->setup.servers[failover->members[i]].is_near;
    failover->views[i].is_maintained =
        failover->action->setup.servers[failover->members[i]].is_maintained;
    const char *why = promote == PROMOTE_NEVER            ? "has promote = never"
                      : failover->states[i].is_incomplete ? "is being cloned"
                      : failover->states[i].delay_s > 0   ? "applies with a delay (MASTER_DELAY)"
                                                          : NULL;
    if (why != NULL) {
        snprintf(failover->missing[i], sizeof failover->missing[i], "%s %s", name_of(failover, i),
                 why);
    }
}

// What would be refused in the middle. A replica that may not be promoted doesn't hinder another.
static bool check_privileges(struct failover *failover)
{
    struct action *action = failover->action;
    const char *barred = NULL;
    bool is_any_free = false;
    for (size_t i = 0; i < failover->count; i++) {
        struct failover_member *view = &failover->views[i];
        if (failover->lacks_replication[i] && view->is_replica) {
            return action_give_up(action, "%s", failover->missing[i]);
        }
        if (view->is_reachable && view->is_replica) {
            note_promote(failover, i);
            view->barred = failover->missing[i][0] != '\0' ? failover->missing[i] : NULL;
            barred = view->barred != NULL ? view->barred : barred;
            is_any_free |= view->barred == NULL;
        }
    }
    return is_any_free || barred == NULL || action_give_up(action, "%s", barred);
}

static bool is_asked(const struct failover *failover, size_t i)
{
    return failover->views[i].is_reachable && failover->views[i].is_replica;
}

static bool is_any_begun(const struct failover *failover)
{
    for (size_t i = 0; i < failover->count; i++) {
        if (failover->views[i].is_begun) {
            return true;
        }
    }
    return false;
}

// What the member's rows say of the dead primary; what it can't be asked it has not said.
static struct promise read_promise(struct failover *failover, size_t i)
{
    struct action *action = failover->action;
    struct promise promise;
    const struct promise_of of = {
        .shard = action->setup.shard_name,
        .primary = action->setup.servers[failover->dead].endpoint.name,
        .epoch = failover->epoch_before,
    };
    if (!step_read_promise(action, failover->members[i], &of, &promise)) {
        promise = (struct promise){.is_kept = false};
    }
    return promise;
}

// A primary that may have acknowledged without a replica has perhaps what nobody else has. What
// this waybill saw counts, and what others have written down since; what they have, if it saw
// nothing.
static bool judge_promise(const struct failover *failover, const struct promise *promise)
{
    struct action *action = failover->action;
    const struct action_setup *setup = &action->setup;
    const char *dead = setup->servers[failover->dead].endpoint.name;
    if (promise->is_broken || (setup->was_seen && !setup->was_semi_sync)) {
        return action_give_up(action,
                              "%s did not wait for acknowledgements: what it acknowledged may be "
                              "on it alone (durability = semi_sync)",
                              dead);
    }
    if (setup->was_seen || promise->is_kept) {
        return true;
    }
    return action_give_up(
        action,
        "whether %s waited for acknowledgements was never seen, nor lately written "
        "down: what it acknowledged may be on it alone (durability = semi_sync)",
        dead);
}

static bool needs_promise(const struct failover *failover)
{
    return failover->action->setup.durability == DURABILITY_SEMI_SYNC &&
           !is_any_begun(failover); // (which is decided already)
}

// By what the replicas have applied up to now: one that says well is enough.
static bool foresee_promise(struct failover *failover)
{
    struct promise best = {.is_kept = false};
    for (size_t i = 0; i < failover->count && needs_promise(failover); i++) {
        if (is_asked(failover, i)) {
            struct promise promise = read_promise(failover, i);
            best = promise.is_kept || !best.is_kept ? promise : best;
        }
    }
    return !needs_promise(failover) || judge_promise(failover, &best);
}

// What one of several sources was told is not told apart from the rest that a replica has.
static bool check_several_sources(struct failover *failover)
{
    struct action *action = failover->action;
    size_t place = needs_promise(failover) ? step_find_mixed(action) : action->setup.count;
    return place == action->setup.count ||
           action_give_up(action,
                          "%s replicates from several sources and may have acknowledged what "
                          "nobody else has (rpl_semi_sync_slave_enabled there)",
                          action->setup.servers[place].endpoint.name);
}

// Has the candidate what a replica may have lost when it was started anew?
static bool check_restarted(struct failover *failover, const struct promise *promise)
{
    struct action *action = failover->action;
    uint64_t beat_us = step_read_beat_us(action, failover->members[failover->candidate]);
    for (size_t i = 0; i < failover->count && !is_any_begun(failover); i++) {
        if (!is_asked(failover, i) ||
            !step_may_have_more(action, failover->members[i], beat_us, promise)) {
            continue;
        }
        if (action->setup.durability == DURABILITY_SEMI_SYNC) {
            return action_give_up(action,
                                  "cannot prove that nothing is lost: %s was started anew, and had "
                                  "perhaps received what nobody else has",
                                  name_of(failover, i));
        }
        action_say(action,
                   "warning: %s was started anew, and had perhaps received what nobody else has: "
                   "writes may be lost",
                   name_of(failover, i));
    }
    return true;
}

// By the candidate, which has applied all that there is.
static bool check_promise(struct failover *failover)
{
    struct action *action = failover->action;
    struct promise promise = read_promise(failover, failover->candidate);
    if (!check_restarted(failover, &promise)) {
        return false;
    }
    if (!needs_promise(failover)) {
        return true;
    }
    if (!judge_promise(failover, &promise)) {
        return false;
    }
    if (!action->setup.was_seen) {
        action_say(action, "%s waited for acknowledgements when proxy %u looked last, %llu ms ago",
                   action->setup.servers[failover->dead].endpoint.name, promise.proxy,
                   (unsigned long long)promise.age_ms);
    }
    return true;
}

// False: given up, and nothing was changed.
static bool look_around(struct failover *failover)
{
    struct action *action = failover->action;
    for (size_t i = 0; i < failover->count; i++) {
        size_t place = failover->members[i];
        const struct member_state *state = &failover->states[i];
        struct failover_member *view = &failover->views[i];
        view->is_reachable = read_member(failover, i);
        view->is_replica = action->setup.servers[place].role != ROLE_DETACHED &&
                           (!view->is_reachable || state->source_count == 1);
        if (view->is_reachable && !state->is_read_only && state->source_count == 0 &&
            !state->is_incomplete) {
            return action_give_up(action, "%s takes writes already", name_of(failover, i));
        }
    }
    for (size_t i = 0; i < failover->count; i++) {
        failover->views[i].is_begun = failover->begun[i] > 0 &&
                                      failover->begun[i] == failover->epoch &&
                                      failover->begun[i] >= action->setup.epoch;
    }
    failover->epoch_before =
        failover->epoch > action->setup.epoch ? failover->epoch : action->setup.epoch;
    if (action->leader.conns[failover->dead] != NULL &&
        !is_too_late_for(failover, failover->dead)) {
        return action_give_up(action, "it answers again");
    }
    return foresee_promise(failover) && check_several_sources(failover) &&
           check_privileges(failover);
}

// Those that wait for a primary that hangs.
static void wake_receivers(struct failover *failover)
{
    struct action *action = failover->action;
    bool is_any = false;
    for (size_t i = 0; i < failover->count; i++) {
        if (is_asked(failover, i)) {
            step_mark_stopped(action, failover->members[i]);
            is_any |= failover->states[i].is_receiving &&
                      step_wake_receiver(action, failover->members[i]);
        }
    }
    enum job_news news = is_any ? job_wait(action->self, WAKE_MS, NULL, 0) : JOB_NOTHING;
    (void)news; // (a stop is seen at the next look at the locks)
}

// 2. All at once. One that fails here counts as unreachable.
static void stop_receiving(struct failover *failover)
{
    struct action *action = failover->action;
    bool is_sent[SERVERS_MAX] = {false};
    wake_receivers(failover);
    for (size_t i = 0; i < failover->count; i++) {
        failover->before[i] = failover->states[i];
        if (is_asked(failover, i)) {
            relay_log_start_applying(action, failover->members[i], &failover->states[i]);
            is_sent[i] = step_send(action, failover->members[i], "STOP SLAVE IO_THREAD");
        }
    }
    for (size_t i = 0; i < failover->count; i++) {
        struct failover_member *view = &failover->views[i];
        if (view->is_reachable && view->is_replica) {
            view->is_reachable =
                is_sent[i] && step_finish(action, failover->members[i]) &&
                step_read_state(action, failover->members[i], &failover->states[i]);
        }
        view->received = failover->states[i].received;
        view->had = &failover->states[i].had;
    }
    failover->stopped_us = job_now_us();
}

// After a refusal: all that can be reached replicate from the old primary again, as far as they
// did before. What doesn't come back shows in the probes.
static void put_back(struct failover *failover)
{
    struct action *action = failover->action;
    if (failover->has_semi_sync) {
        bool is_off = step_set_semi_sync(action, failover->members[failover->candidate], false);
        (void)is_off;
    }
    for (size_t i = 0; i < failover->count; i++) {
        size_t place = failover->members[i];
        if (!is_asked(failover, i)) {
            continue;
        }
        bool is_started = failover->was_led[i]
                              ? step_follow(action, place, failover->dead)
                              : relay_log_receive_again(action, place, &failover->before[i]);
        if (!is_started) {
            action_say(action, "%s could not be put back: %s", name_of(failover, i),
                       action->error.text);
        }
    }
}

// With durability = semi_sync it is proven that nothing is lost, or refused.
static bool may_lose(const struct action *action)
{
    return action->setup.durability == DURABILITY_BEST_EFFORT && !action->setup.was_semi_sync;
}

// 3.
static bool choose(struct failover *failover)
{
    struct action *action = failover->action;
    struct failover_choice choice;
    failover_decide(failover->views, failover->count, action->setup.durability, &choice);
    if (choice.is_refused) {
        return action_give_up(action, "%s", choice.why);
    }
    failover->candidate = choice.candidate;
    failover->away = choice.away;
    failover->epoch =
        failover->views[choice.candidate].is_begun ? failover->epoch : failover->epoch_before + 1;
    action_say(
        action, "receiving was stopped at +%u ms; %s is chosen: %s (%s)",
        (unsigned)((failover->stopped_us - action->began_us) / 1000),
        name_of(failover, choice.candidate), choice.why,
        (const char *)gtid_print(&failover->views[choice.candidate].received, &action->arena).ptr);
    if (failover->views[choice.candidate].is_maintained) {
        action_say(action, "warning: %s is in maintenance, but no other server can be promoted",
                   name_of(failover, choice.candidate));
    }
    const char *dead = action->setup.servers[failover->dead].endpoint.name;
    if (may_lose(action) && !action->setup.was_seen) {
        action_say(action,
                   "warning: whether %s waited for acknowledgements was never seen: writes may be "
                   "lost",
                   dead);
    } else if (may_lose(action)) {
        action_say(action, "warning: %s did not wait for acknowledgements: writes may be lost",
                   dead);
    }
    return true;
}

// 4.
static bool apply_all(struct failover *failover)
{
    struct action *action = failover->action;
    size_t i = failover->candidate;
    if (!relay_log_apply(action, failover->members[i], &failover->states[i])) {
        return false;
    }
    action_say(action, "%s has applied it", name_of(failover, i));
    return true;
}

static bool await_follower(struct failover *failover)
{
    size_t followers[SERVERS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < failover->count; i++) {
        if (failover->is_follower[i]) {
            followers[count++] = failover->members[i];
        }
    }
    return promotion_await_follower(failover->action, failover->members[failover->candidate],
                                    followers, count);
}

// 5. A replica that can't be led over now is led later, by the monitor.
static bool gather_followers(struct failover *failover)
{
    struct action *action = failover->action;
    size_t candidate = failover->members[failover->candidate];
    bool is_any_other = false;
    if (!step_stop_replica(action, candidate, "")) {
        return action_give_up(action, "STOP SLAVE on %s: %s",
                              name_of(failover, failover->candidate), action->error.text);
    }
    for (size_t i = 0; i < failover->count; i++) {
        if (i == failover->candidate || !failover->views[i].is_reachable ||
            !failover->views[i].is_replica) {
            continue;
        }
        is_any_other = true;
        failover->was_led[i] = true;
        failover->is_follower[i] = step_follow(action, failover->members[i], candidate);
        failover->follower_count += failover->is_follower[i];
        if (!failover->is_follower[i]) {
            action_say(action, "%s can't be led to it: %s", name_of(failover, i),
                       action->error.text);
        }
    }
    if (failover->follower_count == 0 && is_any_other &&
        action->setup.durability == DURABILITY_SEMI_SYNC) {
        return action_give_up(action,
                              "no other replica can be led to %s, so none would have what "
                              "it acknowledges (durability = semi_sync)",
                              name_of(failover, failover->candidate));
    }
    if (failover->follower_count == 0) {
        action_say(action, "warning: no replica is left to acknowledge what is committed from now "
                           "on: semi-sync stays off");
        return true;
    }
    failover->has_semi_sync = true;
    if (!step_set_semi_sync(action, candidate, true)) {
        return action_give_up(action, "semi-sync on %s: %s", name_of(failover, failover->candidate),
                              action->error.text);
    }
    return await_follower(failover);
}

// 6. One row for one promotion: what was begun has its row.
static bool record_epoch(struct failover *failover)
{
    struct action *action = failover->action;
    failover->is_past_return = true;
    if (failover->views[failover->candidate].is_begun) {
        action_say(action, "epoch %llu was written before", (unsigned long long)failover->epoch);
        return true;
    }
    struct promotion promotion = {
        .place = failover->members[failover->candidate],
        .epoch = failover->epoch,
        .server_id = failover->states[failover->candidate].server_id,
        .cut = &failover->views[failover->candidate].received,
    };
    bool is_written = promotion_write_epoch(action, &promotion);
    failover->is_past_return = promotion.may_be_written;
    return is_written;
}

// 7.
static bool open_candidate(struct failover *failover)
{
    struct action *action = failover->action;
    size_t place = failover->members[failover->candidate];
    if (!step_still_leads(action)) {
        return false;
    }
    if (!step_run(action, place, "RESET SLAVE ALL") ||
        !step_run(action, place, "SET GLOBAL read_only = 0")) {
        return action_give_up(action, "opening %s: %s", name_of(failover, failover->candidate),
                              action->error.text);
    }
    action_report_opened(action, action->setup.servers[place].server, failover->epoch);
    return true;
}

// 8.
static void look_at_followers(struct failover *failover)
{
    struct action *action = failover->action;
    for (size_t i = 0; i < failover->count; i++) {
        struct member_state state = {.is_receiving = false};
        for (int look = 0; look < FOLLOW_LOOKS && failover->is_follower[i]; look++) {
            if (!step_read_state(action, failover->members[i], &state) || state.is_receiving ||
                job_wait(action->self, FOLLOW_LOOK_MS, NULL, 0) == JOB_STOP) {
                break;
            }
        }
        if (failover->is_follower[i]) {
            action_say(action, "%s %s %s", name_of(failover, i),
                       state.is_receiving && state.is_applying ? "follows" : "does not follow",
                       name_of(failover, failover->candidate));
        }
    }
}

static void write_event(struct failover *failover)
{
    struct action *action = failover->action;
    promotion_write_event(
        action, failover->members[failover->candidate], "%s promoted instead of %s, epoch %llu%s%s",
        name_of(failover, failover->candidate), action->setup.servers[failover->dead].endpoint.name,
        (unsigned long long)failover->epoch,
        may_lose(action) ? "; it did not wait for acknowledgements, writes may be lost" : "",
        failover->away == 0 ? "" : "; what replicas that can't be reached have alone is lost");
}

bool action_failover(struct action *action)
{
    struct failover *failover = arena_alloc(&action->arena, sizeof *failover);
    failover->action = action;
    find_members(failover);
    if (!look_around(failover)) {
        return false;
    }
    stop_receiving(failover);
    if (!choose(failover) || !apply_all(failover) || !check_promise(failover) ||
        !adopt_check_known(action, failover->members[failover->candidate]) ||
        !gather_followers(failover) || !record_epoch(failover) || !open_candidate(failover)) {
        if (!failover->is_past_return) {
            put_back(failover);
        }
        return false;
    }
    look_at_followers(failover);
    write_event(failover);
    return true;
}
