// SHOW INDEXES, CHECK INDEX, REPAIR INDEX, DROP INDEX, and the building that goes on by itself. Of
// each index and shard:
//
//     (absent) --triggers--> guarded --all values entered--> READY
//         ^                     |                              |
//         +----- table or trigger is not there any more -------+
//
// From `guarded` on no row comes without its entries; READY says that none is left of before. The
// mark is on every shard, since every shard has entries of some values: it is taken away everywhere
// before anything is changed, and written when all is done. Who reads entries reads the mark with
// them (session/index_ask.c); where it is missing the shard is asked anyway.
//
// Several waybills may do it at one time: nothing is ever taken away but marks.

#include "replication/index_work_impl.h"

#include <stdio.h>

#include "base/memory.h"
#include "parser/literal.h"
#include "protocol/error_table.h"
#include "replication/job.h"
#include "replication/schema.h"
#include "router/global_index.h"
#include "router/sql_literal.h"

enum {
    COLUMNS = 6,
    ANSWER_MS = 600000, // of a server that looks through a large table
    IN_DOUBT_MS = 10000,
    IN_DOUBT_PAUSE_MS = 200,
};

struct dbconn *index_work_conn(struct schema_work *work, uint16_t shard, struct error *error)
{
    bool is_new = work->conns[shard] == NULL;
    struct dbconn *conn = schema_work_conn(work, shard, error);
    if (conn != NULL && is_new &&
        !dbconn_run(conn, error, "SET SESSION wait_timeout = 3600, sql_mode = ''")) {
        dbconn_close(conn);
        work->conns[shard] = conn = NULL;
    }
    return conn;
}

// ---- marks

static void add_mark(struct text *sql, const struct index_shard *at)
{
    text_add_string(sql, "index_key = ");
    sql_add_hex(sql, slice_of_string(at->target->key));
    text_add_string(sql, " AND value = ");
    sql_add_hex(sql, index_ready());
    text_add_string(sql, " AND shard = ");
    sql_add_hex(sql, slice_of_string(at->work->order.shards[at->shard].name));
    text_add(sql, "", 1);
}

static bool look_at_marks(struct index_shard *at)
{
    struct text sql;
    bool is_fine = true;
    text_init(&sql);
    add_mark(&sql, at);
    at->is_ready = true;
    for (uint16_t i = 0; i < at->work->order.shard_count && is_fine; i++) {
        struct dbconn *conn = index_work_conn(at->work, i, &at->error);
        struct db_rows rows = {.result = NULL};
        is_fine = conn != NULL && dbconn_query(conn, &rows, &at->error,
                                               "SELECT 1 AS n FROM " INDEX_ENTRY_TABLE " WHERE %s",
                                               (const char *)sql.ptr);
        at->is_ready = at->is_ready && is_fine && rows.count > 0;
        db_rows_done(&rows);
    }
    text_done(&sql);
    return is_fine;
}

// All keys that an index by that name can have: "name#...".
static void add_all_keys(struct text *sql, const char *name)
{
    struct text text;
    text_init(&text);
    text_add_format(&text, "%s#", name);
    text_add_string(sql, "index_key > ");
    sql_add_hex(sql, text_slice(&text));
    text.ptr[text.len - 1]++;
    text_add_string(sql, " AND index_key < ");
    sql_add_hex(sql, text_slice(&text));
    text_done(&text);
}

// Whatever definition the marks are of.
static bool take_marks_away(struct schema_work *work, const char *name, const char *shard,
                            struct error *error)
{
    struct text sql;
    bool is_fine = true;
    text_init(&sql);
    text_add_string(&sql, "DELETE FROM " INDEX_ENTRY_TABLE " WHERE ");
    add_all_keys(&sql, name);
    text_add_string(&sql, " AND value = ");
    sql_add_hex(&sql, index_ready());
    text_add_string(&sql, " AND shard = ");
    sql_add_hex(&sql, slice_of_string(shard));
    text_add(&sql, "", 1);
    for (uint16_t i = 0; i < work->order.shard_count && is_fine; i++) {
        struct dbconn *conn = index_work_conn(work, i, error);
        is_fine = conn != NULL && dbconn_run(conn, error, "%s", (const char *)sql.ptr);
    }
    text_done(&sql);
    return is_fine;
}

static bool distrust(struct index_shard *at)
{
    at->is_ready = false;
    return take_marks_away(at->work, at->target->name, at->work->order.shards[at->shard].name,
                           &at->error);
}

