// libmysqlclient (MariaDB's on Debian), as little of it as a job thread needs. It tells a refused
// connection from one that timed out only by the time that it took: both are "can't connect", with
// an errno that it has overwritten.

#include "replication/dbconn_impl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>

#include "base/memory.h"
#include "base/text.h"

enum {
    CLIENT_ERRORS = 2000,     // the library's own numbers: CR_MIN_ERROR ..
    CLIENT_ERRORS_END = 3000, // .. CR_MAX_ERROR and room
    CONNECTION_ERROR = 2002,
    CONN_HOST_ERROR = 2003,
    SSL_CONNECTION_ERROR = 2026,
};

// The library runs what may wait on a stack of its own; its TLS wants room.
static const size_t stack_bytes = 256 * 1024;

static bool is_same_tls(const struct endpoint_tls *a, const struct endpoint_tls *b)
{
    return a->mode == b->mode && a->min_version == b->min_version && strcmp(a->ca, b->ca) == 0 &&
           strcmp(a->cert, b->cert) == 0 && strcmp(a->key, b->key) == 0;
}

bool endpoint_is_same(const struct endpoint *a, const struct endpoint *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->host, b->host) == 0 && a->port == b->port &&
           strcmp(a->user, b->user) == 0 && strcmp(a->password, b->password) == 0 &&
           is_same_tls(&a->tls, &b->tls);
}

void dbconn_start_library(void)
{
    // Its only failures are of allocation and of plugins that are not asked for here.
    (void)mysql_library_init(0, NULL, NULL);
}

static void take_error(MYSQL *mysql, struct error *error)
{
    error_set(error, (uint16_t)mysql_errno(mysql), mysql_sqlstate(mysql), "%s", mysql_error(mysql));
}

static enum db_failure failure_of(unsigned code)
{
    if (code == 0) {
        return DB_FINE;
    }
    return code >= CLIENT_ERRORS && code < CLIENT_ERRORS_END ? DB_LOST : DB_ANSWERED;
}

// The library verifies the signature as soon as it has a CA, and the host's name if it is told to.
// The password is never sent as it is, unless it is known to whom.
static void set_tls(MYSQL *mysql, const struct endpoint_tls *tls)
{
    if (tls->mode != TLS_VERIFY_IDENTITY) {
        mysql_optionsv(
            mysql, MARIADB_OPT_RESTRICTED_AUTH,
            "mysql_native_password,caching_sha2_password,sha256_password,client_ed25519");
    }
    if (tls->mode == TLS_DISABLED) {
        return;
    }
    my_bool is_wanted = 1;
    mysql_options(mysql, MYSQL_OPT_SSL_ENFORCE, &is_wanted);
    mysql_options(mysql, MARIADB_OPT_TLS_VERSION,
                  tls->min_version == TLS_1_3 ? "TLSv1.3" : "TLSv1.2,TLSv1.3");
    if (tls->mode >= TLS_VERIFY_CA && tls->ca[0] != '\0') {
        mysql_options(mysql, MYSQL_OPT_SSL_CA, tls->ca);
    } else if (tls->mode >= TLS_VERIFY_CA) {
        mysql_options(mysql, MYSQL_OPT_SSL_CAPATH, tls_system_ca_directory());
    }
    if (tls->mode == TLS_VERIFY_IDENTITY) {
        mysql_options(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &is_wanted);
    }
    if (tls->cert[0] != '\0') {
        mysql_options(mysql, MYSQL_OPT_SSL_CERT, tls->cert);
        mysql_options(mysql, MYSQL_OPT_SSL_KEY, tls->key[0] != '\0' ? tls->key : tls->cert);
    }
}

// ---- a connection

