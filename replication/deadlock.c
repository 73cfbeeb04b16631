// One look:
//
//     waybill.waiting       what other waybills say of their transactions that wait
//     every primary         who waits for whom there (INNODB_LOCK_WAITS)
//     both looks            only what was so at the look before, too, counts
//     wait_graph.h          the youngest transaction of each cycle
//     waybill.waiting       our own transactions that wait, for the others
//
// Nobody is rolled back who is in no cycle. All waits that count have begun before the first server
// was looked at, and last until it was, so there was a moment in which all of them were. Which
// connection belongs to which transaction was listed by the workers between the two looks. What
// another waybill says may be old: it names the waits that it has seen itself, and counts as long
// as such a wait of the transaction lasts, for a transaction that waits goes nowhere.
//
// Each waybill rolls back its own; since all see the same, they agree. A line of the row:
//
//     SERVER CONNECTION SESSION BEGAN WAIT        SERVER: xxh64 of its name; WAIT 0: it does not
//                                                 wait, but may have locks

#include "replication/deadlock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/memory.h"
#include "replication/job.h"
#include "replication/schema.h"

enum {
    EDGES_MAX = 20000,
    LIST_BYTES_MAX = 256 * 1024,
    OLD_TRIES = 4,
    OLD_PAUSE_MS = 120, // InnoDB keeps these tables so long as they are read more often than that
    NO_LINE = 0xffff,
};

#define LINE_FORMAT(way) "%" way##x64 " %" way##u32 " %" way##u32 " %" way##u64 " %" way##u64

struct claim { // what another waybill says of one connection
    struct wait_holder holder;
    uint64_t wait;
};

struct look {
    struct job *job;
    struct deadlock_check *check;
    struct claim *claims; // owned
    size_t claim_count;
    struct wait_edge *edges; // owned; all
    size_t edge_count;
    struct wait_edge *steady; // owned; those of both looks
    size_t steady_count;
    struct wait_holder *holders; // owned; the waiters', then those of others
    size_t *waiter_of;           // owned; by holder, as far as they are ours
    size_t holder_count, own_count;
};

// ---- lines

static void close_line(struct deadlock_line *line)
{
    dbconn_close(line->conn);
    line->conn = NULL;
}

static bool connect_line(struct deadlock_line *line, struct error *error)
{
    enum db_failure failure;
    if (!line->is_wanted || !endpoint_is_same(&line->endpoint, &line->connected)) {
        close_line(line);
    }
    if (line->is_wanted && line->conn == NULL) {
        line->connected = line->endpoint;
        line->conn = dbconn_open(&line->endpoint, error, &failure);
    }
    return line->conn != NULL;
}

static uint16_t line_of_server(const struct deadlock_check *check, uint16_t server)
{
    for (size_t i = 0; i < check->line_count; i++) {
        if (check->lines[i].is_wanted && check->lines[i].server == server) {
            return check->lines[i].same;
        }
    }
    return NO_LINE;
}

static uint64_t hash_name(const struct deadlock_line *line)
{
    return hash_bytes(line->endpoint.name, strlen(line->endpoint.name));
}

static uint16_t line_of_hash(const struct deadlock_check *check, uint64_t hash)
{
    for (size_t i = 0; i < check->line_count; i++) {
        if (check->lines[i].is_wanted && hash_name(&check->lines[i]) == hash) {
            return check->lines[i].same;
        }
    }
    return NO_LINE;
}

static struct dbconn *mail_conn(const struct deadlock_check *check)
{
    const struct deadlock_line *line = &check->lines[check->mail];
    return line->is_wanted ? check->lines[line->same].conn : NULL;
}

// ---- what others say

static void read_claims(struct look *look, const char *list)
{
    uint64_t server, wait;
    struct wait_holder holder = {.server = 0};
    for (const char *at = list; at != NULL && *at != '\0'; at = strchr(at, '\n')) {
        at += *at == '\n';
        if (sscanf(at, LINE_FORMAT(SCN), &server, &holder.connection, &holder.session,
                   &holder.began_us, &wait) != 5) {
            continue;
        }
        holder.server = line_of_hash(look->check, server);
        if (holder.server != NO_LINE) {
            look->claims =
                memory_resize(look->claims, (look->claim_count + 1) * sizeof *look->claims);
            look->claims[look->claim_count++] = (struct claim){.holder = holder, .wait = wait};
        }
    }
}

