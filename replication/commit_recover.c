// One round of the recovery:
//
//     every primary      XA RECOVER: branches with waybill's format id, by name since when seen
//     older than         the decider's primary is asked, by writing: a row 'A' if there is none. So
//     in_doubt_ms        a frozen coordinator can't decide later; one that is deciding right now
//                        holds the row locked, and is left alone
//     C: XA COMMIT, A: XA ROLLBACK. "Unknown" (1397) though it is listed: a connection still has
//                        it. That is in the bqual; it is killed if it sleeps, for it is the
//                        coordinator's, and had all that time
//
// A branch of a promoted replica has no connection, nor has one of a restarted server. The primary
// is asked whether it takes writes by the connection that then finishes what is there, so a server
// that restarted since, and was not put right yet (xa_repair.c), is not touched.
//
// Decisions are deleted when they are old and no branch is in doubt anywhere: 'C' after an hour,
// 'A' after a day, by when no connection of a frozen coordinator can still be there (wait_timeout:
// eight hours).

#include "replication/commit_recover.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "cluster/decision.h"
#include "replication/job.h"
#include "replication/schema.h"
#include "replication/xa_recover.h"

enum {
    XAER_NOTA = 1397,
    XA_RBROLLBACK = 1402, // it had written nothing
    KILL_TRIES = 50,
    KILL_PAUSE_MS = 20,
    QUOTED_BYTES = 2 * RECOVER_NAME_BYTES + 2,
};

struct recover_job {
    struct job *job;
    struct recover_round *round;
};

struct run {
    struct job *job;
    struct recover_round *round;
    struct dbconn **conns; // the lines', by shard; NULL: no primary that takes writes
};

// ---- names

const char *recover_decider(const char *gtrid)
{
    const char *last = strrchr(gtrid, ':');
    bool is_ours = strncmp(gtrid, DECISION_PREFIX, sizeof DECISION_PREFIX - 1) == 0;
    return is_ours && last != NULL && last > gtrid + sizeof DECISION_PREFIX ? last + 1 : "";
}

uint32_t recover_connection(const char *bqual, const char *server)
{
    const char *point = strrchr(bqual, '.');
    size_t len = point != NULL ? (size_t)(point - bqual) : 0;
    size_t server_len = strlen(server) < 50 ? strlen(server) : 50; // as branch_sql cuts it
    if (point == NULL || len != server_len || strncmp(bqual, server, len) != 0) {
        return 0;
    }
    return (uint32_t)strtoul(point + 1, NULL, 10);
}

static void say(struct run *run, const char *shard, const char *what,
                const struct recover_branch *branch)
{
    text_add_format(&run->round->said, "shard %s: transaction %s %s", shard, branch->gtrid, what);
    text_add(&run->round->said, "", 1);
}

// ---- looking

static void note_branch(struct recover_round *round, uint16_t shard, const char *gtrid,
                        const char *bqual)
{
    for (size_t i = 0; i < round->branch_count; i++) {
        struct recover_branch *branch = &round->branches[i];
        if (branch->shard == shard && strcmp(branch->gtrid, gtrid) == 0 &&
            strcmp(branch->bqual, bqual) == 0) {
            branch->is_there = true;
            return;
        }
    }
    round->branches =
        memory_resize(round->branches, (round->branch_count + 1) * sizeof *round->branches);
    struct recover_branch *branch = &round->branches[round->branch_count++];
    *branch = (struct recover_branch){
        .shard = shard, .seen_us = job_now_us(), .is_there = true, .problem = ""};
    snprintf(branch->gtrid, sizeof branch->gtrid, "%s", gtrid);
    snprintf(branch->bqual, sizeof branch->bqual, "%s", bqual);
}

// A primary that has just restarted, or gave up its role, takes no writes: what is prepared there
// is put right first, by who opens it or leads it back.
static bool is_open(struct dbconn *conn, struct error *error)
{
    struct db_rows rows;
    bool is_asked = dbconn_query(conn, &rows, error, "SELECT @@GLOBAL.read_only AS read_only");
    bool is_writable = is_asked && !db_rows_is_yes(&rows, "read_only");
    db_rows_done(&rows);
    return is_writable;
}

