// The opinion on a shard, in this order:
//
//   0. A server that takes writes but is of an older epoch (is_outdated) is no writer, no candidate
//      and no sign of life: all that follows is judged as if it were not there, and it is fenced.
//   1. Who takes writes (up, not read-only, replicates from nobody)? One: it is the primary, unless
//      the newest epoch names another that has not stepped back. Several: the epoch's, else the one
//      that was known; the others are never written to. None: 2.
//   2. Who should be primary? The known one; else the epoch's; else the one that the replicas
//   follow.
//      It is up and read-only: it may be opened if nobody can have newer data (a promotion that
//      was begun is finished instead). It is down: 3.
//   3. Is it dead? Only if the network says so several times over failover_after (or two
//   connections
//      wait so long for a byte), and no replica still receives from it. Sooner if its port refuses
//      connections (the host answers, the server's process is gone) and all its replicas have lost
//      it, too. A primary that answers late stays the primary until then.
//
// Where a server is a member of Galera or Group Replication none of this is waybill's business:
// observe_group.c.

#include "replication/observe_impl.h"

#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

enum { MOVING_US = 1000000 };

// A job's clock may be a moment ahead of the loop's, which is read once for each turn.
static uint64_t passed_us(uint64_t now_us, uint64_t since_us)
{
    return now_us > since_us ? now_us - since_us : 0;
}

// ---- a shard

static const struct shard_member *member_of(const struct shard_view *view, uint16_t server)
{
    for (size_t i = 0; i < view->count; i++) {
        if (view->members[i].server == server) {
            return &view->members[i];
        }
    }
    return NULL;
}

static const struct shard_member *member_named(const struct shard_view *view, const char *name)
{
    for (size_t i = 0; i < view->count; i++) {
        if (strcmp(view->members[i].name, name) == 0) {
            return &view->members[i];
        }
    }
    return NULL;
}

static bool is_replica(const struct shard_member *member)
{
    return member->seen->has_facts && member->seen->facts.source_count > 0;
}

static bool is_writable(const struct shard_member *member)
{
    const struct server_facts *facts = &member->seen->facts;
    return member->seen->is_up && member->seen->has_facts && !facts->is_read_only &&
           facts->source_count == 0 && !observe_is_incomplete(member) && !member->is_discovered;
}

const struct shard_member *observe_source_of(const struct shard_view *view,
                                             const struct shard_member *member)
{
    const struct server_facts *facts = &member->seen->facts;
    if (!is_replica(member) || facts->source_count != 1) {
        return NULL;
    }
    for (size_t i = 0; i < view->count; i++) {
        const struct shard_member *other = &view->members[i];
        if (other->port == facts->source_port && strcasecmp(other->host, facts->source_host) == 0) {
            return other;
        }
    }
    return NULL;
}

void observe_explain(struct shard_opinion *opinion, enum shard_verdict verdict, const char *format,
                     ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(opinion->why, sizeof opinion->why, format, args);
    va_end(args);
    opinion->verdict = verdict;
}

static uint64_t newest_epoch(const struct shard_view *view)
{
    uint64_t epoch = 0;
    for (size_t i = 0; i < view->count; i++) {
        const struct observation *seen = view->members[i].seen;
        epoch = seen->has_facts && seen->facts.epoch > epoch ? seen->facts.epoch : epoch;
    }
    return epoch;
}

// The server of the newest promotion that any server knows of. NULL: none, or it isn't in the shard
// now.
static const struct shard_member *find_epoch(const struct shard_view *view, uint64_t *epoch)
{
    const struct shard_member *owner = NULL;
    *epoch = 0;
    for (size_t i = 0; i < view->count; i++) {
        const struct observation *seen = view->members[i].seen;
        if (seen->has_facts && seen->facts.epoch > *epoch) {
            *epoch = seen->facts.epoch;
            owner = member_named(view, seen->facts.epoch_primary);
        }
    }
    return owner;
}

// ---- 0. who is of an older epoch

static bool knows_epoch(const struct shard_member *member, const struct shard_member *owner,
                        uint64_t epoch)
{
    return member->seen->is_up && member->seen->has_facts && member->seen->facts.epoch == epoch &&
           strcmp(member->seen->facts.epoch_primary, owner->name) == 0;
}

// Did the epoch begin: does its primary take writes, or a replica of it have its row?
static bool has_begun(const struct shard_view *view, const struct shard_member *owner,
                      uint64_t epoch)
{
    if (owner == NULL || is_replica(owner)) {
        return false; // (a promotion that isn't finished, or one that was taken back by hand)
    }
    for (size_t i = 0; i < view->count; i++) {
        const struct shard_member *member = &view->members[i];
        bool counts =
            member == owner ? is_writable(owner) : observe_source_of(view, member) == owner;
        if (counts && knows_epoch(member, owner, epoch)) {
            return true;
        }
    }
    return false;
}