static void read_others(struct look *look)
{
    struct db_rows rows;
    struct error error;
    struct dbconn *conn = mail_conn(look->check);
    if (conn == NULL) {
        return;
    }
    bool is_there =
        dbconn_query(conn, &rows, &error, "SELECT list FROM waybill.waiting WHERE proxy <> %u",
                     look->check->proxy) &&
        rows.count > 0;
    while (is_there) {
        read_claims(look, db_rows_text(&rows, "list"));
        is_there = db_rows_next(&rows);
    }
    db_rows_done(&rows);
}

// ---- the servers' locks

// These tables are a copy that InnoDB makes, or an older one that somebody reads all the time: it
// is new when this very statement is in it.
static bool is_new_copy(struct look *look, struct dbconn *conn, bool *is_new, struct error *error)
{
    struct db_rows rows;
    bool is_read = dbconn_query(
        conn, &rows, error,
        "SELECT COUNT(*) AS found FROM information_schema.INNODB_TRX WHERE trx_mysql_thread_id = "
        "CONNECTION_ID() AND trx_query LIKE '%%waybill looks %" PRIx64 ".%" PRIu64 ".%%'",
        look->check->run, ++look->check->look_count);
    *is_new = is_read && db_rows_number(&rows, "found") > 0;
    db_rows_done(&rows);
    return is_read;
}

static uint64_t hash_wait(const struct db_rows *rows)
{
    char text[200];
    int len = snprintf(text, sizeof text, "%s %s %s", db_rows_text(rows, "waiting_trx"),
                       db_rows_text(rows, "lock_id"), db_rows_text(rows, "since"));
    return hash_bytes(text, (size_t)len) | 1;
}

static void add_edges(struct look *look, uint16_t line, struct db_rows *rows)
{
    bool is_there = rows->count > 0;
    look->edges =
        memory_resize(look->edges, (look->edge_count + rows->count + 1) * sizeof *look->edges);
    while (is_there) {
        look->edges[look->edge_count++] = (struct wait_edge){
            .server = line,
            .waiter = (uint32_t)db_rows_number(rows, "waiter"),
            .blocker = (uint32_t)db_rows_number(rows, "blocker"),
            .wait = hash_wait(rows),
            .holding = db_rows_number(rows, "holding_trx"),
        };
        is_there = db_rows_next(rows);
    }
}

// A branch that is prepared and whose connection is gone has no thread: it waits for nobody.
static bool read_edges(struct look *look, uint16_t line, struct error *error)
{
    struct db_rows rows;
    bool is_read = dbconn_query(
        look->check->lines[line].conn, &rows, error,
        "SELECT w.requesting_trx_id AS waiting_trx, w.requested_lock_id AS lock_id, "
        "w.blocking_trx_id AS holding_trx, r.trx_wait_started AS since, r.trx_mysql_thread_id AS "
        "waiter, b.trx_mysql_thread_id AS blocker FROM information_schema.INNODB_LOCK_WAITS w JOIN "
        "information_schema.INNODB_TRX r ON r.trx_id = w.requesting_trx_id JOIN "
        "information_schema.INNODB_TRX b ON b.trx_id = w.blocking_trx_id WHERE "
        "r.trx_mysql_thread_id > 0 AND b.trx_mysql_thread_id > 0 LIMIT %d",
        EDGES_MAX);
    if (is_read) {
        add_edges(look, line, &rows);
    }
    db_rows_done(&rows);
    return is_read;
}

static bool look_at(struct look *look, uint16_t line, struct error *error)
{
    struct dbconn *conn = look->check->lines[line].conn;
    bool is_new = false;
    if (!dbconn_run(conn, error, "START TRANSACTION WITH CONSISTENT SNAPSHOT")) {
        return false;
    }
    for (int tries = 0; !is_new && tries < OLD_TRIES; tries++) {
        if (tries > 0 && job_wait(look->job, OLD_PAUSE_MS, NULL, 0) == JOB_STOP) {
            break;
        }
        if (!is_new_copy(look, conn, &is_new, error)) {
            return false;
        }
    }
    return (!is_new || read_edges(look, line, error)) && dbconn_run(conn, error, "COMMIT");
}

