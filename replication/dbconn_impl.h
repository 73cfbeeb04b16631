#pragma once
// What the parts of dbconn share: the connection, and the library's calls that wait.

#include <mysql/mysql.h>
#include <mysql/mariadb_rpl.h>

#include "replication/dbconn.h"

struct dbconn {
    MYSQL *mysql; // owned
    uint32_t answer_ms;
    const struct endpoint *doubt; // borrowed; NULL: never in doubt
    uint32_t doubt_ms, patience_ms;
    uint64_t silent_us;
    bool is_mariadb;
    MARIADB_RPL *dump;        // owned; NULL: no binary log is being read
    MARIADB_RPL_EVENT *event; // owned; the last one of it
};

// dbconn_wait.c: each like the library's function of that name, with this connection's deadlines.
uint64_t dbconn_clock_ms(void);
MYSQL *dbconn_connect_within(MYSQL *mysql, const struct endpoint *to); // NULL: mysql_errno
bool dbconn_run_query(struct dbconn *conn, const char *statement, size_t len) MUST_CHECK;
bool dbconn_send_query(struct dbconn *conn, const char *statement) MUST_CHECK;
bool dbconn_read_answer(struct dbconn *conn) MUST_CHECK;
MYSQL_RES *dbconn_store_result(struct dbconn *conn);
