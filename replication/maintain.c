// MAINTAIN SERVER and RESUME SERVER: a row of waybill.maintenance on the shard's primary, from
// where it comes to all servers of the shard, and by their probes to all waybills. (A primary is
// replaced before: the monitor has a switchover run first.)

#include "replication/action_impl.h"

#include "replication/promotion.h"

static const char *name_at(const struct action *action, size_t place)
{
    return action->setup.servers[place].endpoint.name;
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
    if (!step_write_on_primary(action, statement, "waybill.maintenance")) {
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
    if (!step_write_on_primary(action, statement, "waybill.maintenance")) {
        return false;
    }
    promotion_write_event(action, action_place(action, action->setup.primary),
                          "the maintenance of %s is over", name);
    return true;
}
