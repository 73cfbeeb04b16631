// The verbs of the runbooks, each a few statements on one server. Tried sequences: hardparts 2.2.

#include "replication/action_impl.h"

#include <stdio.h>
#include <strings.h>

#include "replication/clone_mark.h"
#include "replication/probe.h"
#include "replication/restarted.h"
#include "replication/schema.h"

enum { WISHED_TRIES = 40, TRY_MS = 50, HAD_LOOKS = 100, HAD_LOOK_MS = 20 };

static const struct endpoint *endpoint_at(const void *owner, size_t place)
{
    const struct action *action = owner;
    const struct action_server *server = &action->setup.servers[place];
    return server->is_worth_trying ? &server->endpoint : NULL;
}

static bool take_leadership(struct action *action)
{
    return leader_take(&action->leader, &action->setup.leader, action->setup.shard_name,
                       action->setup.count, endpoint_at, action);
}

// What somebody has asked for waits a moment: locks last until their servers have seen that the
// connections of the action before are closed.
bool step_take_leadership(struct action *action)
{
    int tries = action->setup.is_wished ? WISHED_TRIES : 1;
    bool is_taken = take_leadership(action);
    while (!is_taken && --tries > 0 && job_wait(action->self, TRY_MS, NULL, 0) != JOB_STOP) {
        leader_give_up(&action->leader);
        is_taken = take_leadership(action);
    }
    if (is_taken) {
        return true;
    }
    char what[200];
    leader_explain(&action->leader, what, sizeof what);
    return action_give_up(action, "not the leader: %s", what);
}

bool step_still_leads(struct action *action)
{
    if (job_is_stopping(action->self)) {
        return action_give_up(action, "waybill stops");
    }
    if (leader_still_leads(&action->leader)) {
        return true;
    }
    char what[200];
    leader_explain(&action->leader, what, sizeof what);
    return action_give_up(action, "leadership lost: %s", what);
}

// The connection that holds the server's lock; NULL: there is none.
static struct dbconn *conn_at(struct action *action, size_t place)
{
    struct dbconn *conn = leader_conn(&action->leader, place);
    if (conn == NULL) {
        error_set(&action->error, DB_LOST_CODE, "HY000",
                  "no connection with its lock, or no leader any more");
    }
    return conn;
}

// A connection that has failed is no lock any more.
static bool check(struct action *action, size_t place, bool is_fine)
{
    if (!is_fine && dbconn_failure(action->leader.conns[place]) == DB_LOST) {
        leader_drop(&action->leader, place);
    }
    return is_fine;
}

bool step_run(struct action *action, size_t place, const char *statement)
{
    struct dbconn *conn = conn_at(action, place);
    return conn != NULL && check(action, place, dbconn_run(conn, &action->error, "%s", statement));
}

bool step_send(struct action *action, size_t place, const char *statement)
{
    struct dbconn *conn = conn_at(action, place);
    return conn != NULL && check(action, place, dbconn_send(conn, &action->error, statement));
}

bool step_finish(struct action *action, size_t place)
{
    struct dbconn *conn = conn_at(action, place);
    return conn != NULL && check(action, place, dbconn_finish(conn, &action->error));
}

// ---- what a member has

bool step_ask(struct action *action, size_t place, const char *statement, struct db_rows *rows)
{
    *rows = (struct db_rows){.result = NULL};
    struct dbconn *conn = conn_at(action, place);
    return conn != NULL &&
           check(action, place, dbconn_query(conn, rows, &action->error, "%s", statement));
}

// Adds the position in a column to what is known as received.
static bool add_position(struct action *action, const struct db_rows *rows, const char *column,
                         struct gtid_set *received)
{
    struct gtid_set more;
    if (!gtid_parse(received->flavor, slice_of_string(db_rows_text(rows, column)), &action->arena,
                    &more)) {
        error_set(&action->error, 1, "HY000", "can't read the position in %s", column);
        return false;
    }
    *received = gtid_union(received, &more, &action->arena);
    return true;
}

