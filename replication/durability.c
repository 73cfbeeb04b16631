// The variables of semi-sync are "master" and "slave" in MariaDB and up to MySQL 8.0.25, "source"
// and "replica" after that; MySQL has wait_for_..._count besides, which is at least 1. A server
// that doesn't know one isn't held to it.

#include "replication/durability.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

// What semi-sync waits for so long is taken as without limit.
#define LONG_MS (UINT64_C(24) * 3600 * 1000)

static const char ask[] =
    "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('rpl_semi_sync_master_timeout', "
    "'rpl_semi_sync_source_timeout', 'rpl_semi_sync_master_wait_point', "
    "'rpl_semi_sync_source_wait_point', 'rpl_semi_sync_master_wait_no_slave', "
    "'rpl_semi_sync_source_wait_no_replica', 'sync_binlog', 'innodb_flush_log_at_trx_commit')";

static void take(struct durability *settings, const char *name, const struct db_rows *rows)
{
    if (strcmp(name, "sync_binlog") == 0) {
        settings->sync_binlog = db_rows_number(rows, "Value");
    } else if (strcmp(name, "innodb_flush_log_at_trx_commit") == 0) {
        settings->flush_log = db_rows_number(rows, "Value");
    } else if (strstr(name, "_timeout") != NULL) {
        settings->has_semi_sync = true;
        settings->timeout_ms = db_rows_number(rows, "Value");
    } else if (strstr(name, "_wait_point") != NULL) {
        settings->waits_at_sync = strcmp(db_rows_text(rows, "Value"), "AFTER_SYNC") == 0;
    } else {
        settings->waits_alone = db_rows_is_yes(rows, "Value");
    }
}

bool durability_read(struct dbconn *conn, struct durability *settings, struct error *error)
{
    struct db_rows rows;
    bool is_read = dbconn_query(conn, &rows, error, "%s", ask);
    *settings = (struct durability){.sync_binlog = 1, .flush_log = 1};
    for (bool is_there = is_read && rows.count > 0; is_there; is_there = db_rows_next(&rows)) {
        take(settings, db_rows_text(&rows, "Variable_name"), &rows);
    }
    db_rows_done(&rows);
    return is_read || dbconn_failure(conn) != DB_LOST;
}

static void add(char *text, size_t text_bytes, const char *format, ...) PRINTF_LIKE(3, 4);
static void add(char *text, size_t text_bytes, const char *format, ...)
{
    size_t len = strlen(text);
    va_list args;
    va_start(args, format);
    int added = snprintf(text + len, text_bytes - len, "%s", len > 0 ? ", " : "");
    len += (size_t)added;
    if (len < text_bytes) {
        vsnprintf(text + len, text_bytes - len, format, args);
    }
    va_end(args);
}

bool durability_waits_on(const struct durability *settings)
{
    return settings->has_semi_sync && settings->timeout_ms >= LONG_MS && settings->waits_alone;
}

void durability_explain(const struct durability *settings, char *text, size_t text_bytes)
{
    text[0] = '\0';
    if (!settings->has_semi_sync) {
        add(text, text_bytes, "no semi-sync");
    } else {
        if (settings->timeout_ms < LONG_MS) {
            add(text, text_bytes, "rpl_semi_sync_master_timeout = %llu (4294967295)",
                (unsigned long long)settings->timeout_ms);
        }
        if (!settings->waits_at_sync) {
            add(text, text_bytes, "rpl_semi_sync_master_wait_point = AFTER_COMMIT (AFTER_SYNC)");
        }
        if (!settings->waits_alone) {
            add(text, text_bytes, "rpl_semi_sync_master_wait_no_slave = 0 (1)");
        }
    }
    if (settings->sync_binlog != 1) {
        add(text, text_bytes, "sync_binlog = %llu (1)", (unsigned long long)settings->sync_binlog);
    }
    if (settings->flush_log != 1) {
        add(text, text_bytes, "innodb_flush_log_at_trx_commit = %llu (1)",
            (unsigned long long)settings->flush_log);
    }
}