static bool mark_ready(struct index_shard *at)
{
    struct text sql;
    bool is_fine = true;
    text_init(&sql);
    index_add_entry(&sql, slice_of_string(at->target->key), index_ready(),
                    at->work->order.shards[at->shard].name, true);
    text_add(&sql, "", 1);
    for (uint16_t i = 0; i < at->work->order.shard_count && is_fine; i++) {
        struct dbconn *conn = index_work_conn(at->work, i, &at->error);
        is_fine = conn != NULL && dbconn_run(conn, &at->error, "%s", (const char *)sql.ptr);
    }
    at->is_ready = is_fine;
    text_done(&sql);
    return is_fine;
}

// ---- what must be over before the rows are looked at

// A branch that was prepared before there were triggers has rows that nobody sees yet, and no
// trigger will. Those that are there now must be gone.
static bool list_branches(struct index_shard *at, struct dbconn *conn, struct text *list)
{
    struct db_rows rows;
    bool is_fine = dbconn_query(conn, &rows, &at->error, "XA RECOVER");
    list->len = 0;
    for (bool has = is_fine && rows.count > 0; has; has = db_rows_next(&rows)) {
        text_add_string(list, "\n");
        text_add_string(list, db_rows_text(&rows, "data"));
        text_add_string(list, "\n");
    }
    db_rows_done(&rows);
    return is_fine;
}

static bool has_one_of(const struct text *now, const struct text *before)
{
    for (size_t at = 0; at < before->len;) {
        const uint8_t *end = memchr(before->ptr + at + 1, '\n', before->len - at - 1);
        size_t len = end != NULL ? (size_t)(end - (before->ptr + at)) + 1 : before->len - at;
        if (memmem(now->ptr, now->len, before->ptr + at, len) != NULL) {
            return true;
        }
        at += len;
    }
    return false;
}

static bool wait_for_branches(struct index_shard *at)
{
    struct dbconn *conn = index_work_conn(at->work, at->shard, &at->error);
    struct text before, now;
    text_init(&before);
    text_init(&now);
    bool is_fine = conn != NULL && list_branches(at, conn, &before);
    bool is_over = is_fine && before.len == 0;
    for (int waited = 0; is_fine && !is_over; waited += IN_DOUBT_PAUSE_MS) {
        is_fine = waited < IN_DOUBT_MS &&
                  job_wait(at->work->self, IN_DOUBT_PAUSE_MS, NULL, 0) != JOB_STOP;
        if (!is_fine) {
            error_set(&at->error, ER_UNKNOWN, "HY000",
                      "a transaction on several shards is in doubt there");
        }
        is_fine = is_fine && list_branches(at, conn, &now);
        is_over = is_fine && !has_one_of(&now, &before);
    }
    text_done(&before);
    text_done(&now);
    return is_fine;
}

// ---- one index on one shard

static bool look(struct index_shard *at)
{
    bool is_fine = index_triggers_look(at);
    struct error why = at->error;
    bool has_marks = look_at_marks(at);
    if (!is_fine) {
        at->error = why;
    }
    return is_fine && has_marks;
}

static bool make(struct index_shard *at, bool rebuilds)
{
    bool is_looked = index_triggers_look(at);
    struct error why = at->error;
    if (!look_at_marks(at)) {
        return false;
    }
    bool is_wanting = !is_looked || !at->has_triggers || rebuilds;
    if (at->is_ready && is_wanting && !distrust(at)) {
        return false;
    }
    if (!is_looked) {
        at->error = why;
        return false;
    }
    if (at->is_ready) {
        return true;
    }
    return (at->has_triggers || (distrust(at) && index_triggers_make(at))) &&
           wait_for_branches(at) && index_rows_look(at, true) && mark_ready(at);
}

static bool check(struct index_shard *at)
{
    return look(at) && index_rows_look(at, false) &&
           (!at->is_ready || (at->missing == 0 && at->has_triggers) || distrust(at));
}

// ---- the report

static void say(struct index_shard *at, const char *note)
{
    struct schema_work *work = at->work;
    const char *state = at->is_ready ? "ready" : at->has_triggers ? "building" : "absent";
    schema_work_say(work, "%s", at->target->name);
    schema_work_say(work, "%s", work->order.shards[at->shard].name);
    schema_work_say(work, "%s", state);
    schema_work_say(work, "%llu", (unsigned long long)at->values);
    schema_work_say(work, "%llu", (unsigned long long)at->missing);
    schema_work_say(work, "%s", at->error.code != 0 ? at->error.text : note);
}

static void forget_lost(struct schema_work *work)
{
    for (uint16_t i = 0; i < work->order.shard_count; i++) {
        if (work->conns[i] != NULL && dbconn_failure(work->conns[i]) == DB_LOST) {
            dbconn_close(work->conns[i]);
            work->conns[i] = NULL;
        }
    }
}

