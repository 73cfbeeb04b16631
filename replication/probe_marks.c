#include "replication/probe_marks.h"

#include <stdio.h>

#include "replication/clone_mark.h"

// (Asked for itself: a schema that an older waybill has made has no such table.)
static bool ask_maintenance(struct dbconn *conn, const char *shard, struct server_facts *facts,
                            struct error *error)
{
    struct db_rows rows;
    bool is_fine = dbconn_query(conn, &rows, error,
                                "SELECT GROUP_CONCAT(server) AS maintained FROM "
                                "waybill.maintenance WHERE shard = '%s'",
                                shard);
    if (is_fine) {
        snprintf(facts->maintained, sizeof facts->maintained, "%s",
                 db_rows_text(&rows, "maintained"));
    }
    db_rows_done(&rows);
    return is_fine || dbconn_failure(conn) != DB_LOST;
}

bool probe_ask_marks(struct dbconn *conn, const char *shard, struct server_facts *facts,
                     struct error *error)
{
    return ask_maintenance(conn, shard, facts, error) &&
           (clone_mark_read(conn, facts->cloned, sizeof facts->cloned, error) ||
            dbconn_failure(conn) != DB_LOST);
}