static void look_at_all(struct look *look)
{
    struct deadlock_check *check = look->check;
    check->problem[0] = '\0';
    for (size_t i = 0; i < check->line_count; i++) {
        struct deadlock_line *line = &check->lines[i];
        struct error error = {0};
        bool is_used = line->is_wanted && line->same == i && line->conn != NULL;
        if (is_used && !look_at(look, (uint16_t)i, &error)) {
            snprintf(check->problem, sizeof check->problem, "%s: %.120s", line->endpoint.name,
                     error.text);
            close_line(line);
        }
    }
}

// ---- what counts

static int compare_numbers(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int compare_edges(const void *left, const void *right)
{
    const struct wait_edge *a = left, *b = right;
    int order = compare_numbers(a->server, b->server);
    order = order != 0 ? order : compare_numbers(a->waiter, b->waiter);
    order = order != 0 ? order : compare_numbers(a->blocker, b->blocker);
    order = order != 0 ? order : compare_numbers(a->wait, b->wait);
    return order != 0 ? order : compare_numbers(a->holding, b->holding);
}

static bool was_there(const struct deadlock_check *check, const struct wait_edge *edge)
{
    return check->edge_count > 0 &&
           bsearch(edge, check->edges, check->edge_count, sizeof *edge, compare_edges) != NULL;
}

static void keep_steady(struct look *look)
{
    look->steady = memory_new((look->edge_count + 1) * sizeof *look->steady);
    for (size_t i = 0; i < look->edge_count; i++) {
        if (was_there(look->check, &look->edges[i])) {
            look->steady[look->steady_count++] = look->edges[i];
        }
    }
}

static int compare_waiter(const void *key, const void *member)
{
    const struct wait_holder *holder = key;
    const struct wait_edge *edge = member;
    int order = compare_numbers(holder->server, edge->server);
    return order != 0 ? order : compare_numbers(holder->connection, edge->waiter);
}

// The wait of that connection; 0: it has none that counts.
static uint64_t find_wait(const struct look *look, const struct wait_holder *holder)
{
    const struct wait_edge *edge = bsearch(holder, look->steady, look->steady_count, sizeof *edge,
                                           compare_waiter); // for several locks in a row: the same
    return edge != NULL ? edge->wait : 0;
}

static bool is_same_transaction(const struct wait_holder *a, const struct wait_holder *b)
{
    return a->session == b->session && a->began_us == b->began_us;
}

static void gather_own(struct look *look)
{
    const struct deadlock_check *check = look->check;
    for (size_t i = 0; i < check->waiter_count; i++) {
        const struct waiter *waiter = &check->waiters[i];
        uint16_t line = line_of_server(check, waiter->server);
        if (line != NO_LINE) {
            look->waiter_of[look->own_count] = i;
            look->holders[look->own_count++] = (struct wait_holder){
                .server = line,
                .connection = waiter->connection,
                .session = waiter->session,
                .began_us = waiter->began_us,
            };
        }
    }
    look->holder_count = look->own_count;
}

// The lines of one transaction are together.
static void gather_others(struct look *look)
{
    for (size_t i = 0, end; i < look->claim_count; i = end) {
        bool is_true = false;
        for (end = i; end < look->claim_count &&
                      is_same_transaction(&look->claims[i].holder, &look->claims[end].holder);
             end++) {
            const struct claim *claim = &look->claims[end];
            is_true |= claim->wait != 0 && claim->wait == find_wait(look, &claim->holder);
        }
        for (size_t j = i; is_true && j < end; j++) {
            look->holders[look->holder_count++] = look->claims[j].holder;
        }
    }
}

static void gather_holders(struct look *look)
{
    size_t max = look->check->waiter_count + look->claim_count + 1;
    look->holders = memory_new(max * sizeof *look->holders);
    look->waiter_of = memory_new(max * sizeof *look->waiter_of);
    gather_own(look);
    gather_others(look);
}

static void find_victims(struct look *look)
{
    struct deadlock_check *check = look->check;
    size_t found[DEADLOCK_VICTIMS_MAX];
    size_t count = wait_graph_victims(look->steady, look->steady_count, look->holders,
                                      look->holder_count, found, DEADLOCK_VICTIMS_MAX);
    check->victim_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (found[i] < look->own_count) { // else another waybill does it
            check->victims[check->victim_count++] = check->waiters[look->waiter_of[found[i]]];
        }
    }
}