static MYSQL *new_mysql(const struct endpoint *to)
{
    MYSQL *mysql = mysql_init(NULL);
    if (mysql == NULL) {
        return NULL;
    }
    unsigned connect_s = (to->connect_ms + 999) / 1000;
    unsigned answer_s = (to->answer_ms + 999) / 1000;
    unsigned no = 0;
    my_bool is_wanted = 0;
    mysql_options(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &connect_s);
    mysql_options(mysql, MYSQL_OPT_READ_TIMEOUT, &answer_s);
    mysql_options(mysql, MYSQL_OPT_WRITE_TIMEOUT, &answer_s);
    mysql_options(mysql, MYSQL_OPT_LOCAL_INFILE, &no);
    mysql_options(mysql, MYSQL_OPT_RECONNECT, &is_wanted);
    mysql_options(mysql, MYSQL_OPT_NONBLOCK, &stack_bytes);
    mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    set_tls(mysql, &to->tls);
    return mysql;
}

// The library goes on without TLS when the server offers none, unless it is to verify its name.
static bool is_safe_enough(MYSQL *mysql, const struct endpoint *to, struct error *error)
{
    if (to->tls.mode < TLS_REQUIRED || mysql_get_ssl_cipher(mysql) != NULL) {
        return true;
    }
    error_set(error, SSL_CONNECTION_ERROR, "HY000",
              "it offers no TLS, which its tls (or server_tls) demands");
    return false;
}

// A lock timeout below the read timeout: the server says "timed out", and the connection stays.
static bool prepare_session(struct dbconn *conn, struct error *error)
{
    return dbconn_run(conn, error,
                      "SET SESSION lock_wait_timeout = 1, innodb_lock_wait_timeout = 1, "
                      "wait_timeout = 20, autocommit = 1");
}

struct dbconn *dbconn_open(const struct endpoint *to, struct error *error, enum db_failure *failure)
{
    MYSQL *mysql = new_mysql(to);
    if (mysql == NULL) {
        error_set(error, CLIENT_ERRORS + 8, "HY000", "out of memory");
        *failure = DB_LOST;
        return NULL;
    }
    uint64_t began_ms = dbconn_clock_ms();
    if (dbconn_connect_within(mysql, to) == NULL) {
        unsigned code = mysql_errno(mysql);
        bool is_refused = (code == CONNECTION_ERROR || code == CONN_HOST_ERROR) &&
                          dbconn_clock_ms() - began_ms < to->connect_ms / 2;
        *failure = is_refused ? DB_REFUSED : failure_of(code);
        take_error(mysql, error);
        mysql_close(mysql);
        return NULL;
    }
    if (!is_safe_enough(mysql, to, error)) {
        *failure = DB_ANSWERED;
        mysql_close(mysql);
        return NULL;
    }
    struct dbconn *conn = memory_new(sizeof *conn);
    conn->mysql = mysql;
    conn->answer_ms = to->answer_ms;
    conn->is_mariadb = strstr(mysql_get_server_info(mysql), "MariaDB") != NULL;
    if (!prepare_session(conn, error)) {
        *failure = failure_of(mysql_errno(mysql));
        dbconn_close(conn);
        return NULL;
    }
    *failure = DB_FINE;
    return conn;
}

void dbconn_close(struct dbconn *conn)
{
    if (conn != NULL) {
        if (conn->event != NULL) {
            mariadb_free_rpl_event(conn->event);
        }
        if (conn->dump != NULL) {
            mariadb_rpl_close(conn->dump);
        }
        mysql_close(conn->mysql);
        memory_free(conn);
    }
}

void dbconn_doubt(struct dbconn *conn, const struct endpoint *to, uint32_t doubt_ms,
                  uint32_t patience_ms)
{
    conn->doubt = to;
    conn->doubt_ms = doubt_ms;
    conn->patience_ms = patience_ms;
    conn->silent_us = 0;
}

uint64_t dbconn_silent_us(const struct dbconn *conn)
{
    return conn->silent_us;
}

bool dbconn_is_mariadb(const struct dbconn *conn)
{
    return conn->is_mariadb;
}