static void close_line(struct recover_line *line)
{
    dbconn_close(line->conn);
    line->conn = NULL;
}

static bool connect_line(struct recover_line *line, const struct recover_shard *at,
                         struct error *error)
{
    enum db_failure failure;
    if (!at->has_primary || !endpoint_is_same(&line->endpoint, &at->endpoint)) {
        close_line(line);
    }
    if (at->has_primary && line->conn == NULL) {
        line->endpoint = at->endpoint;
        line->conn = dbconn_open(&at->endpoint, error, &failure);
    }
    return line->conn != NULL;
}

static bool look(struct run *run, uint16_t shard, struct error *error)
{
    struct recover_line *line = &run->round->lines[shard];
    if (!connect_line(line, &run->round->shards[shard], error) || !is_open(line->conn, error)) {
        return false;
    }
    run->conns[shard] = line->conn;
    if (!dbconn_is_mariadb(run->conns[shard])) {
        return true; // nobody begins branches there
    }
    struct xa_ledger ledger = {.count = 0};
    bool is_read = xa_recover(run->conns[shard], &ledger, error);
    for (size_t i = 0; is_read && i < ledger.count; i++) {
        const struct xa_branch *branch = &ledger.branches[i];
        if (recover_decider(branch->gtrid)[0] != '\0') {
            note_branch(run->round, shard, branch->gtrid, branch->bqual);
        }
    }
    xa_ledger_done(&ledger);
    return is_read;
}

// Branches of shards that were looked at and had them not are finished.
static bool look_at_all(struct run *run)
{
    struct recover_round *round = run->round;
    bool is_complete = true;
    for (size_t i = 0; i < round->branch_count; i++) {
        round->branches[i].is_there = false;
    }
    for (size_t shard = 0; shard < round->shard_count; shard++) {
        struct error error = {0};
        bool is_looked = look(run, (uint16_t)shard, &error);
        is_complete &= is_looked || round->shards[shard].name[0] == '\0';
        for (size_t i = 0; !is_looked && i < round->branch_count; i++) {
            round->branches[i].is_there |= round->branches[i].shard == shard; // maybe
        }
    }
    return is_complete;
}

// ---- deciding

static bool write_row(struct dbconn *conn, const char *gtrid, char outcome, struct error *error)
{
    char quoted[QUOTED_BYTES];
    db_quote(gtrid, quoted, sizeof quoted);
    return dbconn_run(conn, error,
                      "INSERT INTO " DECISION_TABLE
                      " (gtrid, outcome, at) SELECT %s, '%c', UTC_TIMESTAMP(3) FROM DUAL WHERE "
                      "@@GLOBAL.read_only = 0 ON DUPLICATE KEY UPDATE asked = asked + 1",
                      quoted, outcome);
}

// 'C' or 'A'; 0 with *error.
static char ask(struct dbconn *conn, const char *gtrid, char unless, struct error *error)
{
    char quoted[QUOTED_BYTES], outcome = 0;
    struct db_rows rows;
    bool is_written = write_row(conn, gtrid, unless, error);
    if (!is_written && schema_is_missing(error)) {
        is_written = schema_create(conn, error) && write_row(conn, gtrid, unless, error);
    }
    if (!is_written) {
        return 0;
    }
    if (dbconn_changed(conn) == 0) {
        error_set(error, DB_LOST_CODE, "HY000", "the shard that decides takes no writes any more");
        return 0;
    }
    db_quote(gtrid, quoted, sizeof quoted);
    if (dbconn_query(conn, &rows, error, "SELECT outcome FROM " DECISION_TABLE " WHERE gtrid = %s",
                     quoted)) {
        outcome = db_rows_text(&rows, "outcome")[0];
    }
    db_rows_done(&rows);
    return outcome == 'C' || outcome == 'A' ? outcome : 0;
}