// ---- what we say

static void write_lines(const struct look *look, size_t from, size_t to, struct text *list)
{
    for (size_t i = from; i < to; i++) {
        const struct wait_holder *holder = &look->holders[i];
        text_add_format(list, LINE_FORMAT(PRI) "\n", hash_name(&look->check->lines[holder->server]),
                        holder->connection, holder->session, holder->began_us,
                        find_wait(look, holder));
    }
}

// Those that wait, of ours.
static void write_list(const struct look *look, struct text *list)
{
    for (size_t i = 0, end; i < look->own_count && list->len < LIST_BYTES_MAX; i = end) {
        bool is_waiting = false;
        for (end = i;
             end < look->own_count && is_same_transaction(&look->holders[i], &look->holders[end]);
             end++) {
            is_waiting |= find_wait(look, &look->holders[end]) != 0;
        }
        if (is_waiting) {
            write_lines(look, i, end, list);
        }
    }
}

static bool write_row(const struct look *look, const struct text *list, struct error *error)
{
    return dbconn_run(mail_conn(look->check), error,
                      "INSERT INTO waybill.waiting (proxy, list, at) VALUES (%u, '%.*s', "
                      "UTC_TIMESTAMP(3)) ON DUPLICATE KEY UPDATE list = VALUES(list), at = "
                      "VALUES(at)",
                      look->check->proxy, (int)list->len, (const char *)list->ptr);
}

// An empty list isn't written: what the row says then is true of nobody any more.
static void tell_others(struct look *look)
{
    struct deadlock_check *check = look->check;
    struct error error = {0};
    struct text list;
    text_init(&list);
    write_list(look, &list);
    uint64_t hash = hash_bytes(list.ptr, list.len);
    check->is_news |= hash != check->list_hash;
    if (hash != check->list_hash && list.len > 0 && mail_conn(check) != NULL) {
        bool is_written = write_row(look, &list, &error);
        if (!is_written && schema_is_missing(&error)) {
            is_written = schema_create(mail_conn(check), &error) && write_row(look, &list, &error);
        }
        hash = is_written ? hash : 0;
    }
    check->list_hash = hash;
    text_done(&list);
}

// ---- the job

static void note_news(struct look *look)
{
    struct deadlock_check *check = look->check;
    uint64_t hash = hash_bytes(check->waiters, check->waiter_count * sizeof *check->waiters);
    check->is_news = hash != check->waiters_hash || look->steady_count != look->edge_count;
    check->waiters_hash = hash;
}

static void run_look(struct job *job, void *owner)
{
    struct deadlock_check *check = owner;
    struct look look = {.job = job, .check = check};
    struct error error;
    for (size_t i = 0; i < check->line_count; i++) {
        if (check->lines[i].same == i && !connect_line(&check->lines[i], &error)) {
            log_debug("no look at the locks of %s: %s", check->lines[i].endpoint.name, error.text);
        }
    }
    read_others(&look);
    look_at_all(&look);
    if (look.edge_count > 0) {
        qsort(look.edges, look.edge_count, sizeof *look.edges, compare_edges);
    }
    keep_steady(&look);
    gather_holders(&look);
    find_victims(&look);
    note_news(&look);
    tell_others(&look);
    memory_free(check->edges);
    check->edges = look.edges;
    check->edge_count = look.edge_count;
    memory_free(look.claims);
    memory_free(look.steady);
    memory_free(look.holders);
    memory_free(look.waiter_of);
    mailbox_post(check->mailbox, &check->message);
}

struct deadlock_check *deadlock_new(void)
{
    return memory_new(sizeof(struct deadlock_check));
}

struct job *deadlock_start(struct deadlock_check *check)
{
    return job_start("deadlocks", run_look, check);
}

void deadlock_free(struct deadlock_check *check)
{
    if (check == NULL) {
        return;
    }
    for (size_t i = 0; i < check->line_count; i++) {
        close_line(&check->lines[i]);
    }
    memory_free(check->lines);
    memory_free(check->waiters);
    memory_free(check->edges);
    memory_free(check);
}