static bool read_replication(struct action *action, size_t place, struct member_state *state)
{
    bool is_mariadb = state->received.flavor == GTID_MARIADB;
    struct db_rows rows;
    bool is_fine =
        step_ask(action, place, is_mariadb ? "SHOW ALL SLAVES STATUS" : "SHOW SLAVE STATUS", &rows);
    if (is_fine) {
        state->source_count = (uint32_t)rows.count;
        state->source_port = (uint16_t)db_rows_number(&rows, "Master_Port");
        snprintf(state->source_host, sizeof state->source_host, "%s",
                 db_rows_text(&rows, "Master_Host"));
        state->is_receiving = db_rows_is_yes(&rows, "Slave_IO_Running");
        state->delay_s = (uint32_t)db_rows_number(&rows, "SQL_Delay");
        state->is_stopped = strcmp(db_rows_text(&rows, "Slave_IO_Running"), "No") == 0;
        state->is_applying = db_rows_is_yes(&rows, "Slave_SQL_Running");
        snprintf(state->relay_file, sizeof state->relay_file, "%s",
                 db_rows_text(&rows, "Relay_Log_File"));
        state->relay_at = db_rows_number(&rows, "Relay_Log_Pos");
        const char *column = is_mariadb ? "Gtid_IO_Pos" : "Retrieved_Gtid_Set";
        state->wait_for = arena_format(&action->arena, "%s", db_rows_text(&rows, column));
        is_fine = add_position(action, &rows, column, &state->received);
    }
    db_rows_done(&rows);
    return is_fine;
}

static bool note_unapplied(struct action *action, const struct gtid_set *applied,
                           struct member_state *state)
{
    struct gtid_set in_log = {.flavor = GTID_MARIADB};
    if (!gtid_parse(GTID_MARIADB, state->wait_for, &action->arena, &in_log)) {
        error_set(&action->error, 1, "HY000", "can't read the position in Gtid_IO_Pos");
        return false;
    }
    state->has_unapplied = !gtid_contains(applied, &in_log);
    return true;
}

static bool read_mark(struct action *action, size_t place, struct member_state *state)
{
    char text[16];
    struct dbconn *conn = conn_at(action, place);
    bool is_read = conn != NULL && clone_mark_read(conn, text, sizeof text, &action->error);
    state->is_incomplete = is_read && text[0] != '\0';
    return conn != NULL && check(action, place, is_read);
}

static bool read_had(struct action *action, const struct db_rows *rows, struct member_state *state)
{
    const char *mark = db_rows_text(rows, "init_slave");
    size_t begin = strlen(HAD_MARK_BEGIN);
    size_t len = strlen(mark);
    state->had = (struct gtid_set){.flavor = state->received.flavor};
    if (strncmp(mark, HAD_MARK_BEGIN, begin) != 0 || len < begin + strlen(HAD_MARK_END)) {
        return true;
    }
    struct slice position = slice_of(mark + begin, len - begin - strlen(HAD_MARK_END));
    if (!gtid_parse(state->had.flavor, position, &action->arena, &state->had)) {
        error_set(&action->error, 1, "HY000", "can't read the position in init_slave");
        return false;
    }
    return true;
}

bool step_read_state(struct action *action, size_t place, struct member_state *state)
{
    bool is_mariadb =
        action->leader.conns[place] != NULL && dbconn_is_mariadb(action->leader.conns[place]);
    *state = (struct member_state){.received.flavor = is_mariadb ? GTID_MARIADB : GTID_MYSQL};
    struct gtid_set applied = {.flavor = state->received.flavor};
    struct db_rows rows;
    bool is_fine = step_ask(
        action, place,
        is_mariadb ? "SELECT @@GLOBAL.read_only AS read_only, @@server_id AS server_id, "
                     "@@GLOBAL.init_slave AS init_slave, @@GLOBAL.gtid_binlog_pos AS binlog_gtid, "
                     "@@GLOBAL.gtid_slave_pos AS applied_gtid"
                   : "SELECT @@GLOBAL.read_only AS read_only, @@server_id AS server_id, "
                     "@@GLOBAL.init_slave AS init_slave, @@GLOBAL.gtid_executed AS binlog_gtid, '' "
                     "AS applied_gtid",
        &rows);
    if (is_fine) {
        state->is_read_only = db_rows_is_yes(&rows, "read_only");
        state->server_id = (uint32_t)db_rows_number(&rows, "server_id");
        is_fine = read_had(action, &rows, state) &&
                  add_position(action, &rows, "applied_gtid", &applied) &&
                  add_position(action, &rows, "binlog_gtid", &state->received);
    }
    db_rows_done(&rows);
    state->received = gtid_union(&state->received, &applied, &action->arena);
    return is_fine && read_mark(action, place, state) && read_replication(action, place, state) &&
           (!is_mariadb || note_unapplied(action, &applied, state));
}

bool step_is_replica_of(const struct action *action, const struct member_state *state, size_t place)
{
    const struct endpoint *to = &action->setup.servers[place].endpoint;
    return state->source_count == 1 && state->source_port == to->port &&
           strcasecmp(state->source_host, to->host) == 0;
}

