// A probe asks one server, over one connection that it keeps. What it sends, in order (a server
// that is played in a test has to answer these):
//
//   once for each connection:
//     SET SESSION lock_wait_timeout = 1, innodb_lock_wait_timeout = 1, wait_timeout = 20,
//     autocommit = 1
//     the statements of privilege.c, which all fail (whatever they are answered is fine)
//     XA RECOVER, MariaDB (likewise)
//   in each round, MariaDB:
//     SELECT @@GLOBAL.read_only AS read_only, @@server_id AS server_id, @@GLOBAL.sql_mode AS
//     sql_mode, @@GLOBAL.collation_connection AS collation, @@GLOBAL.init_slave AS init_slave,
//         @@GLOBAL.gtid_binlog_pos AS binlog_gtid, @@GLOBAL.gtid_slave_pos AS applied_gtid,
//         @@GLOBAL.session_track_transaction_info AS tracks_transactions     (where it has that)
//     SHOW ALL SLAVES STATUS            (no rows: no replica; columns Master_Host, Master_Port,
//         Slave_IO_Running, Slave_SQL_Running, Last_IO_Error, Last_SQL_Error, Gtid_IO_Pos)
//   ... and MySQL (told by a greeting without "MariaDB"):
//     SELECT @@GLOBAL.read_only AS read_only, @@server_id AS server_id, @@GLOBAL.sql_mode AS
//     sql_mode, @@GLOBAL.collation_connection AS collation, init_slave as above,
//         @@GLOBAL.gtid_executed AS binlog_gtid, '' AS applied_gtid, tracks_transactions as above
//     SHOW SLAVE STATUS                 (columns as above, Retrieved_Gtid_Set for Gtid_IO_Pos)
//   then both:
//     SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync%_status'      (Variable_name, Value; may be empty)
//     SHOW GLOBAL STATUS LIKE 'wsrep_%', MariaDB           (likewise)
//     SELECT MEMBER_STATE FROM performance_schema.replication_group_members WHERE MEMBER_ID =
//     @@server_uuid, MySQL 5.7 and later                   (no row, or an error: in no group)
//     every few seconds SHOW GLOBAL VARIABLES of durability.c            (likewise)
//     ... and SHOW SLAVE HOSTS      (Server_id, Host, Port; an error: nothing)
//     SELECT (SELECT sent_us FROM waybill.heartbeat WHERE proxy = P AND run = R) AS sent_us,
//         (SELECT MAX(epoch) FROM waybill.topology WHERE shard = 'S') AS epoch,
//         (SELECT primary_name FROM waybill.topology WHERE shard = 'S' ORDER BY epoch DESC LIMIT 1)
//         AS primary_name, (SELECT COUNT(*) FROM waybill.kill_request WHERE ...) AS kills: on the
//         default shard's primary only  (error 1146 or 1049: no tables yet; NULLs are fine)
//   and where the monitor holds the server for the primary, and it is writable and replicates from
//   nobody, before that last SELECT:
//     INSERT INTO waybill.heartbeat (proxy, run, sent_us) SELECT P, R, T FROM DUAL
//         WHERE @@GLOBAL.read_only = 0
//         ON DUPLICATE KEY UPDATE run = R, sent_us = T
//     (error 1146 or 1049: the statements of schema.c, and the INSERT again)
//     and where waybill makes order ids, the statements of id_clock.c; now and then that of
//     promise.c; on the default shard's primary those of declared_look.c
//     SELECT GROUP_CONCAT(server) AS maintained FROM waybill.maintenance WHERE shard = 'S'
//         (an error: none)
//     SELECT GROUP_CONCAT(address) AS discovered FROM waybill.discovered WHERE shard = 'S'
//     SELECT source, progress FROM waybill.clone                (likewise)
//
// T is read from the clock just before the INSERT is sent: whatever was told to be committed before
// T was committed before the INSERT, and replicas apply in the order of commits. So a replica that
// shows T shows all of that. The monitor has the replicas probed right after the primary, so that
// their figures are fresh; a replica that hasn't applied the newest heartbeat yet is looked at
// again.
//
// A server that is silent for a quarter of failover_after_ms is asked over a second connection,
// while the first one waits. When that gets no answer either until failover_after_ms are over, that
// is as good as several failures.
//
// A heartbeat may wait for a semi-sync replica that isn't there. It then runs into the lock or the
// read timeout and isn't tried again for a while: the server is slow, not dead, and stays observed.

