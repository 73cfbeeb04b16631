// The tables, and who writes them:
//
//     heartbeat   each proxy its own row, on each primary, at every probe
//     topology    the job that promotes or opens a server: one row for each epoch of a shard
//     event       what has happened, for people
//     maintenance   servers that somebody works on: the job of MAINTAIN SERVER
//     discovered   replicas that were taken in: the jobs of adopt.c
//     clone       (not made here) the mark of a server that is being cloned, on that one alone
//                 (clone_mark.c)
//     decision    of transactions on several shards, on the shard that decides: the sessions of the
//                 application's own accounts, and the recovery (commit_recover.c)
//     promise     each proxy its own row, on each primary: whether it waits for its replicas
//                 (promise.c)
//     xa_fix      nobody for long: branches that stand for lost ones (xa_repair.c)
//     undone      what old primaries had that was never acknowledged, for people (undo_report.c)
//     kill_request   KILL of another waybill's client, by both of them (kill_mail.c)
//     waiting     each proxy its own row, on the default shard's primary: which of its transactions
//                 wait for rows, while it looks for deadlocks over shards (deadlock.c)
//     id_clock    each proxy its own row, on each primary: the time of its order ids (id_clock.c)
//     row_id, row_id_block   on the default shard: which row ids are reserved, by whoever reserves
//                 them (row_id_block.c)
//     index_entry, index_here   of global indexes: sessions, and the work on indexes (index_work.c)
//     unique_..._claim, unique_..._here   of each unique one, as well (index_unique.c)
//     declaration, declared_table   on the default shard: tables that were declared by statements
//                 (declare_work.c)
//     proxy       likewise, each process its own row: of which declarations it knows
//                 (declared_look.c)
//     ddl, ddl_shard   on the default shard: schema changes of several shards, by the waybill that
//                 runs one, or repairs (ddl_journal.c)

#include "replication/schema.h"

#include "router/global_index.h"

enum { NO_SUCH_SCHEMA = 1049, NO_SUCH_TABLE = 1146 };

// clang-format off
static const char create_fix_table[] =
    "CREATE TABLE IF NOT EXISTS " XA_FIX_TABLE " ("
        "id BIGINT UNSIGNED NOT NULL PRIMARY KEY) ENGINE=InnoDB";