size_t step_find_follower(struct action *action, size_t place)
{
    for (size_t other = 0; other < action->setup.count; other++) {
        struct member_state state;
        if (action->setup.servers[other].is_member && other != place &&
            action->leader.conns[other] != NULL && step_read_state(action, other, &state) &&
            step_is_replica_of(action, &state, place)) {
            return other;
        }
    }
    return action->setup.count;
}

static bool is_mixed(struct action *action, size_t place)
{
    struct member_state state;
    struct db_rows rows;
    if (action->leader.conns[place] == NULL || !step_read_state(action, place, &state) ||
        state.source_count < 2) {
        return false;
    }
    bool is_on =
        !step_ask(action, place, "SELECT @@GLOBAL.rpl_semi_sync_slave_enabled AS is_on", &rows) ||
        db_rows_is_yes(&rows, "is_on");
    db_rows_done(&rows);
    return is_on;
}

size_t step_find_mixed(struct action *action)
{
    size_t place = 0;
    while (place < action->setup.count &&
           !(action->setup.servers[place].is_member && is_mixed(action, place))) {
        place++;
    }
    return place;
}

// The server's answer: 0 or more when it is applied, -1 when the time is over, NULL when it can't
// be.
bool step_has_applied(struct action *action, size_t place, const char *position, int seconds)
{
    const char *ask =
        (const char *)arena_format(&action->arena, "SELECT %s('%s', %d) AS waited",
                                   action->setup.is_mariadb ? "MASTER_GTID_WAIT"
                                                            : "WAIT_UNTIL_SQL_THREAD_AFTER_GTIDS",
                                   position, seconds)
            .ptr;
    struct db_rows rows;
    bool is_answered = step_ask(action, place, ask, &rows);
    const char *waited = db_rows_text(&rows, "waited");
    bool is_applied = is_answered && waited[0] >= '0' && waited[0] <= '9';
    db_rows_done(&rows);
    return is_applied;
}

bool step_read_epoch(struct action *action, size_t place, struct epoch_row *row)
{
    struct dbconn *conn = conn_at(action, place);
    if (conn == NULL) {
        return false;
    }
    bool is_mariadb = dbconn_is_mariadb(conn);
    *row = (struct epoch_row){.cut.flavor = is_mariadb ? GTID_MARIADB : GTID_MYSQL};
    struct db_rows rows;
    bool is_fine = dbconn_query(conn, &rows, &action->error,
                                "SELECT epoch, primary_name, cut_gtid, %s AS server_uuid FROM "
                                "waybill.topology WHERE shard = '%s' ORDER BY epoch DESC LIMIT 1",
                                is_mariadb ? "''" : "@@server_uuid", action->setup.shard_name);
    if (is_fine && rows.count > 0) {
        row->epoch = db_rows_number(&rows, "epoch");
        snprintf(row->primary_name, sizeof row->primary_name, "%s",
                 db_rows_text(&rows, "primary_name"));
        snprintf(row->server_uuid, sizeof row->server_uuid, "%s",
                 db_rows_text(&rows, "server_uuid"));
        is_fine = add_position(action, &rows, "cut_gtid", &row->cut);
    }
    db_rows_done(&rows);
    bool is_there = is_fine || !schema_is_missing(&action->error);
    return check(action, place, is_fine) || !is_there;
}

bool step_read_promise(struct action *action, size_t place, const struct promise_of *of,
                       struct promise *promise)
{
    struct dbconn *conn = conn_at(action, place);
    return conn != NULL &&
           check(action, place,
                 promise_read(conn, of, action->setup.promise_trust_ms, promise, &action->error));
}

bool step_read_cut(struct action *action, size_t place, uint64_t known, struct gtid_set *cut,
                   uint64_t *epoch)
{
    struct db_rows rows;
    const char *ask =
        (const char *)arena_format(&action->arena,
                                   "SELECT epoch, cut_gtid FROM waybill.topology WHERE shard = "
                                   "'%s' AND epoch > %llu ORDER BY epoch LIMIT 1",
                                   action->setup.shard_name, (unsigned long long)known)
            .ptr;
    *cut = (struct gtid_set){.flavor = action->setup.is_mariadb ? GTID_MARIADB : GTID_MYSQL};
    bool is_readable =
        step_ask(action, place, ask, &rows) && add_position(action, &rows, "cut_gtid", cut);
    *epoch = db_rows_number(&rows, "epoch");
    db_rows_done(&rows);
    return is_readable;
}