// Was it primary before the newest epoch, and stayed away since? Never true of the newest epoch's
// primary, whatever can't be seen of it: a promotion writes its row on the promoted server before
// that becomes writable, so the newest epoch's primary knows the newest row, and this server lacks
// one. Who was made primary by hand after the epoch has replicated its row, and is none either.
static bool is_outdated(const struct shard_view *view, const struct shard_member *owner,
                        const struct shard_member *member)
{
    return owner != NULL && member != owner && member->seen->has_facts &&
           member->seen->facts.epoch < newest_epoch(view) &&
           has_begun(view, owner, newest_epoch(view));
}

// Did the epoch's primary step back by hand (it follows the other now)?
static bool has_stepped_back(const struct shard_view *view, const struct shard_member *owner,
                             const struct shard_member *writer)
{
    return owner->seen->is_up && owner->seen->facts.is_read_only &&
           observe_source_of(view, owner) == writer;
}

// ---- 1. who takes writes

static void judge_writers(const struct shard_view *view, const struct shard_member *owner,
                          const struct shard_member *writers[2], size_t writer_count,
                          struct shard_opinion *opinion)
{
    if (writer_count == 1) {
        if (owner != NULL && owner != writers[0] && !has_stepped_back(view, owner, writers[0])) {
            observe_explain(opinion, SHARD_CONFLICT,
                            "%s takes writes, but epoch %llu made %s the primary", writers[0]->name,
                            (unsigned long long)opinion->epoch, owner->name);
            return;
        }
        opinion->primary = writers[0]->server;
        return;
    }
    const struct shard_member *known = member_of(view, view->known_primary);
    const struct shard_member *right = owner != NULL && is_writable(owner)   ? owner
                                       : known != NULL && is_writable(known) ? known
                                                                             : NULL;
    opinion->primary = right != NULL ? right->server : NO_SERVER;
    observe_explain(opinion, SHARD_CONFLICT, "%zu servers take writes (%s, %s): %s%s", writer_count,
                    writers[0]->name, writers[1]->name,
                    right != NULL ? "holding to " : "none is trusted",
                    right != NULL ? right->name : "");
}

// ---- 2. who should

static const struct shard_member *common_source(const struct shard_view *view)
{
    const struct shard_member *common = NULL;
    for (size_t i = 0; i < view->count; i++) {
        const struct shard_member *source = observe_source_of(view, &view->members[i]);
        if (source == NULL || is_replica(source) || source->is_discovered) {
            continue; // (a chain: its source's source counts)
        }
        if (common != NULL && common != source) {
            return NULL;
        }
        common = source;
    }
    return common;
}

// Was `owner` promoted after the other was primary? What a primary was told of is replicated to the
// next one, so who doesn't know an epoch was not there when it began.
static bool is_newer(const struct shard_member *owner, const struct shard_member *other)
{
    return owner != NULL && owner != other && owner->seen->facts.epoch > other->seen->facts.epoch;
}

static const struct shard_member *presumed_primary(const struct shard_view *view,
                                                   const struct shard_member *owner)
{
    const struct shard_member *known = member_of(view, view->known_primary);
    if (known != NULL && !is_replica(known) && !observe_is_incomplete(known) &&
        !is_outdated(view, owner, known) &&
        (!is_newer(owner, known) || is_replica(owner) || !owner->seen->is_up)) {
        return known;
    }
    if (owner != NULL && !is_replica(owner) && !observe_is_incomplete(owner)) {
        return owner;
    }
    return view->count == 1 ? &view->members[0] : common_source(view);
}

