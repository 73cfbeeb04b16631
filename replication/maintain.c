// MAINTAIN SERVER and RESUME SERVER: a row of waybill.maintenance on the shard's primary, from
// where it comes to all servers of the shard, and by their probes to all waybills. (A primary is
// replaced before: the monitor has a switchover run first.)

#include "replication/action_impl.h"

#include "replication/promotion.h"
#include "replication/schema.h"

static const char *name_at(const struct action *action, size_t place)
{
    return action->setup.servers[place].endpoint.name;
}

static bool write_row(struct action *action, size_t primary, const char *statement)
{
    struct dbconn *conn = leader_conn(&action->leader, primary);
    return step_run(action, primary, statement) ||
           (conn != NULL && schema_is_missing(&action->error) &&
            schema_create(conn, &action->error) && step_run(action, primary, statement));
}

static bool change(struct action *action, const char *statement)
{
    size_t primary = action_place(action, action->setup.primary);
    struct member_state state;
    if (!step_read_state(action, primary, &state)) {
        return action_give_up(action, "%s: %s", name_at(action, primary), action->error.text);
    }
    if (state.is_read_only || state.source_count > 0) {
        return action_give_up(action, "%s does not take writes", name_at(action, primary));
    }
    return write_row(action, primary, statement) ||
           action_give_up(action, "waybill.maintenance on %s: %s", name_at(action, primary),
                          action->error.text);
}

bool action_maintain(struct action *action)
{
    const char *name = name_at(action, action_place(action, action->setup.subject));
    const char *statement =
        (const char *)arena_format(&action->arena,
                                   "INSERT IGNORE INTO waybill.maintenance (shard, server, proxy, "
                                   "at) VALUES ('%s', '%s', %u, NOW(3))",
                                   action->setup.shard_name, name, action->setup.proxy)
            .ptr;
    if (!change(action, statement)) {
        return false;
    }
    promotion_write_event(action, action_place(action, action->setup.primary),
                          "%s is in maintenance: no reads, the last to be promoted", name);
    return true;
}

bool action_resume(struct action *action)
{
    const char *name = name_at(action, action_place(action, action->setup.subject));
    const char *statement =
        (const char *)arena_format(
            &action->arena, "DELETE FROM waybill.maintenance WHERE shard = '%s' AND server = '%s'",
            action->setup.shard_name, name)
            .ptr;
    if (!change(action, statement)) {
        return false;
    }
    promotion_write_event(action, action_place(action, action->setup.primary),
                          "the maintenance of %s is over", name);
    return true;
}