static uint64_t read_uptime_us(struct action *action, size_t place)
{
    struct db_rows rows;
    bool is_read = step_ask(action, place, "SHOW GLOBAL STATUS LIKE 'Uptime'", &rows);
    uint64_t uptime_s = is_read ? db_rows_number(&rows, "Value") : 0;
    db_rows_done(&rows);
    return uptime_s * 1000000;
}

uint64_t step_read_beat_us(struct action *action, size_t place)
{
    const char *ask =
        (const char *)arena_format(&action->arena,
                                   "SELECT sent_us FROM waybill.heartbeat WHERE proxy = %u AND run "
                                   "= %llu",
                                   action->setup.proxy, (unsigned long long)action->setup.run)
            .ptr;
    struct db_rows rows;
    uint64_t beat_us = step_ask(action, place, ask, &rows) ? db_rows_number(&rows, "sent_us") : 0;
    db_rows_done(&rows);
    return beat_us;
}

bool step_may_have_more(struct action *action, size_t place, uint64_t beat_us,
                        const struct promise *promise)
{
    const struct action_server *server = &action->setup.servers[place];
    const struct restart_facts facts = {
        .before_us = server->before_us,
        .refused_us = server->refused_us,
        .connected_us = server->connected_us,
        .uptime_us = read_uptime_us(action, place),
        .now_us = job_now_us(),
        .beat_us = beat_us,
        .promise_age_us = promise->is_fresh ? promise->age_ms * 1000 : UINT64_MAX,
    };
    return restarted_may_have_more(&facts);
}

bool step_look_at_privileges(struct action *action, size_t place, struct privileges *privileges)
{
    struct dbconn *conn = conn_at(action, place);
    return conn != NULL && check(action, place, privilege_look(conn, privileges, &action->error));
}

// ---- changes

bool step_set_semi_sync(struct action *action, size_t place, bool is_source)
{
    struct db_rows rows;
    bool is_known = step_ask(action, place,
                             "SHOW GLOBAL VARIABLES LIKE 'rpl_semi_sync_master_enabled'", &rows) &&
                    rows.count > 0;
    db_rows_done(&rows);
    if (!is_known) {
        return leader_conn(&action->leader, place) != NULL;
    }
    const char *first = is_source ? "SET GLOBAL rpl_semi_sync_slave_enabled = 0"
                                  : "SET GLOBAL rpl_semi_sync_master_enabled = 0";
    const char *second = is_source ? "SET GLOBAL rpl_semi_sync_master_enabled = 1"
                                   : "SET GLOBAL rpl_semi_sync_slave_enabled = 1";
    return step_run(action, place, first) && step_run(action, place, second);
}

bool step_set_position(struct action *action, size_t place, const struct gtid_set *position)
{
    const char *text = (const char *)gtid_print(position, &action->arena).ptr;
    return step_run(
        action, place,
        (const char *)arena_format(&action->arena, "SET GLOBAL gtid_slave_pos = '%s'", text).ptr);
}

// In one statement: with an empty log and no position nobody would know any more what it has.
bool step_begin_log(struct action *action, size_t place, const struct gtid_set *position)
{
    const char *text = (const char *)gtid_print(position, &action->arena).ptr;
    return step_run(action, place,
                    (const char *)arena_format(&action->arena,
                                               "BEGIN NOT ATOMIC RESET MASTER; SET GLOBAL "
                                               "gtid_slave_pos = '%s'; END",
                                               text)
                        .ptr);
}

// init_slave is what a server runs when its SQL thread starts. It is the only place for a few words
// that is neither replicated nor written to the binary log, and is gone when the server is.
void step_mark_stopped(struct action *action, size_t place)
{
    bool is_marked = step_run(action, place,
                              "SET GLOBAL init_slave = IF(@@GLOBAL.init_slave = '', '" STOPPED_MARK
                              "', @@GLOBAL.init_slave)");
    (void)is_marked; // without it nobody starts the server when this waybill gets no further
}

bool step_mark_had(struct action *action, size_t place, const struct gtid_set *received)
{
    const char *text = (const char *)gtid_print(received, &action->arena).ptr;
    return step_run(action, place,
                    (const char *)arena_format(
                        &action->arena,
                        "SET GLOBAL init_slave = IF(@@GLOBAL.init_slave IN ('', '" STOPPED_MARK
                        "'), '" HAD_MARK_BEGIN "%s" HAD_MARK_END "', @@GLOBAL.init_slave)",
                        text)
                        .ptr);
}

