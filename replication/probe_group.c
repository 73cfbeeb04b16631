#include "replication/probe_group.h"

#include <strings.h>

enum { MYSQL_HAS_GROUPS = 50717 };

static bool ask_galera(struct dbconn *conn, struct server_facts *facts, struct error *error)
{
    struct db_rows rows;
    bool is_fine = dbconn_query(conn, &rows, error, "SHOW GLOBAL STATUS LIKE 'wsrep_%%'");
    for (bool is_there = is_fine && rows.count > 0; is_there; is_there = db_rows_next(&rows)) {
        const char *name = db_rows_text(&rows, "Variable_name");
        const char *value = db_rows_text(&rows, "Value");
        if (strcasecmp(name, "wsrep_provider_name") == 0) {
            facts->is_in_group = value[0] != '\0';
        } else if (strcasecmp(name, "wsrep_ready") == 0) { // (also: in the primary component)
            facts->is_group_ready = strcasecmp(value, "ON") == 0;
        }
    }
    db_rows_done(&rows);
    return is_fine;
}

bool probe_ask_group(struct dbconn *conn, struct server_facts *facts, struct error *error)
{
    if (facts->is_mariadb) {
        return ask_galera(conn, facts, error);
    }
    if (facts->version < MYSQL_HAS_GROUPS) {
        return true;
    }
    struct db_rows rows;
    bool is_fine = dbconn_query(conn, &rows, error,
                                "SELECT MEMBER_STATE FROM "
                                "performance_schema.replication_group_members WHERE MEMBER_ID = "
                                "@@server_uuid");
    facts->is_in_group = is_fine && rows.count > 0;
    facts->is_group_ready = strcmp(db_rows_text(&rows, "MEMBER_STATE"), "ONLINE") == 0;
    db_rows_done(&rows);
    return is_fine || dbconn_failure(conn) != DB_LOST;
}
