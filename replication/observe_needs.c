// What a shard's servers need while its primary is well: whom nobody told of it, who was stopped,
// who is back, who has crashed.

#include "replication/observe_impl.h"

// A replica that nobody told of the new primary.
static bool look_for_stray(const struct shard_member *member, struct shard_opinion *opinion,
                           size_t place)
{
    const struct observation *seen = member->seen;
    if (opinion->roles[place] != ROLE_DETACHED || opinion->sources[place] == NO_SERVER ||
        !seen->facts.is_read_only) {
        return false;
    }
    observe_explain(opinion, SHARD_FOLLOW, "%s follows a server that is not the primary",
                    member->name);
    return true;
}

// A replica that was stopped by a waybill which got no further; or was to be led to this primary
// and still follows the one before, which has become a replica: such a chain is nobody's wish. (A
// mark on one that follows the primary and runs says nothing.)
static bool look_for_stopped(const struct shard_member *member, struct shard_opinion *opinion,
                             size_t place)
{
    const struct server_facts *facts = &member->seen->facts;
    bool is_chained = opinion->sources[place] != opinion->primary;
    bool is_stopped = facts->receiving == RECEIVING_NO || !facts->is_applying;
    if (opinion->roles[place] != ROLE_REPLICA || !facts->is_marked || !facts->is_read_only ||
        (!is_chained && !is_stopped)) {
        return false;
    }
    observe_explain(opinion, SHARD_FOLLOW, "%s was %s by a waybill that got no further",
                    member->name, is_chained ? "to be led to the primary" : "stopped");
    return true;
}

// An old primary that is back, or was fenced. Who has no position at all was never one.
static bool look_for_returned(const struct shard_member *member, struct shard_opinion *opinion,
                              size_t place)
{
    const struct server_facts *facts = &member->seen->facts;
    if (opinion->roles[place] != ROLE_DETACHED || !member->seen->has_facts ||
        member->is_discovered || observe_is_incomplete(member) || facts->source_count > 0 ||
        !facts->is_read_only || !facts->has_tables || facts->binlog_gtid[0] == '\0') {
        return false;
    }
    observe_explain(opinion, SHARD_REJOIN, "%s is read-only and replicates from nobody",
                    member->name);
    return true;
}

// Its own log is ahead of its position; a branch that isn't there, or is there already; or another
// that applies beside it has failed so.
static bool is_stopped_by_crash(const struct server_facts *facts)
{
    enum { OUT_OF_ORDER = 1950, XAER_NOTA = 1397, XAER_DUPID = 1440, AFTER_ANOTHER = 1964 };
    return !facts->is_applying &&
           (facts->apply_error == OUT_OF_ORDER || facts->apply_error == XAER_NOTA ||
            facts->apply_error == XAER_DUPID || facts->apply_error == AFTER_ANOTHER);
}

// A replica that has been away and has prepared branches is looked at once.
static bool look_for_crashed(const struct shard_member *member, struct shard_opinion *opinion,
                             size_t place)
{
    const struct observation *seen = member->seen;
    bool is_back = seen->facts.held_count > 0 && seen->mended != seen->facts.connection;
    bool is_stopped = is_stopped_by_crash(&seen->facts);
    if (opinion->roles[place] != ROLE_REPLICA || opinion->sources[place] != opinion->primary ||
        observe_is_incomplete(member) || !seen->facts.is_read_only ||
        !(is_stopped || (seen->facts.is_applying && is_back))) {
        return false;
    }
    if (is_stopped) {
        observe_explain(opinion, SHARD_MEND, "%s has stopped to apply: error %u", member->name,
                        seen->facts.apply_error);
    } else {
        opinion->verdict = SHARD_MEND;
    }
    return true;
}

// The first one that something is to be done about, from the one on whose turn it is: one for which
// nothing can be done must not keep the others waiting.
void observe_find_needy(const struct shard_view *view, struct shard_opinion *opinion)
{
    for (size_t n = 0; n < view->count; n++) {
        size_t place = (view->first + n) % view->count;
        const struct shard_member *member = &view->members[place];
        if (member->seen->is_up && member->seen->seen_us >= member->seen->valid_from_us &&
            (look_for_stray(member, opinion, place) || look_for_stopped(member, opinion, place) ||
             look_for_returned(member, opinion, place) ||
             look_for_crashed(member, opinion, place))) {
            opinion->subject = member->server;
            return;
        }
    }
}