static void work_on(struct schema_work *work, const struct index_target *target, uint16_t shard)
{
    struct index_shard at = {.work = work, .target = target, .shard = shard};
    const char *note = "";
    bool is_fine = false, was_quiet = false;
    switch (work->order.kind) {
    case SCHEMA_INDEX_SHOW:
        is_fine = look(&at) && (!target->is_unique || index_unique_conflict(&at));
        break;
    case SCHEMA_INDEX_CHECK:
        is_fine = check(&at);
        note = at.missing > 0 ? "not trusted until they are entered, by itself or by REPAIR INDEX"
                              : "";
        break;
    case SCHEMA_INDEX_BUILD:
        is_fine = make(&at, false);
        was_quiet = is_fine && at.values == 0;
        break;
    case SCHEMA_INDEX_REPAIR:
        is_fine = make(&at, true);
        note = at.missing > 0 ? "entered" : "";
        break;
    case SCHEMA_NOTE:
    case SCHEMA_DIFF:
    case SCHEMA_REPAIR:
    case SCHEMA_FORGET:
    case SCHEMA_REFERENCE:
    case SCHEMA_ROW_IDS:
    case SCHEMA_DECLARED_TIDY:
    case SCHEMA_DECLARED_CHANGED:
    case SCHEMA_POSITIONS:
    case SCHEMA_INDEX_DROP:
        break;
    }
    if (is_fine) {
        at.error.code = 0; // of what was made good
    } else {
        forget_lost(work);
    }
    if (!was_quiet) {
        say(&at, note);
    }
}

// ---- all of them

static bool has_tables(struct schema_work *work, struct error *error)
{
    bool is_fine = true;
    for (uint16_t i = 0; i < work->order.shard_count && is_fine; i++) {
        struct dbconn *conn = index_work_conn(work, i, error);
        is_fine = conn != NULL && schema_create_index_tables(conn, error);
    }
    return is_fine;
}

static void drop(struct schema_work *work)
{
    const char *name = work->order.argument;
    struct error *error = &work->report->error;
    for (uint16_t i = 0; i < work->order.indexes->count; i++) {
        if (strcasecmp(work->order.indexes->targets[i].name, name) == 0) {
            error_set(error, ER_UNKNOWN, "HY000",
                      "it is in the configuration, and would be built again: take [index %s] out "
                      "of it on all waybills first",
                      name);
            return;
        }
    }
    struct text keys;
    text_init(&keys);
    add_all_keys(&keys, name);
    text_add(&keys, "", 1);
    bool is_fine = name[0] != '\0' && has_tables(work, error);
    for (uint16_t i = 0; i < work->order.shard_count && is_fine; i++) {
        is_fine = take_marks_away(work, name, work->order.shards[i].name, error);
    }
    for (uint16_t i = 0; i < work->order.shard_count && is_fine; i++) {
        struct dbconn *conn = index_work_conn(work, i, error);
        is_fine = index_triggers_drop(work, i, name, error) &&
                  index_unique_drop(work, i, name, error) &&
                  dbconn_run(conn, error, "DELETE FROM " INDEX_ENTRY_TABLE " WHERE %s",
                             (const char *)keys.ptr) &&
                  dbconn_run(conn, error, "DELETE FROM " INDEX_HERE_TABLE " WHERE %s",
                             (const char *)keys.ptr);
        if (is_fine) {
            schema_work_say(work, "%s", name);
            schema_work_say(work, "%s", work->order.shards[i].name);
            schema_work_say(work, "gone");
            schema_work_say(work, "0");
            schema_work_say(work, "0");
            schema_work_say(work, "%s", "");
        }
    }
    if (is_fine) {
        error->code = 0;
    }
    text_done(&keys);
}

void index_work_run(struct schema_work *work)
{
    const struct index_order *indexes = work->order.indexes;
    const char *wanted = work->order.argument;
    work->report->columns = COLUMNS;
    for (uint16_t i = 0; i < work->order.shard_count; i++) {
        work->order.shards[i].endpoint.answer_ms = ANSWER_MS;
    }
    if (work->order.kind == SCHEMA_INDEX_DROP) {
        drop(work);
        return;
    }
    if (!has_tables(work, &work->report->error)) {
        return;
    }
    work->report->error.code = 0;
    for (uint16_t i = 0; i < indexes->count && !job_is_stopping(work->self); i++) {
        const struct index_target *target = &indexes->targets[i];
        if (wanted[0] != '\0' && strcasecmp(wanted, target->name) != 0) {
            continue;
        }
        for (uint16_t shard = 0; shard < work->order.shard_count; shard++) {
            if (!job_is_stopping(work->self)) {
                work_on(work, target, shard);
            }
        }
    }
}