// Nobody that can't be asked may have newer data: a promotion that isn't known here has reached one
// replica at least, and that one would not follow this server. That this server was the primary
// when it was last seen proves nothing: another waybill, which can reach more, may have promoted
// one since. With durability = best_effort it is good enough.
static void judge_opening(const struct shard_view *view, const struct shard_member *primary,
                          bool is_trusted, struct shard_opinion *opinion)
{
    size_t away = 0;
    size_t followers = 0;
    for (size_t i = 0; i < view->count; i++) {
        const struct shard_member *member = &view->members[i];
        if (member == primary) {
            continue;
        }
        if (!member->seen->is_seen) {
            observe_explain(opinion, SHARD_WAIT, "%s was not asked yet", member->name);
            return;
        }
        if (!member->seen->is_up) {
            away++;
            continue;
        }
        const struct shard_member *source = observe_source_of(view, member);
        followers += source == primary && !member->is_discovered; // (others may not know it yet)
        if (is_replica(member) && source != primary && (source == NULL || !is_replica(source))) {
            observe_explain(opinion, SHARD_WAIT, "%s follows another server than %s", member->name,
                            primary->name);
            return;
        }
    }
    bool is_proven = away == 0 || (away == 1 && followers > 0) ||
                     (is_trusted && view->durability == DURABILITY_BEST_EFFORT);
    if (!is_proven) {
        observe_explain(opinion, SHARD_WAIT,
                        "%zu servers can't be asked and may have newer data than %s", away,
                        primary->name);
        return;
    }
    if (primary->seen->good_count < GOOD_COUNT_UP) {
        observe_explain(opinion, SHARD_WAIT, "%s has just come", primary->name);
        return;
    }
    opinion->subject = primary->server;
    observe_explain(opinion, SHARD_OPEN, "%s is the primary and is read-only", primary->name);
}

// ---- 3. is it dead

// So long nothing new must have come to a replica.
static uint64_t listen_us(const struct shard_view *view)
{
    uint64_t half_us = view->failover_after_us / 2;
    return half_us < MOVING_US ? half_us : MOVING_US;
}

static bool is_listening(const struct shard_view *view, const struct shard_member *primary,
                         const struct shard_member *member)
{
    return member->seen->is_up && observe_source_of(view, member) == primary &&
           member->seen->facts.receiving == RECEIVING_YES;
}

static bool is_still_heard(const struct shard_view *view, const struct shard_member *primary,
                           const struct shard_member *member)
{
    return is_listening(view, primary, member) &&
           passed_us(view->now_us, member->seen->moved_us) < listen_us(view);
}

// It says nothing yet: it was asked last when the primary had only begun to fail.
static bool is_to_be_asked(const struct shard_view *view, const struct shard_member *primary,
                           const struct shard_member *member)
{
    return is_listening(view, primary, member) &&
           passed_us(member->seen->seen_us, primary->seen->failing_since_us) < listen_us(view);
}

// Have all replicas that can be asked found, since it began to fail, that it is gone?
static bool is_lost_to_all(const struct shard_view *view, const struct shard_member *primary)
{
    size_t count = 0;
    for (size_t i = 0; i < view->count; i++) {
        const struct observation *seen = view->members[i].seen;
        if (observe_source_of(view, &view->members[i]) != primary || !seen->is_up) {
            continue;
        }
        if (seen->facts.receiving == RECEIVING_YES ||
            seen->seen_us < primary->seen->failing_since_us) {
            return false;
        }
        count++;
    }
    return count > 0;
}

static uint64_t patience_us(const struct shard_view *view, const struct shard_member *primary)
{
    bool is_gone = primary->seen->was_refused && is_lost_to_all(view, primary);
    return is_gone && view->failover_refused_us < view->failover_after_us
               ? view->failover_refused_us
               : view->failover_after_us;
}

static void judge_death(const struct shard_view *view, const struct shard_member *primary,
                        struct shard_opinion *opinion)
{
    const struct observation *seen = primary->seen;
    bool was_writable = seen->has_facts && !seen->facts.is_read_only;
    if (view->known_primary == primary->server && was_writable && seen->fail_count > 0 &&
        !seen->was_refused) {
        opinion->primary = primary->server; // late; what was sent to it may still be answered
    }
    observe_explain(opinion, SHARD_WAIT, "%s does not answer", primary->name);
    if (seen->fail_count < FAIL_COUNT_DEAD ||
        passed_us(view->now_us, seen->failing_since_us) < patience_us(view, primary)) {
        return;
    }
    size_t followers = 0;
    for (size_t i = 0; i < view->count; i++) {
        const struct shard_member *member = &view->members[i];
        if (is_still_heard(view, primary, member)) {
            observe_explain(opinion, SHARD_WAIT,
                            "%s does not answer here, but %s still receives from it", primary->name,
                            member->name);
            return;
        }
        if (is_to_be_asked(view, primary, member)) {
            return;
        }
        followers += member != primary && member->seen->is_up && is_replica(member);
    }
    if (followers == 0) {
        observe_explain(opinion, SHARD_WAIT, "%s is down and there is no replica that answers",
                        primary->name);
        return;
    }
    opinion->primary = NO_SERVER;
    opinion->subject = primary->server;
    observe_explain(opinion, SHARD_DEAD, "%s is dead: %s", primary->name, seen->problem);
}

