// SHOW GRANTS is written differently by every version, and roles and SUPER hide in it. So the
// server is asked: each statement here needs a privilege that a runbook needs, and fails in any
// case, for it names what isn't there or gives a value that can't be. Servers look at privileges
// first, so the error tells.

#include "replication/privilege.h"

#include <stdio.h>
#include <string.h>

enum {
    DENIED_ON_SCHEMA = 1044,
    DENIED_ON_TABLE = 1142,
    DENIED_ON_COLUMN = 1143,
    DENIED = 1227, // "you need (at least one of) the ... privilege(s)"
    MARIADB_SPLIT_SUPER = 100500
};

enum flavors { EVERYWHERE, ON_MARIADB, ON_MYSQL };

struct trial {
    const char *statement;
    const char *name; // MariaDB 10.5 and later
    const char *old_name;
    enum flavors where;
    bool is_replication;
};

// clang-format off
static const struct trial trials[] = {
    {"SHOW ALL SLAVES STATUS", "SLAVE MONITOR", "REPLICATION CLIENT", ON_MARIADB, true},
    {"SHOW SLAVE STATUS", "", "REPLICATION CLIENT", ON_MYSQL, true},
    {"SET GLOBAL rpl_semi_sync_slave_enabled = 'waybill'",
     "REPLICATION SLAVE ADMIN", "SUPER", ON_MARIADB, true},
    {"SET GLOBAL rpl_semi_sync_master_enabled = 'waybill'",
     "REPLICATION MASTER ADMIN", "SUPER", ON_MARIADB, false},
    {"SET GLOBAL read_only = 'waybill'", "READ_ONLY ADMIN", "SUPER", ON_MARIADB, false},
    {"SET GLOBAL read_only = 'waybill'", "", "SUPER", ON_MYSQL, true}, // for STOP SLAVE, too
    {"RESET SLAVE 'waybill has no such source' ALL", "RELOAD", "RELOAD", ON_MARIADB, false},
    // (5.6 has no names of sources.) A table that isn't there has nothing to be flushed.
    {"FLUSH LOCAL TABLES waybill.no_such_table", "", "RELOAD", ON_MYSQL, false},
    {"CREATE TABLE waybill.no_such_copy LIKE waybill.no_such_table",
     "CREATE on waybill.*", "CREATE on waybill.*", EVERYWHERE, false},
    {"SELECT epoch FROM waybill.topology WHERE shard = ''",
     "SELECT on waybill.*", "SELECT on waybill.*", EVERYWHERE, false},
    {"EXPLAIN INSERT INTO waybill.topology (shard, epoch) VALUES ('', 0)",
     "INSERT on waybill.*", "INSERT on waybill.*", EVERYWHERE, false},
    {"EXPLAIN UPDATE waybill.topology SET server_id = 0 WHERE shard = ''",
     "UPDATE on waybill.*", "UPDATE on waybill.*", EVERYWHERE, false},
};
// clang-format on

static bool is_denied(unsigned code)
{
    return code == DENIED || code == DENIED_ON_TABLE || code == DENIED_ON_SCHEMA ||
           code == DENIED_ON_COLUMN;
}

static void add_missing(struct privileges *privileges, const struct trial *trial, bool is_old)
{
    const char *name = is_old ? trial->old_name : trial->name;
    size_t len = strlen(privileges->missing);
    privileges->lacks_replication |= trial->is_replication;
    if (strstr(privileges->missing, name) == NULL) {
        snprintf(privileges->missing + len, sizeof privileges->missing - len, "%s%s",
                 len > 0 ? ", " : "", name);
    }
}

bool privilege_look(struct dbconn *conn, struct privileges *privileges, struct error *error)
{
    bool is_mariadb = dbconn_is_mariadb(conn);
    bool is_old = !is_mariadb || dbconn_version(conn) < MARIADB_SPLIT_SUPER;
    *privileges = (struct privileges){.lacks_replication = false};
    for (size_t i = 0; i < sizeof trials / sizeof trials[0]; i++) {
        const struct trial *trial = &trials[i];
        if (trial->where == (is_mariadb ? ON_MYSQL : ON_MARIADB) ||
            dbconn_run(conn, error, "%s", trial->statement)) {
            continue;
        }
        if (dbconn_failure(conn) == DB_LOST) {
            return false;
        }
        if (is_denied(error->code)) {
            add_missing(privileges, trial, is_old);
        }
    }
    return true;
}

void privilege_explain(const struct privileges *privileges, const char *server, char *text,
                       size_t text_bytes)
{
    bool is_fine = privileges->missing[0] == '\0';
    snprintf(text, text_bytes, "%s%s%s%s", is_fine ? "" : "waybill needs ", privileges->missing,
             is_fine ? "" : " on ", is_fine ? "" : server);
}