uint32_t dbconn_version(const struct dbconn *conn)
{
    return (uint32_t)mysql_get_server_version(conn->mysql);
}

uint64_t dbconn_capabilities(const struct dbconn *conn)
{
    unsigned long low = 0, high = 0;
    bool is_told =
        mariadb_get_infov(conn->mysql, MARIADB_CONNECTION_SERVER_CAPABILITIES, &low) == 0 &&
        mariadb_get_infov(conn->mysql, MARIADB_CONNECTION_EXTENDED_SERVER_CAPABILITIES, &high) == 0;
    return is_told ? (uint64_t)high << 32 | (uint32_t)low : UINT64_MAX;
}

void dbconn_print_greeting(const struct dbconn *conn, char *text, size_t text_bytes)
{
    // MariaDB 10 says 5.5.5 first, for old replicas that know one digit; the library takes it away.
    const char *version = mysql_get_server_info(conn->mysql);
    const char *prefix = conn->is_mariadb && strncmp(version, "10.", 3) == 0 ? "5.5.5-" : "";
    snprintf(text, text_bytes, "%s%s", prefix, version);
}

enum db_failure dbconn_failure(const struct dbconn *conn)
{
    return failure_of(mysql_errno(conn->mysql));
}

uint64_t dbconn_changed(const struct dbconn *conn)
{
    return mysql_affected_rows(conn->mysql);
}

// ---- statements

static bool send_statement(struct dbconn *conn, struct error *error, const char *format,
                           va_list args) PRINTF_LIKE(3, 0);
static bool send_statement(struct dbconn *conn, struct error *error, const char *format,
                           va_list args)
{
    char *statement = NULL;
    int len = vasprintf(&statement, format, args);
    if (len < 0) {
        error_set(error, CLIENT_ERRORS + 8, "HY000", "out of memory");
        return false;
    }
    bool is_fine = dbconn_run_query(conn, statement, (size_t)len);
    free(statement);
    if (!is_fine) {
        take_error(conn->mysql, error);
    }
    return is_fine;
}

static bool take_rows(struct dbconn *conn, struct db_rows *rows, struct error *error)
{
    MYSQL_RES *result = dbconn_store_result(conn);
    if (result == NULL) {
        if (mysql_errno(conn->mysql) != 0) {
            take_error(conn->mysql, error);
            return false;
        }
        return true;
    }
    rows->result = result;
    rows->count = (size_t)mysql_num_rows(result);
    rows->row = mysql_fetch_row(result);
    return true;
}

bool dbconn_query(struct dbconn *conn, struct db_rows *rows, struct error *error,
                  const char *format, ...)
{
    *rows = (struct db_rows){.result = NULL};
    va_list args;
    va_start(args, format);
    bool is_fine = send_statement(conn, error, format, args);
    va_end(args);
    return is_fine && take_rows(conn, rows, error);
}

bool dbconn_run(struct dbconn *conn, struct error *error, const char *format, ...)
{
    struct db_rows rows = {.result = NULL};
    va_list args;
    va_start(args, format);
    bool is_fine = send_statement(conn, error, format, args);
    va_end(args);
    is_fine = is_fine && take_rows(conn, &rows, error);
    db_rows_done(&rows);
    return is_fine;
}

bool dbconn_each(struct dbconn *conn, struct error *error, const char *statement,
                 bool (*take)(void *owner, const char *text), void *owner)
{
    MYSQL_RES *result = NULL;
    if (mysql_real_query(conn->mysql, statement, (unsigned long)strlen(statement)) != 0 ||
        (result = mysql_use_result(conn->mysql)) == NULL) {
        take_error(conn->mysql, error);
        return false;
    }
    bool is_taken = true;
    MYSQL_ROW row;
    while (is_taken && (row = mysql_fetch_row(result)) != NULL) {
        is_taken = row[0] == NULL || take(owner, row[0]);
    }
    bool is_fine = is_taken && mysql_errno(conn->mysql) == 0;
    if (is_taken && !is_fine) {
        take_error(conn->mysql, error);
    }
    mysql_free_result(result);
    return is_fine;
}