static const char *const statements[] = {
    "CREATE DATABASE IF NOT EXISTS waybill",
    // run: of the proxy's process, so that a restarted proxy doesn't take an old figure of another
    // clock for its own. sent_us: that process's monotonic clock.
    "CREATE TABLE IF NOT EXISTS waybill.heartbeat ("
        "proxy INT NOT NULL PRIMARY KEY, "
        "run BIGINT UNSIGNED NOT NULL, "
        "sent_us BIGINT UNSIGNED NOT NULL) ENGINE=InnoDB",
    // from_ms, upto_ms: Unix milliseconds; see id_clock.c.
    "CREATE TABLE IF NOT EXISTS waybill.id_clock ("
        "proxy INT NOT NULL PRIMARY KEY, "
        "run BIGINT UNSIGNED NOT NULL, "
        "from_ms BIGINT UNSIGNED NOT NULL, "
        "upto_ms BIGINT UNSIGNED NOT NULL) ENGINE=InnoDB",
    // next_id: no row id from there on is reserved. Names compare without case.
    "CREATE TABLE IF NOT EXISTS waybill.row_id ("
        "table_schema VARCHAR(64) NOT NULL, "
        "table_name VARCHAR(64) NOT NULL, "
        "column_name VARCHAR(64) NOT NULL, "
        "next_id BIGINT UNSIGNED NOT NULL, "
        "PRIMARY KEY (table_schema, table_name, column_name)) ENGINE=InnoDB "
        "CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
    // upto_id: behind the last one. run: of the process that may use it.
    "CREATE TABLE IF NOT EXISTS waybill.row_id_block ("
        "table_schema VARCHAR(64) NOT NULL, "
        "table_name VARCHAR(64) NOT NULL, "
        "column_name VARCHAR(64) NOT NULL, "
        "from_id BIGINT UNSIGNED NOT NULL, "
        "upto_id BIGINT UNSIGNED NOT NULL, "
        "run BIGINT UNSIGNED NOT NULL, "
        "proxy INT NOT NULL, "
        "reserved_at DATETIME(3) NOT NULL, "
        "PRIMARY KEY (table_schema, table_name, column_name, from_id), KEY (run)) ENGINE=InnoDB "
        "CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
    // cut_gtid: what the new primary had received when it was promoted.
    "CREATE TABLE IF NOT EXISTS waybill.topology ("
        "shard VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, "
        "epoch BIGINT UNSIGNED NOT NULL, "
        "primary_name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, "
        "server_id INT UNSIGNED NOT NULL, "
        "cut_gtid TEXT CHARACTER SET ascii NOT NULL, "
        "at DATETIME(3) NOT NULL, "
        "PRIMARY KEY (shard, epoch)) ENGINE=InnoDB",
    "CREATE TABLE IF NOT EXISTS waybill.event ("
        "id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, "
        "at DATETIME(3) NOT NULL, "
        "proxy INT NOT NULL, "
        "text VARCHAR(500) CHARACTER SET utf8mb4 NOT NULL) ENGINE=InnoDB",
    // outcome: C committed, A aborted. asked: by whoever must know that a replica has the row.
    "CREATE TABLE IF NOT EXISTS waybill.decision ("
        "gtrid VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY, "
        "outcome CHAR(1) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, "
        "asked INT UNSIGNED NOT NULL DEFAULT 0, "
        "at DATETIME(3) NOT NULL, KEY (at)) ENGINE=InnoDB",
    create_fix_table,
    // waits: see promise.c. at: the primary's clock, UTC.
    "CREATE TABLE IF NOT EXISTS waybill.promise ("
        "shard VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, "
        "proxy INT NOT NULL, "
        "primary_name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, "
        "epoch BIGINT UNSIGNED NOT NULL, "
        "waits BOOL NOT NULL, "
        "at DATETIME(6) NOT NULL, "
        "PRIMARY KEY (shard, proxy)) ENGINE=InnoDB",
    // Servers that somebody works on (maintain.c).
    "CREATE TABLE IF NOT EXISTS waybill.maintenance ("
        "shard VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, "
        "server VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, "
        "proxy INT NOT NULL, "
        "at DATETIME(3) NOT NULL, "
        "PRIMARY KEY (shard, server)) ENGINE=InnoDB",
    // Replicas that are in no section (adopt.c).
    "CREATE TABLE IF NOT EXISTS waybill.discovered ("
        "shard VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, "
        "address VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, "
        "proxy INT NOT NULL, "
        "at DATETIME(3) NOT NULL, "
        "PRIMARY KEY (shard, address)) ENGINE=InnoDB",
    "CREATE TABLE IF NOT EXISTS waybill.undone ("
        "id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, "
        "at DATETIME(3) NOT NULL, "
        "shard VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, "
        "server VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, "
        "epoch BIGINT UNSIGNED NOT NULL, "
        "gtid VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, "
        "report MEDIUMTEXT CHARACTER SET utf8mb4 NOT NULL, "
        "UNIQUE KEY (shard, server, epoch, gtid)) ENGINE=InnoDB",
    // Of statements with the hint once='...', beside what they wrote. digest: of the text.
    "CREATE TABLE IF NOT EXISTS waybill.once ("
        "name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY, "
        "digest BIGINT UNSIGNED NOT NULL, "
        "affected BIGINT UNSIGNED, "
        "insert_id BIGINT UNSIGNED, "
        "message VARCHAR(500) CHARACTER SET utf8mb4, "
        "at DATETIME(3) NOT NULL, KEY (at)) ENGINE=InnoDB",
    "CREATE TABLE IF NOT EXISTS waybill.kill_request ("
        "target INT NOT NULL, "
        "asker INT NOT NULL, "
        "slot INT NOT NULL, "
        "target_run BIGINT UNSIGNED NOT NULL, "
        "asker_run BIGINT UNSIGNED NOT NULL, "
        "number BIGINT UNSIGNED NOT NULL, "
        "victim INT UNSIGNED NOT NULL, "
        "asker_session INT UNSIGNED NOT NULL, "
        "is_query BOOL NOT NULL, "
        "may_all BOOL NOT NULL, "
        "user VARBINARY(255) NOT NULL, "
        "state VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, "
        "asked_at DATETIME(3) NOT NULL, "
        "PRIMARY KEY (target, asker, slot)) ENGINE=InnoDB",
    // list: see deadlock.c. It is of use only while what it says can be seen on the servers.
    "CREATE TABLE IF NOT EXISTS waybill.waiting ("
        "proxy INT NOT NULL PRIMARY KEY, "
        "list MEDIUMTEXT CHARACTER SET ascii COLLATE ascii_bin NOT NULL, "
        "at DATETIME(3) NOT NULL) ENGINE=InnoDB",
    // settings, charset, database_name: of the session that ran it. checks: SHOW CREATE statements,
    // a line each. state: open, done, failed (nowhere), forgotten.
    "CREATE TABLE IF NOT EXISTS waybill.ddl ("
        "id BIGINT UNSIGNED NOT NULL PRIMARY KEY, "
        "state VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, "
        "proxy INT NOT NULL, "
        "run BIGINT UNSIGNED NOT NULL, "
        "user_name VARBINARY(255) NOT NULL, "
        "database_name VARBINARY(255) NOT NULL, "
        "charset VARCHAR(64) CHARACTER SET ascii NOT NULL, "
        "settings MEDIUMBLOB NOT NULL, "
        "statement LONGBLOB NOT NULL, "
        "checks MEDIUMBLOB NOT NULL, "
        "is_repeatable BOOL NOT NULL, "
        "begun_at DATETIME(3) NOT NULL, "
        "KEY (state)) ENGINE=InnoDB",
    // One row. number: of the last change of declared_table.
    "CREATE TABLE IF NOT EXISTS waybill.declaration ("
        "id TINYINT NOT NULL PRIMARY KEY, "
        "number BIGINT UNSIGNED NOT NULL) ENGINE=InnoDB",
    // words: of its section, a line each. state: see declare_work.c. ddl, run: who makes or drops it.
    "CREATE TABLE IF NOT EXISTS waybill.declared_table ("
        "table_schema VARCHAR(64) NOT NULL, "
        "table_name VARCHAR(64) NOT NULL, "
        "words TEXT NOT NULL, "
        "number BIGINT UNSIGNED NOT NULL, "
        "state VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, "
        "ddl BIGINT UNSIGNED NOT NULL, "
        "run BIGINT UNSIGNED NOT NULL, "
        "proxy INT NOT NULL, "
        "changed_at DATETIME(3) NOT NULL, "
        "PRIMARY KEY (table_schema, table_name), KEY (ddl)) ENGINE=InnoDB "
        "CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
    // seen: the number as of which all its workers know the declared tables. beat: grows with each
    // renewal, after which it counts on what it knows for lease_ms.
    "CREATE TABLE IF NOT EXISTS waybill.proxy ("
        "run BIGINT UNSIGNED NOT NULL PRIMARY KEY, "
        "proxy INT NOT NULL, "
        "seen BIGINT UNSIGNED NOT NULL, "
        "lease_ms INT UNSIGNED NOT NULL, "
        "beat BIGINT UNSIGNED NOT NULL, "
        "problem VARCHAR(400) CHARACTER SET utf8mb4 NOT NULL, "
        "at DATETIME(3) NOT NULL) ENGINE=InnoDB",
    // before_hash: of what the checks answered before; 0: not known. state: enum ddl_state.
    "CREATE TABLE IF NOT EXISTS waybill.ddl_shard ("
        "ddl BIGINT UNSIGNED NOT NULL, "
        "shard VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, "
        "before_hash BIGINT UNSIGNED NOT NULL, "
        "state VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, "
        "problem VARBINARY(255) NOT NULL, "
        "changed_at DATETIME(3) NOT NULL, "
        "PRIMARY KEY (ddl, shard)) ENGINE=InnoDB",
};