#include "replication/probe.h"

#include <stdio.h>
#include <time.h>

#include "base/memory.h"
#include "replication/durability.h"
#include "replication/kill_mail.h"
#include "replication/privilege.h"
#include "replication/probe_followers.h"
#include "replication/probe_group.h"
#include "replication/probe_marks.h"
#include "replication/promise.h"
#include "replication/schema.h"
#include "replication/xa_recover.h"

enum {
    HURRY_MS = 100,          // between probes of a server that has failed or just come back
    BEAT_PAUSE_US = 2000000, // after a heartbeat that could not be written
    LOOK_AGAIN_MAX = 3,      // for a heartbeat that should be there
    LOOK_AGAIN_MS = 4,
    SETTINGS_PAUSE_US = 2000000,
    PRIVILEGES_PAUSE_US = 5000000, // a grant counts for connections that are made after it
    DOUBT_PART = 4,                // of failover_after_ms, until a silent server is asked otherwise
    DOUBT_MAX_MS = 1000
};

struct probe {
    struct probe_setup setup;
    struct probe_order order; // the newest
    struct job *job;          // owned; for the thread that started it
    struct job *self;         // the same, for the job's thread
    struct dbconn *conn;      // owned by the job's thread; NULL = not connected
    uint32_t good_count;      // in a row
    uint64_t beat_pause_until_us;
    struct id_clock ids;
    bool is_for_good;      // set before the thread is asked to stop
    bool lacks_kill_table; // and it can't be made
    bool was_looked_at;    // at the privileges, by this connection
    uint64_t looked_us;
    uint32_t connection; // how many there were before
    uint32_t held_count; // branches of waybill's that this one found prepared
    char missing[160];
    uint64_t settings_us; // when they were looked at; 0: not by this connection
    char weakness[160];
    char listed[256]; // who replicates from it
    bool waits_on;    // durability.h
    struct promise_note promise;
    struct declared_look declared;
    struct declared_facts looked; // of this round, until its result has it
    uint64_t epoch;               // of the shard, as the server knew it in the round before
    bool has_epoch;               // ... on this connection
};

// With session_track_transaction_info.
enum { MARIADB_TRACKS_TRANSACTIONS = 100300, MYSQL_TRACKS_TRANSACTIONS = 50708 };

static void copy_text(char *to, size_t to_bytes, const char *from)
{
    size_t len = strnlen(from, to_bytes - 1);
    memcpy(to, from, len);
    to[len] = '\0';
}

// MySQL breaks the lines of its sets.
static void copy_gtid(char *to, size_t to_bytes, const char *from)
{
    size_t len = 0;
    for (; *from != '\0' && len + 1 < to_bytes; from++) {
        if (*from != '\n') {
            to[len++] = *from;
        }
    }
    to[len] = '\0';
}

// ---- the parts of a round; each is false when the connection or the server failed it