static struct dbconn *conn_of_decider(const struct run *run, const char *gtrid)
{
    const char *name = recover_decider(gtrid);
    for (size_t i = 0; i < run->round->shard_count; i++) {
        if (strcmp(run->round->shards[i].name, name) == 0) {
            return run->conns[i];
        }
    }
    return NULL;
}

// ---- finishing

static bool run_verb(struct dbconn *conn, const struct recover_branch *branch, char outcome,
                     struct error *error)
{
    char name[XA_NAME_SQL_BYTES];
    xa_print_name(branch->gtrid, branch->bqual, name);
    bool is_done =
        dbconn_run(conn, error, "XA %s %s", outcome == 'C' ? "COMMIT" : "ROLLBACK", name);
    return is_done || error->code == XA_RBROLLBACK;
}

// Whoever holds it sleeps: a coordinator that does not go on. False: there is nobody.
static bool kill_holder(struct dbconn *conn, uint32_t connection)
{
    struct error error = {0};
    struct db_rows rows;
    bool is_there = dbconn_query(conn, &rows, &error,
                                 "SELECT ID FROM information_schema.PROCESSLIST WHERE ID = %u AND "
                                 "COMMAND = 'Sleep'",
                                 connection) &&
                    rows.count == 1;
    db_rows_done(&rows);
    return is_there && dbconn_run(conn, &error, "KILL %u", connection);
}

static bool finish(struct run *run, struct recover_branch *branch, char outcome,
                   struct error *error)
{
    struct dbconn *conn = run->conns[branch->shard];
    if (run_verb(conn, branch, outcome, error)) {
        return true;
    }
    const char *server = run->round->shards[branch->shard].endpoint.name;
    uint32_t connection = recover_connection(branch->bqual, server);
    if (error->code != XAER_NOTA || connection == 0 || !kill_holder(conn, connection)) {
        return false; // or it has been finished since: the next round sees
    }
    for (int i = 0; i < KILL_TRIES && error->code == XAER_NOTA; i++) {
        if (job_wait(run->job, KILL_PAUSE_MS, NULL, 0) == JOB_STOP) {
            return false;
        }
        if (run_verb(conn, branch, outcome, error)) {
            return true;
        }
    }
    return false;
}

static void fail(struct run *run, struct recover_branch *branch, const char *what)
{
    bool is_news = strcmp(branch->problem, what) != 0;
    snprintf(branch->problem, sizeof branch->problem, "%s", what);
    if (is_news) {
        char text[200];
        snprintf(text, sizeof text, "is in doubt: %.160s", what);
        say(run, run->round->shards[branch->shard].name, text, branch);
    }
}

static void resolve(struct run *run, struct recover_branch *branch)
{
    const struct recover_word *word = &run->round->word;
    struct error error = {0};
    bool is_word = word->gtrid[0] != '\0' && strcmp(word->gtrid, branch->gtrid) == 0;
    struct dbconn *decider = conn_of_decider(run, branch->gtrid);
    char outcome = is_word ? word->outcome : 0;
    if (decider != NULL) {
        outcome = ask(decider, branch->gtrid, is_word ? word->outcome : 'A', &error);
    } else if (!is_word) {
        fail(run, branch, "the shard that decides has no primary that could be asked");
        return;
    }
    if (outcome == 0) {
        fail(run, branch, error.text);
        return;
    }
    if (!finish(run, branch, outcome, &error)) {
        fail(run, branch, error.text);
        return;
    }
    branch->is_finished = true;
    say(run, run->round->shards[branch->shard].name,
        outcome == 'C' ? "was left, and is committed" : "was left, and is rolled back", branch);
}

// True: none is left that is old enough.
static bool resolve_all(struct run *run)
{
    struct recover_round *round = run->round;
    uint64_t now_us = job_now_us();
    bool is_clear = true;
    for (size_t i = 0; i < round->branch_count && !job_is_stopping(run->job); i++) {
        struct recover_branch *branch = &round->branches[i];
        bool is_word = strcmp(round->word.gtrid, branch->gtrid) == 0;
        bool is_due = is_word || now_us >= branch->seen_us + round->in_doubt_us;
        if (branch->is_there && is_due && run->conns[branch->shard] != NULL) {
            resolve(run, branch);
        }
        is_clear &= !branch->is_there || !is_due || branch->is_finished;
    }
    return is_clear;
}

