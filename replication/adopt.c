// Takes a replica in that is in no section, and lets one go: a row of waybill.discovered on the
// shard's primary. From there it comes to all servers of the shard and by their probes to all
// waybills, so that all of them count the same servers. It is written under the leader's locks: not
// while a promotion runs.

#include "replication/action_impl.h"

#include <stdio.h>
#include <strings.h>

#include "replication/promotion.h"
#include "replication/schema.h"

bool action_adopt(struct action *action)
{
    const char *statement = (const char *)arena_format(
                                &action->arena,
                                "INSERT IGNORE INTO waybill.discovered (shard, address, proxy, "
                                "at) VALUES ('%s', '%s', %u, NOW(3))",
                                action->setup.shard_name, action->setup.peer, action->setup.proxy)
                                .ptr;
    if (!step_write_on_primary(action, statement, "waybill.discovered")) {
        return false;
    }
    promotion_write_event(action, action_place(action, action->setup.primary),
                          "%s is taken in (discover = on)", action->setup.peer);
    return true;
}

bool action_let_go(struct action *action)
{
    const char *statement = (const char *)arena_format(&action->arena,
                                                       "DELETE FROM waybill.discovered WHERE shard "
                                                       "= '%s' AND address = '%s'",
                                                       action->setup.shard_name, action->setup.peer)
                                .ptr;
    if (!step_write_on_primary(action, statement, "waybill.discovered")) {
        return false;
    }
    promotion_write_event(action, action_place(action, action->setup.primary),
                          "%s is gone and is let go", action->setup.peer);
    return true;
}

static bool is_known(const struct action *action, const char *address)
{
    for (size_t place = 0; place < action->setup.count; place++) {
        const struct action_server *server = &action->setup.servers[place];
        char text[300];
        bool is_v6 = strchr(server->endpoint.host, ':') != NULL;
        snprintf(text, sizeof text, "%s%s%s:%u", is_v6 ? "[" : "", server->endpoint.host,
                 is_v6 ? "]" : "", server->endpoint.port);
        if (server->is_member && strcasecmp(text, address) == 0) {
            return true;
        }
    }
    return false;
}

bool adopt_check_known(struct action *action, size_t place)
{
    const char *ask =
        (const char *)arena_format(&action->arena,
                                   "SELECT address FROM waybill.discovered WHERE shard = '%s'",
                                   action->setup.shard_name)
            .ptr;
    struct db_rows rows;
    bool is_fine = step_ask(action, place, ask, &rows);
    bool is_any_unknown = false;
    for (bool is_there = is_fine && rows.count > 0; is_there && !is_any_unknown;
         is_there = db_rows_next(&rows)) {
        is_any_unknown = !is_known(action, db_rows_text(&rows, "address"));
    }
    db_rows_done(&rows);
    if (is_any_unknown) {
        return action_give_up(action, "another replica was taken in just before, which may have "
                                      "acknowledged something: it is asked first");
    }
    return is_fine || schema_is_missing(&action->error) ||
           action_give_up(action, "waybill.discovered: %s", action->error.text);
}