bool dbconn_send(struct dbconn *conn, struct error *error, const char *statement)
{
    if (dbconn_send_query(conn, statement)) {
        return true;
    }
    take_error(conn->mysql, error);
    return false;
}

bool dbconn_finish(struct dbconn *conn, struct error *error)
{
    struct db_rows rows = {.result = NULL};
    if (!dbconn_read_answer(conn)) {
        take_error(conn->mysql, error);
        return false;
    }
    bool is_fine = take_rows(conn, &rows, error);
    db_rows_done(&rows);
    return is_fine;
}

// ---- rows

bool db_rows_next(struct db_rows *rows)
{
    if (rows->row != NULL) {
        rows->row = mysql_fetch_row(rows->result);
    }
    return rows->row != NULL;
}

const char *db_rows_get(const struct db_rows *rows, const char *column)
{
    if (rows->row == NULL) {
        return NULL;
    }
    const MYSQL_FIELD *fields = mysql_fetch_fields(rows->result);
    unsigned count = mysql_num_fields(rows->result);
    for (unsigned i = 0; i < count; i++) {
        if (strcasecmp(fields[i].name, column) == 0) {
            return rows->row[i];
        }
    }
    return NULL;
}

const char *db_rows_text(const struct db_rows *rows, const char *column)
{
    const char *value = db_rows_get(rows, column);
    return value != NULL ? value : "";
}

uint64_t db_rows_number(const struct db_rows *rows, const char *column)
{
    uint64_t number = 0;
    return slice_to_uint64(slice_of_string(db_rows_text(rows, column)), &number) ? number : 0;
}

bool db_rows_is_yes(const struct db_rows *rows, const char *column)
{
    const char *value = db_rows_text(rows, column);
    return strcasecmp(value, "yes") == 0 || strcasecmp(value, "on") == 0 || strcmp(value, "1") == 0;
}

void db_rows_print(const struct db_rows *rows, struct text *out)
{
    unsigned count = rows->row != NULL ? mysql_num_fields(rows->result) : 0;
    for (unsigned i = 0; i < count; i++) {
        text_add_string(out, rows->row[i] != NULL ? rows->row[i] : "");
        text_add(out, "", 1);
    }
}

void db_rows_done(struct db_rows *rows)
{
    if (rows->result != NULL) {
        mysql_free_result(rows->result);
    }
    *rows = (struct db_rows){.result = NULL};
}

// ---- bytes as they are, and rows without end

bool dbconn_run_bytes(struct dbconn *conn, struct slice statement, struct error *error)
{
    struct db_rows rows = {.result = NULL};
    bool is_fine = mysql_real_query(conn->mysql, (const char *)statement.ptr, statement.len) == 0;
    if (!is_fine) {
        take_error(conn->mysql, error);
    }
    is_fine = is_fine && take_rows(conn, &rows, error);
    db_rows_done(&rows);
    return is_fine;
}

bool dbconn_begin_rows(struct dbconn *conn, struct db_rows *rows, struct slice statement,
                       size_t *column_count, struct error *error)
{
    *rows = (struct db_rows){.result = NULL};
    if (mysql_real_query(conn->mysql, (const char *)statement.ptr, statement.len) == 0) {
        rows->result = mysql_use_result(conn->mysql);
    }
    if (rows->result == NULL) {
        take_error(conn->mysql, error);
        return false;
    }
    *column_count = mysql_num_fields(rows->result);
    return true;
}