static bool ask_variables(struct probe *probe, struct server_facts *facts, struct error *error)
{
    const char *gtids = facts->is_mariadb
                            ? "@@GLOBAL.gtid_binlog_pos AS binlog_gtid, "
                              "@@GLOBAL.gtid_slave_pos AS applied_gtid"
                            : "@@GLOBAL.gtid_executed AS binlog_gtid, '' AS applied_gtid";
    uint32_t has_tracking =
        facts->is_mariadb ? MARIADB_TRACKS_TRANSACTIONS : MYSQL_TRACKS_TRANSACTIONS;
    struct db_rows rows;
    bool is_fine =
        dbconn_query(probe->conn, &rows, error,
                     "SELECT @@GLOBAL.read_only AS read_only, @@server_id AS server_id, "
                     "@@GLOBAL.sql_mode AS sql_mode, @@GLOBAL.collation_connection AS collation, "
                     "@@GLOBAL.init_slave AS init_slave, %s%s",
                     gtids,
                     facts->version >= has_tracking
                         ? ", @@GLOBAL.session_track_transaction_info AS tracks_transactions"
                         : "");
    if (is_fine) {
        facts->is_read_only = db_rows_is_yes(&rows, "read_only");
        facts->server_id = (uint32_t)db_rows_number(&rows, "server_id");
        copy_text(facts->sql_mode, sizeof facts->sql_mode, db_rows_text(&rows, "sql_mode"));
        copy_text(facts->collation, sizeof facts->collation, db_rows_text(&rows, "collation"));
        copy_text(facts->tracks_transactions, sizeof facts->tracks_transactions,
                  db_rows_text(&rows, "tracks_transactions"));
        facts->is_marked = probe_is_mark(db_rows_text(&rows, "init_slave"));
        copy_gtid(facts->binlog_gtid, sizeof facts->binlog_gtid,
                  db_rows_text(&rows, "binlog_gtid"));
        copy_gtid(facts->applied_gtid, sizeof facts->applied_gtid,
                  db_rows_text(&rows, "applied_gtid"));
    }
    db_rows_done(&rows);
    return is_fine;
}

static void take_replication(const struct db_rows *rows, struct server_facts *facts)
{
    const char *receiving = db_rows_text(rows, "Slave_IO_Running");
    facts->receiving = strcmp(receiving, "Yes") == 0  ? RECEIVING_YES
                       : strcmp(receiving, "No") == 0 ? RECEIVING_NO
                                                      : RECEIVING_CONNECTING;
    facts->is_applying = db_rows_is_yes(rows, "Slave_SQL_Running");
    facts->source_port = (uint16_t)db_rows_number(rows, "Master_Port");
    copy_text(facts->source_host, sizeof facts->source_host, db_rows_text(rows, "Master_Host"));
    copy_gtid(facts->received_gtid, sizeof facts->received_gtid,
              db_rows_text(rows, facts->is_mariadb ? "Gtid_IO_Pos" : "Retrieved_Gtid_Set"));
    facts->delay_s = (uint32_t)db_rows_number(rows, "SQL_Delay");
    facts->apply_error = (uint16_t)db_rows_number(rows, "Last_SQL_Errno");
    const char *sql_error = db_rows_text(rows, "Last_SQL_Error");
    copy_text(facts->replication_error, sizeof facts->replication_error,
              sql_error[0] != '\0' ? sql_error : db_rows_text(rows, "Last_IO_Error"));
}

static bool ask_replication(struct probe *probe, struct server_facts *facts, struct error *error)
{
    struct db_rows rows;
    bool is_fine = dbconn_query(probe->conn, &rows, error, "%s",
                                facts->is_mariadb ? "SHOW ALL SLAVES STATUS" : "SHOW SLAVE STATUS");
    if (is_fine) {
        facts->source_count = (uint32_t)rows.count;
        take_replication(&rows, facts);
    }
    db_rows_done(&rows);
    return is_fine;
}

// Every few seconds: somebody may change them while the server runs.
static bool look_at_settings(struct probe *probe, struct server_facts *facts, struct error *error)
{
    struct durability settings;
    bool is_due = probe->settings_us == 0 || job_now_us() - probe->settings_us > SETTINGS_PAUSE_US;
    if (is_due) {
        if (!durability_read(probe->conn, &settings, error)) {
            return false;
        }
        if (!probe_ask_followers(probe->conn, probe->listed, sizeof probe->listed, error)) {
            return false;
        }
        durability_explain(&settings, probe->weakness, sizeof probe->weakness);
        probe->waits_on = durability_waits_on(&settings);
        probe->settings_us = job_now_us();
    }
    copy_text(facts->weakness, sizeof facts->weakness, probe->weakness);
    copy_text(facts->listed, sizeof facts->listed, probe->listed);
    return true;
}

