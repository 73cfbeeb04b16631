// The table of accounts is another one on each kind of server. On MariaDB it is JSON, which the
// server itself takes apart; on MySQL it has had other columns in each version. Here every SELECT
// gives the same columns, and the server's clock says whose password has expired.
//
// What accounts may do is read as well, all that a server looks up only when a connection is opened
// or chooses a schema: global privileges, those of whole schemas, and both of roles. It is not
// understood, but for PROCESS and the right to KILL: whether it has changed is what counts.

#include "replication/accounts.h"

#include <stdio.h>

#include "base/memory.h"
#include "replication/job.h"

// clang-format off
#define PRIV(path) "JSON_VALUE(A.Priv, '$." path "')"
#define ACCESS(of) "CAST(IFNULL(JSON_VALUE(" of ".Priv, '$.access'), 0) AS UNSIGNED)"
// PROCESS; CONNECTION ADMIN or, in what was granted before 11.0, SUPER.
#define SEES(of) "(" ACCESS(of) " & (1 << 8))"
#define KILLS(of)                                                                                  \
    "(" ACCESS(of) " & IF(IFNULL(JSON_VALUE(" of ".Priv, '$.version_id'), 0) < 110000, "           \
    "1 << 15 | 1 << 32, 1 << 32))"
// The account's own, a default role's, everybody's.
#define ANY(privilege) "(" privilege("A") " | " privilege("R") " | " privilege("P") ") <> 0"
#define LIFETIME                                                                                   \
    "IF(IFNULL(" PRIV("password_lifetime") ", -1) < 0, @@default_password_lifetime, "              \
    PRIV("password_lifetime") ")"
#define OTHER(n)                                                                                   \
    PRIV("auth_or[" n "].plugin") " AS plugin" n ", "                                              \
    PRIV("auth_or[" n "].authentication_string") " AS proof" n ", "

static const char mariadb_accounts[] =
    "SELECT A.User AS name, A.Host AS host, @@skip_name_resolve AS is_by_address, " PRIV("plugin") " AS plugin, "
    PRIV("authentication_string") " AS proof, " OTHER("0") OTHER("1") OTHER("2") OTHER("3")
    PRIV("ssl_type") " AS tls, " PRIV("ssl_cipher") " AS cipher, "
    PRIV("x509_issuer") " AS issuer, " PRIV("x509_subject") " AS subject, "
    "IFNULL(" PRIV("account_locked") ", 0) AS is_locked, "
    "IFNULL(" PRIV("password_last_changed") " = 0 OR (" LIFETIME " > 0 AND "
    PRIV("password_last_changed") " + " LIFETIME " * 86400 <= UNIX_TIMESTAMP()), 0) AS is_expired, "
    PRIV("max_user_connections") " AS most, "
    "CONCAT_WS(' ', " PRIV("access") ", " PRIV("default_role") ") AS access, "
    PRIV("default_role") " <> '' AS has_role, "
    ANY(SEES) " AS sees_all, " ANY(KILLS) " AS kills_all, "
    "IFNULL(" PRIV("is_role") ", 0) AS is_role FROM mysql.global_priv AS A "
    "LEFT JOIN mysql.global_priv AS R ON R.Host = '' AND R.User = " PRIV("default_role") " "
    "LEFT JOIN mysql.global_priv AS P ON P.Host = '' AND P.User = 'PUBLIC' "
    "ORDER BY A.User, A.Host";

#define MYSQL_ACCESS                                                                               \
    "CONCAT(Select_priv, Insert_priv, Update_priv, Delete_priv, Create_priv, Drop_priv, "          \
    "Reload_priv, Shutdown_priv, Process_priv, File_priv, Grant_priv, References_priv, "           \
    "Index_priv, Alter_priv, Show_db_priv, Super_priv, Create_tmp_table_priv, "                    \
    "Lock_tables_priv, Execute_priv, Repl_slave_priv, Repl_client_priv, Create_view_priv, "        \
    "Show_view_priv, Create_routine_priv, Alter_routine_priv, Create_user_priv, Event_priv, "      \
    "Trigger_priv, Create_tablespace_priv) AS access, "

#define MYSQL_COMMON                                                                               \
    "SELECT User AS name, Host AS host, @@skip_name_resolve AS is_by_address, plugin, ssl_type + 0 AS tls_kind, ssl_cipher AS cipher, "  \
    "x509_issuer AS issuer, x509_subject AS subject, max_user_connections AS most, "  \
    MYSQL_ACCESS "Process_priv = 'Y' AS sees_all, Super_priv = 'Y' AS kills_all, "

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

// Rows of which `name` may do what. Who may not read them is told of changes of them by nothing.
static const char schema_privileges[] = "SELECT User AS name, Host AS host, D.* FROM mysql.db AS D";
static const char roles_of_roles[] =
    "SELECT Role AS name, Host AS host, M.* FROM mysql.roles_mapping AS M WHERE Host = ''";

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
        .sees_all_sessions = db_rows_is_yes(rows, "sees_all"),
        .kills_all_sessions = db_rows_is_yes(rows, "kills_all"),
        .access = db_rows_text(rows, "access"),
        .has_role = db_rows_is_yes(rows, "has_role"),
    };
    if (db_rows_is_yes(rows, "is_role")) {
        account_list_note(list, facts.name, true, slice_of_string(facts.access));
        return;
    }
    take_plugins(rows, &facts);
    account_list_add(list, &facts, known);
}

// ---- the whole

static bool read_notes(struct dbconn *conn, const char *statement, struct account_list *list,
                       struct error *error)
{
    struct db_rows rows;
    struct text all;
    text_init(&all);
    bool is_read = dbconn_query(conn, &rows, error, "%s", statement);
    for (bool is_row = is_read && rows.row != NULL; is_row; is_row = db_rows_next(&rows)) {
        bool is_role = db_rows_text(&rows, "host")[0] == '\0';
        text_drop_front(&all, all.len);
        db_rows_print(&rows, &all);
        account_list_note(list, db_rows_text(&rows, "name"), is_role, text_slice(&all));
    }
    text_done(&all);
    db_rows_done(&rows);
    return is_read || dbconn_failure(conn) == DB_ANSWERED;
}

static bool read_accounts(const struct accounts_reader *reader, struct dbconn *conn,
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

static bool read_all(const struct accounts_reader *reader, struct dbconn *conn,
                     struct accounts_result *result, struct error *error)
{
    return read_accounts(reader, conn, result, error) &&
           read_notes(conn, schema_privileges, &result->list, error) &&
           (!dbconn_is_mariadb(conn) || read_notes(conn, roles_of_roles, &result->list, error));
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
    account_list_end(&result->list);
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
