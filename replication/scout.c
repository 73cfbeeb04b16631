// Where is it? At the address that it reports to its source (report_host), else at one of those
// that the source sends binlogs to; its port is what it reports (without report_port: its own). The
// server_id that answers there must be the one that the source has in its list.
//
// Then everything is asked for that would make its rows others than its source's, or that a
// promotion would stumble over. What is not known counts as not fit.

#include "replication/scout.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/memory.h"
#include "base/sock.h"
#include "replication/clone_mark.h"
#include "replication/gtid.h"
#include "replication/job.h"
#include "replication/privilege.h"
#include "replication/probe_group.h"

enum { CONNECT_MS = 1000, ANSWER_MS = 2000, PLACES_MAX = 5 };

struct scout {
    struct job *job; // owned
    struct scout_setup setup;
};

struct look {
    const struct scout_setup *setup;
    struct scout_report *report;
    struct dbconn *source, *conn; // owned
    struct arena arena;
    struct error error;
    uint64_t domain; // MariaDB: the source's
};

static bool is_unfit(struct look *look, const char *format, ...) PRINTF_LIKE(2, 3);
static bool is_unfit(struct look *look, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(look->report->why, sizeof look->report->why, format, args);
    va_end(args);
    return false;
}

static bool ask(struct look *look, struct dbconn *conn, struct db_rows *rows, const char *statement)
{
    return dbconn_query(conn, rows, &look->error, "%s", statement) ||
           is_unfit(look, "it can't be asked: %s", look->error.text);
}

// ---- where it is

static bool is_it(struct look *look)
{
    struct db_rows rows;
    bool is_asked = ask(look, look->conn, &rows, "SELECT @@server_id AS server_id");
    bool is_same = is_asked && db_rows_number(&rows, "server_id") == look->setup->server_id;
    db_rows_done(&rows);
    return is_same || !is_asked ||
           is_unfit(look, "another server answers at %s", look->report->address);
}

static bool try_place(struct look *look, const char *host)
{
    char text[180];
    char numeric[ADDRESS_TEXT_BYTES];
    struct address address;
    enum db_failure failure;
    bool has_colon = strchr(host, ':') != NULL;
    snprintf(text, sizeof text, "%s%s%s:%s", has_colon ? "[" : "", host, has_colon ? "]" : "",
             look->setup->port);
    if (!address_parse(&address, text, look->report->why, sizeof look->report->why)) {
        return false;
    }
    address_print(&address, numeric);
    struct endpoint to = look->setup->source;
    const char *colon = strrchr(numeric, ':');
    int host_len = (int)(colon - numeric);
    bool is_v6 = numeric[0] == '[';
    snprintf(to.host, sizeof to.host, "%.*s", is_v6 ? host_len - 2 : host_len,
             is_v6 ? numeric + 1 : numeric);
    snprintf(to.name, sizeof to.name, "%.63s", numeric);
    snprintf(look->report->address, sizeof look->report->address, "%.63s", numeric);
    to.port = (uint16_t)strtoul(colon + 1, NULL, 10);
    to.connect_ms = CONNECT_MS;
    to.answer_ms = ANSWER_MS;
    look->conn = dbconn_open(&to, &look->error, &failure);
    if (look->conn == NULL) {
        return is_unfit(look, "at %s: %s", look->report->address, look->error.text);
    }
    if (is_it(look)) {
        return true;
    }
    dbconn_close(look->conn);
    look->conn = NULL;
    return false;
}

static bool find(struct look *look)
{
    static const char dumps[] =
        "SELECT DISTINCT LEFT(host, LENGTH(host) - LENGTH(SUBSTRING_INDEX(host, ':', -1)) - 1) AS "
        "host FROM information_schema.processlist WHERE command LIKE 'Binlog Dump%' LIMIT 5";
    if (look->setup->host[0] != '\0' && try_place(look, look->setup->host)) {
        return true;
    }
    struct db_rows rows;
    bool is_found = false;
    if (!ask(look, look->source, &rows, dumps)) {
        db_rows_done(&rows);
        return false;
    }
    for (bool is_there = rows.count > 0; is_there && !is_found; is_there = db_rows_next(&rows)) {
        const char *host = db_rows_text(&rows, "host");
        is_found = host[0] != '\0' && strcmp(host, look->setup->host) != 0 && try_place(look, host);
    }
    db_rows_done(&rows);
    return is_found || look->report->why[0] != '\0' || is_unfit(look, "nobody knows its address");
}

// ---- what it replicates