static bool write_beat(struct probe *probe, uint64_t *sent_us, struct error *error)
{
    *sent_us = job_now_us();
    unsigned long long run = probe->setup.run;
    unsigned long long sent = *sent_us;
    return dbconn_run(probe->conn, error,
                      "INSERT INTO waybill.heartbeat (proxy, run, sent_us) SELECT %u, %llu, %llu "
                      "FROM DUAL WHERE @@GLOBAL.read_only = 0 ON DUPLICATE KEY UPDATE run = %llu, "
                      "sent_us = %llu",
                      probe->setup.proxy, run, sent, run, sent);
}

// False only when the connection is gone; a server that doesn't take the row is no dead server.
static bool beat(struct probe *probe, struct server_facts *facts, struct error *error)
{
    uint64_t sent_us = 0;
    if (job_now_us() < probe->beat_pause_until_us) {
        facts->is_beat_late = true;
        return true;
    }
    bool is_run = write_beat(probe, &sent_us, error);
    if (!is_run && schema_is_missing(error)) {
        is_run = schema_create(probe->conn, error) && write_beat(probe, &sent_us, error);
    }
    // (It may have become read-only since it was asked: then nothing was written, and that is
    // well.)
    facts->is_beat_written = is_run && dbconn_changed(probe->conn) > 0;
    facts->is_beat_late = !is_run;
    if (is_run) {
        return true;
    }
    probe->beat_pause_until_us = job_now_us() + BEAT_PAUSE_US;
    copy_text(facts->replication_error, sizeof facts->replication_error, error->text);
    return dbconn_failure(probe->conn) != DB_LOST;
}

static struct id_clock_setup ids_setup(const struct probe *probe)
{
    return (struct id_clock_setup){.proxy = probe->setup.proxy, .run = probe->setup.run};
}

// False only when the connection is gone.
static bool look_at_ids(struct probe *probe, struct server_facts *facts, struct error *error)
{
    struct id_clock_setup setup = ids_setup(probe);
    uint64_t used_ms = probe->setup.ids_used_ms(probe->setup.owner);
    if (used_ms < probe->order.ids_from_ms) {
        used_ms = probe->order.ids_from_ms;
    }
    bool is_fine = !probe->order.makes_ids || !facts->is_beat_written ||
                   id_clock_look(&probe->ids, probe->conn, &setup, used_ms, error);
    facts->ids = probe->ids.grant;
    if (!is_fine) {
        copy_text(facts->replication_error, sizeof facts->replication_error, error->text);
    }
    return is_fine || dbconn_failure(probe->conn) != DB_LOST;
}

// The heartbeat has come back: if the server waits, a replica has all that was before. False only
// when the connection is gone.
static bool note_promise(struct probe *probe, struct server_facts *facts, struct error *error)
{
    struct promise_of of = {.shard = probe->setup.shard_name,
                            .primary = probe->setup.endpoint.name,
                            .epoch = probe->epoch,
                            .proxy = probe->setup.proxy};
    bool waits = facts->is_semi_sync_source && probe->waits_on;
    bool is_fine = !facts->is_beat_written || !probe->has_epoch ||
                   promise_write(&probe->promise, probe->conn, &of, waits, error) ||
                   (schema_is_missing(error) && schema_create(probe->conn, error) &&
                    promise_write(&probe->promise, probe->conn, &of, waits, error));
    if (!is_fine) {
        copy_text(facts->replication_error, sizeof facts->replication_error, error->text);
    }
    return is_fine || dbconn_failure(probe->conn) != DB_LOST;
}

static struct declared_setup declared_setup(const struct probe *probe)
{
    return (struct declared_setup){
        .proxy = probe->setup.proxy, .run = probe->setup.run, .probe_ms = probe->order.probe_ms};
}

