// The locks of one leader. Each shard has a lock of its own, so that what is done for one doesn't
// wait for another; still on all servers, for a shard of two has no majority of its own.
//
// Everybody asks the servers in the order of the configuration and stops
// at the first lock that is another's: of two proxies that try at the same time, the one that comes
// first to the first server gets them all, and the other lets go and comes back later.

#include "replication/leader.h"

#include <ctype.h>
#include <stdio.h>

#include "base/memory.h"

// A name may hold anything, and be too long. Shards whose names become the same share a lock, and
// wait for each other.
static void name_lock(struct leader *leader, const char *shard)
{
    snprintf(leader->lock, sizeof leader->lock, "waybill.leader.%s", shard);
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
    return leader->held_count > leader->count / 2;
}

static void close_conn(struct leader *leader, size_t place)
{
    dbconn_close(leader->conns[place]);
    leader->conns[place] = NULL;
}

bool leader_take(struct leader *leader, const char *shard, size_t count,
                 const struct endpoint *(*endpoint)(const void *owner, size_t place),
                 const void *owner)
{
    *leader = (struct leader){.count = count, .conns = memory_new(sizeof(struct dbconn *) * count)};
    name_lock(leader, shard);
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
            leader->held_count++;
        } else {
            close_conn(leader, place);
            return false;
        }
    }
    return has_majority(leader);
}

bool leader_still_leads(struct leader *leader)
{
    for (size_t place = 0; place < leader->count; place++) {
        if (leader->conns[place] != NULL && !is_still_held(leader, leader->conns[place])) {
            leader_drop(leader, place);
        }
    }
    return has_majority(leader);
}

void leader_drop(struct leader *leader, size_t place)
{
    if (leader->conns[place] != NULL) {
        close_conn(leader, place);
        leader->held_count--;
    }
}

void leader_give_up(struct leader *leader)
{
    for (size_t place = 0; place < leader->count; place++) {
        dbconn_close(leader->conns[place]);
    }
    memory_free(leader->conns);
    *leader = (struct leader){.count = 0};
}