static bool check_filters(struct look *look, const struct db_rows *rows)
{
    static const char *const filters[] = {"Replicate_Do_DB",         "Replicate_Ignore_DB",
                                          "Replicate_Do_Table",      "Replicate_Ignore_Table",
                                          "Replicate_Wild_Do_Table", "Replicate_Wild_Ignore_Table",
                                          "Replicate_Do_Domain_Ids", "Replicate_Ignore_Domain_Ids",
                                          "Replicate_Rewrite_DB",    "Replicate_Ignore_Server_Ids"};
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++) {
        if (db_rows_text(rows, filters[i])[0] != '\0') {
            return is_unfit(look, "it has not everything (%s)", filters[i]);
        }
    }
    return true;
}

static bool check_source(struct look *look, const struct db_rows *rows)
{
    const struct endpoint *source = &look->setup->source;
    bool is_mariadb = dbconn_is_mariadb(look->conn);
    const char *uses_gtid = db_rows_text(rows, is_mariadb ? "Using_Gtid" : "Auto_Position");
    if (rows->count != 1) {
        return is_unfit(look, "it replicates from %zu sources", rows->count);
    }
    if (db_rows_number(rows, "Master_Port") != source->port ||
        strcasecmp(db_rows_text(rows, "Master_Host"), source->host) != 0 ||
        db_rows_number(rows, "Master_Server_Id") != look->setup->source_id) {
        return is_unfit(look, "it replicates from %.80s:%s, and %s is %.80s:%u here",
                        db_rows_text(rows, "Master_Host"), db_rows_text(rows, "Master_Port"),
                        source->name, source->host, source->port);
    }
    if (strcasecmp(uses_gtid, "Slave_Pos") != 0 && strcasecmp(uses_gtid, "1") != 0) {
        return is_unfit(look, "it replicates without GTIDs, or from current_pos");
    }
    if (!db_rows_is_yes(rows, "Slave_IO_Running") || !db_rows_is_yes(rows, "Slave_SQL_Running")) {
        return is_unfit(look, "its replication does not run");
    }
    if (db_rows_number(rows, "SQL_Delay") > 0) {
        return is_unfit(look, "it applies with a delay (MASTER_DELAY)");
    }
    return check_filters(look, rows);
}

static bool check_replication(struct look *look)
{
    struct db_rows rows;
    bool is_fit =
        ask(look, look->conn, &rows,
            dbconn_is_mariadb(look->conn) ? "SHOW ALL SLAVES STATUS" : "SHOW SLAVE STATUS") &&
        check_source(look, &rows);
    db_rows_done(&rows);
    return is_fit;
}

// ---- what it is

static bool check_settings(struct look *look)
{
    bool is_mariadb = dbconn_is_mariadb(look->conn);
    struct db_rows rows;
    bool is_asked = ask(look, look->conn, &rows,
                        is_mariadb ? "SELECT @@GLOBAL.read_only AS read_only, "
                                     "@@GLOBAL.slave_skip_errors AS skipped, "
                                     "@@GLOBAL.slave_exec_mode AS mode, "
                                     "@@GLOBAL.gtid_domain_id AS domain, "
                                     "@@GLOBAL.replicate_events_marked_for_skip AS marked"
                                   : "SELECT @@GLOBAL.read_only AS read_only, "
                                     "@@GLOBAL.slave_skip_errors AS skipped, "
                                     "@@GLOBAL.slave_exec_mode AS mode, '0' AS domain, "
                                     "'REPLICATE' AS marked");
    bool is_fit = is_asked &&
                  (db_rows_is_yes(&rows, "read_only") || is_unfit(look, "it is not read-only")) &&
                  (strcasecmp(db_rows_text(&rows, "skipped"), "OFF") == 0 ||
                   is_unfit(look, "it skips errors (slave_skip_errors)")) &&
                  (strcasecmp(db_rows_text(&rows, "mode"), "STRICT") == 0 ||
                   is_unfit(look, "it goes on past errors (slave_exec_mode)")) &&
                  (strcasecmp(db_rows_text(&rows, "marked"), "REPLICATE") == 0 ||
                   is_unfit(look, "it skips events (replicate_events_marked_for_skip)")) &&
                  (db_rows_number(&rows, "domain") == look->domain ||
                   is_unfit(look, "its gtid_domain_id is %s, and its source's %llu",
                            db_rows_text(&rows, "domain"), (unsigned long long)look->domain));
    db_rows_done(&rows);
    return is_fit;
}