// False only when the connection is gone.
static bool look_at_declared(struct probe *probe, struct server_facts *facts, struct error *error)
{
    struct declared_setup setup = declared_setup(probe);
    bool is_fine = !probe->order.declared.is_home || !facts->is_beat_written ||
                   declared_look(&probe->declared, probe->conn, &setup, &probe->order.declared,
                                 &probe->looked, error);
    if (!is_fine && probe->order.declared.joins) {
        copy_text(facts->replication_error, sizeof facts->replication_error, error->text);
    }
    return is_fine || dbconn_failure(probe->conn) != DB_LOST;
}

static bool ask_tables(struct probe *probe, struct server_facts *facts, struct error *error);

// A schema that an older waybill has made lacks what came later.
static bool ask_with_all_tables(struct probe *probe, struct server_facts *facts,
                                struct error *error)
{
    probe->lacks_kill_table = !schema_create(probe->conn, error);
    return dbconn_failure(probe->conn) != DB_LOST && ask_tables(probe, facts, error);
}

static bool ask_tables(struct probe *probe, struct server_facts *facts, struct error *error)
{
    const char *shard = probe->setup.shard_name;
    char kills[300] = "";
    bool wants_kills =
        probe->order.takes_kills && facts->is_beat_written && !probe->lacks_kill_table;
    if (wants_kills) {
        snprintf(kills, sizeof kills, ", (SELECT COUNT(*) " KILL_REQUESTS_FORMAT ") AS kills",
                 probe->setup.proxy, (unsigned long long)probe->setup.run);
    }
    uint64_t now_us = job_now_us();
    struct db_rows rows;
    bool is_fine =
        dbconn_query(probe->conn, &rows, error,
                     "SELECT (SELECT sent_us FROM waybill.heartbeat WHERE proxy = %u AND run = "
                     "%llu) AS sent_us, "
                     "(SELECT MAX(epoch) FROM waybill.topology WHERE shard = '%s') AS epoch, "
                     "(SELECT primary_name FROM waybill.topology WHERE shard = '%s' ORDER BY epoch "
                     "DESC LIMIT 1) "
                     "AS primary_name%s",
                     probe->setup.proxy, (unsigned long long)probe->setup.run, shard, shard, kills);
    if (is_fine) {
        facts->has_tables = true;
        facts->applied_us = db_rows_number(&rows, "sent_us");
        facts->has_applied_us = facts->applied_us > 0;
        facts->lag_us = now_us > facts->applied_us ? now_us - facts->applied_us : 0;
        facts->kill_requests = (uint32_t)db_rows_number(&rows, "kills");
        facts->epoch = db_rows_number(&rows, "epoch");
        probe->epoch = facts->epoch;
        probe->has_epoch = true;
        copy_text(facts->epoch_primary, sizeof facts->epoch_primary,
                  db_rows_text(&rows, "primary_name"));
    }
    db_rows_done(&rows);
    if (wants_kills && !is_fine && schema_is_missing(error)) {
        return ask_with_all_tables(probe, facts, error);
    }
    return is_fine || schema_is_missing(error);
}

static void pause_for(uint32_t ms)
{
    struct timespec time = {.tv_nsec = (long)ms * 1000000};
    nanosleep(&time, NULL);
}

// A replica that is a moment behind gets that moment, so that an idle one isn't held for a round
// late.
static bool look_for_beat(struct probe *probe, struct server_facts *facts, struct error *error)
{
    bool is_fine = ask_tables(probe, facts, error);
    for (int i = 0; i < LOOK_AGAIN_MAX && is_fine && facts->has_applied_us && facts->is_applying &&
                    facts->applied_us < probe->order.expect_us;
         i++) {
        pause_for(LOOK_AGAIN_MS);
        is_fine = ask_tables(probe, facts, error);
    }
    return is_fine;
}

