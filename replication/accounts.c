// The table of accounts is another one on each kind of server. On MariaDB it is JSON, which the
// server itself takes apart; on MySQL it has had other columns in each version. Here every SELECT
// gives the same columns, and the server's clock says whose password has expired.

#include "replication/accounts.h"

#include <stdio.h>

#include "base/memory.h"
#include "replication/job.h"

// clang-format off
#define PRIV(path) "JSON_VALUE(Priv, '$." path "')"
#define LIFETIME                                                                                   \
    "IF(IFNULL(" PRIV("password_lifetime") ", -1) < 0, @@default_password_lifetime, "              \
    PRIV("password_lifetime") ")"
#define OTHER(n)                                                                                   \
    PRIV("auth_or[" n "].plugin") " AS plugin" n ", "                                              \
    PRIV("auth_or[" n "].authentication_string") " AS proof" n ", "

static const char mariadb_accounts[] =
    "SELECT User AS name, Host AS host, @@skip_name_resolve AS is_by_address, " PRIV("plugin") " AS plugin, "
    PRIV("authentication_string") " AS proof, " OTHER("0") OTHER("1") OTHER("2") OTHER("3")
    PRIV("ssl_type") " AS tls, " PRIV("ssl_cipher") " AS cipher, "
    PRIV("x509_issuer") " AS issuer, " PRIV("x509_subject") " AS subject, "
    "IFNULL(" PRIV("account_locked") ", 0) AS is_locked, "
    "IFNULL(" PRIV("password_last_changed") " = 0 OR (" LIFETIME " > 0 AND "
    PRIV("password_last_changed") " + " LIFETIME " * 86400 <= UNIX_TIMESTAMP()), 0) AS is_expired, "
    PRIV("max_user_connections") " AS most "
    "FROM mysql.global_priv WHERE IFNULL(" PRIV("is_role") ", 0) = 0 ORDER BY User, Host";

#define MYSQL_COMMON                                                                               \
    "SELECT User AS name, Host AS host, @@skip_name_resolve AS is_by_address, plugin, ssl_type + 0 AS tls_kind, ssl_cipher AS cipher, "  \
    "x509_issuer AS issuer, x509_subject AS subject, max_user_connections AS most, "

static const char mysql56_accounts[] =
    MYSQL_COMMON "IF(plugin IN ('', 'mysql_native_password'), Password, authentication_string) AS proof, "
    "0 AS is_locked, password_expired = 'Y' AS is_expired FROM mysql.user ORDER BY User, Host";

static const char mysql57_accounts[] =
    MYSQL_COMMON "authentication_string AS proof, account_locked = 'Y' AS is_locked, "
    "password_expired = 'Y' OR (IFNULL(password_lifetime, @@default_password_lifetime) > 0 AND "
    "UNIX_TIMESTAMP(password_last_changed) + "
    "IFNULL(password_lifetime, @@default_password_lifetime) * 86400 <= UNIX_TIMESTAMP()) AS is_expired "
    "FROM mysql.user ORDER BY User, Host";
// clang-format on

enum { MARIADB_GLOBAL_PRIV = 100400, MYSQL_ACCOUNT_LOCK = 50706 };

struct accounts_reader {
    struct accounts_setup setup;
    struct job *job;
};

// ---- a row

static const char *const plugin_columns[ACCOUNT_PLUGINS_MAX][2] = {
    {"plugin", "proof"},   {"plugin0", "proof0"}, {"plugin1", "proof1"},
    {"plugin2", "proof2"}, {"plugin3", "proof3"},
};

static void take_plugins(const struct db_rows *rows, struct account_facts *facts)
{
    for (size_t i = 0; i < ACCOUNT_PLUGINS_MAX; i++) {
        const char *name = db_rows_get(rows, plugin_columns[i][0]);
        if (name != NULL) {
            facts->plugins[facts->plugin_count++] =
                (struct account_plugin){name, db_rows_text(rows, plugin_columns[i][1])};
        }
    }
    if (facts->plugin_count == 0) { // an account that was never given any has no password
        facts->plugins[facts->plugin_count++] = (struct account_plugin){"", ""};
    }
}