enum io dbconn_next_row(struct dbconn *conn, struct db_rows *rows, struct slice *values,
                        struct error *error)
{
    char **row = mysql_fetch_row(rows->result);
    if (row == NULL) {
        if (mysql_errno(conn->mysql) == 0) {
            return IO_CLOSED;
        }
        take_error(conn->mysql, error);
        return IO_ERROR;
    }
    const unsigned long *lengths = mysql_fetch_lengths(rows->result);
    unsigned count = mysql_num_fields(rows->result);
    for (unsigned i = 0; i < count; i++) {
        values[i] = row[i] != NULL ? slice_of(row[i], lengths[i]) : (struct slice){.ptr = NULL};
    }
    return IO_DONE;
}

void dbconn_end_rows(struct dbconn *conn, struct db_rows *rows, bool is_whole)
{
    if (!is_whole) { // (the library would read them all)
        (void)shutdown(mysql_get_socket(conn->mysql), SHUT_RDWR);
    }
    db_rows_done(rows);
}

// ---- binary logs

// A server ends an older reader with the same number.
enum { DUMP_FIRST_BYTE = 4, DUMP_TO_END = 1 };

bool dbconn_dump(struct dbconn *conn, const char *file, const char *gtid, uint32_t proxy,
                 struct error *error)
{
    if (!dbconn_run(conn, error,
                    "SET @mariadb_slave_capability = 4, @master_binlog_checksum = "
                    "@@GLOBAL.binlog_checksum") ||
        (gtid != NULL &&
         !dbconn_run(conn, error, "SET @slave_connect_state = '%s', @slave_gtid_strict_mode = 1",
                     gtid))) {
        return false;
    }
    conn->dump = mariadb_rpl_init(conn->mysql);
    if (conn->dump == NULL) {
        error_set(error, CLIENT_ERRORS + 8, "HY000", "out of memory");
        return false;
    }
    mariadb_rpl_optionsv(conn->dump, MARIADB_RPL_SERVER_ID, DUMP_SERVER_ID + proxy);
    mariadb_rpl_optionsv(conn->dump, MARIADB_RPL_START, (unsigned long)DUMP_FIRST_BYTE);
    mariadb_rpl_optionsv(conn->dump, MARIADB_RPL_FLAGS,
                         DUMP_TO_END | MARIADB_RPL_BINLOG_SEND_ANNOTATE_ROWS);
    if (file != NULL) {
        mariadb_rpl_optionsv(conn->dump, MARIADB_RPL_FILENAME, file, strlen(file));
    }
    if (mariadb_rpl_open(conn->dump) != 0) {
        take_error(conn->mysql, error);
        return false;
    }
    return true;
}

enum io dbconn_next_event(struct dbconn *conn, struct slice *event, struct error *error)
{
    MARIADB_RPL_EVENT *next = mariadb_rpl_fetch(conn->dump, conn->event);
    conn->event = next; // (the library has freed the old one if there is no next)
    if (next != NULL) {
        *event =
            slice_of(next->raw_data + next->raw_data_ofs, next->raw_data_size - next->raw_data_ofs);
        return IO_DONE;
    }
    if (mysql_errno(conn->mysql) != 0) {
        take_error(conn->mysql, error);
        return IO_ERROR;
    }
    if (conn->dump->error_no != 0) { // (the library looks into events that it knows)
        error_set(error, CLIENT_ERRORS + 27, "HY000", "%s", conn->dump->error_msg);
        return IO_ERROR;
    }
    return IO_CLOSED;
}

// Doubled quotes and backslashes: right in the sql_mode that a server starts with; with
// NO_BACKSLASH_ESCAPES a backslash would come out double.
void db_quote(const char *text, char *quoted, size_t quoted_bytes)
{
    size_t at = 0;
    quoted[at++] = '\'';
    for (; *text != '\0' && at + 4 < quoted_bytes; text++) {
        if (*text == '\'' || *text == '\\') {
            quoted[at++] = *text;
        }
        quoted[at++] = *text;
    }
    quoted[at++] = '\'';
    quoted[at] = '\0';
}