static bool ask_all(struct probe *probe, struct server_facts *facts, struct error *error)
{
    facts->is_mariadb = dbconn_is_mariadb(probe->conn);
    facts->version = dbconn_version(probe->conn);
    facts->capabilities = dbconn_capabilities(probe->conn);
    dbconn_print_greeting(probe->conn, facts->version_text, sizeof facts->version_text);
    if (!ask_variables(probe, facts, error) || !ask_replication(probe, facts, error) ||
        !probe_ask_semi_sync(probe->conn, facts, error) ||
        !probe_ask_group(probe->conn, facts, error) || !look_at_settings(probe, facts, error)) {
        return false;
    }
    if (facts->is_in_group && facts->source_count == 0) {
        facts->is_applying = facts->is_group_ready;
    }
    bool is_primary = probe->order.is_primary && !facts->is_read_only && facts->source_count == 0;
    if (!is_primary) {
        probe->ids.grant = (struct id_grant){.upto_ms = 0}; // what another may change meanwhile
    } else if (!beat(probe, facts, error) || !look_at_ids(probe, facts, error) ||
               !look_at_declared(probe, facts, error) || !note_promise(probe, facts, error)) {
        if (dbconn_silent_us(probe->conn) > 0) {
            return false;
        }
        // The connection is gone with the heartbeat that waits, but what was asked before is true.
        dbconn_close(probe->conn);
        probe->conn = NULL;
        return true;
    }
    return probe_ask_marks(probe->conn, probe->setup.shard_name, facts, error) &&
           probe_ask_discovered(probe->conn, probe->setup.shard_name, facts, error) &&
           look_for_beat(probe, facts, error);
}

// ---- privileges

// A server without the right to look, or that is played in a test, has none.
static bool count_held(struct probe *probe, struct error *error)
{
    struct xa_ledger ledger = {.count = 0};
    bool is_asked = !dbconn_is_mariadb(probe->conn) || xa_recover(probe->conn, &ledger, error);
    probe->held_count = (uint32_t)ledger.count;
    xa_ledger_done(&ledger);
    return is_asked || dbconn_failure(probe->conn) != DB_LOST;
}

// Once for each connection; while something is missing, on a new connection every few seconds.
static bool look_at_privileges(struct probe *probe, struct error *error)
{
    struct privileges privileges;
    if (!privilege_look(probe->conn, &privileges, error)) {
        return false;
    }
    privilege_explain(&privileges, probe->setup.endpoint.name, probe->missing,
                      sizeof probe->missing);
    probe->was_looked_at = true;
    probe->looked_us = job_now_us();
    return count_held(probe, error);
}

static void connect_anew_if_denied(struct probe *probe)
{
    if (probe->conn != NULL && probe->missing[0] != '\0' &&
        job_now_us() - probe->looked_us > PRIVILEGES_PAUSE_US) {
        dbconn_close(probe->conn);
        probe->conn = NULL;
    }
}

// ---- a round