// Of global indexes (router/global_index.h). digest: MD5 of the value; rows that are near one
// another are of values that have nothing to do with one another, so that locks of what is not
// there yet don't meet.
static const char *const index_statements[] = {
    "CREATE DATABASE IF NOT EXISTS waybill",
    "CREATE TABLE IF NOT EXISTS " INDEX_ENTRY_TABLE " ("
        "index_key VARBINARY(64) NOT NULL, "
        "value VARBINARY(255) NOT NULL, "
        "shard VARBINARY(64) NOT NULL, "
        "PRIMARY KEY (index_key, value, shard)) ENGINE=InnoDB",
    "CREATE TABLE IF NOT EXISTS " INDEX_HERE_TABLE " ("
        "index_key VARBINARY(64) NOT NULL, "
        "digest BINARY(16) NOT NULL, "
        "value VARBINARY(255) NOT NULL, "
        "PRIMARY KEY (index_key, digest)) ENGINE=InnoDB",
};
// clang-format on

bool schema_is_missing(const struct error *error)
{
    return error->code == NO_SUCH_TABLE || error->code == NO_SUCH_SCHEMA;
}

bool schema_create(struct dbconn *conn, struct error *error)
{
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        if (!dbconn_run(conn, error, "%s", statements[i])) {
            return false;
        }
    }
    return true;
}

bool schema_create_index_tables(struct dbconn *conn, struct error *error)
{
    for (size_t i = 0; i < sizeof index_statements / sizeof index_statements[0]; i++) {
        if (!dbconn_run(conn, error, "%s", index_statements[i])) {
            return false;
        }
    }
    return true;
}

bool schema_create_fix_table(struct dbconn *conn, struct error *error)
{
    return dbconn_run(conn, error, "%s", statements[0]) &&
           dbconn_run(conn, error, "%s", create_fix_table);
}
