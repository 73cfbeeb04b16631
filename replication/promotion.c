// What a failover and a switchover have in common. The row is written with semi-sync on, so it
// comes back only when a replica has it.

#include "replication/promotion.h"

#include <stdarg.h>
#include <stdio.h>

#include "replication/schema.h"

enum {
    ATTACH_US = 5000000, // a follower's first connection
    LOOK_MS = 2,
};

static const char *name_at(const struct action *action, size_t place)
{
    return action->setup.servers[place].endpoint.name;
}

bool promotion_await_follower(struct action *action, size_t primary, const size_t *followers,
                              size_t count)
{
    uint64_t until_us = job_now_us() + ATTACH_US;
    while (job_now_us() < until_us) {
        for (size_t i = 0; i < count; i++) {
            struct member_state state;
            if (step_read_state(action, followers[i], &state) && state.is_receiving) {
                return true;
            }
        }
        if (job_wait(action->self, LOOK_MS, NULL, 0) == JOB_STOP) {
            return action_give_up(action, "waybill stops");
        }
    }
    return action_give_up(action, "no replica can receive from %s (replication_user?)",
                          name_at(action, primary));
}

static bool insert_epoch(struct action *action, const struct promotion *promotion,
                         struct dbconn *conn)
{
    struct slice cut = gtid_print(promotion->cut, &action->arena);
    return dbconn_run(conn, &action->error,
                      "INSERT INTO waybill.topology (shard, epoch, primary_name, server_id, "
                      "cut_gtid, at) VALUES ('%s', %llu, '%s', %u, '%s', NOW(3))",
                      action->setup.shard_name, (unsigned long long)promotion->epoch,
                      name_at(action, promotion->place), promotion->server_id,
                      (const char *)cut.ptr);
}

bool promotion_write_epoch(struct action *action, struct promotion *promotion)
{
    size_t place = promotion->place;
    struct dbconn *conn = leader_conn(&action->leader, place);
    promotion->may_be_written = true;
    bool is_written = conn != NULL && insert_epoch(action, promotion, conn);
    if (!is_written && conn != NULL && schema_is_missing(&action->error)) {
        is_written = schema_create(conn, &action->error) && insert_epoch(action, promotion, conn);
    }
    if (is_written) {
        action_say(action, "epoch %llu is written", (unsigned long long)promotion->epoch);
        return true;
    }
    if (conn != NULL && dbconn_failure(conn) == DB_LOST) {
        leader_drop(&action->leader, place); // it may be written all the same
    } else {
        promotion->may_be_written = false;
    }
    return action_give_up(action, "the epoch could not be written on %s: %s",
                          name_at(action, place), action->error.text);
}

void promotion_write_event(struct action *action, size_t place, const char *format, ...)
{
    char text[240];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const char *statement =
        (const char *)arena_format(&action->arena,
                                   "INSERT INTO waybill.event (at, proxy, text) VALUES "
                                   "(NOW(3), %u, 'shard %s: %s')",
                                   action->setup.proxy, action->setup.shard_name, text)
            .ptr;
    if (!step_run(action, place, statement)) {
        action_say(action, "the event could not be written: %s", action->error.text);
    }
}
