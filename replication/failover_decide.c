// A primary with semi-sync waits for the acknowledgement of one replica, any one. So an
// acknowledged transaction is on at least one replica, and it takes the positions of all replicas
// to know it.
//
//     unreachable replica               -> refuse: the transaction may be there alone
//                                          (durability = best_effort: said, and gone past)
//     one holds what all hold together  -> it
//     none does (they have diverged)    -> refuse: somebody must look
//     it lacks what one had once        -> refuse: a waybill made that one receive anew (mend.c),
//                                          and it has not got there again (best_effort: said)
//     several do                        -> the one whose promotion was begun before, else one that
//                                          is not in maintenance, else one that is preferred, else
//                                          one in the dead primary's zone, else
//                                          the first that may be promoted
//
// A server that follows nobody (an old primary that came back) has acknowledged nothing: it neither
// counts nor becomes the primary.

#include "replication/failover_decide.h"

#include <stdio.h>
#include <string.h>

static void refuse(struct failover_choice *choice, const char *why)
{
    choice->is_refused = true;
    snprintf(choice->why, sizeof choice->why, "%s", why);
}

static bool is_better(const struct failover_member *a, const struct failover_member *b)
{
    return a->is_begun != b->is_begun             ? a->is_begun
           : a->is_maintained != b->is_maintained ? b->is_maintained
           : a->is_preferred != b->is_preferred   ? a->is_preferred
                                                  : a->is_near && !b->is_near;
}

static bool holds_all(const struct failover_member *members, size_t count, size_t place)
{
    for (size_t i = 0; i < count; i++) {
        if (members[i].is_reachable && members[i].is_replica &&
            !gtid_contains(&members[place].received, &members[i].received)) {
            return false;
        }
    }
    return true;
}

// Has a replica had what nobody has now? (Who holds all and lacks that is nobody's choice.)
static bool is_any_gone(const struct failover_member *members, size_t count, size_t place)
{
    for (size_t i = 0; i < count; i++) {
        if (members[i].is_reachable && members[i].is_replica && members[i].had != NULL &&
            !gtid_contains(&members[place].received, members[i].had)) {
            return true;
        }
    }
    return false;
}

void failover_decide(const struct failover_member *members, size_t count,
                     enum durability_promise durability, struct failover_choice *choice)
{
    *choice = (struct failover_choice){.is_refused = false};
    size_t reachable = 0;
    size_t away = 0;
    for (size_t i = 0; i < count; i++) {
        reachable += members[i].is_replica && members[i].is_reachable;
        away += members[i].is_replica && !members[i].is_reachable;
    }
    if (reachable == 0) {
        refuse(choice, "no replica can be reached");
        return;
    }
    if (away > 0 && durability == DURABILITY_SEMI_SYNC) {
        char why[160];
        snprintf(why, sizeof why,
                 "cannot prove that nothing is lost: %zu of %zu replicas can't be reached and may "
                 "hold the only copy of an acknowledged transaction",
                 away, away + reachable);
        refuse(choice, why);
        return;
    }
    size_t best = count;
    const char *barred = NULL;
    for (size_t i = 0; i < count; i++) {
        if (!members[i].is_reachable || !members[i].is_replica || !holds_all(members, count, i)) {
            continue;
        }
        if (members[i].barred != NULL) {
            barred = members[i].barred;
        } else if (best == count || is_better(&members[i], &members[best])) {
            best = i;
        }
    }
    if (best == count) {
        refuse(choice, barred != NULL ? barred
                                      : "the replicas have diverged: each has received something "
                                        "that the others lack");
        return;
    }
    if (durability == DURABILITY_SEMI_SYNC && is_any_gone(members, count, best)) {
        refuse(choice,
               "cannot prove that nothing is lost: a replica was made to receive anew, and had "
               "received what nobody has now (its init_slave says what)");
        return;
    }
    choice->candidate = best;
    choice->away = away;
    choice->is_any_gone = is_any_gone(members, count, best);
    snprintf(choice->why, sizeof choice->why, "it has received all that %zu replicas have",
             reachable);
    size_t len = strlen(choice->why);
    if (away > 0) {
        snprintf(choice->why + len, sizeof choice->why - len,
                 "; %zu can't be reached: what is there alone is lost", away);
    } else if (choice->is_any_gone) {
        snprintf(choice->why + len, sizeof choice->why - len,
                 "; what one had before it was made to receive anew is lost");
    }
}