// MariaDB's numbers are 0 to 3, as ours; MySQL's ENUM('', 'ANY', 'X509', 'SPECIFIED') begins at 1.
static enum require_kind take_require(const struct db_rows *rows)
{
    uint64_t kind = db_rows_number(rows, "tls");
    uint64_t mysql_kind = db_rows_number(rows, "tls_kind");
    kind = mysql_kind > 0 ? mysql_kind - 1 : kind;
    return kind <= REQUIRE_SPECIFIED ? (enum require_kind)kind : REQUIRE_SPECIFIED;
}

static void take_row(const struct db_rows *rows, struct account_list *list,
                     const struct account_list *known)
{
    uint64_t most = db_rows_number(rows, "most"); // below 0: as none
    struct account_facts facts = {
        .name = db_rows_text(rows, "name"),
        .host = db_rows_text(rows, "host"),
        .is_locked = db_rows_is_yes(rows, "is_locked"),
        .is_expired = db_rows_is_yes(rows, "is_expired"),
        .is_by_address = db_rows_is_yes(rows, "is_by_address"),
        .require = take_require(rows),
        .subject = db_rows_text(rows, "subject"),
        .issuer = db_rows_text(rows, "issuer"),
        .cipher = db_rows_text(rows, "cipher"),
        .max_connections = most <= UINT32_MAX ? (uint32_t)most : 0,
    };
    take_plugins(rows, &facts);
    account_list_add(list, &facts, known);
}

// ---- the whole

static bool read_all(const struct accounts_reader *reader, struct dbconn *conn,
                     struct accounts_result *result, struct error *error)
{
    const char *statement = mariadb_accounts;
    const char *table = "mysql.global_priv";
    if (!dbconn_is_mariadb(conn)) {
        bool is_old = dbconn_version(conn) < MYSQL_ACCOUNT_LOCK;
        statement = is_old ? mysql56_accounts : mysql57_accounts;
        table = "mysql.user";
    } else if (dbconn_version(conn) < MARIADB_GLOBAL_PRIV) {
        error_set(error, 0, "HY000", "users = servers takes MariaDB 10.4 or later");
        return false;
    }
    struct db_rows rows;
    bool is_read = dbconn_query(conn, &rows, error, "%s", statement);
    if (!is_read && dbconn_failure(conn) == DB_ANSWERED) {
        char why[sizeof error->text];
        snprintf(why, sizeof why, "%s", error->text);
        error_set(error, error->code, "HY000", "users = servers needs SELECT on %s: %.90s", table,
                  why);
    }
    for (bool is_row = is_read && rows.row != NULL; is_row; is_row = db_rows_next(&rows)) {
        take_row(&rows, &result->list, reader->setup.known);
    }
    db_rows_done(&rows);
    return is_read;
}

static void run_reader(struct job *job, void *owner)
{
    const struct accounts_reader *reader = owner;
    struct accounts_result *result = memory_new(sizeof *result);
    struct error error = {0};
    enum db_failure failure;
    (void)job;
    result->message.deliver = reader->setup.deliver;
    account_list_init(&result->list);
    struct dbconn *conn = dbconn_open(&reader->setup.endpoint, &error, &failure);
    result->began_us = job_now_us(); // before the SELECT
    result->is_read = conn != NULL && read_all(reader, conn, result, &error);
    result->ended_us = job_now_us();
    bool was_known = reader->setup.known != NULL;
    result->list.looked_us = was_known ? reader->setup.known->looked_us : result->began_us;
    if (!result->is_read) {
        snprintf(result->problem, sizeof result->problem, "%.40s: %.110s",
                 reader->setup.endpoint.name, error.text);
    }
    dbconn_close(conn);
    mailbox_post(reader->setup.mailbox, &result->message);
}

struct accounts_reader *accounts_reader_start(const struct accounts_setup *setup)
{
    struct accounts_reader *reader = memory_new(sizeof *reader);
    reader->setup = *setup;
    reader->job = job_start("accounts", run_reader, reader);
    return reader;
}

void accounts_reader_join(struct accounts_reader *reader)
{
    job_join(reader->job);
    memory_free(reader);
}