// The epoch's row was written, but its server is still a replica: of `presumed`, which knows
// nothing of it. There is only forward: the other may not be opened, for it lacks that row.
static bool is_half_promoted(const struct shard_view *view, const struct shard_member *owner,
                             const struct shard_member *presumed)
{
    return is_newer(owner, presumed) && owner->seen->is_up && is_replica(owner) &&
           owner->seen->facts.is_read_only && observe_source_of(view, owner) == presumed;
}

static void judge_vacancy(const struct shard_view *view, const struct shard_member *owner,
                          struct shard_opinion *opinion)
{
    const struct shard_member *presumed = presumed_primary(view, owner);
    if (presumed == NULL) {
        observe_explain(opinion, SHARD_WAIT, "nothing tells who the primary is");
    } else if (presumed->seen->is_up && is_half_promoted(view, owner, presumed)) {
        opinion->subject = presumed->server;
        observe_explain(opinion, SHARD_DEAD,
                        "the promotion of %s (epoch %llu) was begun and not finished", owner->name,
                        (unsigned long long)opinion->epoch);
    } else if (presumed->seen->is_up) {
        bool is_trusted = presumed == owner || presumed->server == view->known_primary;
        judge_opening(view, presumed, is_trusted, opinion);
    } else {
        judge_death(view, presumed, opinion);
    }
}

// ---- roles

// `head`: whom the replicas should follow, also while it is down or not opened yet. Only the one
// that takes writes now is the primary.
static enum server_role role_of(const struct shard_view *view, const struct shard_member *member,
                                uint16_t primary, uint16_t head)
{
    if (member->server == primary) {
        return ROLE_PRIMARY;
    }
    if (!member->seen->has_facts) {
        return ROLE_UNKNOWN;
    }
    if (member->server == head) {
        return ROLE_DETACHED;
    }
    const struct shard_member *source = observe_source_of(view, member);
    bool is_in_line = source != NULL && (head == NO_SERVER || source->server == head ||
                                         (source->seen->is_up && is_replica(source)));
    return is_in_line ? ROLE_REPLICA : ROLE_DETACHED;
}

static void give_roles(const struct shard_view *view, const struct shard_member *owner,
                       struct shard_opinion *opinion)
{
    uint16_t head = opinion->primary;
    if (head == NO_SERVER && opinion->verdict != SHARD_CONFLICT) {
        const struct shard_member *presumed = presumed_primary(view, owner);
        head = presumed != NULL ? presumed->server : NO_SERVER;
    }
    for (size_t i = 0; i < view->count; i++) {
        const struct shard_member *source = observe_source_of(view, &view->members[i]);
        opinion->roles[i] = role_of(view, &view->members[i], opinion->primary, head);
        opinion->sources[i] = source != NULL ? source->server : NO_SERVER;
    }
}

static void find_outdated(const struct shard_view *view, const struct shard_member *owner,
                          struct shard_opinion *opinion)
{
    for (size_t i = 0; i < view->count; i++) {
        const struct shard_member *member = &view->members[i];
        if (is_writable(member) && is_outdated(view, owner, member) &&
            member->seen->seen_us >= member->seen->valid_from_us) {
            opinion->subject = member->server;
            observe_explain(opinion, SHARD_FENCE,
                            "%s takes writes though epoch %llu made %s the primary", member->name,
                            (unsigned long long)opinion->epoch, owner->name);
            return;
        }
    }
}

void observe_shard(const struct shard_view *view, struct shard_opinion *opinion)
{
    *opinion =
        (struct shard_opinion){.verdict = SHARD_FINE, .primary = NO_SERVER, .subject = NO_SERVER};
    if (observe_has_group(view)) {
        observe_group(view, opinion);
        return;
    }
    const struct shard_member *owner = find_epoch(view, &opinion->epoch);
    const struct shard_member *writers[2] = {NULL, NULL};
    size_t writer_count = 0;
    for (size_t i = 0; i < view->count; i++) {
        if (is_writable(&view->members[i]) && !is_outdated(view, owner, &view->members[i])) {
            writers[writer_count < 2 ? writer_count : 1] = &view->members[i];
            writer_count++;
        }
    }
    if (writer_count > 0) {
        judge_writers(view, owner, writers, writer_count, opinion);
    } else {
        judge_vacancy(view, owner, opinion);
    }
    give_roles(view, owner, opinion);
    if (opinion->verdict == SHARD_FINE) {
        observe_find_needy(view, opinion);
    }
    find_outdated(view, owner, opinion); // first of all: a failover would refuse beside a writer
}
