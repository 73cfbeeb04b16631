// The locks of one leader. Each shard has a lock of its own, so that what is done for one doesn't
// wait for another; still on all servers, for a shard of two has no majority of its own.
//
// Everybody asks the servers in the order of the configuration and stops
// at the first lock that is another's: of two proxies that try at the same time, the one that comes
// first to the first server gets them all, and the other lets go and comes back later.

// With etcd the key there comes first. A leader whose lease is over may still have locks: as long
// as its sessions stand, nobody else gets past the first of its servers, and it runs nothing any
// more.

#include "replication/leader.h"

#include <ctype.h>
#include <stdio.h>

#include "base/memory.h"

#define LOCK_PREFIX "waybill.leader."

// A name may hold anything, and be too long. Shards whose names become the same share a lock, and
// wait for each other.
static void name_lock(struct leader *leader, const char *shard)
{
    snprintf(leader->lock, sizeof leader->lock, LOCK_PREFIX "%s", shard);
    for (char *at = leader->lock; *at != '\0'; at++) {
        if (!isalnum((unsigned char)*at) && *at != '.' && *at != '-') {
            *at = '_';
        }
    }
}

static bool take_lock(const struct leader *leader, struct dbconn *conn)
{
    struct error error;
    struct db_rows rows;
    bool is_taken =
        dbconn_query(conn, &rows, &error, "SELECT GET_LOCK('%s', 0) AS is_taken", leader->lock) &&
        db_rows_is_yes(&rows, "is_taken");
    db_rows_done(&rows);
    return is_taken;
}

static bool is_still_held(const struct leader *leader, struct dbconn *conn)
{
    struct error error;
    struct db_rows rows;
    bool is_held =
        dbconn_query(conn, &rows, &error, "SELECT IS_USED_LOCK('%s') = CONNECTION_ID() AS is_held",
                     leader->lock) &&
        db_rows_is_yes(&rows, "is_held");
    db_rows_done(&rows);
    return is_held;
}

static bool has_majority(const struct leader *leader)
{
    return leader->held_count > leader->voter_count / 2;
}

static bool take_key(struct leader *leader, const struct leader_setup *setup)
{
    char key[200];
    snprintf(key, sizeof key, "waybill/%s/leader/%s", setup->cluster,
             leader->lock + strlen(LOCK_PREFIX));
    struct etcd_wish wish = {.place = {.members = setup->members,
                                       .is_tls = setup->has_tls,
                                       .ca = setup->ca,
                                       .cert = setup->cert,
                                       .key = setup->key},
                             .key = key,
                             .proxy = setup->proxy,
                             .lease_s = setup->lease_s};
    leader->is_by_etcd = true;
    leader->lease = etcd_lease_take(&wish, leader->problem, sizeof leader->problem);
    return leader->lease != NULL;
}

static void close_conn(struct leader *leader, size_t place)
{
    dbconn_close(leader->conns[place]);
    leader->conns[place] = NULL;
}

bool leader_take(struct leader *leader, const struct leader_setup *setup, const char *shard,
                 size_t count, const struct endpoint *(*endpoint)(const void *owner, size_t place),
                 const void *owner)
{
    *leader = (struct leader){.count = count,
                              .voter_count = setup->voter_count,
                              .conns = memory_new(sizeof(struct dbconn *) * count)};
    name_lock(leader, shard);
    if (setup->members[0] != '\0' && !take_key(leader, setup)) {
        return false;
    }
    for (size_t place = 0; place < count; place++) {
        const struct endpoint *to = endpoint(owner, place);
        struct error error;
        enum db_failure failure;
        struct dbconn *conn = to != NULL ? dbconn_open(to, &error, &failure) : NULL;
        if (conn == NULL) {
            continue;
        }
        leader->conns[place] = conn;
        if (take_lock(leader, conn)) {
            leader->held_count += place < leader->voter_count;
        } else {
            close_conn(leader, place);
            snprintf(leader->problem, sizeof leader->problem, "another's lock is on %s", to->name);
            return false;
        }
    }
    return leader->is_by_etcd ? etcd_lease_keep(leader->lease) : has_majority(leader);
}

bool leader_still_leads(struct leader *leader)
{
    for (size_t place = 0; place < leader->count; place++) {
        if (leader->conns[place] != NULL && !is_still_held(leader, leader->conns[place])) {
            leader_drop(leader, place);
        }
    }
    if (!leader->is_by_etcd) {
        return has_majority(leader);
    }
    snprintf(leader->problem, sizeof leader->problem, "the lease in etcd is over");
    return etcd_lease_confirm(leader->lease);
}

struct dbconn *leader_conn(struct leader *leader, size_t place)
{
    bool may_act = !leader->is_by_etcd || (leader->lease != NULL && etcd_lease_keep(leader->lease));
    return may_act ? leader->conns[place] : NULL;
}

void leader_explain(const struct leader *leader, char *text, size_t text_bytes)
{
    if (leader->is_by_etcd) {
        snprintf(text, text_bytes, "%s", leader->problem);
    } else {
        snprintf(text, text_bytes, "has the locks of %zu of %zu servers", leader->held_count,
                 leader->voter_count);
    }
}

void leader_drop(struct leader *leader, size_t place)
{
    if (leader->conns[place] != NULL) {
        close_conn(leader, place);
        leader->held_count -= place < leader->voter_count;
    }
}

void leader_give_up(struct leader *leader)
{
    for (size_t place = 0; place < leader->count; place++) {
        dbconn_close(leader->conns[place]);
    }
    etcd_lease_give(leader->lease); // (the locks are gone before the key)
    memory_free(leader->conns);
    *leader = (struct leader){.count = 0};
}