static void drop_finished(struct recover_round *round)
{
    size_t kept = 0;
    for (size_t i = 0; i < round->branch_count; i++) {
        if (round->branches[i].is_there && !round->branches[i].is_finished) {
            round->branches[kept++] = round->branches[i];
        }
    }
    round->branch_count = kept;
}

// So many at a time, so that no replica applies one long; the rest of them a minute later.
enum { SWEPT_AT_ONCE = 10000, SWEEPS_MAX = 30 };

static bool sweep_some(struct dbconn *conn, const char *sql, uint64_t *count, struct error *error)
{
    struct db_rows rows;
    *count = 0;
    if (!dbconn_run(conn, error, "%s LIMIT %d", sql, SWEPT_AT_ONCE) ||
        !dbconn_query(conn, &rows, error, "SELECT ROW_COUNT() AS count")) {
        return false;
    }
    *count = db_rows_number(&rows, "count");
    db_rows_done(&rows);
    return true;
}

static bool sweep_table(struct dbconn *conn, const char *sql, struct error *error)
{
    uint64_t count = SWEPT_AT_ONCE;
    bool is_done = true;
    for (int n = 0; n < SWEEPS_MAX && is_done && count == SWEPT_AT_ONCE; n++) {
        is_done = sweep_some(conn, sql, &count, error);
    }
    return is_done;
}

// What clients may still ask for stays.
static void sweep(const struct run *run)
{
    static const char decisions[] =
        "DELETE FROM " DECISION_TABLE " WHERE at < UTC_TIMESTAMP(3) - INTERVAL 1 HOUR AND "
        "(outcome = 'C' OR at < UTC_TIMESTAMP(3) - INTERVAL 1 DAY)";
    static const char once[] = "DELETE FROM waybill.once WHERE at < UTC_TIMESTAMP(3) - INTERVAL 7 "
                               "DAY";
    for (size_t i = 0; i < run->round->shard_count; i++) {
        struct error error = {0};
        struct dbconn *conn = run->conns[i];
        if (conn == NULL) {
            continue;
        }
        bool is_done = sweep_table(conn, decisions, &error) && sweep_table(conn, once, &error);
        if (!is_done && schema_is_missing(&error)) {
            is_done = schema_create(conn, &error);
        }
        (void)is_done; // the next one comes
    }
}

// ---- the job

static void run_round(struct job *job, void *owner)
{
    struct recover_job *self = owner;
    struct recover_round *round = self->round;
    struct run run = {.job = job, .round = round};
    run.conns = memory_new(round->shard_count * sizeof(struct dbconn *));
    bool is_complete = look_at_all(&run);
    bool is_clear = resolve_all(&run);
    if (round->wants_sweep && is_complete && is_clear) {
        sweep(&run);
        round->is_swept = true;
    }
    drop_finished(round);
    for (size_t i = 0; i < round->shard_count; i++) {
        if (round->lines[i].conn != NULL && dbconn_failure(round->lines[i].conn) == DB_LOST) {
            close_line(&round->lines[i]);
        }
    }
    memory_free(run.conns);
    mailbox_post(round->mailbox, &round->message);
}

struct recover_job *recover_start(struct recover_round *round)
{
    struct recover_job *self = memory_new(sizeof *self);
    self->round = round;
    self->job = job_start("recover", run_round, self);
    return self;
}

void recover_join(struct recover_job *job)
{
    job_join(job->job);
    memory_free(job);
}

void recover_round_free(struct recover_round *round)
{
    for (size_t i = 0; round->lines != NULL && i < round->shard_count; i++) {
        close_line(&round->lines[i]);
    }
    memory_free(round->lines);
    memory_free(round->shards);
    memory_free(round->branches);
    text_done(&round->said);
    memory_free(round);
}