static bool check_group(struct look *look)
{
    struct server_facts facts = {.is_mariadb = dbconn_is_mariadb(look->conn),
                                 .version = dbconn_version(look->conn)};
    return (probe_ask_group(look->conn, &facts, &look->error) ||
            is_unfit(look, "it can't be asked: %s", look->error.text)) &&
           (!facts.is_in_group || is_unfit(look, "it is a member of a group"));
}

static bool check_rights(struct look *look)
{
    struct privileges privileges;
    char cloned[16] = "";
    if (!privilege_look(look->conn, &privileges, &look->error) ||
        !clone_mark_read(look->conn, cloned, sizeof cloned, &look->error)) {
        return is_unfit(look, "it can't be asked: %s", look->error.text);
    }
    return (privileges.missing[0] == '\0' ||
            is_unfit(look, "waybill needs %s on it", privileges.missing)) &&
           (cloned[0] == '\0' || is_unfit(look, "it is being cloned"));
}

// ---- what it has

static bool read_position(struct look *look, struct dbconn *conn, struct gtid_set *position)
{
    bool is_mariadb = dbconn_is_mariadb(conn);
    struct db_rows rows;
    struct gtid_set applied;
    struct gtid_set logged;
    enum gtid_flavor flavor = is_mariadb ? GTID_MARIADB : GTID_MYSQL;
    bool is_read =
        ask(look, conn, &rows,
            is_mariadb ? "SELECT @@GLOBAL.gtid_binlog_pos AS logged, @@GLOBAL.gtid_slave_pos AS "
                         "applied, @@GLOBAL.gtid_domain_id AS domain"
                       : "SELECT @@GLOBAL.gtid_executed AS logged, '' AS applied, '0' AS domain") &&
        gtid_parse(flavor, slice_of_string(db_rows_text(&rows, "applied")), &look->arena,
                   &applied) &&
        gtid_parse(flavor, slice_of_string(db_rows_text(&rows, "logged")), &look->arena, &logged);
    if (is_read) {
        *position = gtid_union(&applied, &logged, &look->arena);
        look->domain = db_rows_number(&rows, "domain");
    }
    db_rows_done(&rows);
    return is_read || look->report->why[0] != '\0' || is_unfit(look, "its position can't be read");
}

// The source is asked last: it has all that the replica had before. (Who has something of its own
// is ahead for ever, and no promotion could be proven beside it.)
static bool check_position(struct look *look)
{
    struct gtid_set own;
    struct gtid_set of_source;
    if (!read_position(look, look->conn, &own) || !read_position(look, look->source, &of_source)) {
        return false;
    }
    return gtid_contains(&of_source, &own) ||
           is_unfit(look, "it has %s, which %s lacks",
                    (const char *)gtid_print(&own, &look->arena).ptr, look->setup->source.name);
}

static bool check_all(struct look *look)
{
    if (dbconn_is_mariadb(look->conn) != dbconn_is_mariadb(look->source)) {
        return is_unfit(look, "one of them is MariaDB, the other is not");
    }
    return check_group(look) && check_replication(look) && check_rights(look) &&
           check_position(look) && check_settings(look);
}

static void run_scout(struct job *job, void *owner)
{
    const struct scout *scout = owner;
    struct scout_report *report = memory_new(sizeof *report);
    struct look look = {.setup = &scout->setup, .report = report};
    enum db_failure failure;
    (void)job;
    report->message.deliver = scout->setup.deliver;
    report->shard = scout->setup.shard;
    report->server_id = scout->setup.server_id;
    arena_init(&look.arena, NULL);
    look.source = dbconn_open(&scout->setup.source, &look.error, &failure);
    if (look.source == NULL) {
        (void)is_unfit(&look, "%s: %s", scout->setup.source.name, look.error.text);
    } else if (find(&look) && look.conn != NULL && check_all(&look)) {
        report->why[0] = '\0';
    } else if (report->why[0] == '\0') {
        (void)is_unfit(&look, "it can't be reached");
    }
    dbconn_close(look.source);
    dbconn_close(look.conn);
    arena_clear(&look.arena);
    mailbox_post(scout->setup.mailbox, &report->message);
}

struct scout *scout_start(const struct scout_setup *setup)
{
    struct scout *scout = memory_new(sizeof *scout);
    scout->setup = *setup;
    scout->job = job_start("scout", run_scout, scout);
    return scout;
}

void scout_join(struct scout *scout)
{
    job_join(scout->job);
    memory_free(scout);
}
