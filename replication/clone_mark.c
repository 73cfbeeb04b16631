#include "replication/clone_mark.h"

#include <stdio.h>

#include "replication/schema.h"

bool clone_mark_read(struct dbconn *conn, char *text, size_t text_bytes, struct error *error)
{
    struct db_rows rows;
    bool is_read = dbconn_query(conn, &rows, error, "SELECT source, progress FROM waybill.clone");
    text[0] = '\0';
    if (is_read && rows.count > 0) {
        snprintf(text, text_bytes, "being cloned from %s: %s", db_rows_text(&rows, "source"),
                 db_rows_text(&rows, "progress"));
    }
    db_rows_done(&rows);
    return is_read || schema_is_missing(error);
}

bool clone_mark_write(struct dbconn *conn, const char *from, uint32_t proxy, const char *progress,
                      struct error *error)
{
    return dbconn_run(conn, error, "CREATE DATABASE IF NOT EXISTS waybill") &&
           dbconn_run(conn, error,
                      "CREATE TABLE IF NOT EXISTS waybill.clone ("
                      "id INT NOT NULL PRIMARY KEY, "
                      "source VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, "
                      "proxy INT NOT NULL, "
                      "progress VARCHAR(160) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, "
                      "at DATETIME(3) NOT NULL) ENGINE=InnoDB") &&
           dbconn_run(conn, error, "REPLACE INTO waybill.clone VALUES (1, '%s', %u, '%s', NOW(3))",
                      from, proxy, progress);
}

bool clone_mark_drop(struct dbconn *conn, struct error *error)
{
    return dbconn_run(conn, error, "DROP TABLE IF EXISTS waybill.clone");
}
