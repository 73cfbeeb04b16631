#pragma once
// A blocking connection of the control plane to one server, for job threads: connect, run, read a
// column by name. Every wait has a timeout. <mysql.h> is behind it and is included there only.

#include "base/text.h"
#include "base/tls.h"

struct dbconn; // opaque; used by one thread

enum { ENDPOINT_PATH_BYTES = 256 };

struct endpoint_tls {
    enum tls_mode mode;
    enum tls_version min_version;
    // Paths of PEM files, which are read by each connection; empty: none.
    char ca[ENDPOINT_PATH_BYTES], cert[ENDPOINT_PATH_BYTES], key[ENDPOINT_PATH_BYTES];
};

// Where and as whom; plain values, so that a job thread needs no config.
struct endpoint {
    char name[64]; // the server's, for the log
    char host[256];
    uint16_t port;
    char user[96];
    char password[128];
    struct endpoint_tls tls;
    uint32_t connect_ms; // at most, with log-in
    uint32_t answer_ms;  // each read and write
};

// Would it be the same connection?
bool endpoint_is_same(const struct endpoint *a, const struct endpoint *b) MUST_CHECK;

// Why a call failed, seen from far: what does it say about the server?
enum db_failure {
    DB_FINE,
    DB_REFUSED, // nobody listens
    DB_LOST,    // the network or a timeout: nothing is known
    DB_ANSWERED // the server is there and says no
};

enum { DB_LOST_CODE = 2013 }; // CR_SERVER_LOST

// Once, before the first job thread is started: the library's own start is not thread-safe.
void dbconn_start_library(void);

// NULL on failure (`error`, *failure). The session has short lock timeouts (a waiting semi-sync
// commit must not hold an administrator for a day) and ends by itself when unused for 20 seconds.
struct dbconn *dbconn_open(const struct endpoint *to, struct error *error,
                           enum db_failure *failure);
void dbconn_close(struct dbconn *conn); // NULL is fine
// A statement may wait for a lock, a slow disk, an acknowledgement, a packet that was lost. When no
// answer has come for doubt_ms another connection is tried meanwhile: a server that is there greets
// it. If it does not until patience_ms are over, the connection counts as lost. `to` is borrowed.
void dbconn_doubt(struct dbconn *conn, const struct endpoint *to, uint32_t doubt_ms,
                  uint32_t patience_ms);
// For how long both had waited by then; 0: it was not lost so.
uint64_t dbconn_silent_us(const struct dbconn *conn) MUST_CHECK;
bool dbconn_is_mariadb(const struct dbconn *conn) MUST_CHECK;
uint32_t dbconn_version(const struct dbconn *conn) MUST_CHECK;      // 101119
uint64_t dbconn_capabilities(const struct dbconn *conn) MUST_CHECK; // the server's own
// The version as the server greets its clients, "5.5.5-10.11.19-MariaDB" among them.
void dbconn_print_greeting(const struct dbconn *conn, char *text, size_t text_bytes);
// How many rows the last statement has changed (MySQL's way of counting: an INSERT that updates
// counts two).
uint64_t dbconn_changed(const struct dbconn *conn) MUST_CHECK;
// After a failed call: does the connection still stand?
enum db_failure dbconn_failure(const struct dbconn *conn) MUST_CHECK;

// The rows of one answer, whole.
struct db_rows {
    void *result; // owned; NULL = no rows
    size_t count;
    char **row; // the present one; NULL before the first and after the last
};

// Runs one statement; its rows, if any, are thrown away.
bool dbconn_run(struct dbconn *conn, struct error *error, const char *format, ...)
    PRINTF_LIKE(3, 4) MUST_CHECK;
// Runs one statement and keeps its rows: the first is the present one. db_rows_done in any case.
bool dbconn_query(struct dbconn *conn, struct db_rows *rows, struct error *error,
                  const char *format, ...) PRINTF_LIKE(4, 5) MUST_CHECK;
// The first column of each row of a statement that may have any number of them, as they come; the
// connection can't be used before it is over. False: an error, or `take` returned false.
bool dbconn_each(struct dbconn *conn, struct error *error, const char *statement,
                 bool (*take)(void *owner, const char *text), void *owner) MUST_CHECK;
// The same in two halves, to have several servers work at once: every send needs its finish.
bool dbconn_send(struct dbconn *conn, struct error *error, const char *statement) MUST_CHECK;
bool dbconn_finish(struct dbconn *conn, struct error *error) MUST_CHECK;
bool db_rows_next(struct db_rows *rows) MUST_CHECK; // false after the last
// A column of the present row by its name (any case). NULL: NULL, no such column, no row. Borrowed
// from the rows.
const char *db_rows_get(const struct db_rows *rows, const char *column);
const char *db_rows_text(const struct db_rows *rows, const char *column); // "" instead of NULL
uint64_t db_rows_number(const struct db_rows *rows, const char *column);  // 0 instead of NULL
// "Yes", "ON", "1" ...
bool db_rows_is_yes(const struct db_rows *rows, const char *column) MUST_CHECK;
// Appends all columns of the present row, each ended by a NUL.
void db_rows_print(const struct db_rows *rows, struct text *out);
void db_rows_done(struct db_rows *rows);

// ---- bytes as they are, and rows without end

// Runs one statement, of any bytes and size; its rows, if any, are thrown away.
bool dbconn_run_bytes(struct dbconn *conn, struct slice statement, struct error *error) MUST_CHECK;
// Runs one statement whose rows are fetched as they come: the connection does nothing else until
// dbconn_end_rows, which has to be called if it went well. *column_count of them.
bool dbconn_begin_rows(struct dbconn *conn, struct db_rows *rows, struct slice statement,
                       size_t *column_count, struct error *error) MUST_CHECK;
// The next row; values: one for each column, ptr NULL: NULL; valid until the next call. IO_CLOSED:
// there are no more. IO_ERROR: *error.
enum io dbconn_next_row(struct dbconn *conn, struct db_rows *rows, struct slice *values,
                        struct error *error) MUST_CHECK;
// Before the last row is fetched: the connection is cut, for nobody wants the rest.
void dbconn_end_rows(struct dbconn *conn, struct db_rows *rows, bool is_whole);

// ---- a server's binary logs, as it sends them to its replicas (MariaDB; needs REPLICATION SLAVE)

// What waybill calls itself there and up, by its number: above the numbers that servers are given.
#define DUMP_SERVER_ID UINT32_C(4294900000)

// From the beginning of `file`, or behind the position `gtid` (the other is NULL), up to where they
// end now. The connection is of no other use from then on. proxy: of a running waybill; two that
// read with the same number disturb each other.
bool dbconn_dump(struct dbconn *conn, const char *file, const char *gtid, uint32_t proxy,
                 struct error *error) MUST_CHECK;
// The next event, whole, with a checksum behind it if the server's log has them; valid until the
// next call. IO_CLOSED: there are no more. IO_ERROR: *error.
enum io dbconn_next_event(struct dbconn *conn, struct slice *event, struct error *error) MUST_CHECK;

// `text` as a quoted SQL string (for names and passwords in statements of our own making).
void db_quote(const char *text, char *quoted, size_t quoted_bytes);