static struct probe_result *ask(struct probe *probe)
{
    struct probe_result *result = memory_new(sizeof *result);
    struct error error = {.code = 0};
    result->message.deliver = probe->setup.deliver;
    result->server = probe->setup.server;
    result->generation = probe->setup.generation;
    result->began_us = job_now_us();
    connect_anew_if_denied(probe);
    if (probe->conn == NULL) {
        probe->conn = dbconn_open(&probe->setup.endpoint, &error, &result->failure);
        probe->was_looked_at = false;
        probe->settings_us = 0;
        probe->connection++;
        probe->lacks_kill_table = false;
        probe->promise = (struct promise_note){.written_us = 0};
        probe->has_epoch = false;
        probe->declared.looked_us = 0;
        id_clock_disconnected(&probe->ids);
    }
    if (probe->conn != NULL) {
        uint32_t patience_ms = probe->order.failover_after_ms;
        uint32_t doubt_ms = patience_ms / DOUBT_PART;
        dbconn_doubt(probe->conn, &probe->setup.endpoint,
                     doubt_ms < DOUBT_MAX_MS ? doubt_ms : DOUBT_MAX_MS, patience_ms);
    }
    if (probe->conn != NULL && ((!probe->was_looked_at && !look_at_privileges(probe, &error)) ||
                                !ask_all(probe, &result->facts, &error))) {
        result->failure = dbconn_failure(probe->conn);
        result->failure = result->failure == DB_FINE ? DB_ANSWERED : result->failure;
        uint64_t silent_us = dbconn_silent_us(probe->conn);
        result->silent_since_us = silent_us > 0 ? job_now_us() - silent_us : 0;
        dbconn_close(probe->conn);
        probe->conn = NULL;
    }
    result->ended_us = job_now_us();
    if (result->failure != DB_FINE) {
        bool is_denied = result->failure == DB_ANSWERED && probe->missing[0] != '\0';
        copy_text(result->problem, sizeof result->problem, is_denied ? probe->missing : error.text);
    }
    result->declared = probe->looked;
    probe->looked = (struct declared_facts){.is_looked = false};
    result->facts.connection = probe->connection;
    result->facts.held_count = probe->held_count;
    copy_text(result->facts.missing, sizeof result->facts.missing, probe->missing);
    return result;
}

static uint32_t pause_ms(const struct probe *probe, uint64_t began_us)
{
    bool is_steady = probe->good_count > 1;
    uint32_t period_ms = probe->order.probe_ms;
    if (!is_steady && period_ms > HURRY_MS) {
        period_ms = HURRY_MS;
    }
    uint64_t spent_ms = (job_now_us() - began_us) / 1000;
    return spent_ms < period_ms ? period_ms - (uint32_t)spent_ms : 1;
}

// Waits for the next round; false when the job ends. An order that isn't urgent is remembered only.
static bool wait_for_round(struct probe *probe, uint64_t began_us)
{
    while (true) {
        struct probe_order order;
        switch (job_wait(probe->self, pause_ms(probe, began_us), &order, sizeof order)) {
        case JOB_NOTHING:
            return true;
        case JOB_STOP:
            return false;
        case JOB_ORDER:
            probe->order = order;
            if (order.is_now) {
                return true;
            }
            break;
        }
    }
}

static void run_probe(struct job *job, void *owner)
{
    struct probe *probe = owner;
    probe->self = job;
    uint64_t began_us;
    do {
        struct probe_result *result = ask(probe);
        began_us = result->began_us;
        probe->good_count = result->failure == DB_FINE ? probe->good_count + 1 : 0;
        mailbox_post(probe->setup.mailbox, &result->message);
    } while (wait_for_round(probe, began_us));
    if (probe->is_for_good && probe->conn != NULL) {
        struct id_clock_setup setup = ids_setup(probe);
        struct declared_setup who = declared_setup(probe);
        if (probe->order.declared.joins) {
            declared_leave(probe->conn, &who);
        }
        id_clock_give_back(&probe->ids, probe->conn, &setup,
                           probe->setup.ids_used_ms(probe->setup.owner));
    }
    dbconn_close(probe->conn);
}

// ---- the control thread's side

struct probe *probe_start(const struct probe_setup *setup, const struct probe_order *first)
{
    struct probe *probe = memory_new(sizeof *probe);
    probe->setup = *setup;
    probe->order = *first;
    char name[16];
    snprintf(name, sizeof name, "probe %.9s", setup->endpoint.name);
    probe->job = job_start(name, run_probe, probe);
    return probe;
}

void probe_tell(struct probe *probe, const struct probe_order *order)
{
    job_tell(probe->job, order, sizeof *order);
}

void probe_ask_to_stop(struct probe *probe, bool is_for_good)
{
    probe->is_for_good = is_for_good;
    job_ask_to_stop(probe->job);
}

void probe_join(struct probe *probe)
{
    job_join(probe->job);
    memory_free(probe);
}

bool probe_try_join(struct probe *probe)
{
    if (!job_try_join(probe->job)) {
        return false;
    }
    memory_free(probe);
    return true;
}