void step_await_had(struct action *action, size_t place, const struct gtid_set *received)
{
    struct member_state state;
    for (int look = 0; look < HAD_LOOKS; look++) {
        if (!step_read_state(action, place, &state)) {
            return;
        }
        if (gtid_contains(&state.received, received) &&
            gtid_contains(&state.received, &state.had)) {
            bool is_clear = step_run(action, place,
                                     "SET GLOBAL init_slave = IF(@@GLOBAL.init_slave LIKE "
                                     "'" HAD_MARK_BEGIN "%', '', @@GLOBAL.init_slave)");
            (void)is_clear;
            return;
        }
        if (job_wait(action->self, HAD_LOOK_MS, NULL, 0) == JOB_STOP) {
            return;
        }
    }
}

void step_clear_mark(struct action *action, size_t place)
{
    bool is_clear = step_run(action, place,
                             "SET GLOBAL init_slave = IF(@@GLOBAL.init_slave = '" STOPPED_MARK
                             "', '', @@GLOBAL.init_slave)");
    (void)is_clear; // (a mark on a server that runs and follows the primary says nothing)
}

bool step_stop_replica(struct action *action, size_t place, const char *threads)
{
    char statement[64];
    snprintf(statement, sizeof statement, "STOP SLAVE%s", threads);
    step_mark_stopped(action, place);
    return step_run(action, place, statement);
}

// At its end the thread of a semi-sync replica logs in to the primary, to end its connection there;
// with a primary that hangs it waits for a greeting. STOP SLAVE interrupts the thread at once, and
// not again before 2 seconds are over: the first time must be that log-in's.
bool step_wake_receiver(struct action *action, size_t place)
{
    char statement[64];
    struct db_rows rows = {.result = NULL};
    bool is_there = action->setup.is_mariadb &&
                    step_ask(action, place,
                             "SELECT id FROM information_schema.processlist WHERE command = "
                             "'Slave_IO' AND state LIKE 'Waiting for master to send%'",
                             &rows);
    is_there = is_there && rows.count == 1;
    if (is_there) {
        snprintf(statement, sizeof statement, "KILL CONNECTION %llu",
                 (unsigned long long)db_rows_number(&rows, "id"));
    }
    db_rows_done(&rows);
    return is_there && step_run(action, place, statement);
}

bool step_start_replica(struct action *action, size_t place, const char *threads)
{
    char statement[64];
    snprintf(statement, sizeof statement, "START SLAVE%s", threads);
    if (!step_run(action, place, statement)) {
        return false;
    }
    step_clear_mark(action, place);
    return true;
}

bool step_follow(struct action *action, size_t place, size_t primary)
{
    const struct endpoint *to = &action->setup.servers[primary].endpoint;
    char host[600];
    char user[220];
    char password[280];
    char statement[1600];
    db_quote(to->host, host, sizeof host);
    db_quote(action->setup.replication_user, user, sizeof user);
    db_quote(action->setup.replication_password, password, sizeof password);
    // What is not written stays as it is in the replica, its other settings of TLS among them.
    const char *tls = to->tls.mode >= TLS_REQUIRED ? "MASTER_SSL = 1, " : "";
    // slave_pos, never current_pos: what a server once wrote itself is no place to go on from.
    snprintf(statement, sizeof statement,
             "CHANGE MASTER TO MASTER_HOST = %s, MASTER_PORT = %u, MASTER_USER = %s, "
             "MASTER_PASSWORD = %s, MASTER_CONNECT_RETRY = 1, %s%s",
             host, to->port, user, password, tls,
             action->setup.is_mariadb ? "MASTER_USE_GTID = slave_pos" : "MASTER_AUTO_POSITION = 1");
    return step_stop_replica(action, place, "") && step_set_semi_sync(action, place, false) &&
           step_run(action, place, statement) && step_start_replica(action, place, "");
}

static bool write_row(struct action *action, size_t primary, const char *statement)
{
    struct dbconn *conn = leader_conn(&action->leader, primary);
    return step_run(action, primary, statement) ||
           (conn != NULL && schema_is_missing(&action->error) &&
            schema_create(conn, &action->error) && step_run(action, primary, statement));
}

bool step_write_on_primary(struct action *action, const char *statement, const char *table)
{
    size_t primary = action_place(action, action->setup.primary);
    const char *name = action->setup.servers[primary].endpoint.name;
    struct member_state state;
    if (!step_read_state(action, primary, &state)) {
        return action_give_up(action, "%s: %s", name, action->error.text);
    }
    if (state.is_read_only || state.source_count > 0) {
        return action_give_up(action, "%s does not take writes", name);
    }
    return write_row(action, primary, statement) ||
           action_give_up(action, "%s on %s: %s", table, name, action->error.text);
}
